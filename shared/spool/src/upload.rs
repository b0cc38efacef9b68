//! Writing an upload: one request at a time appends to its file and hashes on a
//! separate thread.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use refity_types::digest::Hasher;
use refity_types::name::{FileId, UploadId};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use super::{Spool, SpoolError, blocking, sync_folder};

/// How long a second request waits for the lock.
pub const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Polling interval of the lock.
const LOCK_POLL: Duration = Duration::from_millis(20);

/// Number of chunks queued for the writing thread. A chunk is what the HTTP
/// server read at once, at most some hundred KiB.
const QUEUE: usize = 3;

/// Maximum concurrent uploads. Each occupies a thread, even while its client
/// sends nothing, and other work needs threads too.
const WRITERS_MAX: usize = 256;

static WRITERS: Semaphore = Semaphore::const_new(WRITERS_MAX);

/// Start writing to disk after each of these steps, so that the final sync is
/// fast.
const FLUSH_STEP: u64 = 32 * 1024 * 1024;

/// The exclusive right to append to an upload's file.
#[derive(Debug)]
pub struct UploadWriter {
    file: File,
    path: PathBuf,
    offset: u64,
}

/// The result of appending.
#[derive(Debug)]
pub struct Finished {
    /// Number of bytes in the file.
    pub offset: u64,
    /// Hash of all bytes.
    pub hash: Hasher,
}

impl Spool {
    /// Creates and locks the empty file of a new upload.
    ///
    /// # Errors
    /// If the file exists, or the file system fails.
    pub async fn create_upload(&self, id: UploadId) -> Result<UploadWriter, SpoolError> {
        let path = self.path(FileId::from(id));
        blocking(move || {
            let created = OpenOptions::new().create_new(true).write(true).open(&path);
            let file = created.map_err(|error| SpoolError::io("cannot create", &path, error))?;
            match try_lock(file, path)? {
                Tried::Locked(writer) => Ok(writer),
                Tried::Busy => Err(SpoolError::Locked),
            }
        })
        .await
    }

    /// Locks the file of an upload. `None` if there is no such file.
    /// While another request holds the lock, waits up to [`LOCK_WAIT`]. Read
    /// the session's row only afterwards: the other request may have moved it.
    ///
    /// # Errors
    /// [`SpoolError::Locked`] if the other request does not finish in time.
    pub async fn lock_upload(&self, id: UploadId) -> Result<Option<UploadWriter>, SpoolError> {
        let deadline = Instant::now() + LOCK_WAIT;
        loop {
            let (spool, file) = (self.clone(), FileId::from(id));
            let tried = blocking(move || {
                let opened = spool.open_with(OpenOptions::new().write(true), file)?;
                opened.map(|it| try_lock(it, spool.path(file))).transpose()
            });
            match tried.await? {
                None => return Ok(None),
                Some(Tried::Locked(writer)) => return Ok(Some(writer)),
                Some(Tried::Busy) if Instant::now() > deadline => return Err(SpoolError::Locked),
                Some(Tried::Busy) => tokio::time::sleep(LOCK_POLL).await,
            }
        }
    }
}

enum Tried {
    Locked(UploadWriter),
    Busy,
}

fn try_lock(file: File, path: PathBuf) -> Result<Tried, SpoolError> {
    match file.try_lock() {
        Ok(()) => Ok(Tried::Locked(UploadWriter {
            file,
            path,
            offset: 0,
        })),
        Err(TryLockError::WouldBlock) => Ok(Tried::Busy),
        Err(TryLockError::Error(error)) => Err(SpoolError::io("cannot lock", &path, error)),
    }
}

impl UploadWriter {
    /// Truncates the file to the offset in its row: bytes past it were never
    /// acknowledged. Appends continue there.
    ///
    /// # Errors
    /// If the file system fails, or the file is shorter than the offset.
    pub async fn continue_at(mut self, offset: u64) -> Result<Self, SpoolError> {
        blocking(move || {
            let failed = |error| SpoolError::io("cannot continue", &self.path, error);
            let length = self.file.metadata().map_err(failed)?.len();
            if length < offset {
                return Err(SpoolError::Io {
                    context: format!("{} has lost bytes", self.path.display()),
                    source: std::io::ErrorKind::UnexpectedEof.into(),
                });
            }
            if length > offset {
                self.file.set_len(offset).map_err(failed)?;
            }
            self.file.seek(SeekFrom::Start(offset)).map_err(failed)?;
            self.offset = offset;
            Ok(self)
        })
        .await
    }

    /// Number of bytes in the file.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Appends all chunks and hashes them. Returns the writer, which still
    /// holds the lock: update the row before dropping it.
    ///
    /// # Errors
    /// [`SpoolError::Busy`] if there are too many uploads; [`SpoolError::Full`]
    /// and other errors of the file system, after which the file is truncated
    /// to its previous length.
    pub async fn append(
        self,
        hash: Hasher,
        pieces: &mut (impl Pieces + Send),
    ) -> Result<(Self, Finished), SpoolError> {
        let Ok(Ok(_place)) = tokio::time::timeout(LOCK_WAIT, WRITERS.acquire()).await else {
            return Err(SpoolError::Busy);
        };
        let (sender, receiver) = mpsc::channel(QUEUE);
        let (done, result) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let _ = done.send(write_all(self, hash, receiver));
        });
        while let Some(piece) = pieces.next().await {
            // The thread has failed; its result has the error.
            if sender.send(piece).await.is_err() {
                break;
            }
        }
        drop(sender);
        result.await.map_err(|_| SpoolError::Interrupted)?
    }

    /// Makes the bytes and the file's name durable.
    ///
    /// # Errors
    /// If the disk fails; then the bytes must not be acknowledged.
    pub async fn sync(self) -> Result<Self, SpoolError> {
        blocking(move || {
            self.file
                .sync_data()
                .map_err(|error| SpoolError::io("cannot sync", &self.path, error))?;
            if let Some(folder) = self.path.parent() {
                sync_folder(folder)?;
            }
            Ok(self)
        })
        .await
    }

    /// Removes the file and releases its lock.
    ///
    /// # Errors
    /// If the file system fails.
    pub async fn discard(self) -> Result<(), SpoolError> {
        blocking(move || {
            std::fs::remove_file(&self.path)
                .map_err(|error| SpoolError::io("cannot remove", &self.path, error))
        })
        .await
    }
}

/// A source of chunks. Ends at the end of the body or when the client
/// disconnects; the caller can tell which.
pub trait Pieces {
    /// Returns the next chunk.
    fn next(&mut self) -> impl Future<Output = Option<Bytes>> + Send;
}

fn write_all(
    mut writer: UploadWriter,
    mut hash: Hasher,
    mut pieces: mpsc::Receiver<Bytes>,
) -> Result<(UploadWriter, Finished), SpoolError> {
    let start = writer.offset;
    let flusher = Flusher::default();
    while let Some(piece) = pieces.blocking_recv() {
        if let Err(error) = writer.file.write_all(&piece) {
            let _ = writer.file.set_len(start);
            return Err(SpoolError::io("cannot write", &writer.path, error));
        }
        hash.update(&piece);
        let before = writer.offset;
        writer.offset += piece.len() as u64;
        if before / FLUSH_STEP != writer.offset / FLUSH_STEP {
            flusher.flush(&writer.path);
        }
    }
    let finished = Finished {
        offset: writer.offset,
        hash,
    };
    Ok((writer, finished))
}

/// Flushes received bytes to disk, concurrently with the writing thread.
#[derive(Default)]
struct Flusher {
    busy: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Flusher {
    fn flush(&self, path: &Path) {
        use std::sync::atomic::Ordering;
        if self.busy.swap(true, Ordering::AcqRel) {
            return;
        }
        let (busy, path) = (std::sync::Arc::clone(&self.busy), path.to_owned());
        tokio::task::spawn_blocking(move || {
            // Open the file again, since a duplicate would keep the lock. This
            // is only a head start: the sync before the acknowledgement ensures
            // durability.
            let _ = File::open(&path).and_then(|file| file.sync_data());
            busy.store(false, Ordering::Release);
        });
    }
}
