//! The API for people's tools and the web interface: JSON under `/api`, and
//! the health checks. Each family of paths has a file, which says at each
//! handler what stands in the API's description.

mod audit;
mod auth;
mod content;
pub(crate) mod cors;
mod csv;
mod diff;
mod error;
mod events;
mod extract;
mod forecast;
mod gc;
mod grants;
mod groups;
pub(crate) mod health;
mod image;
mod image_config;
mod jobs;
mod list;
mod looked;
mod managed;
mod older;
mod openapi;
mod overview;
mod referrers;
mod removal;
mod repos;
mod robots;
mod scopes;
mod sessions;
pub(crate) mod sftp;
pub(crate) mod storage;
mod tags;
mod timestamp;
mod token;
mod tokens;
mod transfer;
mod usage;
mod users;
mod words;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(crate) use error::ApiError;
pub(crate) use timestamp::rfc3339;

/// The largest body in bytes: 64 KiB.
const BODY_MAX: usize = 64 * 1024;

/// Every path below `/api`, with its description.
fn documented() -> OpenApiRouter<AppState> {
    let families = OpenApiRouter::new()
        .merge(audit::routes())
        .merge(auth::routes())
        .merge(diff::routes())
        .merge(events::routes())
        .merge(gc::routes())
        .merge(grants::routes())
        .merge(groups::routes())
        .merge(image::routes())
        .merge(jobs::routes())
        .merge(older::routes())
        .merge(overview::routes())
        .merge(referrers::routes())
        .merge(repos::routes())
        .merge(robots::routes())
        .merge(sessions::routes())
        .merge(sftp::routes())
        .merge(storage::routes())
        .merge(tags::routes())
        .merge(token::routes())
        .merge(tokens::routes())
        .merge(usage::routes())
        .merge(users::routes())
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
