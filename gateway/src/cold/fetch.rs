//! Fetches a blob from the storage into the spool, for all its current readers.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use refity_spool::CacheWriter;
use refity_storage::{Reading, WHOLE};
use refity_store::Blob;
use refity_types::digest::Hasher;
use refity_types::name::FileId;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::ColdPulls;
use super::remote_blob::{self, ColdError, HELD_BACK_BYTES, report};

/// How many bytes a slow reader reads from the file at a time.
const PIECE_BYTES: u64 = 512 * 1024;

/// The progress of a fetch.
#[derive(Clone, Debug)]
pub(super) enum Progress {
    /// The storage has not responded yet.
    Opening,
    /// Some bytes have been received, which are not verified yet.
    Reading(Arrived),
    /// All bytes have been received and verified.
    Verified(Arc<File>),
    /// The fetch failed.
    Failed(ColdError),
}

/// The bytes received so far.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) file: Arc<File>,
    /// The number of bytes in the file.
    pub(super) received: u64,
    /// The last of these bytes.
    pub(super) last: Bytes,
}

/// Where a reader finds its next bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// In memory: these bytes.
    Bytes(Bytes),
    /// In the file, up to this position.
    InFile(u64),
}

impl Progress {
    /// Returns the file to read from, and the next bytes for a reader at
    /// `position` of a blob of this size. A reader that keeps up with the fetch
    /// gets the bytes from memory and does not read the file.
    pub(super) fn next(&self, position: u64, size: u64) -> Option<(&Arc<File>, Next)> {
        let (file, limit, last) = match self {
            Self::Reading(arrived) => (
                &arrived.file,
                arrived.received.min(size.saturating_sub(HELD_BACK_BYTES)),
                Some(arrived),
            ),
            Self::Verified(file) => (file, size, None),
            Self::Opening | Self::Failed(_) => return None,
        };
        if limit <= position {
            return None;
        }
        let bytes = last.and_then(|arrived| arrived.between(position, limit));
        let next = match bytes {
            Some(bytes) => Next::Bytes(bytes),
            None => Next::InFile(limit.min(position + PIECE_BYTES)),
        };
        Some((file, next))
    }
}

impl Arrived {
    /// Returns these bytes, if they are among the last.
    fn between(&self, start: u64, end: u64) -> Option<Bytes> {
        let before = self.received - self.last.len() as u64;
        let start = usize::try_from(start.checked_sub(before)?).ok()?;
        let end = usize::try_from(end.checked_sub(before)?).ok()?;
        Some(self.last.slice(start..end))
    }
}

/// Fetches the blob and adds it to the spool. If `progress` has no receivers
/// left, the fetch is cancelled and its file removed.
pub(super) async fn run(cold: Arc<ColdPulls>, blob: Blob, progress: watch::Sender<Progress>) {
    let opened = tokio::select! {
        opened = remote_blob::open(&cold, &blob, WHOLE) => opened,
        () = progress.closed() => return,
    };
    let fetched = match opened {
        Ok(reading) => fetch(&cold, &blob, reading, progress.clone()).await,
        Err(error) => Err(error),
    };
    let kept = match fetched {
        Ok(Some(writer)) => keep(&cold, &blob, writer).await,
        Ok(None) => Ok(()),
        Err(error) => {
            // Update the row first, so that a client that retries sees the new
            // state.
            report(&cold, &blob, &error).await;
            progress.send_replace(Progress::Failed(error));
            Ok(())
        }
    };
    if let Err(error) = kept {
        tracing::warn!(digest = %blob.digest, %error, "a pulled blob is not cached");
    }
}

/// Copies the blob into a file of the cache. Returns `None` if there are no
/// readers left. The storage reads on its own thread and another thread hashes
/// and writes, so that they run in parallel.
async fn fetch(
    cold: &Arc<ColdPulls>,
    blob: &Blob,
    mut reading: Reading,
    progress: watch::Sender<Progress>,
) -> Result<Option<CacheWriter>, ColdError> {
    let (spool, blob) = (cold.spool.clone(), blob.clone());
    let writing = spawn_blocking(move || {
        let writer = spool.cache_writer()?;
        let file = Arc::new(writer.reader()?);
        let told = |received, last| {
            let file = Arc::clone(&file);
            progress.send_replace(Progress::Reading(Arrived {
                file,
                received,
                last,
            }));
        };
        told(0, Bytes::new());
        let is_abandoned = || progress.is_closed();
        let written = write_all(writer, &blob, &mut reading, told, is_abandoned)?;
        if written.is_some() {
            progress.send_replace(Progress::Verified(Arc::clone(&file)));
        }
        Ok(written)
    });
    writing.await.unwrap_or(Err(ColdError::Interrupted))
}

/// Hashes and writes all bytes, and verifies the hash. Returns `None` if there
/// are no readers left.
fn write_all(
    mut writer: CacheWriter,
    blob: &Blob,
    reading: &mut Reading,
    told: impl Fn(u64, Bytes),
    is_abandoned: impl Fn() -> bool,
) -> Result<Option<CacheWriter>, ColdError> {
    let mut hasher = Hasher::new(blob.digest.algorithm());
    let mut received = 0;
    while let Some(piece) = reading.blocking_next() {
        if is_abandoned() {
            return Ok(None);
        }
        let piece = piece?;
        writer.write(&piece)?;
        received += piece.len() as u64;
        told(received, piece.clone());
        hasher.update(&piece);
    }
    let actual = hasher.finish();
    if actual != blob.digest {
        return Err(ColdError::wrong_bytes(&blob.digest, &actual));
    }
    Ok(Some(writer))
}

/// Records the file in the blob's row. Readers have it open already.
async fn keep(cold: &Arc<ColdPulls>, blob: &Blob, writer: CacheWriter) -> Result<(), ColdError> {
    let kept = spawn_blocking(move || writer.keep()).await;
    let file: FileId = kept.map_err(|_| ColdError::Interrupted)??;
    let cached = cold.store.cache_blob(blob.id, file).await;
    if !matches!(cached, Ok(true)) {
        cold.spool.remove_file(file).await?;
    }
    cached
        .map(|_| ())
        .map_err(|error| ColdError::Spool(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(received: u64, last: &'static [u8]) -> Progress {
        Progress::Reading(Arrived {
            file: Arc::new(tempfile::tempfile().unwrap()),
            received,
            last: Bytes::from_static(last),
        })
    }

    fn next(progress: &Progress, position: u64, size: u64) -> Option<Next> {
        progress.next(position, size).map(|(_, next)| next)
    }

    #[test]
    fn the_end_is_held_back_until_it_is_verified() {
        let size = 100 * 1024;
        let limit = |progress: &Progress| next(progress, 0, size);
        assert_eq!(limit(&Progress::Opening), None);
        assert_eq!(limit(&arrived(1024, b"")), Some(Next::InFile(1024)));
        let held_back = size - HELD_BACK_BYTES;
        assert_eq!(limit(&arrived(size, b"")), Some(Next::InFile(held_back)));
        assert_eq!(next(&arrived(size, b""), held_back, size), None);
        assert_eq!(limit(&Progress::Failed(ColdError::Interrupted)), None);
        assert_eq!(next(&arrived(10, b"0123456789"), 0, 10), None);
        let verified = Progress::Verified(Arc::new(tempfile::tempfile().unwrap()));
        assert_eq!(limit(&verified), Some(Next::InFile(size)));
    }

    #[test]
    fn a_reader_that_keeps_up_gets_bytes_from_memory() {
        let size = HELD_BACK_BYTES + 100;
        let progress = arrived(60, b"0123456789");
        let bytes = |text: &'static [u8]| Some(Next::Bytes(Bytes::from_static(text)));
        assert_eq!(next(&progress, 50, size), bytes(b"0123456789"));
        assert_eq!(next(&progress, 57, size), bytes(b"789"));
        assert_eq!(next(&progress, 60, size), None);
        assert_eq!(next(&progress, 49, size), Some(Next::InFile(60)));
        // The bytes to hold back are cut off, even if they start before this
        // piece.
        assert_eq!(
            next(&arrived(104, b"0123456789"), 95, size),
            bytes(b"12345")
        );
        let all_held_back = arrived(110, b"01234");
        assert_eq!(next(&all_held_back, 90, size), Some(Next::InFile(100)));
    }
}
