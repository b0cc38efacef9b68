//! Pages of other origins (`CORS_ORIGINS`) may use the API with a Bearer token,
//! never with a browser's cookies (Fetch standard, "CORS protocol").
//!
//! `tower_http::cors` is not used: it responds to every `OPTIONS` request itself, even for origins
//! that are not listed and for paths outside `/api`.

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::state::AppState;

/// The headers of a preflight response, in addition to the origin.
const ALLOWED: [(axum::http::HeaderName, &str); 3] = [
    (
        ACCESS_CONTROL_ALLOW_METHODS,
        "GET, HEAD, POST, PUT, PATCH, DELETE",
    ),
    (
        ACCESS_CONTROL_ALLOW_HEADERS,
        "Authorization, Content-Type, Last-Event-ID, X-Request-Id",
    ),
    // Seconds: one day. Browsers use two hours at most.
    (ACCESS_CONTROL_MAX_AGE, "86400"),
];

/// The response headers that a page may read, in addition to those that are
/// always readable.
const EXPOSED: HeaderValue = HeaderValue::from_static("Retry-After, X-Request-Id");

/// The middleware around all routes; it applies below `/api`.
pub(crate) async fn requests(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let origins = &state.settings.cors_origins;
    if origins.is_empty() || !request.uri().path().starts_with("/api/") {
        return next.run(request).await;
    }
    let headers = request.headers();
    let allowed = |origin: &&HeaderValue| origin.to_str().is_ok_and(|it| origins.contains(it));
    let origin = headers.get(ORIGIN).filter(allowed).cloned();
    let preflight =
        request.method() == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if preflight && origin.is_some() {
        let allowed = ALLOWED.map(|(name, value)| (name, HeaderValue::from_static(value)));
        (StatusCode::NO_CONTENT, allowed).into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}
