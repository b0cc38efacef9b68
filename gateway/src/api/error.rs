//! The API's errors, and the one place that maps them to responses.

use std::time::Duration;

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use refity_store::StoreError;
use serde_json::{Value, json};

use crate::access::{AuthError, MustChangePassword, PasswordError, PolicyError, seconds};
use crate::middleware::request_log;

/// `Retry-After` of a busy gateway, in seconds.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// Not Basic, because browsers would then show their own password prompt.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"refity\"");

/// Why the API refused a request. The messages are written for people.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The credentials are missing or invalid.
    #[error(transparent)]
    Auth(AuthError),
    /// The account must change its password first.
    #[error(transparent)]
    MustChangePassword(#[from] MustChangePassword),
    /// The account is not an administrator.
    #[error("only administrators may do this")]
    NotAdmin,
    /// The caller is a robot, which has neither a password nor sessions.
    #[error("only people may do this, and you are a robot")]
    NotPerson,
    /// The password does not match the account.
    #[error("current_password is wrong")]
    WrongPassword,
    /// The new password violates the password policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The new password is the same as the old one.
    #[error("the new password is the current one: take another")]
    SamePassword,
    /// A part of the request is invalid.
    #[error("{0}")]
    Invalid(String),
    /// The body is not JSON, or too large.
    #[error("{1}")]
    Body(StatusCode, String),
    /// The name is already in use.
    #[error("there is a group {0} already")]
    GroupExists(String),
    /// The resource does not exist, or the caller may not see it.
    #[error("{0}")]
    Missing(String),
    /// Permission denied; the message says who has permission.
    #[error("{0}")]
    Denied(String),
    /// The request conflicts with the current state.
    #[error("{0}")]
    Conflict(String),
    /// No route matches the path.
    #[error("there is no such path")]
    NotFound,
    /// The path does not support the method.
    #[error("this path does not know that method; the Allow header names those that it knows")]
    MethodNotAllowed,
    /// The client has too many requests in progress.
    #[error("{0}")]
    TooMany(String),
    /// Too many failed sign-ins: credentials are refused for this long.
    #[error("{}", AuthError::Guessing(*.0))]
    Guessing(Duration),
    /// The gateway is too busy, or the disk is full.
    #[error("{0}")]
    Unavailable(String),
    /// An internal error. Its cause is in the log.
    #[error("the request failed on our side; the log tells more under its request id")]
    Internal,
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Auth(_) => StatusCode::UNAUTHORIZED,
            Self::MustChangePassword(_)
            | Self::NotAdmin
            | Self::NotPerson
            | Self::WrongPassword => StatusCode::FORBIDDEN,
            Self::Policy(_) | Self::SamePassword | Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Body(status, _) => *status,
            Self::GroupExists(_) | Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::Missing(_) | Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooMany(_) | Self::Guessing(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the machine-readable error code.
    fn code(&self) -> &'static str {
        match self {
            Self::Auth(_) => "UNAUTHORIZED",
            Self::MustChangePassword(_) => "PASSWORD_CHANGE_REQUIRED",
            Self::NotAdmin | Self::NotPerson => "DENIED",
            Self::WrongPassword => "PASSWORD_WRONG",
            Self::Policy(_) | Self::SamePassword => "PASSWORD_INVALID",
            Self::Invalid(_) => "INVALID",
            Self::Body(..) => "BODY_INVALID",
            Self::GroupExists(_) => "EXISTS",
            Self::Denied(_) => "DENIED",
            Self::Conflict(_) => "CONFLICT",
            Self::Missing(_) | Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::TooMany(_) | Self::Guessing(_) => "TOO_MANY_REQUESTS",
            Self::Unavailable(_) => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
        }
    }

    /// Returns what to do, unless the message already says so.
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Auth(_) => Some(
                "send Basic credentials, or the token of POST /api/auth/login as Authorization: \
                 Bearer",
            ),
            Self::NotAdmin => Some("ask an administrator"),
            Self::TooMany(_) | Self::Unavailable(_) => Some("try again in a few seconds"),
            _ => None,
        }
    }

    /// Returns the body: `{"error":{"code","message","hint","request_id"}}`.
    pub(super) fn body(&self) -> Value {
        json!({
            "error": {
                "code": self.code(),
                "message": self.to_string(),
                "hint": self.hint(),
                "request_id": request_log::request_id(),
            }
        })
    }

    /// Returns a response with this error's status and headers. The body must
    /// contain at least [`ApiError::body`].
    pub(super) fn response_with(&self, body: Value) -> Response {
        let mut response = (self.status(), axum::Json(body)).into_response();
        let headers = response.headers_mut();
        match self {
            Self::Auth(_) => {
                headers.insert(WWW_AUTHENTICATE, CHALLENGE);
            }
            Self::TooMany(_) | Self::Unavailable(_) => {
                headers.insert(RETRY_AFTER, RETRY_SECONDS);
            }
            Self::Guessing(wait) => {
                headers.insert(RETRY_AFTER, seconds(*wait).into());
            }
            _ => {}
        }
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.response_with(self.body())
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Store(error) => error.into(),
            AuthError::Password(error) => error.into(),
            AuthError::Token(_) | AuthError::SigningKey(_) => internal(&error),
            AuthError::Guessing(wait) => Self::Guessing(wait),
            AuthError::Missing | AuthError::Wrong | AuthError::Ended => Self::Auth(error),
        }
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::Unavailable(error.to_string()),
            PasswordError::TooMany => Self::TooMany(error.to_string()),
            PasswordError::Randomness(_) | PasswordError::Argon2(_) => internal(&error),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy | StoreError::TooSlow | StoreError::Full | StoreError::Stopped => {
                tracing::warn!(%error, "the database is away");
                Self::Unavailable(error.to_string())
            }
            StoreError::Corrupt(_)
            | StoreError::Foreign
            | StoreError::Development
            | StoreError::Newer { .. }
            | StoreError::Panic(_)
            | StoreError::Other(_) => internal(&error),
        }
    }
}

fn internal(error: &dyn std::fmt::Display) -> ApiError {
    tracing::error!(%error, "a request failed");
    ApiError::Internal
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(error: ApiError) -> (StatusCode, axum::http::HeaderMap, Value) {
        let (parts, body) = error.into_response().into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap();
        (parts.status, parts.headers, body)
    }

    #[tokio::test]
    async fn an_error_has_code_message_hint_and_request_id() {
        let (status, headers, body) = answer(AuthError::Missing.into()).await;
        assert_eq!(status, 401);
        assert_eq!(headers["www-authenticate"], "Bearer realm=\"refity\"");
        let error = body["error"].as_object().unwrap();
        let fields: Vec<_> = error.keys().map(String::as_str).collect();
        assert_eq!(fields, ["code", "hint", "message", "request_id"]);
        assert_eq!(error["code"], "UNAUTHORIZED");
    }

    #[tokio::test]
    async fn temporary_errors_are_503_and_internal_causes_stay_in_the_log() {
        for error in [
            ApiError::from(StoreError::Busy),
            StoreError::TooSlow.into(),
            StoreError::Full.into(),
            PasswordError::Busy.into(),
            AuthError::Store(StoreError::Busy).into(),
        ] {
            let (status, headers, body) = answer(error).await;
            assert_eq!(status, 503);
            assert_eq!(headers["retry-after"], "5");
            assert_eq!(body["error"]["code"], "UNAVAILABLE");
        }
        let broken = StoreError::Other("no such table: users".to_owned());
        let (status, _, body) = answer(broken.into()).await;
        assert_eq!(status, 500);
        assert!(!body.to_string().contains("no such table"), "{body}");
    }
}
