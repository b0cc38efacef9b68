//! What the routes for groups, repositories, tags and images share: access
//! checks and common response types.

pub(crate) mod diff;
pub(crate) mod groups;
pub(crate) mod image;
pub(crate) mod image_config;
pub(crate) mod referrers;
pub(crate) mod removal;
pub(crate) mod repos;
pub(crate) mod repository_access;
pub(crate) mod resolved_image;
pub(crate) mod tags;

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use http_body::Body as _;
use refity_config::clock::millis;
use refity_store::{AuditAction, DurabilityState, GRACE, ImageDurability, Preview};
use refity_types::deletion::TRASH;
use refity_types::name::{RepositoryName, Tag};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::access::Identity;
use crate::api::ApiError;
use crate::api::extract::{Guarded, Json, Query};
use crate::audit::AuditActor;
use crate::client::ClientAddress;
use crate::registry::RegistryError;
use crate::state::AppState;
use crate::timestamp::rfc3339;

/// Returns the routes for groups, repositories, tags and images.
pub(super) fn families() -> [OpenApiRouter<Guarded>; 6] {
    [
        diff::routes(),
        groups::routes(),
        image::routes(),
        referrers::routes(),
        repos::routes(),
        tags::routes(),
    ]
}

/// Converts the registry's error for a delete to one of the API.
pub(super) fn refused(error: RegistryError) -> ApiError {
    match error {
        RegistryError::ManifestUnknown(_)
        | RegistryError::BlobUnknown(_)
        | RegistryError::NameUnknown(_) => ApiError::Missing(error.to_string()),
        RegistryError::InUse { .. } | RegistryError::PartialIndex => {
            ApiError::Conflict(error.to_string())
        }
        RegistryError::Unavailable { message, .. } => ApiError::Unavailable(message),
        other => {
            tracing::error!(error = %other, "a delete failed");
            ApiError::Internal
        }
    }
}

/// Adds an action in a repository to the audit log.
pub(super) async fn note(
    state: &AppState,
    caller: &Identity,
    client: ClientAddress,
    action: AuditAction,
    repository: &RepositoryName,
    target: String,
    detail: Option<String>,
) {
    let actor = AuditActor::from(caller);
    let entry = actor.entry_in(client, action, (repository, target), detail);
    state.audit.record_entry(entry).await;
}

/// Whether to only preview a deletion.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DryRun {
    /// Only return what the deletion would do. The body may contain this
    /// parameter instead, but some proxies drop the body of a `DELETE`.
    #[serde(default)]
    dry_run: bool,
}

/// The optional body of a deletion.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DryRunBody {
    /// Only return what the deletion would do.
    #[serde(default)]
    #[schema(example = true)]
    dry_run: bool,
}

/// Whether to only preview a deletion, from the query or the body.
pub(super) struct Tried(pub(super) bool);

impl FromRequest<Guarded> for Tried {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Guarded) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let Query(query) = Query::<DryRun>::from_request_parts(&mut parts, state).await?;
        if body.is_end_stream() {
            return Ok(Self(query.dry_run));
        }
        let request = Request::from_parts(parts, body);
        let Json(body) = Json::<DryRunBody>::from_request(request, state).await?;
        Ok(Self(query.dry_run || body.dry_run))
    }
}

/// How much of an image is stored on SFTP.
#[derive(Serialize, ToSchema)]
pub(super) struct ShownDurability {
    /// `staged` (only on this host), `uploading`, `on_sftp` (can be pulled from there), `verified`
    /// (every byte was read back), or `damaged` (data is lost: push the image again).
    #[schema(value_type = String, example = "uploading")]
    state: DurabilityState,
    /// The size of the image in bytes; each blob is counted once.
    #[schema(example = 1000)]
    bytes_total: u64,
    /// The bytes that are stored on SFTP or have been sent there.
    #[schema(example = 620)]
    bytes_stored: u64,
    /// The bytes that were read back and verified.
    #[schema(example = 0)]
    bytes_verified: u64,
    /// The share of stored bytes, in percent.
    #[schema(example = 62)]
    percent: u64,
    /// Whether a transfer for this image failed and needs attention.
    failed: bool,
}

impl From<ImageDurability> for ShownDurability {
    fn from(it: ImageDurability) -> Self {
        // An image without bytes is stored completely.
        let percent = (it.bytes_stored * 100).checked_div(it.bytes_total);
        Self {
            state: it.state,
            bytes_total: it.bytes_total,
            bytes_stored: it.bytes_stored,
            bytes_verified: it.bytes_verified,
            percent: percent.unwrap_or(100),
            failed: it.failed,
        }
    }
}

/// The result or the preview of a deletion.
#[derive(Serialize, ToSchema)]
pub(super) struct ShownPreview {
    /// Whether this is a preview and nothing was deleted.
    dry_run: bool,
    #[schema(example = "team/app")]
    repo: String,
    /// The tags that are deleted. Empty for a whole repository; see
    /// `tag_count`.
    #[schema(value_type = Vec<String>, example = json!(["1.2.3"]))]
    tags: Vec<Tag>,
    /// The number of tags that are deleted.
    tag_count: i64,
    /// The number of manifests that are deleted.
    manifests: i64,
    /// Requested tags that do not exist.
    #[schema(value_type = Vec<String>)]
    missing: Vec<Tag>,
    /// Other tags of the same images. These tags and their images are kept.
    #[schema(value_type = Vec<String>, example = json!(["latest"]))]
    also_tagged: Vec<Tag>,
    /// The bytes that are freed because nothing else references them.
    #[schema(example = 412_000_000)]
    frees_bytes: u64,
    /// The bytes that are kept because other images in this repository
    /// reference them.
    kept_here_bytes: u64,
    /// The bytes that are kept because only other repositories reference them.
    #[schema(example = 1_100_000_000)]
    kept_shared_bytes: u64,
    /// The repositories that share those bytes and that you may read: at most
    /// 100.
    #[schema(value_type = Vec<String>, example = json!(["team/worker"]))]
    shared_with: Vec<RepositoryName>,
    /// The earliest time at which the bytes are free. Garbage is collected a day after the deletion
    /// and stays in the trash for another day. Snapshots of the storage keep the bytes for longer.
    #[schema(example = "2026-01-31T12:00:00Z")]
    freed_after: String,
}

impl ShownPreview {
    pub(super) fn new(
        state: &AppState,
        repository: &RepositoryName,
        preview: Preview,
        dry_run: bool,
    ) -> Self {
        let now = state.node.store.clock().wall_ms();
        Self {
            dry_run,
            repo: repository.to_string(),
            tags: preview.tags,
            tag_count: preview.tag_count,
            manifests: preview.manifests,
            missing: preview.missing,
            also_tagged: preview.also_tagged,
            frees_bytes: preview.frees_bytes,
            kept_here_bytes: preview.kept_here_bytes,
            kept_shared_bytes: preview.kept_shared_bytes,
            shared_with: preview.shared_with,
            freed_after: rfc3339(now + millis(GRACE) + millis(TRASH)),
        }
    }
}
