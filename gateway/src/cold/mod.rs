//! Pulls of blobs that are only on the storage. A whole blob is fetched into the spool once for all
//! concurrent readers in this process. A part of a blob, or a blob that does not fit into the
//! spool, is streamed directly.

mod fetch;
mod remote_blob;
mod stream;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, Stream, try_unfold};
use refity_config::SpoolSettings;
use refity_spool::Spool;
use refity_storage::Storage;
use refity_store::{Blob, Store};
use refity_types::digest::Digest;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::limit::leaves_floor;
use fetch::{Next, Progress};
use remote_blob::require_storage;

pub(crate) use remote_blob::{ColdError, OpenError};

/// Pulls blobs from the storage. There is one per process.
pub(crate) struct ColdPulls {
    store: Store,
    spool: Spool,
    storage: Arc<dyn Storage>,
    settings: SpoolSettings,
    /// The running fetches.
    running: Mutex<HashMap<Digest, Weak<Fetch>>>,
}

/// A fetch, which runs as long as it has readers.
struct Fetch {
    progress: watch::Receiver<Progress>,
}

impl ColdPulls {
    /// Pulls from this storage, with the spool as the cache.
    pub(crate) fn new(
        store: Store,
        spool: Spool,
        storage: Arc<dyn Storage>,
        settings: SpoolSettings,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            spool,
            storage,
            settings,
            running: Mutex::default(),
        })
    }

    /// Whether the cache may hold a blob of this size. Pulls never use the space that pushes need.
    fn can_cache(&self, bytes: u64) -> bool {
        let space = self.spool.space();
        bytes <= self.settings.cache_max_bytes
            && space
                .is_ok_and(|space| leaves_floor(space.free, self.settings.spool_min_free, bytes))
    }

    /// Joins the running fetch of this blob, or starts one.
    fn join(self: &Arc<Self>, blob: &Blob) -> Arc<Fetch> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|_, fetch| fetch.strong_count() > 0);
        let joined = running.get(&blob.digest).and_then(Weak::upgrade);
        if let Some(fetch) = joined.filter(|fetch| !fetch.has_failed()) {
            return fetch;
        }
        let (sender, progress) = watch::channel(Progress::Opening);
        let fetch = Arc::new(Fetch { progress });
        running.insert(blob.digest.clone(), Arc::downgrade(&fetch));
        tokio::spawn(fetch::run(Arc::clone(self), blob.clone(), sender));
        fetch
    }
}

impl Fetch {
    fn has_failed(&self) -> bool {
        matches!(*self.progress.borrow(), Progress::Failed(_))
    }

    /// Waits until the fetch has a file to read from.
    async fn opened(&self) -> Result<(), ColdError> {
        let mut progress = self.progress.clone();
        let opened = progress
            .wait_for(|progress| !matches!(progress, Progress::Opening))
            .await;
        match opened.as_deref() {
            Ok(Progress::Failed(error)) => Err(error.clone()),
            Ok(_) => Ok(()),
            Err(_) => Err(ColdError::Interrupted),
        }
    }
}

/// Streams these bytes of a blob that is on the storage.
///
/// # Errors
/// [`OpenError`] before any bytes are sent. A later failure ends the stream
/// with an error.
pub(crate) async fn open(
    cold: &Arc<ColdPulls>,
    blob: &Blob,
    range: Range<u64>,
) -> Result<BoxStream<'static, io::Result<Bytes>>, OpenError> {
    require_storage(cold).await?;
    let whole = range == (0..blob.size);
    if !whole || !cold.can_cache(blob.size) {
        return Ok(stream::open(cold, blob, range).await?.boxed());
    }
    let fetch = cold.join(blob);
    fetch.opened().await?;
    Ok(follow(fetch, blob.size).boxed())
}

/// Streams the bytes of a fetch, as far as they may be sent.
fn follow(fetch: Arc<Fetch>, size: u64) -> impl Stream<Item = io::Result<Bytes>> {
    let progress = fetch.progress.clone();
    // The stream keeps the fetch running.
    try_unfold(
        (fetch, progress, 0),
        move |(fetch, mut progress, position)| async move {
            if position == size {
                return Ok(None);
            }
            let (file, next) = next(&mut progress, position, size).await?;
            let piece = match next {
                Next::Bytes(bytes) => bytes,
                Next::InFile(end) => read(file, position, end).await?,
            };
            let position = position + piece.len() as u64;
            Ok(Some((piece, (fetch, progress, position))))
        },
    )
}

/// Waits for bytes at this position.
async fn next(
    progress: &mut watch::Receiver<Progress>,
    position: u64,
    size: u64,
) -> Result<(Arc<File>, Next), ColdError> {
    let mut found = None;
    let reached = progress
        .wait_for(|now| {
            let next = now.next(position, size);
            found = next.map(|(file, next)| (Arc::clone(file), next));
            found.is_some() || matches!(now, Progress::Failed(_))
        })
        .await
        .map_err(|_| ColdError::Interrupted)?;
    match &*reached {
        Progress::Failed(error) => Err(error.clone()),
        _ => found.ok_or(ColdError::Interrupted),
    }
}

async fn read(file: Arc<File>, start: u64, end: u64) -> io::Result<Bytes> {
    spawn_blocking(move || {
        let length = usize::try_from(end - start).map_err(io::Error::other)?;
        let mut piece = vec![0; length];
        file.read_exact_at(&mut piece, start)?;
        Ok(piece.into())
    })
    .await?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cold::fetch::Arrived;
    use std::io::Write as _;

    fn fetch() -> (watch::Sender<Progress>, Arc<Fetch>) {
        let (sender, progress) = watch::channel(Progress::Opening);
        (sender, Arc::new(Fetch { progress }))
    }

    fn file(bytes: &[u8]) -> Arc<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Arc::new(file)
    }

    fn reading(file: &Arc<File>, received: u64) -> Progress {
        Progress::Reading(Arrived {
            file: Arc::clone(file),
            received,
            last: Bytes::new(),
        })
    }

    #[tokio::test]
    async fn a_reader_follows_to_the_end() {
        let bytes = vec![7; 1_500_000];
        let size = bytes.len() as u64;
        let (sender, fetch) = fetch();
        let file = file(&bytes);
        sender.send_replace(reading(&file, size));
        fetch.opened().await.unwrap();
        let mut stream = Box::pin(follow(fetch, size));
        let mut read = Vec::new();
        while read.len() as u64 + super::remote_blob::HELD_BACK_BYTES < size {
            read.extend_from_slice(&stream.next().await.unwrap().unwrap());
        }
        sender.send_replace(Progress::Verified(file));
        while let Some(piece) = stream.next().await {
            read.extend_from_slice(&piece.unwrap());
        }
        assert!(read == bytes);
    }

    #[tokio::test]
    async fn corrupt_bytes_are_never_sent_completely() {
        let (sender, fetch) = fetch();
        let file = file(&[7; 1000]);
        sender.send_replace(reading(&file, 1000));
        let mut stream = Box::pin(follow(fetch, 1000));
        let lost = ColdError::Lost("wrong".to_owned());
        let (first, _) = tokio::join!(stream.next(), async {
            sender.send_replace(Progress::Failed(lost));
        });
        assert!(first.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_fetch_without_readers_is_noticed() {
        let (sender, fetch) = fetch();
        let stream = follow(Arc::clone(&fetch), 10);
        drop(fetch);
        assert!(!sender.is_closed());
        drop(stream);
        assert!(sender.is_closed());
    }
}
