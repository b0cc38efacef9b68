//! The API for the web interface and for other programs: JSON under `/api`, and
//! the health checks. Each family of paths has a file. Its handlers carry the
//! text of the API description.

mod accounts;
mod content;
pub(crate) mod cookie;
pub(crate) mod cors;
mod error;
mod extract;
mod legacy;
mod list;
mod openapi;
mod openapi_enums;
pub(crate) mod operations;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;
use extract::Guarded;

pub(crate) use error::ApiError;

/// The maximum size of a request body: 64 KiB.
const BODY_MAX: usize = 64 * 1024;

/// Returns the families of paths, each with its description.
fn families() -> Vec<OpenApiRouter<Guarded>> {
    let mut families = Vec::from(accounts::families());
    families.extend(content::families());
    families.extend(operations::families());
    families.push(legacy::routes());
    families.push(OpenApiRouter::new().routes(routes!(openapi::document)));
    families
}

/// Returns every path below `/api`, with its description.
fn documented() -> OpenApiRouter<Guarded> {
    let families = families().into_iter();
    let all = families.fold(OpenApiRouter::new(), OpenApiRouter::merge);
    OpenApiRouter::with_openapi(openapi::Description::openapi()).nest("/api", all)
}

/// Returns the routes below `/api`.
pub(crate) fn routes(state: &AppState) -> Router<AppState> {
    let (router, _) = documented().split_for_parts();
    router
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(Guarded::new(state.clone()))
}

/// Returns the API description.
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
    fn schemas_of_one_name_are_identical() {
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
