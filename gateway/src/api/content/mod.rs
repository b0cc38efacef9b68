//! What the paths of groups, repositories, tags and images share: who may see
//! what, and how it is shown.

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

/// The paths of groups, repositories, tags and images.
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

/// A delete that the registry refused, in the API's words.
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

/// Adds to the audit log what somebody did in a repository.
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

/// Whether a deletion is only tried.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DryRun {
    /// Only say what it would do. It may stand in the body instead; programs
    /// between that drop the body of a `DELETE` do not drop this.
    #[serde(default)]
    dry_run: bool,
}

/// The optional body of a deletion.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DryRunBody {
    /// Only say what it would do.
    #[serde(default)]
    #[schema(example = true)]
    dry_run: bool,
}

/// Whether a deletion is only tried, by its query or its body.
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

/// How far an image is on its way to the storage.
#[derive(Serialize, ToSchema)]
pub(super) struct ShownDurability {
    /// `staged` (on this host only), `uploading`, `on_sftp` (it can be pulled from there),
    /// `verified` (every byte was read back), or `damaged` (bytes are lost: push it again).
    #[schema(value_type = String, example = "uploading")]
    state: DurabilityState,
    /// Bytes of the image, each blob once.
    #[schema(example = 1000)]
    bytes_total: u64,
    /// How many of them the storage has, or has been sent.
    #[schema(example = 620)]
    bytes_stored: u64,
    /// How many of them were read back.
    #[schema(example = 0)]
    bytes_verified: u64,
    /// What is stored, in percent.
    #[schema(example = 62)]
    percent: u64,
    /// A transfer that it waits for needs a person.
    failed: bool,
}

impl From<ImageDurability> for ShownDurability {
    fn from(it: ImageDurability) -> Self {
        // Of nothing, all is there.
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

/// What a deletion does, or would do.
#[derive(Serialize, ToSchema)]
pub(super) struct ShownPreview {
    /// Nothing was done: this is what would be.
    dry_run: bool,
    #[schema(example = "team/app")]
    repo: String,
    /// The tags that go. Of a whole repository they are only counted.
    #[schema(value_type = Vec<String>, example = json!(["1.2.3"]))]
    tags: Vec<Tag>,
    /// How many tags go.
    tag_count: i64,
    /// How many manifests go.
    manifests: i64,
    /// Tags that were named and are not there (any more).
    #[schema(value_type = Vec<String>)]
    missing: Vec<Tag>,
    /// Other tags of the same images. They stay, and so do their images.
    #[schema(value_type = Vec<String>, example = json!(["latest"]))]
    also_tagged: Vec<Tag>,
    /// Bytes that nothing needs any more.
    #[schema(example = 412_000_000)]
    frees_bytes: u64,
    /// Bytes that stay, since other images of this repository need them.
    kept_here_bytes: u64,
    /// Bytes that stay, since only other repositories need them.
    #[schema(example = 1_100_000_000)]
    kept_shared_bytes: u64,
    /// Those repositories, as far as you may read them; a hundred at most.
    #[schema(value_type = Vec<String>, example = json!(["team/worker"]))]
    shared_with: Vec<RepositoryName>,
    /// Not before this time are the bytes free: garbage is collected a day after the deletion, and
    /// lies in the trash for another day. Snapshots of the storage keep them longer.
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
