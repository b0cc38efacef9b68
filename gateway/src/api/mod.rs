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

/// The families of paths, each with its description.
fn families() -> [OpenApiRouter<AppState>; 23] {
    [
        audit::routes(),
        auth::routes(),
        diff::routes(),
        events::routes(),
        gc::routes(),
        grants::routes(),
        groups::routes(),
        image::routes(),
        jobs::routes(),
        older::routes(),
        overview::routes(),
        referrers::routes(),
        repos::routes(),
        robots::routes(),
        sessions::routes(),
        sftp::routes(),
        storage::routes(),
        tags::routes(),
        token::routes(),
        tokens::routes(),
        usage::routes(),
        users::routes(),
        OpenApiRouter::new().routes(routes!(openapi::document)),
    ]
}

/// Every path below `/api`, with its description.
fn documented() -> OpenApiRouter<AppState> {
    let families = families().into_iter();
    let all = families.fold(OpenApiRouter::new(), OpenApiRouter::merge);
    OpenApiRouter::with_openapi(openapi::Description::openapi()).nest("/api", all)
}

/// Everything below `/api`.
pub(crate) fn routes() -> Router<AppState> {
    let (router, _) = documented().split_for_parts();
    router.layer(DefaultBodyLimit::max(BODY_MAX))
}

/// The API's description.
pub(crate) fn description() -> utoipa::openapi::OpenApi {
    let mut description = documented().into_openapi();
    openapi::name_operations(&mut description);
    openapi::shorten_summaries(&mut description);
    description
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_two_families_show_by_one_name_is_one_thing() {
        let mut known = BTreeMap::new();
        for family in families() {
            let components = family.into_openapi().components;
            for (name, schema) in components.map(|it| it.schemas).unwrap_or_default() {
                let schema = serde_json::to_value(schema).unwrap();
                let before = known.insert(name.clone(), schema.clone());
                let same = before.is_none_or(|before| before == schema);
                assert!(
                    same,
                    "two schemas are called {name}: give one #[schema(as = …)]"
                );
            }
        }
        assert!(known.len() > 50, "{}", known.len());
    }
}
