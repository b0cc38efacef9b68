//! The API for people's tools and the web interface: JSON under `/api`, and
//! the health checks. Each family of paths has a file, which says at each
//! handler what stands in the API's description.

mod audit;
mod auth;
mod csv;
mod error;
mod events;
mod extract;
mod forecast;
mod gc;
mod groups;
pub(crate) mod health;
mod jobs;
mod list;
mod openapi;
pub(crate) mod sftp;
pub(crate) mod storage;
mod timestamp;
mod token;
mod transfer;
mod usage;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(crate) use error::ApiError;

/// The largest body in bytes: 64 KiB.
const BODY_MAX: usize = 64 * 1024;

/// Every path below `/api`, with its description.
fn documented() -> OpenApiRouter<AppState> {
    let families = OpenApiRouter::new()
        .merge(audit::routes())
        .merge(auth::routes())
        .merge(events::routes())
        .merge(gc::routes())
        .merge(groups::routes())
        .merge(jobs::routes())
        .merge(sftp::routes())
        .merge(storage::routes())
        .merge(token::routes())
        .merge(usage::routes())
        .routes(routes!(openapi::document));
    OpenApiRouter::with_openapi(openapi::Description::openapi()).nest("/api", families)
}

/// Everything below `/api`.
pub(crate) fn routes() -> Router<AppState> {
    let (router, _) = documented().split_for_parts();
    router.layer(DefaultBodyLimit::max(BODY_MAX))
}

/// The API's description.
pub(crate) fn description() -> utoipa::openapi::OpenApi {
    documented().into_openapi()
}
