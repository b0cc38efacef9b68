//! The session cookie of browsers, which applies only below `/api`.
//!
//! A browser sends the cookie by itself, even with a request that another
//! site's page made. The cookie is therefore `SameSite=Strict`. That attribute
//! ignores the port and the scheme, so a request that changes something must
//! also have this registry's `Origin`, the content type of a JSON body, and a
//! header that no HTML form can send.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderName, ORIGIN};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::access::BROWSER_LIFETIME;
use crate::api::ApiError;
use crate::middleware::forwarded;
use crate::state::AppState;

/// The header by which the web interface identifies itself.
const CLIENT: HeaderName = HeaderName::from_static("x-refity-client");

/// The value of [`CLIENT`].
const WEB: &str = "web";

/// The token service is for registry clients, which have no cookies.
const TOKEN_SERVICE: &str = "/api/token";

/// The token of a session cookie that was accepted: an extension of the
/// request.
#[derive(Clone)]
struct FromCookie(String);

/// Returns the session token from the request's extensions, if it came in a
/// cookie.
pub(super) fn token(extensions: &Extensions) -> Option<&str> {
    extensions.get().map(|FromCookie(token)| token.as_str())
}

/// The middleware around the API: accepts the cookie if the request has no
/// other credentials.
pub(crate) async fn requests(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let counts = !parts.headers.contains_key(AUTHORIZATION) && parts.uri.path() != TOKEN_SERVICE;
    let token = counts.then(|| read(&parts.headers, &name(&state, &parts)));
    if let Some(token) = token.flatten() {
        if let Err(error) = require_ours(&state, &parts) {
            return error.into_response();
        }
        parts.extensions.insert(FromCookie(token));
    }
    next.run(Request::from_parts(parts, body)).await
}

/// Whether a request is authenticated by the cookie.
pub(crate) fn is_used(parts: &Parts) -> bool {
    token(&parts.extensions).is_some()
}

/// Whether a sign-in comes from the web interface, and so gets a cookie.
pub(crate) fn is_requested(state: &AppState, parts: &Parts) -> bool {
    match parts.headers.get(ORIGIN) {
        Some(origin) => is_ours(state, parts, origin),
        None => is_web(&parts.headers),
    }
}

/// Returns the `Set-Cookie` header for a session's token (RFC 6265 section
/// 4.1). The gateway ends the session; the cookie's age is the longest that a
/// session can last.
pub(crate) fn set(state: &AppState, parts: &Parts, token: &str) -> Option<HeaderValue> {
    with(state, parts, token, BROWSER_LIFETIME.as_secs())
}

/// Returns the `Set-Cookie` header that clears the cookie.
pub(crate) fn clear(state: &AppState, parts: &Parts) -> Option<HeaderValue> {
    with(state, parts, "", 0)
}

fn with(state: &AppState, parts: &Parts, value: &str, age: u64) -> Option<HeaderValue> {
    let name = name(state, parts);
    let secure = if forwarded::is_https(parts) {
        "; Secure"
    } else {
        ""
    };
    let cookie =
        format!("{name}={value}; Path=/api; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::try_from(cookie).ok()
}

/// Browsers tell cookies apart by name, not by port, so each installation has
/// its own name. Behind HTTPS, the `__Secure-` prefix means that no plain HTTP
/// response can have set the cookie.
fn name(state: &AppState, parts: &Parts) -> String {
    let installation = state.node.installation.to_string();
    let suffix: String = installation.chars().take(8).collect();
    let prefix = if forwarded::is_https(parts) {
        "__Secure-"
    } else {
        ""
    };
    format!("{prefix}refity_session_{suffix}")
}

fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(COOKIE).into_iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(key, value)| *key == name && !value.is_empty());
    found.next().map(|(_, value)| value.to_owned())
}

fn require_ours(state: &AppState, parts: &Parts) -> Result<(), ApiError> {
    if matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let denied = |words: &str| Err(ApiError::Denied(words.to_owned()));
    match parts.headers.get(ORIGIN) {
        None => {
            return denied(
                "with a cookie, a request that changes something needs an Origin header",
            );
        }
        Some(origin) if !is_ours(state, parts, origin) => {
            return denied(
                "the Origin header is not this registry's own; behind a proxy set PUBLIC_URL to \
                 the address that browsers use, or TRUSTED_PROXIES to the proxy's",
            );
        }
        Some(_) => {}
    }
    let kind = parts.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return denied(
            "with a cookie, a request that changes something needs Content-Type: application/json",
        );
    }
    if !is_web(&parts.headers) {
        return denied(
            "with a cookie, a request that changes something needs X-Refity-Client: web",
        );
    }
    Ok(())
}

fn is_web(headers: &HeaderMap) -> bool {
    headers.get(CLIENT).is_some_and(|value| value == WEB)
}

/// Whether an origin is the one at which browsers reach this registry.
fn is_ours(state: &AppState, parts: &Parts, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let called = forwarded::base_url(parts);
    let ours = [state.settings.public_url.as_deref(), called.as_deref()];
    ours.into_iter()
        .flatten()
        .any(|url| without_port(url).eq_ignore_ascii_case(without_port(origin)))
}

/// Removes a port that the scheme implies, since browsers leave it out.
fn without_port(url: &str) -> &str {
    let port = if url.starts_with("https:") {
        ":443"
    } else {
        ":80"
    };
    url.strip_suffix(port).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, headers: &[(&str, &str)]) -> Parts {
        let request = axum::http::Request::builder().method(method).uri("/api/x");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        request.body(()).unwrap().into_parts().0
    }

    #[tokio::test]
    async fn only_requests_from_our_own_pages_may_change_something() {
        let folder = tempfile::tempdir().unwrap();
        let state = AppState::for_test(folder.path()).await;
        let good = [
            ("host", "registry.test:8080"),
            ("origin", "http://registry.test:8080"),
            ("content-type", "application/json; charset=utf-8"),
            ("x-refity-client", "web"),
        ];
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            assert!(
                require_ours(&state, &parts(method, &good)).is_ok(),
                "{method}"
            );
        }
        for (name, value) in [
            ("origin", None),
            ("origin", Some("null")),
            ("origin", Some("http://registry.test")),
            ("origin", Some("https://registry.test:8080")),
            ("origin", Some("http://registry.test:5000")),
            ("origin", Some("http://evil.test:8080")),
            ("content-type", None),
            ("content-type", Some("text/plain")),
            ("content-type", Some("text/plain; application/json")),
            ("x-refity-client", None),
            ("x-refity-client", Some("cli")),
        ] {
            let others = good.into_iter().filter(|(other, _)| *other != name);
            let changed: Vec<_> = others.chain(value.map(|value| (name, value))).collect();
            let refused = require_ours(&state, &parts("POST", &changed));
            assert!(refused.is_err(), "{name}: {value:?}");
            assert!(require_ours(&state, &parts("GET", &changed)).is_ok());
        }
    }

    #[tokio::test]
    async fn the_cookie_is_found_by_its_whole_name() {
        let folder = tempfile::tempdir().unwrap();
        let state = AppState::for_test(folder.path()).await;
        let parts = parts("GET", &[("host", "registry.test")]);
        let name = name(&state, &parts);
        let cookie = set(&state, &parts, "a.b.c").unwrap();
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with(&format!("{name}=a.b.c; Path=/api; ")));
        assert!(cookie.contains("HttpOnly; SameSite=Strict"));
        assert!(!cookie.contains("Secure"), "{cookie}");
        for (line, expected) in [
            (format!("x=1; {name}=a.b.c"), Some("a.b.c")),
            (format!("{name}x=a.b.c"), None),
            (format!("__Secure-{name}=a.b.c"), None),
            (format!("{name}="), None),
            (String::new(), None),
        ] {
            let headers = [(COOKIE, HeaderValue::try_from(&line).unwrap())];
            let found = read(&headers.into_iter().collect(), &name);
            assert_eq!(found.as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn default_ports_are_removed() {
        assert_eq!(without_port("https://a.test:443"), "https://a.test");
        assert_eq!(without_port("http://a.test:80"), "http://a.test");
        assert_eq!(without_port("http://a.test:443"), "http://a.test:443");
    }
}
