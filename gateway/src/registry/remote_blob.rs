//! A blob's file on SFTP, opened for a pull, and what a bad one means.

use std::io;

use refity_spool::SpoolError;
use refity_storage::Layout;
use refity_storage::sftp::{Reader, RemoteError, Session, read};
use refity_store::{Blob, HealthState};
use refity_types::digest::Digest;

use super::error::RegistryError;
use crate::state::AppState;

/// The last bytes of a blob that no client gets before its hash was seen to
/// be right: without them nobody takes it for whole.
pub(super) const HELD_BACK_BYTES: u64 = 64 * 1024;

/// Why a cold pull fails. All of its readers get to know.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum ColdError {
    /// The storage does not hold the blob as it should.
    #[error("{0}")]
    Lost(String),
    /// The storage does not answer.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The spool does not take it.
    #[error("{0}")]
    Spool(String),
    /// The work was interrupted.
    #[error("the pull was interrupted")]
    Interrupted,
}

impl From<SpoolError> for ColdError {
    fn from(error: SpoolError) -> Self {
        Self::Spool(error.to_string())
    }
}

impl From<io::Error> for ColdError {
    fn from(error: io::Error) -> Self {
        match RemoteError::from_io(&error) {
            Some(remote) => Self::Remote(remote.clone()),
            None => Self::Spool(error.to_string()),
        }
    }
}

impl ColdError {
    /// The hash of what SFTP holds is another.
    pub(super) fn wrong_bytes(named: &Digest, actual: &Digest) -> Self {
        Self::Lost(format!(
            "the storage holds {named} with bytes that hash to {actual}"
        ))
    }

    /// What the client is told, where it was not sent anything yet.
    pub(super) fn into_answer(self, digest: &Digest) -> RegistryError {
        match self {
            Self::Lost(_) => RegistryError::BlobUnknown(digest.clone()),
            Self::Remote(error) => error.into(),
            Self::Spool(why) => {
                tracing::error!(%digest, why, "a cold pull failed");
                RegistryError::away("the registry's disk cannot be used now; its log says why")
            }
            Self::Interrupted => RegistryError::Internal,
        }
    }
}

impl From<ColdError> for io::Error {
    fn from(error: ColdError) -> Self {
        Self::other(error)
    }
}

/// Refuses a pull while the storage is known to be away, without a dial.
///
/// # Errors
/// [`RegistryError::Unavailable`] in the words of what is wrong.
pub(super) async fn require_storage(state: &AppState) -> Result<(), RegistryError> {
    match state.node.store.health().await?.state {
        HealthState::Up | HealthState::Unknown => Ok(()),
        HealthState::Down(trouble) => Err(RegistryError::busy(format!(
            "the storage that holds this blob is away: {}",
            trouble.message
        ))),
        HealthState::NeedsPerson(trouble) => Err(RegistryError::away(format!(
            "the storage that holds this blob needs a person: {}",
            trouble.message
        ))),
    }
}

/// Opens the blob's file, sees that it has the right size, and reads it.
/// Blocking.
///
/// # Errors
/// [`ColdError::Lost`] for a file that is missing or of another size, and
/// those of `work`.
pub(super) fn with_file<T>(
    session: &mut Session,
    layout: &Layout,
    blob: &Blob,
    work: impl FnOnce(Reader<'_>) -> Result<T, ColdError>,
) -> Result<T, ColdError> {
    match read::open(session, &layout.blob(&blob.digest)) {
        Ok(reader) if reader.size() == blob.size => work(reader),
        Ok(reader) => Err(ColdError::Lost(format!(
            "the storage holds {} with {} bytes instead of {}",
            blob.digest,
            reader.size(),
            blob.size
        ))),
        Err(RemoteError::Missing { path }) => {
            // Without its owner's file it is not the tree, but an empty
            // folder that stands in its place: that tells nothing of a blob.
            if session.stat(&layout.owner())?.is_none() {
                return Err(ColdError::Remote(RemoteError::Transient(format!(
                    "{} is not on the storage, and without it the folder is not this registry's",
                    layout.owner()
                ))));
            }
            Err(ColdError::Lost(format!(
                "{path} is not on the storage any more"
            )))
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes down that the storage does not hold the blob, if that is the error.
pub(super) async fn report(state: &AppState, blob: &Blob, error: &ColdError) {
    let ColdError::Lost(why) = error else {
        tracing::warn!(digest = %blob.digest, %error, "a cold pull failed");
        return;
    };
    tracing::error!(digest = %blob.digest, why, "the storage has lost a blob");
    let store = &state.node.store;
    if let Err(error) = store.blob_lost_on_remote(blob.id, why.clone()).await {
        tracing::error!(digest = %blob.digest, %error, "that a blob is lost could not be noted");
    }
}
