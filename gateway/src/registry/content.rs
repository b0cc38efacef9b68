//! The API's access to the contents of repositories: deletes as registry
//! clients perform them, and small blobs as they read them.

use std::os::unix::fs::FileExt as _;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use refity_store::Blob;
use refity_types::digest::Digest;
use refity_types::name::{Reference, RepositoryName};
use refity_types::platform::Platform;
use tokio::task::spawn_blocking;

use super::blobs::source::BlobSource;
use super::deletes;
use super::error::RegistryError;
use crate::state::AppState;

/// The largest configuration to read: 1 MiB.
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

/// Returns the bytes of a configuration, from the spool or from SFTP.
pub(crate) async fn read_config(
    state: &AppState,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Bytes, RegistryError> {
    let source = BlobSource::find(state, repository, digest).await?;
    if source.blob.size > CONFIG_MAX_BYTES as u64 {
        return Err(RegistryError::SizeInvalid(format!(
            "the configuration has more than {CONFIG_MAX_BYTES} bytes"
        )));
    }
    let range = 0..source.blob.size;
    let mut pieces = pin!(source.open(state, range).await?);
    let mut bytes = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            RegistryError::busy(format!("the configuration cannot be read: {error}"))
        })?;
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

/// Returns the platform of an image with this configuration, for lists. The
/// configuration was pushed just before, so it is normally in the spool.
/// Returns `None` if it is not, or if it names no platform. In the first case,
/// the platform is recorded when the image is next viewed.
pub(super) async fn platform_of(state: &AppState, config: &Blob) -> Option<Platform> {
    let (file, size) = (config.file?, config.size);
    if size > CONFIG_MAX_BYTES as u64 {
        return None;
    }
    let spool = state.node.spool.clone();
    let read = spawn_blocking(move || {
        let file = spool.open_file(file).ok()??;
        let mut bytes = vec![0; usize::try_from(size).ok()?];
        file.read_exact_at(&mut bytes, 0).ok()?;
        serde_json::from_slice::<Platform>(&bytes).ok()
    });
    read.await.ok()?
}
