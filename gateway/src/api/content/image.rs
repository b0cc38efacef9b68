//! One image: its platforms, layers, history and configuration.

use std::collections::BTreeMap;

use axum::Json as Answer;
use refity_store::{AuditAction, Previewed};
use refity_types::digest::Digest;
use refity_types::manifest::ManifestKind;
use refity_types::name::{Reference, RepositoryName, Tag};
use refity_types::platform::Platform;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::rights;
use crate::api::ApiError;
use crate::api::content::image_config::{ShownConfig, Step};
use crate::api::content::repository_access::{Deleter, Reader, RepositoryQuery};
use crate::api::content::resolved_image::ResolvedImage;
use crate::api::content::{
    DryRun, DryRunBody, ShownDurability, ShownPreview, Tried, note, refused,
};
use crate::api::extract::{Guarded, Query};
use crate::api::openapi::{ErrorBody, SignedIn};
use crate::client::ClientAddress;
use crate::registry::content::delete_manifest;
use crate::timestamp::rfc3339;

/// The maximum number of an image's tags to show.
const TAGS_SHOWN: u32 = 100;

/// The image to return.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ImageQuery {
    /// A tag or a digest.
    #[serde(rename = "ref")]
    #[param(rename = "ref", example = "1.2.3")]
    reference: String,
    /// The platform, for a multi-platform image. Default: `linux/amd64` if the image has it,
    /// otherwise the first platform.
    #[param(example = "linux/arm64")]
    platform: Option<String>,
}

/// One platform of an image.
#[derive(Serialize, ToSchema)]
struct ShownPlatform {
    #[schema(example = "linux")]
    os: String,
    #[schema(example = "arm64")]
    architecture: String,
    #[schema(example = "v8")]
    variant: Option<String>,
    /// The digest of the platform's manifest.
    #[schema(value_type = String)]
    digest: Digest,
    /// The size in bytes of the manifest and everything it references; 0 if the repository does not
    /// have it.
    size: i64,
}

/// A manifest that describes an image, such as build provenance.
#[derive(Serialize, ToSchema)]
struct Attestation {
    #[schema(value_type = String)]
    digest: Digest,
    size: i64,
    /// The digest of the manifest that the attestation describes.
    about: Option<String>,
}

/// A layer.
#[derive(Serialize, ToSchema)]
#[schema(as = ImageLayer)]
struct Layer {
    #[schema(value_type = String)]
    digest: Digest,
    size: u64,
    #[schema(example = "application/vnd.oci.image.layer.v1.tar+gzip")]
    media_type: String,
    /// The command that created the layer, if the history records it.
    created_by: Option<String>,
    /// Other repositories with this layer that you may read: the first 20.
    #[schema(value_type = Vec<String>, example = json!(["team/base"]))]
    shared_with: Vec<RepositoryName>,
    /// Whether more repositories share the layer.
    shared_with_more: bool,
}

/// An image.
#[derive(Serialize, ToSchema)]
pub(super) struct Image {
    #[schema(example = "team/app")]
    repo: String,
    /// The digest of the manifest that the tag points to.
    #[schema(value_type = String)]
    digest: Digest,
    #[schema(example = "application/vnd.oci.image.index.v1+json")]
    media_type: String,
    artifact_type: Option<String>,
    /// The size in bytes of the manifest and everything it references; each
    /// blob is counted once.
    size: i64,
    /// The image's tags: at most 100.
    #[schema(value_type = Vec<String>, example = json!(["1.2.3", "latest"]))]
    tags: Vec<Tag>,
    platforms: Vec<ShownPlatform>,
    /// Entries of the image's index that are not images, such as build
    /// provenance.
    attestations: Vec<Attestation>,
    /// The platform that the following fields describe.
    #[schema(example = "linux/amd64")]
    platform: Option<String>,
    /// The manifest that the following fields describe.
    #[schema(value_type = Option<String>)]
    image_digest: Option<Digest>,
    layers: Vec<Layer>,
    history: Vec<Step>,
    config: Option<ShownConfig>,
    /// The configuration as it was pushed.
    #[schema(value_type = Option<Object>)]
    config_json: Option<Value>,
    /// Why `config` is missing, for an image that should have one.
    config_unavailable: Option<String>,
    /// The creation time that the image records.
    created: Option<String>,
    author: Option<String>,
    annotations: BTreeMap<String, String>,
    /// The digest of the manifest that this manifest refers to.
    #[schema(value_type = Option<String>)]
    subject: Option<Digest>,
    pushed_by: Option<String>,
    #[schema(example = "2026-01-31T12:00:00Z")]
    pushed_at: String,
    pulled_at: Option<String>,
    pulls: i64,
    durability: ShownDurability,
    /// The manifest as it was pushed.
    manifest: String,
    /// The platform's manifest, if `manifest` is an index.
    image_manifest: Option<String>,
}

/// The routes for images.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new().routes(routes!(show, remove))
}

pub(super) fn no_image(repository: &RepositoryName, reference: &str) -> ApiError {
    ApiError::Missing(format!("{repository} has no image {reference}"))
}

/// `GET /api/image?repo=&ref=&platform=`: returns an image.
#[utoipa::path(get, path = "/image", tag = "images", params(RepositoryQuery, ImageQuery),
    responses(
        (status = 200, description = "The image", body = Image),
        (status = 404, description = "The repository, image or platform does not exist",
         body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn show(
    reader: Reader,
    Query(query): Query<ImageQuery>,
) -> Result<Answer<Image>, ApiError> {
    let Reader {
        state,
        caller,
        repository,
    } = reader;
    let repository = &repository;
    let platform = query.platform.as_deref().filter(|it| !it.is_empty());
    let resolved = ResolvedImage::resolve(&state, repository, &query.reference, platform).await?;
    let store = &state.node.store;
    let (_, inner) = resolved.image();
    let digests = inner.layers.iter().map(|it| it.digest.clone()).collect();
    let sharing = store.sharing(repository, digests, rights::readable(&caller));
    let layers = inner
        .layers
        .iter()
        .zip(sharing.await?)
        .zip(resolved.made_by());
    let layers = layers.map(|((layer, sharing), created_by)| Layer {
        digest: layer.digest.clone(),
        size: layer.size,
        media_type: layer.media_type.to_string(),
        created_by,
        shared_with: sharing.repositories,
        shared_with_more: sharing.more,
    });
    let layers = layers.collect();
    let tags = store.tags_at_digest(repository, &resolved.facts.digest, TAGS_SHOWN);
    let tags = tags.await?;
    Ok(Answer(Image::new(repository, resolved, layers, tags)))
}

impl Image {
    fn new(
        repository: &RepositoryName,
        resolved: ResolvedImage,
        layers: Vec<Layer>,
        tags: Vec<Tag>,
    ) -> Self {
        let size = |digest: &Digest| resolved.sizes.get(digest).map_or(0, |child| child.size);
        let mut platforms = Vec::new();
        let mut attestations = Vec::new();
        for child in &resolved.children {
            if child.is_attestation() {
                attestations.push(Attestation {
                    size: size(&child.digest),
                    digest: child.digest.clone(),
                    about: child.about.clone(),
                });
            } else if let Some(platform) = &child.platform {
                platforms.push(ShownPlatform::new(
                    platform,
                    &child.digest,
                    size(&child.digest),
                ));
            }
        }
        let chosen = resolved.platform().cloned();
        if resolved.manifest.kind == ManifestKind::Image
            && let Some(platform) = &chosen
        {
            let facts = &resolved.facts;
            platforms.push(ShownPlatform::new(platform, &facts.digest, facts.size));
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let image_digest = match (&resolved.inner, resolved.manifest.kind) {
            (Some((facts, ..)), _) => Some(facts.digest.clone()),
            (None, ManifestKind::Image) => Some(resolved.facts.digest.clone()),
            (None, ManifestKind::Index) => None,
        };
        let image_manifest = resolved
            .inner
            .as_ref()
            .map(|(facts, ..)| text(&facts.bytes));
        let facts = resolved.facts;
        let string = |json: &Value, name: &str| json[name].as_str().map(str::to_owned);
        let json = resolved.config.as_ref().map(|config| &config.json);
        Self {
            repo: repository.to_string(),
            media_type: facts.media_type,
            artifact_type: resolved.manifest.artifact_type,
            size: facts.size,
            tags,
            platforms,
            attestations,
            platform: chosen.map(|platform| platform.to_string()),
            image_digest,
            layers,
            created: json.and_then(|json| string(json, "created")),
            author: json.and_then(|json| string(json, "author")),
            config_json: json.cloned(),
            history: resolved
                .config
                .as_ref()
                .map(|it| it.history.clone())
                .unwrap_or_default(),
            config: resolved.config.map(|config| config.shown),
            config_unavailable: resolved.config_unavailable,
            annotations: resolved.manifest.annotations,
            subject: resolved.manifest.subject.map(|subject| subject.digest),
            pushed_by: facts.pushed_by,
            pushed_at: rfc3339(facts.pushed_at),
            pulled_at: facts.pulled_at.map(rfc3339),
            pulls: facts.pulls,
            durability: facts.durability.into(),
            manifest: text(&facts.bytes),
            image_manifest,
            digest: facts.digest,
        }
    }
}

impl ShownPlatform {
    fn new(platform: &Platform, digest: &Digest, size: i64) -> Self {
        Self {
            os: platform.os.clone(),
            architecture: platform.architecture.clone(),
            variant: platform.variant.clone(),
            digest: digest.clone(),
            size,
        }
    }
}

/// The image to delete.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ImageToDelete {
    /// The manifest's digest.
    #[param(value_type = String)]
    digest: Digest,
}

/// `DELETE /api/image?repo=&digest=`: deletes a manifest with all its tags, or
/// previews the deletion.
#[utoipa::path(delete, path = "/image", tag = "images", params(RepositoryQuery, ImageToDelete, DryRun),
    request_body = Option<DryRunBody>,
    responses(
        (status = 200, description = "The result, or the preview of a dry run", body = ShownPreview),
        (status = 404, description = "The repository or image does not exist", body = ErrorBody),
        (status = 409, description = "An index references the manifest", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn remove(
    deleter: Deleter,
    client: ClientAddress,
    Query(ImageToDelete { digest }): Query<ImageToDelete>,
    Tried(dry_run): Tried,
) -> Result<Answer<ShownPreview>, ApiError> {
    let Deleter {
        state,
        caller,
        repository: repo,
    } = deleter;
    let what = Previewed::Manifest(digest.clone());
    let readable = rights::readable(&caller);
    let preview = state.node.store.preview(&repo, what, readable).await?;
    let preview = preview.ok_or_else(|| no_image(&repo, digest.as_str()))?;
    if let Some(by) = &preview.named_by {
        return Err(ApiError::Conflict(format!(
            "the index {by} of {repo} names this image: delete that one first"
        )));
    }
    if !dry_run {
        let reference = Reference::Digest(digest.clone());
        let deleted = delete_manifest(&state, &repo, reference).await;
        deleted.map_err(refused)?;
        let action = AuditAction::Delete;
        let target = format!("{repo}@{digest}");
        note(&state, &caller, client, action, &repo, target, None).await;
    }
    Ok(Answer(ShownPreview::new(&state, &repo, preview, dry_run)))
}
