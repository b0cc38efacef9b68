//! The spool: durable local files, shared by the processes of one machine.
//!
//! ```text
//! spool/files/<ab>/<uuid>   the bytes of one upload or of one cached blob
//! spool/intents/<uuid>      what a manifest PUT or a delete asks for, until its jobs are done
//! spool/intents/<uuid>.prepared   what a delete asks for, until it is decided
//! spool/wake/               what the uploaders watch
//! owners/<id>               locked by a running process
//! ```
//!
//! What this crate promises:
//! - Uploads and cached blobs are never renamed: the database's rows name
//!   them, and a file that no row names is garbage.
//! - What [`UploadWriter`] and [`Spool::write_intent`] report as written is on
//!   disk, file and folder, before they return.
//! - One process at a time writes an upload; the lock dies with the process.
//! - It knows neither the database nor the storage.

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

/// Why the spool could not do something.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another request writes this upload, and did not end in time.
    #[error("another request writes this upload")]
    Locked,
    /// Too many uploads are written at once.
    #[error("too many uploads are written at once")]
    Busy,
    /// There is no room, or less than must stay free.
    #[error("the disk of the spool is full")]
    Full,
    /// The file system failed.
    #[error("{context}: {source}")]
    Io {
        /// What was tried, on which path.
        context: String,
        /// What the system said.
        source: io::Error,
    },
    /// The work's thread died.
    #[error("the spool's work was interrupted")]
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
    /// Opens the spool below `data_dir`, and makes the folders that are
    /// missing: all at once, so that no upload pays for one.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn open(data_dir: &Path) -> Result<Self, SpoolError> {
        let spool = Self {
            root: Arc::new(data_dir.join("spool")),
        };
        let fans = (0..=255).map(|fan| spool.files().join(format!("{fan:02x}")));
        for folder in fans.chain([spool.intents(), spool.wake_folder()]) {
            std::fs::create_dir_all(&folder)
                .map_err(|error| SpoolError::io("cannot make the folder", &folder, error))?;
        }
        // An upload syncs its own folder only, so these must last already.
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

    /// The folder that uploaders watch.
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
