//! Fetching a blob from SFTP into the spool, for all who read it meanwhile.

use std::fs::File;
use std::io::Read as _;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use refity_shared::digest::Hasher;
use refity_shared::name::FileId;
use refity_shared::remote::{Layout, PooledSession, Reader};
use refity_shared::spool::{CacheWriter, Spool};
use refity_shared::store::Blob;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::remote_blob::{ColdError, HELD_BACK_BYTES, report, with_file};
use crate::state::AppState;

/// How many buffers go round between reading and writing.
const BUFFERS: usize = 2;

/// How much each call may read. A call brings one packet of some 30 KB, and
/// libssh2 asks for up to four times its buffer ahead, which is OpenSSH's
/// window: more would only cost memory.
const READ_BYTES: usize = 512 * 1024;

/// From how many bytes on a buffer goes to be written.
const FULL_BYTES: usize = 256 * 1024;

/// How long the first bytes of a buffer wait for more.
const FULL_WAIT: Duration = Duration::from_millis(50);

/// A buffer, and how many bytes of it are filled.
struct Filled {
    bytes: Vec<u8>,
    length: usize,
}

/// How far a fetch is.
#[derive(Clone, Debug)]
pub(super) enum Progress {
    /// The storage has not answered yet.
    Opening,
    /// This many bytes have come. Whether they are right is not known yet.
    Reading(Arc<File>, u64),
    /// All have come, and they are right.
    Verified(Arc<File>),
    /// It failed.
    Failed(ColdError),
}

impl Progress {
    /// The file to read from, and up to where a client may get its bytes, of
    /// a blob of this size.
    pub(super) fn readable(&self, size: u64) -> Option<(&Arc<File>, u64)> {
        match self {
            Self::Reading(file, received) => {
                Some((file, (*received).min(size.saturating_sub(HELD_BACK_BYTES))))
            }
            Self::Verified(file) => Some((file, size)),
            Self::Opening | Self::Failed(_) => None,
        }
    }
}

/// Fetches the blob and makes it the spool's. Ends early, and leaves nothing,
/// when nobody listens to `progress` any more.
pub(super) async fn run(state: AppState, blob: Blob, progress: watch::Sender<Progress>) {
    let session = tokio::select! {
        session = state.remote.session() => session,
        () = progress.closed() => return,
    };
    let fetched = match session {
        Ok(session) => fetch(&state, &blob, session, progress.clone()).await,
        Err(error) => Err(error.into()),
    };
    let kept = match fetched {
        Ok(Some(writer)) => keep(&state, &blob, writer).await,
        Ok(None) => Ok(()),
        Err(error) => {
            // First the row, so that whoever asks again hears of it.
            report(&state, &blob, &error).await;
            progress.send_replace(Progress::Failed(error));
            Ok(())
        }
    };
    if let Err(error) = kept {
        tracing::warn!(digest = %blob.digest, %error, "a pulled blob is not cached");
    }
}

async fn fetch(
    state: &AppState,
    blob: &Blob,
    mut session: PooledSession,
    progress: watch::Sender<Progress>,
) -> Result<Option<CacheWriter>, ColdError> {
    let (spool, blob) = (state.local.spool.clone(), blob.clone());
    let layout = Layout::new(&state.remote.config().root);
    let fetching = spawn_blocking(move || {
        let mut session = session.blocking();
        with_file(&mut session, &layout, &blob, |reader| {
            copy(&spool, &blob, reader, &progress)
        })
    });
    fetching.await.unwrap_or(Err(ColdError::Interrupted))
}

/// Copies until the end, or until nobody listens. This thread reads from the
/// storage; another hashes and writes what came, so that neither waits for
/// the other.
fn copy(
    spool: &Spool,
    blob: &Blob,
    mut reader: Reader<'_>,
    progress: &watch::Sender<Progress>,
) -> Result<Option<CacheWriter>, ColdError> {
    let writer = spool.cache_writer()?;
    let file = Arc::new(writer.reader()?);
    progress.send_replace(Progress::Reading(Arc::clone(&file), 0));
    std::thread::scope(|scope| {
        let (full, to_write) = mpsc::sync_channel(BUFFERS);
        let (written, empty) = mpsc::channel();
        for _ in 0..BUFFERS {
            // The receiver is in this function.
            let _ = written.send(vec![0; FULL_BYTES + READ_BYTES]);
        }
        let writing = scope.spawn(move || {
            let told = |received| {
                progress.send_replace(Progress::Reading(Arc::clone(&file), received));
            };
            write_all(writer, blob, &to_write, &written, told).map(|writer| (writer, file))
        });
        let read = read_all(&mut reader, &full, &empty, progress);
        drop(full);
        let ended = writing.join().unwrap_or(Err(ColdError::Interrupted));
        if !read? {
            return Ok(None);
        }
        let (writer, file) = ended?;
        progress.send_replace(Progress::Verified(file));
        Ok(Some(writer))
    })
}

/// Reads until the end. Answers false if nobody listens any more.
fn read_all(
    reader: &mut Reader<'_>,
    full: &mpsc::SyncSender<Filled>,
    empty: &mpsc::Receiver<Vec<u8>>,
    progress: &watch::Sender<Progress>,
) -> Result<bool, ColdError> {
    // Without an empty buffer the writing thread has ended: it says why.
    while let Ok(mut bytes) = empty.recv() {
        let (mut length, begun, mut ended) = (0, Instant::now(), false);
        while length < FULL_BYTES && !ended && (length == 0 || begun.elapsed() < FULL_WAIT) {
            if progress.is_closed() {
                return Ok(false);
            }
            let read = reader.read(&mut bytes[length..])?;
            ended = read == 0;
            length += read;
        }
        if full.send(Filled { bytes, length }).is_err() || ended {
            break;
        }
    }
    Ok(true)
}

/// Hashes and writes what comes, and checks the hash of all of it.
fn write_all(
    mut writer: CacheWriter,
    blob: &Blob,
    full: &mpsc::Receiver<Filled>,
    empty: &mpsc::Sender<Vec<u8>>,
    told: impl Fn(u64),
) -> Result<CacheWriter, ColdError> {
    let mut hasher = Hasher::new(blob.digest.algorithm());
    let mut received = 0;
    while let Ok(Filled { bytes, length }) = full.recv() {
        let came = &bytes[..length];
        writer.write(came)?;
        received += length as u64;
        told(received);
        hasher.update(came);
        // The reading thread may have ended.
        let _ = empty.send(bytes);
    }
    let actual = hasher.finish();
    if actual != blob.digest {
        return Err(ColdError::wrong_bytes(&blob.digest, &actual));
    }
    Ok(writer)
}

/// Lets the blob's row name the file. Whoever reads it has it open already.
async fn keep(state: &AppState, blob: &Blob, writer: CacheWriter) -> Result<(), ColdError> {
    let kept = spawn_blocking(move || writer.keep()).await;
    let file: FileId = kept.map_err(|_| ColdError::Interrupted)??;
    let cached = state.local.store.cache_blob(blob.id, file).await;
    if !matches!(cached, Ok(true)) {
        state.local.spool.remove_file(file).await?;
    }
    cached
        .map(|_| ())
        .map_err(|error| ColdError::Spool(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_held_back_until_it_is_verified() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let size = 100 * 1024;
        let limit = |progress: &Progress| progress.readable(size).map(|(_, limit)| limit);
        assert_eq!(limit(&Progress::Opening), None);
        assert_eq!(
            limit(&Progress::Reading(Arc::clone(&file), 1024)),
            Some(1024)
        );
        assert_eq!(
            limit(&Progress::Reading(Arc::clone(&file), size)),
            Some(size - HELD_BACK_BYTES)
        );
        assert_eq!(limit(&Progress::Failed(ColdError::Interrupted)), None);
        let small = Progress::Reading(Arc::clone(&file), 10);
        assert_eq!(small.readable(10).map(|(_, limit)| limit), Some(0));
        assert_eq!(limit(&Progress::Verified(file)), Some(size));
    }
}
