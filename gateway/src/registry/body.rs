//! A request's body, read piece by piece.

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use refity_spool::Pieces;

/// A request's body.
pub(super) struct RequestBody {
    body: Body,
    received: u64,
    broken: Option<String>,
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadError {
    /// It has more bytes than are wanted.
    TooLong,
    /// It broke off.
    Broken,
}

impl RequestBody {
    /// The body of a request.
    pub(super) fn new(body: Body) -> Self {
        Self {
            body,
            received: 0,
            broken: None,
        }
    }

    /// Bytes that came so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Why the body ended before its end, if it did.
    pub(super) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Reads all of a small body into memory.
    pub(super) async fn read_to_end(&mut self, limit: usize) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next().await {
            if bytes.len() + piece.len() > limit {
                return Err(ReadError::TooLong);
            }
            bytes.extend_from_slice(&piece);
        }
        match self.broken {
            None => Ok(bytes),
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
                    // Trailers mean nothing here.
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
        assert_eq!(whole.read_to_end(3).await, Ok(b"abc".to_vec()));
        assert_eq!((whole.received(), whole.broken()), (3, None));
    }

    #[tokio::test]
    async fn one_byte_too_many_is_too_long() {
        assert_eq!(
            body(vec![Ok("ab"), Ok("c")]).read_to_end(2).await,
            Err(ReadError::TooLong)
        );
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_says_so() {
        let mut torn = body(vec![
            Ok("ab"),
            Err(std::io::ErrorKind::ConnectionReset.into()),
        ]);
        assert_eq!(torn.read_to_end(10).await, Err(ReadError::Broken));
        assert_eq!(torn.received(), 2);
        assert!(torn.broken().is_some());
    }
}
