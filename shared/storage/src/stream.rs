//! Streams of bytes and folder entries. A thread that may block produces chunks
//! for a bounded channel: a slow consumer holds the producer back, and dropping
//! the receiver stops it.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::error::StorageError;
use crate::storage::Entry;

/// Maximum number of entries that [`Listing::all`] collects.
pub const LIST_MAX: usize = 200_000;

/// Number of entries in one chunk of a listing.
const LIST_PIECE: usize = 1000;

/// Number of chunks queued between producer and consumer.
const QUEUE: usize = 1;

/// Number of buffers kept for reuse.
const SPARE: usize = 4;

/// Maximum bytes of one read. libssh2 reads ahead up to four times its buffer.
/// Larger values made pulls slower, since the data in flight no longer fits the
/// processor's cache.
const READ_BYTES: usize = 256 * 1024;

/// Minimum size of a chunk before it is passed on without waiting.
const FULL_BYTES: usize = 256 * 1024;

/// Maximum size of a chunk that is copied, since a slow consumer would
/// otherwise keep the whole buffer alive.
const SMALL_BYTES: usize = FULL_BYTES / 2;

/// How long a partly filled chunk waits for more bytes.
const FULL_WAIT: Duration = Duration::from_millis(50);

/// What a producer sends: chunks, the last of them empty, or an error. If the
/// channel closes before either, the stream was cut off.
type Sent<T> = Result<T, StorageError>;

/// The receiving side of a stream.
#[derive(Debug)]
struct Receiver<T> {
    pieces: mpsc::Receiver<Sent<T>>,
    ended: bool,
}

impl<T> Receiver<T> {
    async fn next(&mut self, is_end: impl Fn(&T) -> bool) -> Option<Sent<T>> {
        if self.ended {
            return None;
        }
        let sent = self.pieces.recv().await;
        self.sort(sent, is_end)
    }

    fn blocking_next(&mut self, is_end: impl Fn(&T) -> bool) -> Option<Sent<T>> {
        if self.ended {
            return None;
        }
        let sent = self.pieces.blocking_recv();
        self.sort(sent, is_end)
    }

    fn sort(&mut self, sent: Option<Sent<T>>, is_end: impl Fn(&T) -> bool) -> Option<Sent<T>> {
        if let Some(Ok(piece)) = sent {
            self.ended = is_end(&piece);
            return (!self.ended).then_some(Ok(piece));
        }
        self.ended = true;
        Some(sent.unwrap_or_else(|| Err(StorageError::operation("the reading was cut off"))))
    }
}

/// A stream of bytes from [`Storage::read`](crate::Storage::read).
#[derive(Debug)]
pub struct Reading {
    size: u64,
    pieces: Receiver<Bytes>,
}

impl Reading {
    /// Returns the size of the whole file in bytes when it was opened.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the next bytes, or `None` after the last.
    pub async fn next(&mut self) -> Option<Result<Bytes, StorageError>> {
        self.pieces.next(Bytes::is_empty).await
    }

    /// Like [`Reading::next`], for a thread that may block.
    pub fn blocking_next(&mut self) -> Option<Result<Bytes, StorageError>> {
        self.pieces.blocking_next(Bytes::is_empty)
    }

    /// Creates a reading of a file of this size, and the sender for its chunks.
    pub(crate) fn new(size: u64) -> (Self, Pieces) {
        let (sender, pieces) = mpsc::channel(QUEUE);
        let pieces = Receiver {
            pieces,
            ended: false,
        };
        (Self { size, pieces }, Pieces(sender))
    }
}

/// The producer's side of a [`Reading`].
pub(crate) struct Pieces(mpsc::Sender<Result<Bytes, StorageError>>);

impl Pieces {
    /// Reads up to `left` bytes, until the end of the file or until the reading
    /// is dropped. Blocking.
    pub(crate) fn pump(
        &self,
        mut left: u64,
        mut read: impl FnMut(&mut [u8]) -> Result<usize, StorageError>,
    ) {
        let (home, spare) = sync_channel(SPARE);
        let mut ended = false;
        while left > 0 && !ended {
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            let full = FULL_BYTES.min(most);
            let room = (FULL_BYTES + READ_BYTES).min(most);
            let mut buffer: Vec<u8> = spare.try_recv().unwrap_or_default();
            buffer.resize(buffer.len().max(room), 0);
            let (mut length, begun) = (0, Instant::now());
            let mut failed = None;
            while length < full && !ended && (length == 0 || begun.elapsed() < FULL_WAIT) {
                if self.0.is_closed() {
                    return;
                }
                let end = room.min(length + READ_BYTES);
                match read(&mut buffer[length..end]) {
                    Ok(0) => ended = true,
                    Ok(count) => length += count,
                    Err(error) => {
                        failed = Some(error);
                        ended = true;
                    }
                }
            }
            left -= length as u64;
            let piece = Piece {
                buffer,
                length,
                home: home.clone(),
            };
            let piece = if length < SMALL_BYTES {
                Bytes::copy_from_slice(piece.as_ref())
            } else {
                Bytes::from_owner(piece)
            };
            let nothing = piece.is_empty();
            if !nothing && self.0.blocking_send(Ok(piece)).is_err() {
                return;
            }
            if let Some(error) = failed {
                let _ = self.0.blocking_send(Err(error));
                return;
            }
        }
        // Send the end of the stream. The receiver may be gone.
        let _ = self.0.blocking_send(Ok(Bytes::new()));
    }
}

/// Bytes that were read. Their buffer is reused after the last reference is
/// dropped.
struct Piece {
    buffer: Vec<u8>,
    length: usize,
    home: SyncSender<Vec<u8>>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        // The reading may have ended, or may have enough buffers.
        let _ = self.home.try_send(std::mem::take(&mut self.buffer));
    }
}

/// A stream of entries from [`Storage::list`](crate::Storage::list).
#[derive(Debug)]
pub struct Listing {
    folder: String,
    pieces: Receiver<Vec<Entry>>,
}

impl Listing {
    /// Returns the next entries, or `None` after the last.
    pub async fn next(&mut self) -> Option<Result<Vec<Entry>, StorageError>> {
        self.pieces.next(Vec::is_empty).await
    }

    /// Collects all entries of a folder that is known to be small.
    ///
    /// # Errors
    /// Like [`Storage::list`](crate::Storage::list);
    /// [`StorageError::NeedsPerson`] for more than [`LIST_MAX`] entries.
    pub async fn all(mut self) -> Result<Vec<Entry>, StorageError> {
        let mut entries = Vec::new();
        while let Some(piece) = self.next().await {
            entries.extend(piece?);
            if entries.len() > LIST_MAX {
                return Err(StorageError::too_many(&self.folder, LIST_MAX));
            }
        }
        Ok(entries)
    }

    /// Creates a listing of this folder, and the sender for its entries.
    pub(crate) fn new(folder: String) -> (Self, Entries) {
        let (sender, pieces) = mpsc::channel(QUEUE);
        let pieces = Receiver {
            pieces,
            ended: false,
        };
        let entries = Entries {
            sender,
            piece: Vec::new(),
        };
        (Self { folder, pieces }, entries)
    }
}

/// The producer's side of a [`Listing`].
pub(crate) struct Entries {
    sender: mpsc::Sender<Sent<Vec<Entry>>>,
    piece: Vec<Entry>,
}

impl Entries {
    /// Adds an entry. Returns `false` if the listing was dropped. Blocking.
    pub(crate) fn add(&mut self, entry: Entry) -> bool {
        self.piece.push(entry);
        if self.piece.len() < LIST_PIECE {
            return true;
        }
        let piece = std::mem::take(&mut self.piece);
        self.sender.blocking_send(Ok(piece)).is_ok()
    }

    /// Sends the remaining entries and the result of the listing. Blocking.
    pub(crate) fn end(self, listed: Result<(), StorageError>) {
        if let Err(error) = listed {
            let _ = self.sender.blocking_send(Err(error));
            return;
        }
        if !self.piece.is_empty() {
            let _ = self.sender.blocking_send(Ok(self.piece));
        }
        let _ = self.sender.blocking_send(Ok(Vec::new()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pumped(file: &'static [u8], limit: u64, step: usize) -> Vec<u8> {
        let (mut reading, pieces) = Reading::new(file.len() as u64);
        let mut left = file;
        let thread = std::thread::spawn(move || {
            pieces.pump(limit, |buffer| {
                let count = buffer.len().min(left.len()).min(step);
                buffer[..count].copy_from_slice(&left[..count]);
                left = &left[count..];
                Ok(count)
            });
        });
        let mut bytes = Vec::new();
        while let Some(piece) = reading.next().await {
            bytes.extend_from_slice(&piece.unwrap());
        }
        thread.join().unwrap();
        bytes
    }

    #[tokio::test]
    async fn pieces_add_up_to_the_file() {
        let file: &[u8] = (0..2_000_000_u32)
            .map(|i| u8::try_from(i % 251).unwrap())
            .collect::<Vec<_>>()
            .leak();
        for (limit, step) in [
            (u64::MAX, 1 << 20),
            (u64::MAX, 33_000),
            (700_001, 9_999),
            (0, 1),
        ] {
            let expected = file.len().min(usize::try_from(limit).unwrap());
            assert!(pumped(file, limit, step).await == file[..expected]);
        }
    }

    #[tokio::test]
    async fn an_error_ends_the_reading() {
        let (mut reading, pieces) = Reading::new(9);
        std::thread::spawn(move || pieces.pump(9, |_| Err(StorageError::connection("broke"))));
        assert!(reading.next().await.unwrap().unwrap_err().is_connection());
        assert!(reading.next().await.is_none());
    }

    #[tokio::test]
    async fn a_reading_that_is_cut_off_is_an_error() {
        let (mut reading, pieces) = Reading::new(9);
        drop(pieces);
        assert!(reading.next().await.unwrap().is_err());
        assert!(reading.next().await.is_none());
        let (listing, entries) = Listing::new("x".to_owned());
        drop(entries);
        assert!(listing.all().await.is_err());
    }

    #[tokio::test]
    async fn a_reader_that_leaves_ends_the_producer() {
        let (reading, pieces) = Reading::new(u64::MAX);
        let thread = std::thread::spawn(move || pieces.pump(u64::MAX, |buffer| Ok(buffer.len())));
        drop(reading);
        tokio::task::spawn_blocking(move || thread.join())
            .await
            .unwrap()
            .unwrap();
    }

    #[test]
    fn a_buffer_is_reused_after_its_last_reference() {
        let (home, spare) = sync_channel(1);
        let piece = Bytes::from_owner(Piece {
            buffer: vec![7; 10],
            length: 4,
            home,
        });
        let part = piece.slice(1..3);
        drop(piece);
        assert!(spare.try_recv().is_err());
        assert_eq!(&part[..], [7, 7]);
        drop(part);
        assert_eq!(spare.try_recv().unwrap().len(), 10);
    }
}
