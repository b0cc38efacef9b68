//! Who asks, for all of `/v2`.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::RegistryError;
use crate::access::{self, Actor, AuthError};
use crate::state::AppState;

/// RFC 7617 section 2.
const CHALLENGE: &str = "Basic realm=\"refity\"";

/// The middleware: hands the request on with its [`Actor`], or answers 401
/// with a challenge.
pub(crate) async fn authenticate(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let user = match access::authenticate_basic(&state, request.headers()).await {
        Ok(user) => user,
        Err(error) => return refused(error),
    };
    if let Err(error) = access::require_own_password(&user) {
        return RegistryError::Denied(error.to_string()).into_response();
    }
    request.extensions_mut().insert(Actor(user));
    next.run(request).await
}

fn refused(error: AuthError) -> Response {
    match error {
        AuthError::Missing | AuthError::Wrong | AuthError::Ended => {
            let message = error.to_string();
            let error = json!({ "code": "UNAUTHORIZED", "message": message, "detail": null });
            let headers = [(WWW_AUTHENTICATE, CHALLENGE)];
            let body = Json(json!({ "errors": [error] }));
            (StatusCode::UNAUTHORIZED, headers, body).into_response()
        }
        AuthError::Store(error) => RegistryError::from(error).into_response(),
        AuthError::Password(error) => RegistryError::busy(error.to_string()).into_response(),
        AuthError::Token(_) => RegistryError::Internal.into_response(),
    }
}
