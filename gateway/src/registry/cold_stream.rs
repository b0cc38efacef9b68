//! A blob's bytes, passed on from SFTP as they come, for one reader.

use std::io::{self, Read as _};
use std::ops::Range;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::unfold;
use refity_storage::Layout;
use refity_storage::sftp::{PooledSession, Reader};
use refity_store::Blob;
use refity_types::digest::Hasher;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::error::RegistryError;
use super::remote_blob::{ColdError, HELD_BACK_BYTES, report, with_file};
use crate::state::AppState;

/// How much is read at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// How many pieces wait for the client.
const QUEUE: usize = 2;

/// How long a client may take for one piece: it holds a session to SFTP.
const STALL_MAX: Duration = Duration::from_secs(60);

type Pieces = mpsc::Sender<io::Result<Bytes>>;

/// The body with these bytes of the blob. The whole of it is hashed on the
/// way, and its end is held back until the hash was seen to be right.
///
/// # Errors
/// When the file cannot be opened, or has another size.
pub(super) async fn body(
    state: &AppState,
    blob: &Blob,
    range: Range<u64>,
) -> Result<Body, RegistryError> {
    let (sender, pieces) = mpsc::channel(QUEUE);
    let (opened, is_open) = oneshot::channel();
    tokio::spawn(run(state.clone(), blob.clone(), range, opened, sender));
    is_open
        .await
        .unwrap_or(Err(ColdError::Interrupted))
        .map_err(|error| error.into_answer(&blob.digest))?;
    let pieces = unfold(pieces, |mut pieces| async move {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    });
    Ok(Body::from_stream(pieces))
}

async fn run(
    state: AppState,
    blob: Blob,
    range: Range<u64>,
    mut opened: oneshot::Sender<Result<(), ColdError>>,
    pieces: Pieces,
) {
    let session = tokio::select! {
        session = state.remote.session() => session,
        () = opened.closed() => return,
    };
    let mut opened = Some(opened);
    let passed = match session {
        Ok(session) => {
            let (told, passed) =
                pass_on(&state, &blob, range, session, opened, pieces.clone()).await;
            opened = told;
            passed
        }
        Err(error) => Err(error.into()),
    };
    if let Err(error) = passed {
        report(&state, &blob, &error).await;
        match opened {
            Some(opened) => drop(opened.send(Err(error))),
            // The client sees its connection break.
            None => drop(timeout(STALL_MAX, pieces.send(Err(error.into()))).await),
        }
    }
}

type Opened = Option<oneshot::Sender<Result<(), ColdError>>>;

/// Reads on a blocking thread. Gives `opened` back if it was not told.
async fn pass_on(
    state: &AppState,
    blob: &Blob,
    range: Range<u64>,
    mut session: PooledSession,
    mut opened: Opened,
    pieces: Pieces,
) -> (Opened, Result<(), ColdError>) {
    let blob = blob.clone();
    let layout = Layout::new(&state.remote.config().root);
    let passing = spawn_blocking(move || {
        let mut session = session.blocking();
        let passed = with_file(&mut session, &layout, &blob, |reader| {
            if let Some(opened) = opened.take() {
                let _ = opened.send(Ok(()));
            }
            if range == (0..blob.size) {
                pass_whole(&blob, reader, &pieces)
            } else {
                pass_part(range, reader, &pieces)
            }
        });
        (opened, passed)
    });
    passing.await.unwrap_or((None, Err(ColdError::Interrupted)))
}

/// Hands a piece to the client. Answers false when it has gone, or takes too
/// long.
fn hand_on(pieces: &Pieces, piece: Bytes) -> bool {
    let sent = Handle::current().block_on(timeout(STALL_MAX, pieces.send(Ok(piece))));
    matches!(sent, Ok(Ok(())))
}

fn pass_part(range: Range<u64>, mut reader: Reader<'_>, pieces: &Pieces) -> Result<(), ColdError> {
    reader.seek(range.start)?;
    let mut left = range.end - range.start;
    while left > 0 {
        let piece = read_piece(&mut reader, left)?;
        left -= piece.len() as u64;
        if !hand_on(pieces, piece) {
            break;
        }
    }
    Ok(())
}

fn pass_whole(blob: &Blob, mut reader: Reader<'_>, pieces: &Pieces) -> Result<(), ColdError> {
    let mut hasher = Hasher::new(blob.digest.algorithm());
    let mut tail = Tail::of(blob.size);
    let mut left = blob.size;
    while left > 0 {
        let piece = read_piece(&mut reader, left)?;
        left -= piece.len() as u64;
        hasher.update(&piece);
        let free = tail.hold(piece);
        if !free.is_empty() && !hand_on(pieces, free) {
            return Ok(());
        }
    }
    let actual = hasher.finish();
    if actual != blob.digest {
        return Err(ColdError::wrong_bytes(&blob.digest, &actual));
    }
    if !tail.held.is_empty() {
        hand_on(pieces, tail.held.into());
    }
    Ok(())
}

fn read_piece(reader: &mut Reader<'_>, left: u64) -> Result<Bytes, ColdError> {
    let most = usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
    let mut piece = vec![0; most];
    match reader.read(&mut piece)? {
        0 => Err(ColdError::Lost(
            "the storage's file ended before its size".to_owned(),
        )),
        length => {
            piece.truncate(length);
            Ok(piece.into())
        }
    }
}

/// The end of a blob, which is held back.
struct Tail {
    /// Bytes before it that are still to come.
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

    /// Takes the next bytes; answers those that are before the tail.
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
