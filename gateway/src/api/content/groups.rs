//! Groups: the first component of a repository's name.

use axum::Json as Answer;
use axum::http::StatusCode;
use refity_store::{
    AuditAction, GroupChange, GroupCreated, GroupRemoved, GroupRow, GroupSettings, Order, Page,
    PageRequest,
};
use refity_types::name::GroupName;
use refity_types::rights::{Right, Rights};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Identity, rights};
use crate::api::ApiError;
use crate::api::extract::{Admin, Caller, Guarded, Json, Named, Query};
use crate::api::list::{List, ListQuery};
use crate::api::openapi::{ErrorBody, SignedIn};
use crate::client::ClientAddress;
use crate::state::AppState;
use crate::timestamp::rfc3339;

/// A group.
#[derive(Serialize, ToSchema)]
#[schema(as = Group)]
struct Item {
    #[schema(example = "team")]
    name: String,
    /// Everyone may pull, even without signing in.
    public: bool,
    /// Repositories are created on their first push.
    create_on_push: bool,
    /// The number of repositories that you may read.
    repositories: i64,
    /// The number of tags in those repositories.
    tags: i64,
    /// The total size of those repositories in bytes. Shared blobs are counted
    /// once per repository.
    logical_bytes: i64,
    /// The time of the last push to those repositories.
    #[schema(example = "2026-01-31T12:00:00Z")]
    last_push_at: Option<String>,
    #[schema(example = "2026-01-31T12:00:00Z")]
    created_at: String,
    /// Your permissions on the whole group: `pull`, `push`, `delete`, `manage`.
    #[schema(value_type = Vec<String>, example = json!(["pull", "push"]))]
    rights: Rights,
}

impl Item {
    fn new(row: &GroupRow, caller: &Identity) -> Self {
        Self {
            rights: rights::effective_permissions_on_group(caller, row.grant, &row.name),
            name: row.name.to_string(),
            public: row.grant.public,
            create_on_push: row.create_on_push,
            repositories: row.repositories,
            tags: row.tags,
            logical_bytes: row.logical_bytes,
            last_push_at: row.last_push_at.map(rfc3339),
            created_at: rfc3339(row.created_at),
        }
    }
}

/// A list of groups. `groups` and `total` are for older clients; the other
/// fields are those of every list.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Groups {
    /// The names of `items`.
    #[schema(example = json!(["team"]))]
    groups: Vec<String>,
    #[serde(flatten)]
    list: List<Item>,
}

/// The routes for groups.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(change, remove))
}

fn no_group(name: &GroupName) -> ApiError {
    ApiError::Missing(format!("there is no group {name}"))
}

/// Returns a group if the caller may read any of its repositories. The error
/// does not reveal whether other groups exist.
///
/// # Errors
/// [`ApiError::Missing`].
pub(in crate::api) async fn visible_group(
    state: &AppState,
    caller: &Identity,
    name: &GroupName,
) -> Result<GroupRow, ApiError> {
    let readable = rights::readable(caller);
    let found = state.node.store.group(readable, caller.user_id(), name);
    found.await?.ok_or_else(|| no_group(name))
}

/// Returns all groups in which the caller may read a repository.
///
/// # Errors
/// If the database cannot be read.
pub(in crate::api) async fn all_groups(
    state: &AppState,
    caller: &Identity,
    search: Option<String>,
    order: Order,
) -> Result<Page<GroupRow>, ApiError> {
    let request = PageRequest::everything(order);
    let readable = rights::readable(caller);
    let store = &state.node.store;
    let page = store.group_page(readable, caller.user_id(), search, request);
    Ok(page.await?)
}

/// `GET /api/groups`: lists the groups in which you may read a repository, by
/// name.
///
/// Returns all groups, unless the query contains `limit` or `cursor`.
#[utoipa::path(get, path = "/groups", tag = "groups", params(ListQuery),
    responses((status = 200, description = "Groups", body = Groups), SignedIn))]
pub(in crate::api) async fn list(
    Caller { state, caller }: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Answer<Groups>, ApiError> {
    let request = query.page(Order::Asc)?;
    let page = if query.asks_for_page() {
        let readable = rights::readable(&caller);
        let store = &state.node.store;
        let page = store.group_page(readable, caller.user_id(), query.search()?, request);
        page.await?
    } else {
        all_groups(&state, &caller, query.search()?, request.order).await?
    };
    Ok(Answer(Groups {
        groups: page.items.iter().map(|row| row.name.to_string()).collect(),
        list: List::of(page, |row| Item::new(&row, &caller)),
    }))
}

/// A group to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewGroup {
    #[schema(example = "team")]
    name: String,
    /// Whether everyone may pull, even without signing in. Default: `false`.
    #[serde(default)]
    public: bool,
    /// Whether repositories are created on their first push. Default: `true`.
    create_on_push: Option<bool>,
}

/// A group that was created. `success`, `group` and `message` are for older
/// clients.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedGroup)]
pub(in crate::api) struct Created {
    #[schema(value_type = String, example = "team")]
    name: GroupName,
    public: bool,
    create_on_push: bool,
    success: bool,
    #[schema(value_type = String, example = "team")]
    group: GroupName,
    #[schema(example = "Group team created successfully")]
    message: String,
}

fn parse(name: &str) -> Result<GroupName, ApiError> {
    name.parse()
        .map_err(|error| ApiError::Invalid(format!("name: {error}")))
}

/// `POST /api/groups`: creates a group.
///
/// Requires an administrator.
#[utoipa::path(post, path = "/groups", tag = "groups", request_body = NewGroup,
    responses(
        (status = 201, description = "Created", body = Created),
        (status = 409, description = "The name is taken", body = ErrorBody),
        SignedIn,
    ))]
pub(in crate::api) async fn create(
    Admin { state, caller }: Admin,
    client: ClientAddress,
    Json(group): Json<NewGroup>,
) -> Result<(StatusCode, Answer<Created>), ApiError> {
    let name = parse(&group.name)?;
    let settings = GroupSettings {
        public: group.public,
        create_on_push: group.create_on_push.unwrap_or(true),
    };
    match state.node.store.create_group_with(&name, settings).await? {
        GroupCreated::Yes => {}
        GroupCreated::Exists => return Err(ApiError::GroupExists(name.to_string())),
    }
    state.node.wake_uploaders();
    let action = AuditAction::GroupCreate;
    state
        .audit
        .record(
            &caller,
            client,
            action,
            name.to_string(),
            Some(describe(settings)),
        )
        .await;
    let created = Created {
        message: format!("Group {name} created successfully"),
        group: name.clone(),
        success: true,
        public: settings.public,
        create_on_push: settings.create_on_push,
        name,
    };
    Ok((StatusCode::CREATED, Answer(created)))
}

/// Formats settings for the audit log.
fn describe(settings: GroupSettings) -> String {
    let GroupSettings {
        public,
        create_on_push,
    } = settings;
    format!("public: {public}, create_on_push: {create_on_push}")
}

/// The settings to change. The others stay the same.
#[derive(Deserialize, ToSchema)]
#[schema(as = GroupChange)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Change {
    /// Whether everyone may pull, even without signing in.
    #[schema(example = true)]
    public: Option<bool>,
    /// Whether repositories are created on their first push.
    create_on_push: Option<bool>,
}

/// A group's settings.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Settings {
    #[schema(value_type = String, example = "team")]
    name: GroupName,
    public: bool,
    create_on_push: bool,
}

/// `PATCH /api/groups/{group}`: updates a group's settings.
///
/// Requires permission to manage the group.
#[utoipa::path(patch, path = "/groups/{group}", tag = "groups", request_body = Change,
    params(("group" = String, Path, description = "The group's name", example = "team")),
    responses(
        (status = 200, description = "The changed settings", body = Settings),
        (status = 404, description = "The group does not exist", body = ErrorBody),
        SignedIn,
    ))]
pub(in crate::api) async fn change(
    Caller { state, caller }: Caller,
    client: ClientAddress,
    Named(group): Named<String>,
    Json(change): Json<Change>,
) -> Result<Answer<Settings>, ApiError> {
    let name = parse(&group)?;
    let seen = visible_group(&state, &caller, &name).await?;
    if !rights::effective_permissions_on_group(&caller, seen.grant, &name).has(Right::Manage) {
        return Err(ApiError::Denied(format!(
            "only who manages the group {name}, or an administrator, may change it"
        )));
    }
    let change = GroupChange {
        public: change.public,
        create_on_push: change.create_on_push,
    };
    let settings = state.node.store.change_group(&name, change).await?;
    let settings = settings.ok_or_else(|| no_group(&name))?;
    let action = AuditAction::GroupChange;
    state
        .audit
        .record(
            &caller,
            client,
            action,
            name.to_string(),
            Some(describe(settings)),
        )
        .await;
    Ok(Answer(Settings {
        name,
        public: settings.public,
        create_on_push: settings.create_on_push,
    }))
}

/// `DELETE /api/groups/{group}`: deletes an empty group.
///
/// Its robots and permissions are deleted as well. Requires an administrator.
#[utoipa::path(delete, path = "/groups/{group}", tag = "groups",
    params(("group" = String, Path, description = "The group's name", example = "team")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "The group does not exist", body = ErrorBody),
        (status = 409, description = "The group has repositories", body = ErrorBody),
        SignedIn,
    ))]
pub(in crate::api) async fn remove(
    Caller { state, caller }: Caller,
    client: ClientAddress,
    Named(group): Named<String>,
) -> Result<StatusCode, ApiError> {
    let name = parse(&group)?;
    if !rights::may_administer(&caller) {
        visible_group(&state, &caller, &name).await?;
        return Err(ApiError::NotAdmin);
    }
    match state.node.store.remove_group(&name).await? {
        GroupRemoved::Yes => {}
        GroupRemoved::Unknown => return Err(no_group(&name)),
        GroupRemoved::NotEmpty(repositories) => {
            return Err(ApiError::Conflict(format!(
                "the group {name} has repositories ({repositories}): remove them first"
            )));
        }
    }
    state.node.wake_uploaders();
    let action = AuditAction::GroupRemove;
    state
        .audit
        .record(&caller, client, action, name.to_string(), None)
        .await;
    Ok(StatusCode::NO_CONTENT)
}
