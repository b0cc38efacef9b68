//! The contract that every storage implements.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use refity_types::digest::Digest;

use crate::error::{ChangeError, StorageError};
use crate::path::{FileName, RemotePath};
use crate::stream::{Listing, Reading};

/// A range for [`Storage::read`] that covers the whole file.
pub const WHOLE: Range<u64> = 0..u64::MAX;

/// Holds the registry's tree.
///
/// This trait is the contract. `refity-storage-suite` checks each of its
/// promises against every implementation.
///
/// - **Errors.** [`StorageError::Transient`]: repeat the call later; it may
///   have taken effect. [`StorageError::NeedsPerson`]: the call fails until a
///   person changes something. [`StorageError::Missing`]: the storage responded
///   that the path does not exist. Nothing else decides about retries, and no
///   implementation retries by itself.
/// - **Repeating.** Every operation may run twice, even concurrently with a
///   late first run, with the same result. A failed operation leaves the target
///   either unchanged or in its final state, never in between. The caller
///   sweeps files left under the temporary name.
/// - **Atomic.** A file or folder appears under its final name complete or not
///   at all. During a replacement, the name always refers to either the old or
///   the new file, except on an SFTP server without `posix-rename`, where it
///   may be missing for a moment.
/// - **Durable.** [`write_new`](Storage::write_new),
///   [`replace_small`](Storage::replace_small),
///   [`create_small`](Storage::create_small) and
///   [`publish_folder`](Storage::publish_folder) force the bytes to disk before
///   they return, as far as the server supports it (`fsync`). A power failure
///   of the server may still undo a completed rename or removal.
/// - **Folders.** Missing parent folders of a target are created, except the
///   root: a missing root needs a person.
/// - **Cancelling.** Dropping the future of an operation does not undo the
///   operation, which may still take effect. A [`Guard`] stops an operation at
///   its next step.
///
/// This is a trait object rather than an enum so that tests can substitute
/// their own storage or a failing wrapper. The cost of one allocation per
/// operation is negligible compared with the operation.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Returns the location of the storage for display: `host:port`, or a
    /// folder.
    fn place(&self) -> String;

    /// Returns the path for display, including the storage's root.
    fn locate(&self, path: &RemotePath) -> String;

    /// Returns the number of operations that this process may run concurrently;
    /// at least 1.
    fn capacity(&self) -> usize;

    /// Returns the current connections of this process, or `None` if the
    /// storage has no connections.
    fn connections(&self) -> Option<Connections>;

    /// Holds one connection until the returned storage is dropped. Operations
    /// on that storage use this connection, one after another, and never wait
    /// for a free one. Finish or drop its [`Listing`] or [`Reading`] before the
    /// next operation.
    ///
    /// # Errors
    /// A transient error of [`Scope::Operation`](crate::Scope) if every
    /// connection stays busy for `wait`. Any other error means that the storage
    /// as a whole cannot be used.
    async fn reserve(&self, wait: Duration) -> Result<Arc<dyn Storage>, StorageError>;

    /// Returns the metadata of a path, or `None` if it does not exist. Follows
    /// symbolic links.
    async fn stat(&self, path: &RemotePath) -> Result<Option<Meta>, StorageError>;

    /// Lists the entries of a folder, in chunks and in no particular order. A
    /// missing folder has no entries. Does not follow symbolic links. Entries
    /// created or removed meanwhile may or may not be listed.
    async fn list(&self, folder: &RemotePath) -> Result<Listing, StorageError>;

    /// Reads a range of a file, up to the end of the file if that comes first.
    /// Dropping the [`Reading`] releases its connection.
    ///
    /// # Errors
    /// [`StorageError::Missing`] if the file does not exist;
    /// [`StorageError::NeedsPerson`] for a folder.
    async fn read(&self, file: &RemotePath, range: Range<u64>) -> Result<Reading, StorageError>;

    /// Stores a file under its final name, replacing an existing file. Counts
    /// and hashes the bytes while sending them and checks the stored size, so
    /// that the final name never refers to bytes with another size or digest.
    ///
    /// # Errors
    /// [`ChangeError::Source`] or [`ChangeError::Damaged`] if the bytes cannot
    /// be read or do not match the size and digest. [`ChangeError::Cancelled`]
    /// if the guard no longer held before a chunk was sent or the file renamed.
    /// The temporary file is then removed if the storage permits.
    async fn write_new(&self, file: NewFile) -> Result<(), ChangeError>;

    /// Stores a small file, replacing an existing one. Checks the guard right
    /// before replacing the old file.
    ///
    /// # Errors
    /// [`ChangeError::Cancelled`] if the guard does not hold.
    async fn replace_small(&self, file: SmallFile, guard: &Guard) -> Result<(), ChangeError>;

    /// Stores a small file unless the target exists. Of several concurrent
    /// calls, one returns [`Placed::New`].
    async fn create_small(&self, file: SmallFile) -> Result<Placed, StorageError>;

    /// Builds a folder of small files under a temporary name and renames it to
    /// the target, so that it appears complete. Leaves an existing target
    /// unchanged.
    async fn publish_folder(&self, folder: NewFolder) -> Result<Placed, StorageError>;

    /// Creates a folder and its missing parents. Succeeds if they exist.
    ///
    /// # Errors
    /// [`StorageError::NeedsPerson`] if a file is in the way.
    async fn make_folder(&self, folder: &RemotePath) -> Result<(), StorageError>;

    /// Atomically renames a file or folder to a name that only the caller uses.
    /// Checks the guard right before.
    ///
    /// # Errors
    /// [`StorageError::Missing`] if `from` does not exist.
    async fn rename(
        &self,
        from: &RemotePath,
        to: &RemotePath,
        guard: &Guard,
    ) -> Result<(), ChangeError>;

    /// Removes a file if it exists. Checks the guard right before.
    ///
    /// # Errors
    /// If the path is a folder, which is left unchanged.
    async fn remove(&self, file: &RemotePath, guard: &Guard) -> Result<(), ChangeError>;

    /// Removes a file, or a folder with its contents, if it exists. Removes
    /// symbolic links instead of following them.
    ///
    /// # Errors
    /// [`StorageError::NeedsPerson`] for a tree that is deeper or wider than
    /// any tree the registry creates. After any error, some entries may already
    /// be removed.
    async fn remove_tree(&self, path: &RemotePath) -> Result<(), StorageError>;

    /// Removes a folder if it exists and is empty.
    async fn remove_if_empty(&self, folder: &RemotePath) -> Result<(), StorageError>;

    /// Returns the disk space at the root, or `None` if the storage does not
    /// report it.
    async fn space(&self) -> Result<Option<Space>, StorageError>;

    /// Returns the storage's features and the latency of one small request.
    async fn features(&self) -> Result<Features, StorageError>;

    /// Tests all operations that the registry needs, one after another, and
    /// stops at the first failure: connects again, writes, renames and removes
    /// a small file, and queries the disk space. Only accesses the two given
    /// paths, which the caller alone uses. Waits at most `wait` for a
    /// connection.
    async fn probe(&self, files: [RemotePath; 2], wait: Duration) -> Vec<ProbeStep>;

    /// Reads a whole file of at most `limit` bytes.
    ///
    /// # Errors
    /// [`StorageError::Missing`] if the file does not exist;
    /// [`StorageError::NeedsPerson`] if it is larger.
    async fn read_small(&self, file: &RemotePath, limit: usize) -> Result<Vec<u8>, StorageError> {
        let mut reading = self.read(file, WHOLE).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = reading.next().await {
            let piece = piece?;
            if bytes.len() + piece.len() > limit {
                return Err(StorageError::too_large(&self.locate(file), limit));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

/// Metadata of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Size in bytes; meaningless for a folder.
    pub size: u64,
    /// Whether the path is a folder.
    pub is_dir: bool,
    /// Time of the last write by the storage's clock, in seconds UTC.
    pub mtime_secs: u64,
}

impl Meta {
    /// Returns whether this is a file of the given size.
    #[must_use]
    pub fn is_file_of(&self, size: u64) -> bool {
        !self.is_dir && self.size == size
    }
}

/// An entry of a folder. A symbolic link does not count as a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name within the folder.
    pub name: FileName,
    /// Metadata of the entry.
    pub meta: Meta,
}

/// A file to store.
pub struct NewFile {
    /// Final path.
    pub target: RemotePath,
    /// A path that only this attempt uses, below the same root.
    pub tmp: RemotePath,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the bytes.
    pub digest: Digest,
    /// Source of the bytes, read on a thread that may block.
    pub source: Box<dyn Read + Send>,
    /// Called with the number of bytes sent so far.
    pub progress: Box<dyn FnMut(u64) + Send>,
    /// Whether the upload may continue.
    pub guard: Guard,
}

/// A small file to store, such as a link or a marker.
#[derive(Clone, Debug)]
pub struct SmallFile {
    /// Final path.
    pub target: RemotePath,
    /// A path that only this attempt uses.
    pub tmp: RemotePath,
    /// Contents of the file.
    pub bytes: Vec<u8>,
}

/// A folder of small files to publish atomically.
#[derive(Clone, Debug)]
pub struct NewFolder {
    /// Final path.
    pub target: RemotePath,
    /// A path that only this attempt uses.
    pub tmp: RemotePath,
    /// The files, by their paths inside the folder.
    pub files: Vec<(RemotePath, Vec<u8>)>,
}

/// Whether a file or folder was placed at its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Placed {
    /// The target was created.
    New,
    /// The target already existed and was left unchanged.
    AlreadyThere,
}

/// Tells whether the caller may still make a change. Checked at the last
/// moment, since a process may be suspended for hours at any point.
#[derive(Clone)]
pub struct Guard(Arc<dyn Fn() -> bool + Send + Sync>);

impl Guard {
    /// Creates a guard that holds while the function returns `true`.
    pub fn new(holds: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(holds))
    }

    /// Creates a guard that always holds.
    #[must_use]
    pub fn always() -> Self {
        Self::new(|| true)
    }

    /// Checks the guard.
    ///
    /// # Errors
    /// [`ChangeError::Cancelled`] if the guard does not hold.
    pub fn check(&self) -> Result<(), ChangeError> {
        if (self.0)() {
            Ok(())
        } else {
            Err(ChangeError::Cancelled)
        }
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

/// Disk space at the storage's root, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Space that can still be written.
    pub free: u64,
    /// Total size.
    pub total: u64,
    /// Whether the file system is read-only.
    pub read_only: bool,
}

/// Features of a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// Latency of one small request.
    pub latency: Duration,
    /// Fingerprint of the server's host key, if it has one.
    pub host_key: Option<String>,
    /// Names of the server's extensions to SFTP version 3.
    pub extensions: Vec<&'static str>,
}

/// The connections of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Open connections, in use or idle.
    pub open: usize,
    /// Open connections that are not in use.
    pub idle: usize,
    /// Callers waiting for a connection.
    pub waiting: usize,
    /// Connections opened since the start.
    pub dialed: u64,
}

/// One step of a [`Storage::probe`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeStep {
    /// `connect`, `sign_in`, `write`, `rename`, `remove` or `disk`.
    pub name: &'static str,
    /// Duration of the step.
    pub took: Duration,
    /// A description of the result, or the error.
    pub outcome: Result<String, StorageError>,
}
