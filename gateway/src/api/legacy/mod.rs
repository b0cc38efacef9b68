//! The paths and responses of the system that this one replaces, so that
//! existing scripts keep working. Names are part of the path, with `/` or
//! `%2F`.

mod named;

use axum::Json as Answer;
use refity_store::{Order, PageRequest, RepositoryFilter, RepositoryRow, RepositorySort, TagSort};
use refity_types::name::{GroupName, RepositoryName, Tag};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Identity, rights};
use crate::api::ApiError;
use crate::api::content::groups::{all_groups, visible_group};
use crate::api::content::repos::{self, NewRepository};
use crate::api::content::repository_access::no_repository;
use crate::api::extract::{Caller, Guarded, Json, Named};
use crate::api::openapi::{ErrorBody, SignedIn};
use crate::client::ClientAddress;
use crate::state::AppState;
use crate::timestamp::rfc3339;

/// A group with the number of its repositories.
#[derive(Serialize, ToSchema)]
#[schema(as = GroupInShort)]
struct Group {
    #[schema(value_type = String, example = "team")]
    name: GroupName,
    repositories: i64,
}

/// The groups and totals of the dashboard.
#[derive(Serialize, ToSchema)]
pub(super) struct Dashboard {
    groups: Vec<Group>,
    /// The number of tags.
    total_images: i64,
    /// The total size in bytes.
    total_size: i64,
    total_repositories: i64,
}

/// A tag.
#[derive(Serialize, ToSchema)]
struct OldTag {
    #[schema(value_type = String, example = "1.2.3")]
    name: Tag,
    size: i64,
    #[schema(example = "2026-01-31T12:00:00Z")]
    created_at: String,
}

/// A repository with its tags.
#[derive(Serialize, ToSchema)]
#[schema(as = RepositoryWithTags)]
struct Repository {
    #[schema(example = "app")]
    name: String,
    tags: Vec<OldTag>,
}

/// The repositories of a group.
#[derive(Serialize, ToSchema)]
pub(super) struct OfGroup {
    #[schema(value_type = String, example = "team")]
    group: GroupName,
    /// The repositories, with their names relative to the group.
    repositories: Vec<Repository>,
    total: i64,
}

/// All repositories.
#[derive(Serialize, ToSchema)]
pub(super) struct All {
    /// The repositories, with their full names.
    repositories: Vec<Repository>,
    total: i64,
    groups: Vec<Group>,
    /// The number of tags.
    total_images: i64,
    /// The total size in bytes.
    total_size: i64,
}

/// A repository that was created.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeByOlderPath)]
pub(super) struct Made {
    success: bool,
    repository: MadeRepository,
    #[schema(example = "Repository team/app created successfully")]
    message: String,
}

#[derive(Serialize, ToSchema)]
struct MadeRepository {
    #[schema(value_type = String, example = "team/app")]
    name: RepositoryName,
    #[schema(example = "2026-01-31T12:00:00Z")]
    created_at: String,
}

/// The legacy routes.
pub(super) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new()
        .routes(routes!(dashboard))
        .routes(routes!(of_group))
        .routes(routes!(all, create))
        .merge(named::routes())
}

async fn groups(state: &AppState, caller: &Identity) -> Result<Vec<Group>, ApiError> {
    let all = all_groups(state, caller, None, Order::Asc).await?;
    let group = all.items.into_iter().map(|row| Group {
        name: row.name,
        repositories: row.repositories,
    });
    Ok(group.collect())
}

/// `GET /api/dashboard`: returns groups and totals.
#[utoipa::path(get, path = "/dashboard", tag = "older paths",
    responses((status = 200, description = "Groups and totals", body = Dashboard), SignedIn))]
pub(super) async fn dashboard(
    Caller { state, caller }: Caller,
) -> Result<Answer<Dashboard>, ApiError> {
    let found = state.node.store.overview(rights::readable(&caller), 0);
    let found = found.await?;
    Ok(Answer(Dashboard {
        groups: groups(&state, &caller).await?,
        total_images: found.tags,
        total_size: found.logical_bytes,
        total_repositories: found.repositories,
    }))
}

/// A page with all rows: these paths have no pagination.
fn everything() -> PageRequest {
    PageRequest::everything(Order::Asc)
}

async fn repositories(
    state: &AppState,
    caller: &Identity,
    group: Option<GroupName>,
) -> Result<(Vec<RepositoryRow>, i64), ApiError> {
    let filter = RepositoryFilter {
        group,
        ..RepositoryFilter::default()
    };
    let (readable, sort) = (rights::readable(caller), RepositorySort::Name);
    let store = &state.node.store;
    let page = store.repository_page(readable, caller.user_id(), filter, sort, everything());
    let page = page.await?;
    Ok((page.items, page.total))
}

/// Returns the tags of a repository, by name, and their number.
async fn tags_of(
    state: &AppState,
    repository: &RepositoryName,
) -> Result<(Vec<OldTag>, i64), ApiError> {
    let store = &state.node.store;
    let page = store.tag_page(repository, None, TagSort::Name, everything());
    let page = page.await?.ok_or_else(|| no_repository(repository))?;
    let tags = page.items.into_iter().map(|row| OldTag {
        name: row.name,
        size: row.size,
        created_at: rfc3339(row.pushed_at),
    });
    Ok((tags.collect(), page.total))
}

async fn with_tags(
    state: &AppState,
    rows: Vec<RepositoryRow>,
    name: impl Fn(&RepositoryName) -> String,
) -> Result<Vec<Repository>, ApiError> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        match tags_of(state, &row.name).await {
            Ok((tags, _)) => all.push(Repository {
                name: name(&row.name),
                tags,
            }),
            // The repository was deleted meanwhile.
            Err(ApiError::Missing(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// Returns the name relative to the group, or the full name if the repository
/// has the name of its group.
fn below(name: &RepositoryName) -> String {
    let text = name.as_str();
    text.split_once('/')
        .map_or(text, |(_, rest)| rest)
        .to_owned()
}

/// `GET /api/groups/{group}/repositories`: lists a group's repositories with
/// their tags.
#[utoipa::path(get, path = "/groups/{group}/repositories", tag = "older paths",
    params(("group" = String, Path, description = "The group's name", example = "team")),
    responses(
        (status = 200, description = "The repositories", body = OfGroup),
        (status = 404, description = "The group does not exist", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn of_group(
    Caller { state, caller }: Caller,
    Named(group): Named<String>,
) -> Result<Answer<OfGroup>, ApiError> {
    let group = parse::<GroupName>(&group)?;
    visible_group(&state, &caller, &group).await?;
    let (rows, total) = repositories(&state, &caller, Some(group.clone())).await?;
    Ok(Answer(OfGroup {
        repositories: with_tags(&state, rows, below).await?,
        group,
        total,
    }))
}

/// `GET /api/repositories`: lists all repositories with their tags.
#[utoipa::path(get, path = "/repositories", tag = "older paths",
    responses((status = 200, description = "The repositories", body = All), SignedIn))]
pub(super) async fn all(Caller { state, caller }: Caller) -> Result<Answer<All>, ApiError> {
    let (rows, total) = repositories(&state, &caller, None).await?;
    let found = state.node.store.overview(rights::readable(&caller), 0);
    let found = found.await?;
    Ok(Answer(All {
        repositories: with_tags(&state, rows, ToString::to_string).await?,
        total,
        groups: groups(&state, &caller).await?,
        total_images: found.tags,
        total_size: found.logical_bytes,
    }))
}

/// `POST /api/repositories`: creates a repository.
#[utoipa::path(post, path = "/repositories", tag = "older paths", request_body = NewRepository,
    responses(
        (status = 200, description = "Created", body = Made),
        (status = 404, description = "The group does not exist", body = ErrorBody),
        (status = 409, description = "The name is taken", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn create(
    Caller { state, caller }: Caller,
    client: ClientAddress,
    Json(new): Json<NewRepository>,
) -> Result<Answer<Made>, ApiError> {
    repos::make(&state, &caller, client, &new.name).await?;
    Ok(Answer(Made {
        success: true,
        message: format!("Repository {} created successfully", new.name),
        repository: MadeRepository {
            name: new.name,
            created_at: rfc3339(state.node.store.clock().wall_ms()),
        },
    }))
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, ApiError> {
    text.parse()
        .map_err(|error: T::Err| ApiError::Invalid(error.to_string()))
}
