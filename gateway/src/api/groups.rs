//! Groups: the first component of a repository's name.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use refity_shared::name::GroupName;
use refity_shared::store::{Group, GroupCreated};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiError;
use super::extract::{Admin, Json};
use super::openapi::{ErrorBody, SignedIn};
use super::timestamp::rfc3339;
use crate::state::AppState;

#[derive(Serialize, ToSchema)]
struct Item {
    name: String,
    create_on_push: bool,
    repositories: i64,
    created_at: String,
}

impl From<Group> for Item {
    fn from(group: Group) -> Self {
        Self {
            name: group.name,
            create_on_push: group.create_on_push,
            repositories: group.repositories,
            created_at: rfc3339(group.created_at),
        }
    }
}

/// All groups: `groups` and `total` as older clients read them, and `items`.
#[derive(Serialize, ToSchema)]
pub(super) struct Groups {
    groups: Vec<String>,
    total: usize,
    items: Vec<Item>,
}

/// The paths of groups.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// `GET /api/groups`: all groups by name.
#[utoipa::path(get, path = "/groups", tag = "groups",
    responses((status = 200, description = "All groups", body = Groups), SignedIn))]
pub(super) async fn list(
    _: Admin,
    State(state): State<AppState>,
) -> Result<Answer<Groups>, ApiError> {
    let groups = state.local.store.groups().await?;
    Ok(Answer(Groups {
        groups: groups.iter().map(|group| group.name.clone()).collect(),
        total: groups.len(),
        items: groups.into_iter().map(Item::from).collect(),
    }))
}

/// A group to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGroup {
    name: String,
}

/// A group that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct Created {
    #[schema(value_type = String, example = "team")]
    name: GroupName,
}

/// `POST /api/groups`: makes a group.
#[utoipa::path(post, path = "/groups", tag = "groups", request_body = NewGroup,
    responses(
        (status = 201, description = "It is there", body = Created),
        (status = 409, description = "There is one of that name", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn create(
    _: Admin,
    State(state): State<AppState>,
    Json(group): Json<NewGroup>,
) -> Result<(StatusCode, Answer<Created>), ApiError> {
    let name: GroupName = group
        .name
        .parse()
        .map_err(|error| ApiError::Invalid(format!("name: {error}")))?;
    match state.local.store.create_group(&name).await? {
        GroupCreated::Yes => {
            state.local.wake_uploaders();
            Ok((StatusCode::CREATED, Answer(Created { name })))
        }
        GroupCreated::Exists => Err(ApiError::GroupExists(name.to_string())),
    }
}
