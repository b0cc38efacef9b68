//! The web interface: pages that are part of the binary.

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use refity_shared::route::API_PAGES;

use crate::state::AppState;

const INDEX: &str = include_str!("../../web/index.html");

const STYLE: &str = include_str!("../../web/style.css");

const NOT_FOUND: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<link rel=\"stylesheet\" href=\"/style.css\">
<title>Not found - Refity</title>
<h1>There is no such page</h1>
<p><a href=\"/\">To the start</a></p>
</html>
";

const HTML: &str = "text/html; charset=utf-8";

const CSS: &str = "text/css; charset=utf-8";

/// What a page may load and do: only what comes from here.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// `GET /`.
pub(crate) async fn index() -> Response {
    answer(StatusCode::OK, HTML, INDEX)
}

/// `GET /style.css`.
pub(crate) async fn style() -> Response {
    answer(StatusCode::OK, CSS, STYLE)
}

/// The page that shows the API's description, and what it loads.
pub(crate) fn api_page() -> Router<AppState> {
    let file = |media_type, text| get(async move || answer(StatusCode::OK, media_type, text));
    let page = include_str!("../../web/api/index.html");
    let script = include_str!("../../web/api/page.js");
    let style = include_str!("../../web/api/style.css");
    let [at_page, at_script, at_style] = API_PAGES;
    Router::new()
        .route(at_page, file(HTML, page))
        .route(at_script, file("text/javascript; charset=utf-8", script))
        .route(at_style, file(CSS, style))
}

/// Any path that is nobody's.
pub(crate) fn not_found() -> Response {
    answer(StatusCode::NOT_FOUND, HTML, NOT_FOUND)
}

fn answer(status: StatusCode, media_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (OPENER_POLICY, "same-origin"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    (status, headers, text).into_response()
}
