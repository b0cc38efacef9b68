//! Writing an upload: one request at a time appends to its file, hashing as
//! it goes, on a thread of its own.

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

/// How long a second request waits for the one that writes.
pub const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Between two tries to take the lock.
const LOCK_POLL: Duration = Duration::from_millis(20);

/// How many pieces of a body wait for the writing thread; a piece is what
/// the HTTP server read at once, some hundred KiB at most.
const QUEUE: usize = 3;

/// How many bodies are written at once. Each has a thread while it comes, also
/// while its client is silent, and other work needs threads too.
const WRITERS_MAX: usize = 256;

static WRITERS: Semaphore = Semaphore::const_new(WRITERS_MAX);

/// The system is asked to write to disk each time this much has come, so that
/// the last sync has little left to do.
const FLUSH_STEP: u64 = 32 * 1024 * 1024;

/// The exclusive right to append to an upload's file.
#[derive(Debug)]
pub struct UploadWriter {
    file: File,
    path: PathBuf,
    offset: u64,
}

/// What appending came to.
#[derive(Debug)]
pub struct Finished {
    /// Bytes in the file.
    pub offset: u64,
    /// The hash of all of them.
    pub hash: Hasher,
}

impl Spool {
    /// Creates the empty file of a new upload, and locks it.
    ///
    /// # Errors
    /// When the file exists, or the file system fails.
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
    /// [`SpoolError::Locked`] when the other request does not end in time.
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
    /// Cuts the file to what its row says: bytes past it were never
    /// acknowledged. Then appends go there.
    ///
    /// # Errors
    /// When the file system fails, or the file is shorter than its row says.
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

    /// Bytes in the file.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Appends what `pieces` brings until it ends, hashing on the way.
    /// Answers the writer too, which still holds the lock: the row is to be
    /// written before it goes.
    ///
    /// # Errors
    /// [`SpoolError::Busy`] where too many are written at once;
    /// [`SpoolError::Full`] and others of the file system: the file is then
    /// cut to where it was.
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
            // The thread has failed: its result says why.
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
    /// When the disk fails: the bytes must not be acknowledged.
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

    /// Removes the file and lets go of it.
    ///
    /// # Errors
    /// When the file system fails.
    pub async fn discard(self) -> Result<(), SpoolError> {
        blocking(move || {
            std::fs::remove_file(&self.path)
                .map_err(|error| SpoolError::io("cannot remove", &self.path, error))
        })
        .await
    }
}

/// Where the pieces of a body come from. It ends by itself when the body is
/// at its end or broke off; whose business that is knows which.
pub trait Pieces {
    /// The next piece.
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

/// Writes what has come to disk, beside the thread that takes more.
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
            // Opened anew, since a duplicate would share the lock and hold it
            // on. Only a head start: the sync before the acknowledgement
            // counts.
            let _ = File::open(&path).and_then(|file| file.sync_data());
            busy.store(false, Ordering::Release);
        });
    }
}
