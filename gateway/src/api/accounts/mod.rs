//! Accounts: sign-in, users, robots, access tokens and permissions.

pub(crate) mod grants;
pub(crate) mod group_access;
mod manager;
pub(crate) mod robots;
pub(crate) mod scopes;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod token_service;
pub(crate) mod tokens;
pub(crate) mod users;

use utoipa_axum::router::OpenApiRouter;

use crate::api::extract::Guarded;

/// Returns their routes.
pub(super) fn families() -> [OpenApiRouter<Guarded>; 7] {
    [
        grants::routes(),
        robots::routes(),
        sessions::routes(),
        sign_in::routes(),
        token_service::routes(),
        tokens::routes(),
        users::routes(),
    ]
}
