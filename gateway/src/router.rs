//! All paths that the gateway serves, on both of its ports.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use crate::access::cookie;
use crate::api::{self, ApiError, cors};
use crate::registry::{self, auth};
use crate::state::AppState;
use crate::{forwarded, linger, log, silence, web};

/// The registry protocol, the API, the web interface and the health checks.
pub(crate) fn router(state: &AppState) -> Router {
    let registry = registry::routes().layer(from_fn_with_state(state.clone(), auth::authenticate));
    let api = api::routes().layer(from_fn_with_state(state.clone(), cookie::requests));
    Router::new()
        .merge(registry)
        .merge(api)
        .merge(web::api_page())
        .route("/healthz", get(api::health::alive))
        .route("/readyz", get(api::health::ready))
        .route("/", get(web::index))
        .route("/style.css", get(web::style))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        // Around the fallbacks too, since preflights are answered there.
        .layer(from_fn_with_state(state.clone(), cors::requests))
        .layer(from_fn(linger::requests))
        .layer(from_fn_with_state(state.clone(), silence::requests))
        .layer(from_fn(log::requests))
        .layer(from_fn_with_state(state.clone(), forwarded::requests))
        .with_state(state.clone())
}

/// A path of a program is answered for programs, any other for people.
async fn not_found(request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        ApiError::NotFound.into_response()
    } else {
        web::not_found()
    }
}

async fn method_not_allowed() -> Response {
    ApiError::MethodNotAllowed.into_response()
}
