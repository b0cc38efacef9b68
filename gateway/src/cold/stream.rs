//! Streams a blob from the storage to one reader, without the spool.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{Stream, unfold};
use refity_storage::Reading;
use refity_store::Blob;
use refity_types::digest::Hasher;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::ColdPulls;
use super::remote_blob::{self, ColdError, HELD_BACK_BYTES, report};

/// The number of pieces to queue for the client.
const QUEUE: usize = 2;

/// How long a client may take for one piece, since it holds a session of the
/// storage.
const STALL_MAX: Duration = Duration::from_secs(60);

type Pieces = mpsc::Sender<io::Result<Bytes>>;

/// Streams these bytes of the blob. A whole blob is hashed on the way, and its
/// end is held back until the hash is verified.
///
/// # Errors
/// If the file cannot be opened or has another size.
pub(super) async fn open(
    cold: &Arc<ColdPulls>,
    blob: &Blob,
    range: Range<u64>,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>, ColdError> {
    let (sender, pieces) = mpsc::channel(QUEUE);
    let (opened, is_open) = oneshot::channel();
    tokio::spawn(run(Arc::clone(cold), blob.clone(), range, opened, sender));
    is_open.await.unwrap_or(Err(ColdError::Interrupted))?;
    Ok(unfold(pieces, |mut pieces| async move {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    }))
}

async fn run(
    cold: Arc<ColdPulls>,
    blob: Blob,
    range: Range<u64>,
    mut opened: oneshot::Sender<Result<(), ColdError>>,
    pieces: Pieces,
) {
    let reading = tokio::select! {
        reading = remote_blob::open(&cold, &blob, range.clone()) => reading,
        () = opened.closed() => return,
    };
    let reading = match reading {
        Ok(reading) => reading,
        Err(error) => {
            report(&cold, &blob, &error).await;
            drop(opened.send(Err(error)));
            return;
        }
    };
    let _ = opened.send(Ok(()));
    let passed = if range == (0..blob.size) {
        pass_whole(&blob, reading, &pieces).await
    } else {
        pass_part(range, reading, &pieces).await
    };
    if let Err(error) = passed {
        report(&cold, &blob, &error).await;
        // The client's connection is aborted.
        drop(timeout(STALL_MAX, pieces.send(Err(error.into()))).await);
    }
}

/// Sends a piece to the client. Returns false if the client has disconnected or
/// is too slow.
async fn pass_on(pieces: &Pieces, piece: Bytes) -> bool {
    let sent = timeout(STALL_MAX, pieces.send(Ok(piece))).await;
    matches!(sent, Ok(Ok(())))
}

async fn pass_part(
    range: Range<u64>,
    mut reading: Reading,
    pieces: &Pieces,
) -> Result<(), ColdError> {
    let mut left = range.end - range.start;
    while left > 0 {
        let piece = next_piece(&mut reading).await?;
        left = left.saturating_sub(piece.len() as u64);
        if !pass_on(pieces, piece).await {
            break;
        }
    }
    Ok(())
}

async fn pass_whole(blob: &Blob, mut reading: Reading, pieces: &Pieces) -> Result<(), ColdError> {
    let mut hasher = Hasher::new(blob.digest.algorithm());
    let mut tail = Tail::of(blob.size);
    let mut left = blob.size;
    while left > 0 {
        let mut piece = next_piece(&mut reading).await?;
        left = left.saturating_sub(piece.len() as u64);
        // Up to half a megabyte, which is too much work for an async thread.
        (hasher, tail, piece) = hash(hasher, tail, piece).await?;
        if !piece.is_empty() && !pass_on(pieces, piece).await {
            return Ok(());
        }
    }
    let actual = hasher.finish();
    if actual != blob.digest {
        return Err(ColdError::wrong_bytes(&blob.digest, &actual));
    }
    if !tail.held.is_empty() {
        pass_on(pieces, tail.held.into()).await;
    }
    Ok(())
}

/// Hashes a piece. Returns the part that may be sent.
async fn hash(
    mut hasher: Hasher,
    mut tail: Tail,
    piece: Bytes,
) -> Result<(Hasher, Tail, Bytes), ColdError> {
    let hashed = spawn_blocking(move || {
        hasher.update(&piece);
        let free = tail.hold(piece);
        (hasher, tail, free)
    });
    hashed.await.map_err(|_| ColdError::Interrupted)
}

async fn next_piece(reading: &mut Reading) -> Result<Bytes, ColdError> {
    match reading.next().await {
        Some(piece) => Ok(piece?),
        None => Err(ColdError::Lost(
            "the storage's file ended before its size".to_owned(),
        )),
    }
}

/// The end of a blob, which is held back.
struct Tail {
    /// The number of bytes before the tail that are not received yet.
    before: u64,
    held: Vec<u8>,
}

impl Tail {
    fn of(size: u64) -> Self {
        Self {
            before: size.saturating_sub(HELD_BACK_BYTES),
            held: Vec::new(),
        }
    }

    /// Takes the next bytes. Returns those before the tail.
    fn hold(&mut self, mut piece: Bytes) -> Bytes {
        let free = usize::try_from(self.before).map_or(piece.len(), |n| n.min(piece.len()));
        self.held.extend_from_slice(&piece.split_off(free));
        self.before -= free as u64;
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_tail_is_held_and_nothing_is_lost(
            size in 0_usize..200_000,
            step in 1_usize..70_000,
        ) {
            let bytes: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let mut tail = Tail::of(size as u64);
            let mut free = Vec::new();
            for piece in bytes.chunks(step) {
                free.extend_from_slice(&tail.hold(Bytes::copy_from_slice(piece)));
            }
            let held = size.min(usize::try_from(HELD_BACK_BYTES).unwrap());
            prop_assert_eq!(tail.held.len(), held);
            prop_assert!([free, tail.held].concat() == bytes);
        }
    }
}
