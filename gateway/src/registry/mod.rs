//! (in the making)

pub(crate) mod auth;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use refity_shared::store::StoreError;
use serde_json::json;

use crate::state::AppState;

/// A stand-in until the registry's own is here.
pub(crate) enum RegistryError {
    Denied(String),
    Unavailable(String),
    Internal,
}

impl RegistryError {
    pub(crate) fn busy(message: String) -> Self {
        Self::Unavailable(message)
    }
}

impl From<StoreError> for RegistryError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl IntoResponse for RegistryError {
    fn into_response(self) -> Response {
        let (status, code, message) = match self {
            Self::Denied(message) => (StatusCode::FORBIDDEN, "DENIED", message),
            Self::Unavailable(message) => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", String::new()),
        };
        let error = json!({ "code": code, "message": message, "detail": null });
        (status, Json(json!({ "errors": [error] }))).into_response()
    }
}

pub(crate) fn routes() -> axum::Router<AppState> {
    axum::Router::new().route("/v2/", axum::routing::get(async || "{}"))
}
