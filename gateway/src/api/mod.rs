//! The API for people's tools and the web interface: JSON under `/api`, and
//! the health checks.

mod auth;
mod error;
mod extract;
mod gc;
mod groups;
pub(crate) mod health;
mod jobs;
mod timestamp;
mod token;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};

use crate::state::AppState;

pub(crate) use error::ApiError;

/// The largest body in bytes: 64 KiB.
const BODY_MAX: usize = 64 * 1024;

/// Everything below `/api`.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/auth/login", post(auth::login))
        .route("/auth/password", put(auth::change_password))
        .route("/auth/me", get(auth::me))
        .route("/gc", post(gc::collect))
        .route("/groups", get(groups::list).post(groups::create))
        .route("/jobs", get(jobs::list))
        .route("/jobs/summary", get(jobs::summary))
        .route("/token", get(token::get).post(token::post))
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(BODY_MAX))
}
