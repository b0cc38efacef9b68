//! The contract that every storage fulfils.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use refity_types::digest::Digest;

use crate::error::{ChangeError, StorageError};
use crate::path::{FileName, RemotePath};
use crate::stream::{Listing, Reading};

/// The range of [`Storage::read`] that is the whole file.
pub const WHOLE: Range<u64> = 0..u64::MAX;

/// Where the registry's tree is kept.
///
/// This is the contract; `refity-storage-suite` checks each promise of it
/// against every implementation.
///
/// - **Errors.** [`StorageError::Transient`]: repeat the call later; it may
///   have taken effect. [`StorageError::NeedsPerson`]: the call fails until a
///   person changes something. [`StorageError::Missing`]: the storage answered
///   that there is nothing. Nothing else decides about retries, and no
///   implementation retries by itself.
/// - **Repeating.** Every operation may run twice, also beside a late first
///   run, with the same result. A failed operation leaves the target as it was
///   or as it should be, never in between; what it leaves under its temporary
///   name is the caller's to sweep.
/// - **Atomic.** A file or folder appears under its final name whole or not at
///   all. One that is replaced is at every moment the old or the new one,
///   except on an SFTP server without `posix-rename`, where it may be missing
///   for a moment.
/// - **Durable.** What [`write_new`](Storage::write_new),
///   [`replace_small`](Storage::replace_small),
///   [`create_small`](Storage::create_small) and
///   [`publish_folder`](Storage::publish_folder) have written is forced to disk
///   before they return, as far as the server can be told to (`fsync`). A
///   rename or removal that returned may still be undone by a power cut of the
///   server.
/// - **Folders.** Folders above a target are made as needed. The root itself
///   never is: a root that is missing needs a person.
/// - **Cancelling.** Dropping the future of an operation does not undo it: it
///   may still take effect. A [`Guard`] stops one at its next step.
///
/// A trait object rather than an enum, so that a test can put a storage of its
/// own, or a wrapper that fails, in its place. The cost of one allocation for
/// each operation vanishes beside the operation.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// The storage in a person's words: `host:port`, or a folder.
    fn place(&self) -> String;

    /// A path as a person finds it on the storage, with the root in front.
    fn locate(&self, path: &RemotePath) -> String;

    /// The number of operations that this process may run at once; at least 1.
    fn capacity(&self) -> usize;

    /// The connections of this process now; `None` for a storage that has
    /// none.
    fn connections(&self) -> Option<Connections>;

    /// Holds one connection until the returned storage is dropped. Operations
    /// on that storage use this connection, one after another, and never wait
    /// for a free one. Finish or drop a [`Listing`] or [`Reading`] of it before
    /// the next operation.
    ///
    /// # Errors
    /// A transient error of [`Scope::Operation`](crate::Scope) if every
    /// connection stays busy for `wait`; any other error says that the storage
    /// as a whole cannot be used.
    async fn reserve(&self, wait: Duration) -> Result<Arc<dyn Storage>, StorageError>;

    /// What is at a path; `None` if there is nothing. Symbolic links are
    /// followed.
    async fn stat(&self, path: &RemotePath) -> Result<Option<Meta>, StorageError>;

    /// The entries of a folder, in pieces and in no order. A missing folder has
    /// none. Symbolic links are not followed. Entries that come or go meanwhile
    /// may be listed or not.
    async fn list(&self, folder: &RemotePath) -> Result<Listing, StorageError>;

    /// These bytes of a file, up to its end where it ends before the range.
    /// Dropping the [`Reading`] frees its connection.
    ///
    /// # Errors
    /// Missing if there is none; [`StorageError::NeedsPerson`] for a folder.
    async fn read(&self, file: &RemotePath, range: Range<u64>) -> Result<Reading, StorageError>;

    /// Stores a file under its final name, replacing an existing file. The
    /// bytes are counted and hashed on their way, and the stored size is
    /// checked: bytes that are not those announced never get the final name.
    ///
    /// # Errors
    /// [`ChangeError::Source`] and [`ChangeError::Damaged`] for bytes that
    /// cannot be read or are not those announced, [`ChangeError::Cancelled`]
    /// where the guard no longer held before a piece was sent or the file
    /// renamed. The temporary file is then removed where the storage allows.
    async fn write_new(&self, file: NewFile) -> Result<(), ChangeError>;

    /// Stores a small file, replacing an existing one. The guard is asked
    /// right before the old one is replaced.
    ///
    /// # Errors
    /// [`ChangeError::Cancelled`] where the guard did not hold.
    async fn replace_small(&self, file: SmallFile, guard: &Guard) -> Result<(), ChangeError>;

    /// Stores a small file where there is none. Of several at once, one is
    /// [`Placed::New`].
    async fn create_small(&self, file: SmallFile) -> Result<Placed, StorageError>;

    /// Builds a folder of small files under a temporary name and renames it to
    /// its place, so that it appears whole. A target that exists is left alone.
    async fn publish_folder(&self, folder: NewFolder) -> Result<Placed, StorageError>;

    /// Makes a folder and those above it; fine if they exist.
    ///
    /// # Errors
    /// [`StorageError::NeedsPerson`] if a file is in the way.
    async fn make_folder(&self, folder: &RemotePath) -> Result<(), StorageError>;

    /// Renames a file or a folder in one step to a name that the caller alone
    /// uses. The guard is asked right before.
    ///
    /// # Errors
    /// Missing if there is nothing at `from`.
    async fn rename(
        &self,
        from: &RemotePath,
        to: &RemotePath,
        guard: &Guard,
    ) -> Result<(), ChangeError>;

    /// Removes a file; fine if it is missing. The guard is asked right before.
    ///
    /// # Errors
    /// For a folder, which is left as it is.
    async fn remove(&self, file: &RemotePath, guard: &Guard) -> Result<(), ChangeError>;

    /// Removes a file, or a folder with everything in it; fine if it is
    /// missing. Symbolic links are removed, not followed.
    ///
    /// # Errors
    /// [`StorageError::NeedsPerson`] for a tree that is deeper or wider than any
    /// of the registry's. A part may be removed after any error.
    async fn remove_tree(&self, path: &RemotePath) -> Result<(), StorageError>;

    /// Removes a folder if it is empty; fine if it is not, or is missing.
    async fn remove_if_empty(&self, folder: &RemotePath) -> Result<(), StorageError>;

    /// The space below the root; `None` if the storage does not tell.
    async fn space(&self) -> Result<Option<Space>, StorageError>;

    /// What the storage offers, and how fast it answers one small request.
    async fn features(&self) -> Result<Features, StorageError>;

    /// Tries everything that the registry needs, one step after another, until
    /// a step fails: reach the storage anew, write, rename and remove a small
    /// file, ask for the space. It touches the two paths only, which are the
    /// caller's alone; `wait` bounds the wait for a connection.
    async fn probe(&self, files: [RemotePath; 2], wait: Duration) -> Vec<ProbeStep>;

    /// A whole file of at most `limit` bytes.
    ///
    /// # Errors
    /// Missing if there is none; [`StorageError::NeedsPerson`] if it is larger.
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

/// What is known of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Bytes; of no meaning for a folder.
    pub size: u64,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// When it was last written, by the storage's clock, in seconds UTC.
    pub mtime_secs: u64,
}

impl Meta {
    /// Whether it is a file of this many bytes.
    #[must_use]
    pub fn is_file_of(&self, size: u64) -> bool {
        !self.is_dir && self.size == size
    }
}

/// One entry of a folder. A symbolic link is no folder here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the folder.
    pub name: FileName,
    /// What it is.
    pub meta: Meta,
}

/// A file to store.
pub struct NewFile {
    /// Its final path.
    pub target: RemotePath,
    /// A path that this attempt alone uses, below the same root.
    pub tmp: RemotePath,
    /// Its bytes.
    pub size: u64,
    /// What they hash to.
    pub digest: Digest,
    /// Where they come from; read on a thread that may block.
    pub source: Box<dyn Read + Send>,
    /// Hears how many bytes were sent so far.
    pub progress: Box<dyn FnMut(u64) + Send>,
    /// Whether to go on.
    pub guard: Guard,
}

/// A small file to store: a link, a marker.
#[derive(Clone, Debug)]
pub struct SmallFile {
    /// Its final path.
    pub target: RemotePath,
    /// A path that this attempt alone uses.
    pub tmp: RemotePath,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A folder of small files to publish at once.
#[derive(Clone, Debug)]
pub struct NewFolder {
    /// Its final path.
    pub target: RemotePath,
    /// A path that this attempt alone uses.
    pub tmp: RemotePath,
    /// The files, by their paths inside the folder.
    pub files: Vec<(RemotePath, Vec<u8>)>,
}

/// Whether something was put in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Placed {
    /// It is there, as given.
    New,
    /// Something was there already and was left alone.
    AlreadyThere,
}

/// Whether the caller may still make a change: asked at the last moment, since
/// a process may sleep for hours at any point.
#[derive(Clone)]
pub struct Guard(Arc<dyn Fn() -> bool + Send + Sync>);

impl Guard {
    /// Holds for as long as the function says so.
    pub fn new(holds: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(holds))
    }

    /// Holds always.
    #[must_use]
    pub fn always() -> Self {
        Self::new(|| true)
    }

    /// Asks.
    ///
    /// # Errors
    /// [`ChangeError::Cancelled`] where it does not hold.
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

/// The space below the storage's root, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What may still be written.
    pub free: u64,
    /// Everything.
    pub total: u64,
    /// Whether nothing can be written at all.
    pub read_only: bool,
}

/// What a storage offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// How long one small request took.
    pub latency: Duration,
    /// The fingerprint of the server's key, where there is one.
    pub host_key: Option<String>,
    /// What the server offers beyond SFTP version 3, by its names.
    pub extensions: Vec<&'static str>,
}

/// The connections of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Open, in use or not.
    pub open: usize,
    /// Open and not in use.
    pub idle: usize,
    /// Callers without a connection yet.
    pub waiting: usize,
    /// Opened since the start.
    pub dialed: u64,
}

/// One step of a [`Storage::probe`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeStep {
    /// `connect`, `sign_in`, `write`, `rename`, `remove` or `disk`.
    pub name: &'static str,
    /// How long it took.
    pub took: Duration,
    /// What was found, or what went wrong.
    pub outcome: Result<String, StorageError>,
}
