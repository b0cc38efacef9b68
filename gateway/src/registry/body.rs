//! Reads a request's body piece by piece.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use refity_spool::Pieces;

/// A request's body.
pub(super) struct RequestBody {
    body: Body,
    received: u64,
    broken: Option<String>,
}

/// Why a body was not read completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadError {
    /// The body is longer than the limit.
    TooLong,
    /// The body ended early.
    Broken,
}

impl RequestBody {
    /// Wraps the body of a request.
    pub(super) fn new(body: Body) -> Self {
        Self {
            body,
            received: 0,
            broken: None,
        }
    }

    /// Returns the number of bytes received so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Returns why the body ended early, if it did.
    pub(super) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Reads a small body into memory. A body that arrives in one piece is not
    /// copied.
    pub(super) async fn read_to_end(&mut self, limit: usize) -> Result<Bytes, ReadError> {
        let (mut first, mut all) = (Bytes::new(), BytesMut::new());
        while let Some(piece) = self.next().await {
            let received = usize::try_from(self.received).unwrap_or(usize::MAX);
            if received > limit {
                return Err(ReadError::TooLong);
            }
            if first.is_empty() && all.is_empty() {
                first = piece;
                continue;
            }
            if !first.is_empty() {
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&piece);
        }
        match self.broken {
            None if all.is_empty() => Ok(first),
            None => Ok(all.freeze()),
            Some(_) => Err(ReadError::Broken),
        }
    }
}

impl Pieces for RequestBody {
    async fn next(&mut self) -> Option<Bytes> {
        while self.broken.is_none() {
            match self.body.frame().await {
                None => return None,
                Some(Ok(frame)) => {
                    // Trailers are ignored.
                    if let Ok(piece) = frame.into_data() {
                        self.received += piece.len() as u64;
                        return Some(piece);
                    }
                }
                Some(Err(error)) => self.broken = Some(error.to_string()),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    fn body(pieces: Vec<Result<&'static str, std::io::Error>>) -> RequestBody {
        RequestBody::new(Body::from_stream(stream::iter(pieces)))
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_end() {
        let mut whole = body(vec![Ok("ab"), Ok(""), Ok("c")]);
        assert_eq!(whole.read_to_end(3).await, Ok("abc".into()));
        assert_eq!((whole.received(), whole.broken()), (3, None));
    }

    #[tokio::test]
    async fn a_body_of_one_piece_is_not_copied() {
        let piece = Bytes::from(vec![7; 1000]);
        let mut whole = RequestBody::new(Body::from(piece.clone()));
        let read = whole.read_to_end(1000).await.unwrap();
        assert_eq!(read.as_ptr(), piece.as_ptr());
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_too_long() {
        assert_eq!(
            body(vec![Ok("ab"), Ok("c")]).read_to_end(2).await,
            Err(ReadError::TooLong)
        );
    }

    #[tokio::test]
    async fn a_body_that_ends_early_reports_it() {
        let mut torn = body(vec![
            Ok("ab"),
            Err(std::io::ErrorKind::ConnectionReset.into()),
        ]);
        assert_eq!(torn.read_to_end(10).await, Err(ReadError::Broken));
        assert_eq!(torn.received(), 2);
        assert!(torn.broken().is_some());
    }
}
