//! The API description (OpenAPI 3.1), generated from the annotations of the
//! handlers.

use axum::Json as Answer;
use serde::Serialize;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi, ToSchema};

/// The description, before the handlers are added.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Refity",
        description = "The API of a Refity registry, for its web interface and for other programs. \
                       Times are RFC 3339 in UTC, sizes are bytes. Repositories are named in the \
                       query (`?repo=team/app`), never in the path."
    ),
    components(schemas(ErrorBody)),
    modifiers(&Credentials),
    security(("basic" = []), ("bearer" = []), ("cookie" = []))
)]
pub(super) struct Description;

/// Adds the security schemes.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let basic = SecurityScheme::Http(Http::new(HttpAuthScheme::Basic));
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("basic", basic);
        components.add_security_scheme("bearer", bearer);
        // The full name ends with the installation's id, and starts with
        // `__Secure-` behind HTTPS.
        let cookie = ApiKeyValue::with_description(
            "refity_session",
            "Set by POST /api/auth/login for the web interface; requests that change something \
             also need Origin, Content-Type: application/json and X-Refity-Client: web",
        );
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(cookie));
        components.add_security_scheme("cookie", cookie);
    }
}

/// Returns the operations of a path, with their methods.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("patch", &mut item.patch),
        ("delete", &mut item.delete),
    ];
    all.into_iter()
        .filter_map(|(method, it)| Some((method, it.as_mut()?)))
}

/// Names each operation after its method and path. Two handlers may have the
/// same name; two operations may not.
pub(super) fn name_operations(description: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut description.paths.paths {
        let below = path.strip_prefix("/api/").unwrap_or(path);
        let words = below.split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        for (method, operation) in operations(item) {
            operation.operation_id = Some(format!("{method}_{}", words.join("_")));
        }
    }
}

/// Removes the method and the path from the summaries. They are for readers of
/// the code; every viewer of the description shows them anyway.
pub(super) fn shorten_summaries(description: &mut utoipa::openapi::OpenApi) {
    for item in description.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            if let Some(summary) = &mut operation.summary
                && summary.starts_with('`')
                && let Some((_, words)) = summary.split_once("`: ")
            {
                let mut words = words.chars();
                let first = words.next().map(|first| first.to_ascii_uppercase());
                *summary = first.into_iter().chain(words).collect();
            }
        }
    }
}

/// An error response.
#[derive(Serialize, ToSchema)]
pub(super) struct ErrorBody {
    error: ErrorWords,
}

#[derive(Serialize, ToSchema)]
struct ErrorWords {
    /// The machine-readable error code.
    #[schema(example = "DENIED")]
    code: String,
    /// What happened.
    message: String,
    /// What to do, unless the message already says so.
    hint: Option<String>,
    /// The id of the request. The log has more details under this id.
    request_id: Option<String>,
}

/// The error responses of every operation that requires authentication.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "only its description is used")]
pub(super) enum SignedIn {
    /// A parameter or the body is invalid.
    #[response(status = 400)]
    Invalid(ErrorBody),
    /// The credentials are missing or invalid.
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// Permission denied.
    #[response(status = 403)]
    Denied(ErrorBody),
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// The body is not JSON.
    #[response(status = 415)]
    NotJson(ErrorBody),
    /// Too many requests or failed sign-ins.
    #[response(status = 429)]
    TooMany(ErrorBody),
    /// An internal error.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// The database is busy, or the disk is full. Try again later.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

/// `GET /api/openapi.json`: returns this description.
#[utoipa::path(get, path = "/openapi.json", tag = "description", security(()),
    responses((status = 200, description = "This description", body = Object)))]
pub(super) async fn document() -> Answer<utoipa::openapi::OpenApi> {
    Answer(super::description())
}

#[cfg(test)]
mod tests {
    /// The committed description. The types of the web interface are generated
    /// from it, and reviewers see in it how a change affects the API.
    const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/openapi.json");

    #[test]
    fn the_committed_description_is_current() {
        let description = super::super::description();
        let text = serde_json::to_string_pretty(&description).unwrap() + "\n";
        if std::env::var_os("REFITY_RENEW_OPENAPI").is_some() {
            std::fs::write(COMMITTED, &text).unwrap();
        }
        let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
        // Not `assert_eq!`, which would print both descriptions in full.
        let differs = committed.lines().zip(text.lines()).find(|(a, b)| a != b);
        assert!(
            committed == text,
            "web/openapi.json is not what the gateway describes (first difference: {differs:?}). \
             If the change is meant, run `make openapi` and commit the file."
        );
    }
}
