//! The web interface, and the viewer of the API description. The files are
//! built into this program, or read from `UI_DIR`.

use std::sync::Arc;

use crate::route::API_PAGES;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use crate::middleware::forwarded;
use crate::state::AppState;
use crate::ui::asset::{Asset, CSS, HTML, JAVASCRIPT};
use crate::ui::preference;

/// The file names below this path contain a hash of the contents.
const HASHED: &str = "/assets/";

/// A year, the maximum for caches.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Caches must revalidate each time.
const ASK: HeaderValue = HeaderValue::from_static("no-cache");

const NOT_FOUND: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Not found - Refity</title>
<h1>There is no such page</h1>
<p><a href=\"/\">To the start</a></p>
</html>
";

/// The content security policy: pages load only files from this origin.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Browsers use only HTTPS for a year. Subdomains are not included, since they
/// may not belong to this registry.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// `GET /`.
pub(crate) async fn index(State(state): State<AppState>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    answer(&parts, state.ui.index(), ASK)
}

/// Handles paths without a route: a file of the interface, or one of its pages.
/// For clients that accept HTML, the index shows every page. A missing script
/// or image is not a page.
pub(crate) async fn page(State(state): State<AppState>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return not_found(&parts);
    }
    let path = parts.uri.path();
    let hashed = path.starts_with(HASHED);
    if let Some(file) = state.ui.file(path) {
        return answer(&parts, file, if hashed { FOREVER } else { ASK });
    }
    if hashed {
        return not_found(&parts);
    }
    let mut response = if reads_html(&parts.headers) {
        answer(&parts, state.ui.index(), ASK)
    } else {
        not_found(&parts)
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Accept"));
    response
}

/// Returns the routes for the viewer of the API description and its files.
pub(crate) fn api_page() -> Router<AppState> {
    let file = |media_type, text: &'static str| {
        let file = Arc::new(Asset::of(media_type, text.as_bytes().into()));
        get(async move |request: Request| {
            let (parts, _) = request.into_parts();
            answer(&parts, &file, ASK)
        })
    };
    let page = include_str!("../../web/api/index.html");
    let script = include_str!("../../web/api/page.js");
    let style = include_str!("../../web/api/style.css");
    let [at_page, at_script, at_style] = API_PAGES;
    Router::new()
        .route(at_page, file(HTML, page))
        .route(at_script, file(JAVASCRIPT, script))
        .route(at_style, file(CSS, style))
}

/// Whether the client explicitly accepts HTML. Scripts, images and `fetch` send
/// `*/*`, and should get a 404 instead of a page.
fn reads_html(headers: &HeaderMap) -> bool {
    let accepted = preference::of(headers, &ACCEPT);
    let mut named = accepted.iter().filter(|(name, _)| name == "text/html");
    named.any(|(_, weight)| *weight > 0.0)
}

fn answer(parts: &Parts, asset: &Asset, caching: HeaderValue) -> Response {
    let mut response = asset.answer(parts);
    response.headers_mut().insert(CACHE_CONTROL, caching);
    guarded(parts, response)
}

fn not_found(parts: &Parts) -> Response {
    let headers = [(CONTENT_TYPE, HTML), (CACHE_CONTROL, "no-cache")];
    guarded(
        parts,
        (StatusCode::NOT_FOUND, headers, NOT_FOUND).into_response(),
    )
}

/// Adds the security headers for browsers.
fn guarded(parts: &Parts, mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (OPENER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if forwarded::is_https(parts) {
        headers.insert(STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    response
}
