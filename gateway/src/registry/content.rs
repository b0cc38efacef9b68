//! What the API does with the contents of repositories: deletes as clients of
//! the registry do, and small blobs as they read them.

use std::os::unix::fs::FileExt as _;

use axum::body::to_bytes;
use axum::http::Request;
use bytes::Bytes;
use refity_types::digest::Digest;
use refity_types::manifest::{Manifest, ManifestKind};
use refity_types::name::{Reference, RepositoryName};
use refity_types::platform::Platform;
use tokio::task::spawn_blocking;

use super::error::RegistryError;
use super::{blobs, deletes};
use crate::state::AppState;

/// The largest configuration that is read: 1 MiB.
pub(crate) const CONFIG_MAX_BYTES: usize = 1024 * 1024;

/// Deletes a tag, or a manifest with all its tags.
pub(crate) async fn delete_manifest(
    state: &AppState,
    repository: &RepositoryName,
    reference: Reference,
) -> Result<(), RegistryError> {
    let deleted = deletes::manifest(state, repository.clone(), Ok(reference));
    deleted.await.map(drop)
}

/// Takes a blob from a repository.
pub(crate) async fn delete_blob(
    state: &AppState,
    repository: &RepositoryName,
    digest: Digest,
) -> Result<(), RegistryError> {
    let deleted = deletes::blob(state, repository.clone(), Ok(digest));
    deleted.await.map(drop)
}

/// The bytes of a configuration, from the spool or from SFTP.
pub(crate) async fn read_config(
    state: &AppState,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Bytes, RegistryError> {
    let unknown = || RegistryError::BlobUnknown(digest.clone());
    let blob = state.node.store.blob(repository, digest).await?;
    if blob.ok_or_else(unknown)?.size > CONFIG_MAX_BYTES as u64 {
        return Err(RegistryError::SizeInvalid(format!(
            "the configuration has more than {CONFIG_MAX_BYTES} bytes"
        )));
    }
    let (parts, ()) = Request::new(()).into_parts();
    let answer = blobs::get(state, repository, &Ok(digest.clone()), &parts).await?;
    let bytes = to_bytes(answer.into_body(), CONFIG_MAX_BYTES).await;
    bytes.map_err(|error| RegistryError::busy(format!("the configuration cannot be read: {error}")))
}

/// Notes for which platform a pushed image is, which lists show. Its
/// configuration was pushed just before, so it is in the spool; where it is
/// not, the platform becomes known when somebody looks at the image.
pub(super) async fn note_platform(
    state: &AppState,
    repository: &RepositoryName,
    digest: &Digest,
    manifest: &Manifest,
) {
    if manifest.kind != ManifestKind::Image {
        return;
    }
    let noted = async {
        let Some(config) = &manifest.config else {
            return Ok(());
        };
        let blob = state.node.store.blob(repository, &config.digest).await?;
        let Some((file, size)) = blob.and_then(|blob| Some((blob.file?, blob.size))) else {
            return Ok(());
        };
        if size > CONFIG_MAX_BYTES as u64 {
            return Ok(());
        }
        let spool = state.node.spool.clone();
        let read = spawn_blocking(move || {
            let file = spool.open_file(file).ok()??;
            let mut bytes = vec![0; usize::try_from(size).ok()?];
            file.read_exact_at(&mut bytes, 0).ok()?;
            serde_json::from_slice::<Platform>(&bytes).ok()
        });
        // What is no image has a configuration that names no platform.
        let Ok(Some(platform)) = read.await else {
            return Ok(());
        };
        let store = &state.node.store;
        store.note_platform(repository, digest, platform).await
    };
    if let Err(error) = noted.await {
        tracing::debug!(%digest, %error, "the platform of an image is not noted");
    }
}
