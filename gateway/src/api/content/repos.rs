//! Repositories: list, create and delete.

use axum::Json as Answer;
use axum::http::StatusCode;
use refity_store::{
    AuditAction, Order, Previewed, RepositoryCreated, RepositoryFilter, RepositoryRow,
    RepositorySort,
};
use refity_types::name::{GroupName, RepositoryName};
use refity_types::rights::{Right, Rights};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Identity, rights};
use crate::api::ApiError;
use crate::api::content::groups::visible_group;
use crate::api::content::removal;
use crate::api::content::repository_access::{Deleter, RepositoryQuery, no_repository};
use crate::api::content::{DryRun, DryRunBody, ShownPreview, Tried, note};
use crate::api::extract::{Caller, Guarded, Json, Query};
use crate::api::list::{List, ListQuery};
use crate::api::openapi::{ErrorBody, SignedIn};
use crate::client::ClientAddress;
use crate::state::AppState;
use crate::timestamp::rfc3339;

/// The repositories to list, and their order.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Filter {
    /// Only return repositories in this group.
    #[param(value_type = Option<String>, example = "team")]
    group: Option<GroupName>,
    /// Only return this repository.
    #[param(value_type = Option<String>, example = "team/app")]
    repo: Option<RepositoryName>,
    /// `name`, `pushed` (newest first), `size` (largest unique size first) or `tags` (most tags
    /// first).
    #[serde(default)]
    #[param(value_type = Option<String>, example = "pushed")]
    sort: RepositorySort,
}

/// A repository.
#[derive(Serialize, ToSchema)]
#[schema(as = Repository)]
pub(in crate::api) struct Item {
    #[schema(example = "team/app")]
    name: String,
    #[schema(example = "team")]
    group: String,
    /// The number of tags.
    tags: i64,
    /// The unique size in bytes: what deleting the repository would free.
    unique_bytes: i64,
    /// The total size in bytes; each blob is counted once.
    logical_bytes: i64,
    /// The time at which a manifest was last pushed.
    #[schema(example = "2026-01-31T12:00:00Z")]
    last_push_at: Option<String>,
    /// The number of manifest pulls.
    pulls: i64,
    #[schema(example = "2026-01-31T12:00:00Z")]
    created_at: String,
    /// Your permissions: `pull`, `push`, `delete`, `manage`.
    #[schema(value_type = Vec<String>, example = json!(["pull", "push"]))]
    rights: Rights,
}

impl Item {
    fn new(row: &RepositoryRow, caller: &Identity) -> Self {
        Self {
            rights: rights::effective_permissions(caller, row.grant, &row.name),
            group: row.name.group().to_string(),
            name: row.name.to_string(),
            tags: row.tags,
            unique_bytes: row.unique_bytes,
            logical_bytes: row.logical_bytes,
            last_push_at: row.last_push_at.map(rfc3339),
            pulls: row.pulls,
            created_at: rfc3339(row.created_at),
        }
    }
}

/// A repository to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewRepository {
    /// The name of the repository. Its group must exist.
    #[schema(value_type = String, example = "team/app")]
    pub(in crate::api) name: RepositoryName,
}

/// A repository that was created.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedRepository)]
pub(in crate::api) struct Created {
    #[schema(value_type = String, example = "team/app")]
    name: RepositoryName,
}

/// The routes for repositories.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new().routes(routes!(list, create, remove))
}

/// `GET /api/repos`: lists the repositories that you may read.
#[utoipa::path(get, path = "/repos", tag = "repositories", params(ListQuery, Filter),
    responses(
        (status = 200, description = "A page of repositories", body = List<Item>),
        (status = 404, description = "The group does not exist", body = ErrorBody),
        SignedIn,
    ))]
pub(in crate::api) async fn list(
    Caller { state, caller }: Caller,
    Query(query): Query<ListQuery>,
    Query(filter): Query<Filter>,
) -> Result<Answer<List<Item>>, ApiError> {
    if let Some(group) = &filter.group {
        visible_group(&state, &caller, group).await?;
    }
    let order = match filter.sort {
        RepositorySort::Name => Order::Asc,
        RepositorySort::Pushed | RepositorySort::Size | RepositorySort::Tags => Order::Desc,
    };
    let wanted = RepositoryFilter {
        group: filter.group,
        name: filter.repo,
        search: query.search()?,
    };
    let page = state.node.store.repository_page(
        rights::readable(&caller),
        caller.user_id(),
        wanted,
        filter.sort,
        query.page(order)?,
    );
    let page = page.await?;
    Ok(Answer(List::of(page, |row| Item::new(&row, &caller))))
}

/// `POST /api/repos`: creates an empty repository.
///
/// Requires permission to manage the group. Not needed in groups that create
/// repositories on their first push.
#[utoipa::path(post, path = "/repos", tag = "repositories", request_body = NewRepository,
    responses(
        (status = 201, description = "Created", body = Created),
        (status = 404, description = "The group does not exist", body = ErrorBody),
        (status = 409, description = "The name is taken", body = ErrorBody),
        SignedIn,
    ))]
pub(in crate::api) async fn create(
    Caller { state, caller }: Caller,
    client: ClientAddress,
    Json(new): Json<NewRepository>,
) -> Result<(StatusCode, Answer<Created>), ApiError> {
    make(&state, &caller, client, &new.name).await?;
    Ok((StatusCode::CREATED, Answer(Created { name: new.name })))
}

/// Creates a repository if the caller may manage its group.
///
/// # Errors
/// See [`create`].
pub(in crate::api) async fn make(
    state: &AppState,
    caller: &Identity,
    client: ClientAddress,
    name: &RepositoryName,
) -> Result<(), ApiError> {
    let group = name.group();
    let seen = visible_group(state, caller, &group).await?;
    if !rights::effective_permissions_on_group(caller, seen.grant, &group).has(Right::Manage) {
        return Err(ApiError::Denied(format!(
            "only who manages the group {group}, or an administrator, may make repositories in it"
        )));
    }
    match state.node.store.create_repository(name).await? {
        RepositoryCreated::Yes => {}
        RepositoryCreated::Exists => {
            let words = format!("there is a repository {name} already");
            return Err(ApiError::Conflict(words));
        }
        RepositoryCreated::BeingRemoved => {
            return Err(ApiError::Conflict(format!(
                "{name} is being removed; try again in a moment"
            )));
        }
        RepositoryCreated::NoGroup => {
            return Err(ApiError::Missing(format!("there is no group {group}")));
        }
    }
    let action = AuditAction::RepositoryCreate;
    note(state, caller, client, action, name, name.to_string(), None).await;
    Ok(())
}

/// `DELETE /api/repos?repo=`: deletes a repository with all its tags, manifests
/// and blobs, or previews the deletion.
#[utoipa::path(delete, path = "/repos", tag = "repositories", params(RepositoryQuery, DryRun),
    request_body = Option<DryRunBody>,
    responses(
        (status = 200, description = "The result, or the preview of a dry run", body = ShownPreview),
        (status = 404, description = "The repository does not exist", body = ErrorBody),
        (status = 409, description = "The repository is being pushed to, or the index is incomplete",
         body = ErrorBody),
        SignedIn,
    ))]
pub(in crate::api) async fn remove(
    deleter: Deleter,
    client: ClientAddress,
    Tried(dry_run): Tried,
) -> Result<Answer<ShownPreview>, ApiError> {
    let shown = take_away(&deleter, client, dry_run).await?;
    Ok(Answer(shown))
}

/// Deletes a repository, or previews the deletion.
///
/// # Errors
/// See [`remove`].
pub(in crate::api) async fn take_away(
    deleter: &Deleter,
    client: ClientAddress,
    dry_run: bool,
) -> Result<ShownPreview, ApiError> {
    let Deleter {
        state,
        caller,
        repository,
    } = deleter;
    let readable = rights::readable(caller);
    let preview = state
        .node
        .store
        .preview(repository, Previewed::Repository, readable);
    let preview = preview.await?;
    let preview = preview.ok_or_else(|| no_repository(repository))?;
    if !dry_run {
        let detail = format!(
            "{} tags, {} manifests",
            preview.tag_count, preview.manifests
        );
        removal::remove(state, repository).await?;
        let action = AuditAction::RepositoryRemove;
        let target = repository.to_string();
        note(
            state,
            caller,
            client,
            action,
            repository,
            target,
            Some(detail),
        )
        .await;
    }
    Ok(ShownPreview::new(state, repository, preview, dry_run))
}
