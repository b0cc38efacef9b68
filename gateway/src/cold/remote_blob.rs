//! Opens a blob's file on the storage for a pull, and handles missing or
//! corrupt files.

use std::io;
use std::ops::Range;

use refity_spool::SpoolError;
use refity_storage::{Reading, StorageError, layout};
use refity_store::{Blob, HealthState, StoreError};
use refity_types::digest::Digest;

use super::ColdPulls;

/// The last bytes of a blob, which are sent only after its hash was verified.
/// Without them, a client does not mistake the blob for complete.
pub(super) const HELD_BACK_BYTES: u64 = 64 * 1024;

/// Why a pull from the storage failed. All of its readers receive this error.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ColdError {
    /// The blob is missing or corrupt on the storage.
    #[error("{0}")]
    Lost(String),
    /// The storage is not available.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The blob cannot be written to the spool.
    #[error("{0}")]
    Spool(String),
    /// The fetch was interrupted.
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
        Self::Spool(error.to_string())
    }
}

impl ColdError {
    /// Returns the error for bytes on the storage with another digest.
    pub(super) fn wrong_bytes(named: &Digest, actual: &Digest) -> Self {
        Self::Lost(format!(
            "the storage holds {named} with bytes that hash to {actual}"
        ))
    }
}

impl From<ColdError> for io::Error {
    fn from(error: ColdError) -> Self {
        Self::other(error)
    }
}

/// Why a pull from the storage cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The blob cannot be read.
    #[error(transparent)]
    Cold(#[from] ColdError),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The storage is known to be unavailable.
    #[error("the storage that holds this blob is away: {0}")]
    Down(String),
    /// The storage is known to need an operator.
    #[error("the storage that holds this blob needs a person: {0}")]
    NeedsPerson(String),
}

/// Refuses a pull while the storage is known to be unavailable, without
/// connecting.
///
/// # Errors
/// [`OpenError::Down`] and [`OpenError::NeedsPerson`].
pub(super) async fn require_storage(cold: &ColdPulls) -> Result<(), OpenError> {
    match cold.store.health().await?.state {
        HealthState::Up | HealthState::Unknown => Ok(()),
        HealthState::Down(trouble) => Err(OpenError::Down(trouble.message)),
        HealthState::NeedsPerson(trouble) => Err(OpenError::NeedsPerson(trouble.message)),
    }
}

/// Opens the blob's file at these bytes, and checks that it has the right size.
///
/// # Errors
/// [`ColdError::Lost`] if the file is missing or has another size.
pub(super) async fn open(
    cold: &ColdPulls,
    blob: &Blob,
    range: Range<u64>,
) -> Result<Reading, ColdError> {
    match cold.storage.read(&layout::blob(&blob.digest), range).await {
        Ok(reading) if reading.size() == blob.size => Ok(reading),
        Ok(reading) => Err(ColdError::Lost(format!(
            "the storage holds {} with {} bytes instead of {}",
            blob.digest,
            reading.size(),
            blob.size
        ))),
        Err(StorageError::Missing { path }) => {
            // A folder without the owner file is not the registry's tree, but
            // an empty folder in its place. A file that is missing there is not
            // lost.
            let owner = layout::owner();
            if cold.storage.stat(&owner).await?.is_none() {
                return Err(ColdError::Storage(StorageError::operation(format!(
                    "{} is not on the storage, and without it the folder is not this registry's",
                    cold.storage.locate(&owner)
                ))));
            }
            Err(ColdError::Lost(format!(
                "{path} is not on the storage any more"
            )))
        }
        Err(error) => Err(error.into()),
    }
}

/// Records that the blob is lost on the storage, if that is the error.
pub(super) async fn report(cold: &ColdPulls, blob: &Blob, error: &ColdError) {
    let ColdError::Lost(why) = error else {
        tracing::warn!(digest = %blob.digest, %error, "a cold pull failed");
        return;
    };
    tracing::error!(digest = %blob.digest, why, "the storage has lost a blob");
    let store = &cold.store;
    if let Err(error) = store.blob_lost_on_remote(blob.id, why.clone()).await {
        tracing::error!(digest = %blob.digest, %error, "that a blob is lost could not be noted");
    }
}
