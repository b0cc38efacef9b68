//! Who asks, and whether they may, for all of `/v2`.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::{Endpoint, RegistryError, headers};
use crate::access::rights::{self, Action};
use crate::access::{self, Actor, AuthError, PasswordError};
use crate::state::AppState;

/// RFC 7617 section 2.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"refity\"");

/// The middleware: hands the request on with its [`Actor`] if that may do what
/// the method says with the path's repository. Else it answers 401 with a
/// challenge, or 403.
pub(crate) async fn authenticate(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let user =
        match access::authenticate_basic(&state, request.headers(), request.extensions()).await {
            Ok(user) => user,
            Err(error) => return refused(error),
        };
    if let Err(error) = access::require_own_password(&user) {
        return RegistryError::Denied(error.to_string()).into_response();
    }
    // A path that cannot be read is refused by what reads it next.
    if let Ok(endpoint) = Endpoint::parse(request.uri().path())
        && let Some(repository) = endpoint.repository()
    {
        let action = action(&endpoint, request.method());
        if !rights::may(&user, action, repository) {
            return RegistryError::Denied(format!(
                "`{}` may not {action} {repository}: ask an administrator",
                user.name
            ))
            .into_response();
        }
    }
    request.extensions_mut().insert(Actor(user));
    next.run(request).await
}

/// What a request does to the repository.
fn action(endpoint: &Endpoint, method: &Method) -> Action {
    match (endpoint, method) {
        (Endpoint::Uploads(_) | Endpoint::Upload(..), _) => Action::Push,
        (_, &Method::GET | &Method::HEAD) => Action::Pull,
        (_, &Method::DELETE) => Action::Delete,
        _ => Action::Push,
    }
}

fn refused(error: AuthError) -> Response {
    match error {
        AuthError::Missing | AuthError::Wrong | AuthError::Ended => {
            let message = error.to_string();
            let error = json!({ "code": "UNAUTHORIZED", "message": message, "detail": null });
            let headers = [headers::API_VERSION, (WWW_AUTHENTICATE, CHALLENGE)];
            let body = Json(json!({ "errors": [error] }));
            (StatusCode::UNAUTHORIZED, headers, body).into_response()
        }
        AuthError::Store(error) => RegistryError::from(error).into_response(),
        AuthError::Password(error @ PasswordError::TooMany) => {
            RegistryError::too_many(error.to_string()).into_response()
        }
        AuthError::Password(error) => RegistryError::busy(error.to_string()).into_response(),
        AuthError::Token(_) => RegistryError::Internal.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_a_push_whatever_the_method() {
        let uploads = "/v2/team/app/blobs/uploads/";
        let upload = format!("{uploads}{}", uuid::Uuid::new_v4());
        for (method, path, expected) in [
            (Method::GET, "/v2/team/app/tags/list", Action::Pull),
            (Method::HEAD, "/v2/team/app/manifests/v1", Action::Pull),
            (Method::PUT, "/v2/team/app/manifests/v1", Action::Push),
            (Method::DELETE, "/v2/team/app/manifests/v1", Action::Delete),
            (Method::POST, uploads, Action::Push),
            (Method::GET, &upload, Action::Push),
            (Method::DELETE, &upload, Action::Push),
        ] {
            let endpoint = Endpoint::parse(path).unwrap();
            assert_eq!(action(&endpoint, &method), expected, "{method} {path}");
        }
    }
}
