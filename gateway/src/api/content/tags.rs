//! Tags: list and delete.

use axum::Json as Answer;
use refity_store::{AuditAction, Order, Previewed, TagRow, TagSort};
use refity_types::digest::Digest;
use refity_types::name::{Reference, RepositoryName, Tag};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::rights;
use crate::api::ApiError;
use crate::api::content::repository_access::{Deleter, Reader, RepositoryQuery, no_repository};
use crate::api::content::{ShownDurability, ShownPreview, note, refused};
use crate::api::extract::{Caller, Guarded, Json, Query};
use crate::api::list::{List, ListQuery};
use crate::api::openapi::{ErrorBody, SignedIn};
use crate::client::ClientAddress;
use crate::registry::RegistryError;
use crate::registry::content::delete_manifest;
use crate::timestamp::rfc3339;

/// The maximum number of tags in one delete request.
const TAGS_MAX: usize = 500;

/// The order of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Sorted {
    /// `pushed` (newest first), `name`, `semver` (newest first; tags that are not versions come
    /// last), `size` (largest first) or `pulled` (most recent first).
    #[serde(default)]
    #[param(value_type = Option<String>, example = "semver")]
    sort: TagSort,
}

/// A tag.
#[derive(Serialize, ToSchema)]
#[schema(as = Tag)]
pub(super) struct Item {
    #[schema(value_type = String, example = "1.2.3")]
    name: Tag,
    /// The digest of the manifest that the tag points to.
    #[schema(value_type = String)]
    digest: Digest,
    #[schema(example = "application/vnd.oci.image.index.v1+json")]
    media_type: String,
    /// The known platforms of the image.
    #[schema(example = json!(["linux/amd64", "linux/arm64/v8"]))]
    platforms: Vec<String>,
    /// The size in bytes of the manifest and everything it references; each
    /// blob is counted once.
    size: i64,
    #[schema(example = "2026-01-31T12:00:00Z")]
    pushed_at: String,
    /// The account that pushed the tag, if it still exists.
    pushed_by: Option<String>,
    #[schema(example = "2026-01-31T12:00:00Z")]
    pulled_at: Option<String>,
    pulls: i64,
    durability: ShownDurability,
}

impl From<TagRow> for Item {
    fn from(row: TagRow) -> Self {
        Self {
            name: row.name,
            digest: row.digest,
            media_type: row.media_type,
            platforms: row.platforms.unwrap_or_default(),
            size: row.size,
            pushed_at: rfc3339(row.pushed_at),
            pushed_by: row.pushed_by,
            pulled_at: row.pulled_at.map(rfc3339),
            pulls: row.pulls,
            durability: row.durability.into(),
        }
    }
}

/// The tags to delete.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Deletion {
    #[schema(value_type = String, example = "team/app")]
    repo: RepositoryName,
    /// At most 500 tags.
    #[schema(value_type = Vec<String>, example = json!(["1.2.3"]))]
    tags: Vec<Tag>,
    /// Only return what the deletion would do.
    #[serde(default)]
    dry_run: bool,
}

/// The routes for tags.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(delete))
}

/// `GET /api/tags?repo=`: lists a repository's tags.
#[utoipa::path(get, path = "/tags", tag = "tags", params(RepositoryQuery, ListQuery, Sorted),
    responses(
        (status = 200, description = "A page of tags", body = List<Item>),
        (status = 404, description = "The repository does not exist", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn list(
    Reader {
        state, repository, ..
    }: Reader,
    Query(query): Query<ListQuery>,
    Query(sorted): Query<Sorted>,
) -> Result<Answer<List<Item>>, ApiError> {
    let order = match sorted.sort {
        TagSort::Name => Order::Asc,
        TagSort::Pushed | TagSort::Semver | TagSort::Size | TagSort::Pulled => Order::Desc,
    };
    let request = query.page(order)?;
    let store = &state.node.store;
    let page = store.tag_page(&repository, query.search()?, sorted.sort, request);
    let page = page.await?.ok_or_else(|| no_repository(&repository))?;
    Ok(Answer(List::of(page, Item::from)))
}

/// `POST /api/tags/delete`: deletes tags, or previews the deletion.
///
/// An image without tags is deleted when garbage is collected.
#[utoipa::path(post, path = "/tags/delete", tag = "tags", request_body = Deletion,
    responses(
        (status = 200, description = "The result, or the preview of a dry run", body = ShownPreview),
        (status = 404, description = "The repository does not exist, or none of the tags does",
         body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn delete(
    caller: Caller,
    client: ClientAddress,
    Json(order): Json<Deletion>,
) -> Result<Answer<ShownPreview>, ApiError> {
    let Deletion {
        repo,
        tags,
        dry_run,
    } = order;
    if tags.is_empty() || tags.len() > TAGS_MAX {
        return Err(ApiError::Invalid(format!(
            "tags has {} entries: give 1 to {TAGS_MAX}",
            tags.len()
        )));
    }
    let deleter = Deleter::check(caller, repo).await?;
    let shown = take_away(&deleter, client, tags, dry_run).await?;
    Ok(Answer(shown))
}

/// Deletes tags, or previews the deletion.
///
/// # Errors
/// See [`delete`].
pub(in crate::api) async fn take_away(
    deleter: &Deleter,
    client: ClientAddress,
    tags: Vec<Tag>,
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
        .preview(repository, Previewed::Tags(tags), readable);
    let mut preview = preview.await?.ok_or_else(|| no_repository(repository))?;
    if preview.tags.is_empty() {
        let missing: Vec<&str> = preview.missing.iter().map(Tag::as_str).collect();
        return Err(ApiError::Missing(format!(
            "{repository} has no tag {}",
            missing.join(", ")
        )));
    }
    if !dry_run {
        for tag in std::mem::take(&mut preview.tags) {
            match delete_manifest(state, repository, Reference::Tag(tag.clone())).await {
                Ok(()) => {
                    let target = format!("{repository}:{tag}");
                    let action = AuditAction::Delete;
                    note(state, caller, client, action, repository, target, None).await;
                    preview.tags.push(tag);
                }
                // Another request deleted the tag first.
                Err(RegistryError::ManifestUnknown(_)) => preview.missing.push(tag),
                Err(error) => return Err(refused(error)),
            }
        }
    }
    Ok(ShownPreview::new(state, repository, preview, dry_run))
}
