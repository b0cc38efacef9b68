//! All paths of the gateway, on both of its ports.

use std::any::Any;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;

use crate::api::operations::health;
use crate::api::{self, ApiError, cookie, cors};
use crate::middleware::{body_timeout, drain_body, forwarded, request_log};
use crate::registry::{self, RegistryError};
use crate::state::AppState;
use crate::web;

/// The payload of a panic.
type Payload = Box<dyn Any + Send>;

/// Returns the routes of the registry protocol, the API, the web interface and
/// the health checks.
pub(crate) fn router(state: &AppState) -> Router {
    let registry = registry::routes(state).layer(CatchPanicLayer::custom(|payload: Payload| {
        registry_panic(&*payload)
    }));
    let api = api::routes(state).layer(from_fn_with_state(state.clone(), cookie::requests));
    Router::new()
        .merge(registry)
        .merge(api)
        .merge(web::api_page())
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/", get(web::index))
        .fallback(page)
        .method_not_allowed_fallback(method_not_allowed)
        // Around the fallbacks too, since this layer responds to preflights.
        .layer(from_fn_with_state(state.clone(), cors::requests))
        .layer(CatchPanicLayer::custom(|payload: Payload| panic(&*payload)))
        .layer(from_fn(drain_body::requests))
        .layer(from_fn_with_state(state.clone(), body_timeout::requests))
        .layer(from_fn(request_log::requests))
        .layer(from_fn_with_state(state.clone(), forwarded::requests))
        .with_state(state.clone())
}

/// Responds to unknown paths: with an API error below `/api`, with a page
/// elsewhere.
async fn page(state: State<AppState>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        ApiError::NotFound.into_response()
    } else {
        web::page(state, request).await
    }
}

/// Returns the response of the registry protocol to a request that panicked.
fn registry_panic(payload: &(dyn Any + Send)) -> Response {
    note_panic(payload);
    RegistryError::Internal.into_response()
}

/// Returns the response of all other routes to a request that panicked.
fn panic(payload: &(dyn Any + Send)) -> Response {
    note_panic(payload);
    ApiError::Internal.into_response()
}

fn note_panic(payload: &(dyn Any + Send)) {
    let message = refity_config::panic::message(payload);
    tracing::error!(message, "a request panicked");
}

async fn method_not_allowed() -> Response {
    ApiError::MethodNotAllowed.into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;

    use super::*;
    use crate::route::API_PAGES;

    const METHODS: [&str; 8] = [
        "get", "head", "post", "put", "patch", "delete", "options", "trace",
    ];

    /// Routes whose handlers parse the rest of the path, and the paths in the
    /// API description that they handle.
    const READ_FROM_THE_END: [(&str, &str, &[&str]); 2] = [
        (
            "get",
            "/api/groups/{group}/repositories/{*rest}",
            &["/api/groups/{group}/repositories/{repository}/tags"],
        ),
        (
            "delete",
            "/api/repositories/{*rest}",
            &[
                "/api/repositories/{repository}",
                "/api/repositories/{repository}/tags/{tag}",
            ],
        ),
    ];

    /// Returns each method and path of the router; `any` stands for all
    /// methods. Axum exposes them only in the `Debug` format of a router.
    fn registered(router: &Router) -> BTreeSet<(String, String)> {
        let text = format!("{router:?}");
        let (text, _) = text.split_once("fallback_router").unwrap();
        let (routes, paths) = text.split_once("node: Node").unwrap();
        let mut found = BTreeSet::new();
        for path in paths.split("RouteId(").skip(1) {
            let (id, rest) = path.split_once("): \"").unwrap();
            let (path, _) = rest.split_once('"').unwrap();
            let route = routes.split("RouteId(").find_map(|it| {
                let (of, route) = it.split_once("): ")?;
                (of == id).then_some(route)
            });
            let route = route.unwrap();
            assert!(route.contains("MethodRouter { get: "), "{route}");
            let has = |method: &&str| !route.contains(&format!(" {method}: None"));
            let methods: Vec<&str> = METHODS.into_iter().filter(has).collect();
            let methods = if methods.is_empty() {
                vec!["any"]
            } else {
                methods
            };
            found.extend(methods.iter().map(|it| ((*it).to_owned(), path.to_owned())));
        }
        found
    }

    /// Returns each method and path of the API description.
    fn described() -> BTreeSet<(String, String)> {
        let description = serde_json::to_value(api::description()).unwrap();
        let mut found = BTreeSet::new();
        for (path, item) in description["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys();
            let methods = methods.filter(|it| METHODS.contains(&it.as_str()));
            found.extend(methods.map(|it| (it.clone(), path.clone())));
        }
        found
    }

    fn route(method: &str, path: &str) -> (String, String) {
        (method.to_owned(), path.to_owned())
    }

    #[tokio::test]
    async fn a_request_that_panics_returns_500() {
        async fn panics() -> &'static str {
            panic!("no such luck")
        }
        type Answer = fn(&(dyn Any + Send)) -> Response;
        for (answer, code) in [
            (registry_panic as Answer, "UNKNOWN"),
            (panic as Answer, "failed on our side"),
        ] {
            let layer = CatchPanicLayer::custom(move |payload: Payload| answer(&*payload));
            let router = Router::new().route("/", get(panics)).layer(layer);
            let request = Request::new(axum::body::Body::empty());
            let response = TowerToHyperService::new(router).call(request);
            let response = response.await.unwrap();
            assert_eq!(response.status(), 500);
            let body = axum::body::to_bytes(response.into_body(), 10_000).await;
            let body = String::from_utf8(body.unwrap().to_vec()).unwrap();
            assert!(body.contains(code), "{body}");
        }
    }

    #[tokio::test]
    async fn the_api_description_lists_exactly_the_registered_routes() {
        let folder = tempfile::tempdir().unwrap();
        let state = AppState::for_test(folder.path()).await;
        let (mut api, others): (BTreeSet<_>, BTreeSet<_>) = registered(&router(&state))
            .into_iter()
            .partition(|(_, path)| path.starts_with("/api"));
        for page in API_PAGES {
            assert!(api.remove(&route("get", page)), "{page}");
        }
        for (method, path, read) in READ_FROM_THE_END {
            assert!(api.remove(&route(method, path)), "{path}");
            api.extend(read.iter().map(|it| route(method, it)));
        }
        assert_eq!(api, described());
        // Routes outside of the API need no description there.
        let expected = [
            ("any", "/v2"),
            ("any", "/v2/"),
            ("any", "/v2/{*path}"),
            ("get", "/"),
            ("get", "/healthz"),
            ("get", "/readyz"),
        ];
        assert_eq!(others, expected.map(|(it, path)| route(it, path)).into());
    }
}
