//! The API for people's tools and the web interface: JSON under `/api`, and
//! the health checks. Each family of paths has a file, which says at each
//! handler what stands in the API's description.

mod auth;
pub(crate) mod cors;
mod content;
mod diff;
mod error;
mod extract;
mod gc;
mod grants;
mod groups;
pub(crate) mod health;
mod image;
mod image_config;
mod jobs;
mod list;
mod managed;
mod openapi;
mod robots;
mod scopes;
mod sessions;
mod looked;
mod older;
mod openapi;
mod overview;
mod referrers;
mod removal;
mod repos;
mod tags;
mod timestamp;
mod token;
mod tokens;
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
        .merge(auth::routes())
        .merge(gc::routes())
        .merge(grants::routes())
        .merge(groups::routes())
        .merge(diff::routes())
        .merge(image::routes())
        .merge(jobs::routes())
        .merge(robots::routes())
        .merge(sessions::routes())
        .merge(older::routes())
        .merge(overview::routes())
        .merge(referrers::routes())
        .merge(repos::routes())
        .merge(tags::routes())
        .merge(token::routes())
        .merge(tokens::routes())
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
