//! Locates a blob's bytes and streams them, from the spool or from SFTP.

use std::fs::File;
use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use refity_store::Blob;
use refity_types::digest::Digest;
use refity_types::name::{FileId, RepositoryName};
use tokio::task::spawn_blocking;

use super::file_stream;
use crate::cold::{self, ColdError, OpenError};
use crate::registry::error::RegistryError;
use crate::state::AppState;

/// How often to look up a blob whose file moves while it is opened.
const OPEN_TRIES: usize = 4;

/// A blob of a repository, and the location of its bytes.
pub(in crate::registry) struct BlobSource {
    pub(in crate::registry) blob: Blob,
    /// The blob's file in the spool; `None` if its bytes are only on SFTP.
    file: Option<File>,
}

impl BlobSource {
    /// Finds a blob and its location. If the file is not where the row says, it
    /// was replaced or evicted meanwhile, or it is lost.
    ///
    /// # Errors
    /// [`RegistryError::BlobUnknown`] if the repository has no such blob.
    pub(in crate::registry) async fn find(
        state: &AppState,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Self, RegistryError> {
        let unknown = || RegistryError::BlobUnknown(digest.clone());
        let store = &state.node.store;
        let mut tried: Option<FileId> = None;
        for _ in 0..OPEN_TRIES {
            let blob = store.blob(repository, digest).await?.ok_or_else(unknown)?;
            match blob.file {
                Some(file) if tried == Some(file) => {
                    tracing::error!(%digest, %file, "a file of the spool is missing");
                    store.file_lost(blob.id, file).await?;
                }
                Some(file) => {
                    if let Some(opened) = open_file(state, file, blob.size).await? {
                        let file = Some(opened);
                        return Ok(Self { blob, file });
                    }
                    tried = Some(file);
                }
                None if blob.stored => return Ok(Self { blob, file: None }),
                None => return Err(unknown()),
            }
        }
        Err(RegistryError::busy(
            "the blob is just being moved; try again",
        ))
    }

    /// Streams these bytes of the blob.
    ///
    /// # Errors
    /// If SFTP has lost the blob or cannot be reached. A later failure ends the
    /// stream with an error.
    pub(in crate::registry) async fn open(
        self,
        state: &AppState,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>, RegistryError> {
        let pieces: BoxStream<'static, _> = match self.file {
            Some(file) => {
                // A database that cannot be written does not prevent the pull.
                if let Err(error) = state.node.store.touch_blob(&self.blob).await {
                    let digest = &self.blob.digest;
                    tracing::debug!(%digest, %error, "the use of a blob is not noted");
                }
                file_stream::stream(file, range).boxed()
            }
            None => {
                let opened = cold::open(&state.cold_pulls, &self.blob, range).await;
                opened.map_err(|error| not_opened(error, &self.blob.digest))?
            }
        };
        Ok(pieces)
    }
}

/// Returns the error for a pull that has not sent any bytes yet.
fn not_opened(error: OpenError, digest: &Digest) -> RegistryError {
    match error {
        OpenError::Store(error) => error.into(),
        OpenError::Down(_) => RegistryError::busy(error.to_string()),
        OpenError::NeedsPerson(_) => RegistryError::away(error.to_string()),
        OpenError::Cold(ColdError::Lost(_)) => RegistryError::BlobUnknown(digest.clone()),
        OpenError::Cold(ColdError::Storage(error)) => error.into(),
        OpenError::Cold(ColdError::Spool(why)) => {
            tracing::error!(%digest, why, "a cold pull failed");
            RegistryError::away("the registry's disk cannot be used now; its log says why")
        }
        OpenError::Cold(ColdError::Interrupted) => RegistryError::Internal,
    }
}

/// Opens a file of the spool. Returns `None` if it is missing or truncated.
async fn open_file(
    state: &AppState,
    file: FileId,
    size: u64,
) -> Result<Option<File>, RegistryError> {
    let spool = state.node.spool.clone();
    let opened = spawn_blocking(move || spool.open_file(file)).await;
    let opened = opened.map_err(|_| RegistryError::Internal)??;
    let whole = |file: &File| file.metadata().is_ok_and(|meta| meta.len() == size);
    Ok(opened.filter(whole))
}
