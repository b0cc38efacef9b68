//! The spool: durable local files, shared by the processes of one machine.
//!
//! ```text
//! spool/files/<ab>/<uuid>   the bytes of one upload or of one cached blob
//! spool/intents/<uuid>      an acknowledged manifest push or delete, until its jobs are done
//! spool/intents/<uuid>.prepared   a delete before its commit
//! spool/wake/               watched by the uploaders
//! owners/<id>               locked by a running process
//! ```
//!
//! Guarantees:
//! - Uploads and cached blobs are never renamed. Rows of the database name
//!   them; a file without a row is garbage.
//! - [`UploadWriter`] and [`Spool::write_intent`] return only after file and
//!   folder are durable.
//! - Only one process at a time writes an upload; its lock is released when the
//!   process dies.
//! - The crate depends on neither the database nor the storage.

mod cached;
mod files;
#[cfg(test)]
mod fuzz;
mod intent;
mod owner;
mod space;
mod upload;
mod wake;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use cached::CacheWriter;
pub use files::FileFound;
pub use intent::{Intent, IntentAction};
pub use owner::{Owner, is_alive};
pub use space::Space;
pub use upload::{Finished, LOCK_WAIT, Pieces, UploadWriter};

/// An error of the spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another request is writing this upload and did not finish in time.
    #[error("another request is writing this upload")]
    Locked,
    /// Too many concurrent uploads.
    #[error("too many concurrent uploads")]
    Busy,
    /// The disk is full, or less than the required space is free.
    #[error("the disk of the spool is full")]
    Full,
    /// The file system failed.
    #[error("{context}: {source}")]
    Io {
        /// The operation and the path.
        context: String,
        /// The system error.
        source: io::Error,
    },
    /// The blocking task was cancelled or panicked.
    #[error("the spool operation was interrupted")]
    Interrupted,
}

impl SpoolError {
    fn io(context: &str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io {
                context: format!("{context} {}", path.display()),
                source,
            },
        }
    }
}

/// The spool below a `DATA_DIR`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Spool {
    root: Arc<PathBuf>,
}

impl Spool {
    /// Opens the spool below `data_dir` and creates all missing folders, so
    /// that no upload has to.
    ///
    /// # Errors
    /// If a folder cannot be created.
    pub fn open(data_dir: &Path) -> Result<Self, SpoolError> {
        let spool = Self {
            root: Arc::new(data_dir.join("spool")),
        };
        let fans = (0..=255).map(|fan| spool.files().join(format!("{fan:02x}")));
        for folder in fans.chain([spool.intents(), spool.wake_folder()]) {
            std::fs::create_dir_all(&folder)
                .map_err(|error| SpoolError::io("cannot create the folder", &folder, error))?;
        }
        // An upload syncs only its own folder, so make these durable now.
        for folder in [&spool.files(), &*spool.root, data_dir] {
            sync_folder(folder)?;
        }
        Ok(spool)
    }

    fn files(&self) -> PathBuf {
        self.root.join("files")
    }

    fn intents(&self) -> PathBuf {
        self.root.join("intents")
    }

    /// Returns the folder that uploaders watch.
    #[must_use]
    pub fn wake_folder(&self) -> PathBuf {
        self.root.join("wake")
    }
}

/// Makes the entries of a folder durable.
fn sync_folder(folder: &Path) -> Result<(), SpoolError> {
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| SpoolError::io("cannot sync", folder, error))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, SpoolError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| SpoolError::Interrupted)?
}

#[cfg(test)]
mod tests;
