//! Streams a file. One piece is read ahead on a blocking thread, so that a slow
//! client occupies two pieces of memory and no thread.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::{Stream, try_unfold};
use tokio::task::{JoinHandle, spawn_blocking};

/// The size of a piece.
const PIECE_BYTES: u64 = 256 * 1024;

type Reading = JoinHandle<io::Result<(File, Bytes)>>;

/// Streams these bytes of the file. The stream ends with an error if the file
/// is too short.
pub(in crate::registry) fn stream(
    file: File,
    range: Range<u64>,
) -> impl Stream<Item = io::Result<Bytes>> {
    let start = (range.start < range.end).then(|| read(file, range.start, piece_end(&range)));
    try_unfold((start, range), |(reading, mut range)| async move {
        let Some(reading) = reading else {
            return Ok(None);
        };
        let (file, piece) = reading.await??;
        range.start += piece.len() as u64;
        let next = (range.start < range.end).then(|| read(file, range.start, piece_end(&range)));
        Ok(Some((piece, (next, range))))
    })
}

fn piece_end(range: &Range<u64>) -> u64 {
    range.end.min(range.start + PIECE_BYTES)
}

fn read(file: File, start: u64, end: u64) -> Reading {
    spawn_blocking(move || {
        let piece = read_piece(&file, start, end)?;
        Ok((file, piece))
    })
}

/// Reads exactly these bytes. Blocking.
pub(in crate::registry) fn read_piece(mut file: &File, start: u64, end: u64) -> io::Result<Bytes> {
    let length = end - start;
    let mut piece = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
    file.seek(SeekFrom::Start(start))?;
    file.take(length).read_to_end(&mut piece)?;
    if (piece.len() as u64) < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(piece.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt as _;
    use std::io::Write as _;

    async fn read_all(bytes: &[u8], range: Range<u64>) -> io::Result<Vec<u8>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let pieces: Vec<Bytes> = stream(file, range).try_collect().await?;
        Ok(pieces.concat())
    }

    #[tokio::test]
    async fn any_range_returns_its_bytes() {
        let bytes: Vec<u8> = (0..1_300_000_u32)
            .map(|i| u8::try_from(i % 251).unwrap())
            .collect();
        for range in [
            0..0,
            0..1,
            0..1_300_000,
            524_288..1_048_576,
            524_287..1_299_999,
        ] {
            let (start, end) = (range.start, range.end);
            let expected = &bytes[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()];
            assert!(
                read_all(&bytes, range).await.unwrap() == expected,
                "{start}..{end}"
            );
        }
    }

    #[tokio::test]
    async fn a_file_that_is_too_short_is_an_error() {
        let error = read_all(b"abc", 0..4).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
