//! Drains request bodies that a handler did not read to the end.
//!
//! If a server responds and closes the connection while the client is still
//! sending, the client's system discards the response (RFC 9112, section 9.6).
//! Therefore the rest of a body is drained in the background, up to a limit.
//! The connection can then be reused, too.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::EXPECT;
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long a client has to read its response and stop sending.
const TIME_MAX: Duration = Duration::from_secs(10);

/// How many bytes the client may send in this time: 256 MiB.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The middleware around all routes with request bodies.
pub(crate) async fn requests(request: Request, next: Next) -> Response {
    // A client that waits for `100 Continue` may not send the body at all.
    let wanted = !request.headers().contains_key(EXPECT);
    let request = request.map(|body| {
        Body::new(DrainOnDrop {
            body,
            wanted,
            ended: false,
        })
    });
    next.run(request).await
}

/// A request body that is drained if it is dropped before its end.
struct DrainOnDrop {
    body: Body,
    /// Whether the client sends the body, because it does not wait for
    /// `100 Continue` or has received it.
    wanted: bool,
    ended: bool,
}

impl HttpBody for DrainOnDrop {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.wanted = true;
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.ended |= matches!(polled, Poll::Ready(None | Some(Err(_))));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for DrainOnDrop {
    fn drop(&mut self) {
        if !self.wanted || self.ended || self.body.is_end_stream() {
            return;
        }
        let body = std::mem::take(&mut self.body);
        // Without a runtime, the connection is closed as well.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(TIME_MAX, drain(body)));
        }
    }
}

/// Reads up to the limit. If more is left, the connection is closed.
async fn drain(mut body: Body) {
    let mut read = 0;
    while read < BYTES_MAX {
        let Some(Ok(frame)) = body.frame().await else {
            return;
        };
        read += frame.data_ref().map_or(0, |piece| piece.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use tokio::sync::mpsc;

    /// Returns a body with this number of pieces of 1 MiB, and a channel that
    /// reports each piece that is read.
    fn pieces(count: usize) -> (Body, mpsc::UnboundedReceiver<usize>) {
        let (sender, read) = mpsc::unbounded_channel();
        let piece = Bytes::from(vec![0; 1024 * 1024]);
        let pieces = stream::iter((0..count).map(move |n| {
            let _ = sender.send(n);
            Ok::<_, std::io::Error>(piece.clone())
        }));
        (Body::from_stream(pieces), read)
    }

    fn drain_on_drop(body: Body, wanted: bool) -> DrainOnDrop {
        DrainOnDrop {
            body,
            wanted,
            ended: false,
        }
    }

    /// Returns how many pieces were read in total.
    async fn all(mut read: mpsc::UnboundedReceiver<usize>) -> usize {
        let mut count = 0;
        while read.recv().await.is_some() {
            count += 1;
        }
        count
    }

    #[tokio::test]
    async fn the_rest_is_drained_up_to_a_limit() {
        for (sent, expected) in [(0, 0), (1, 1), (20, 20), (1000, 256)] {
            let (body, read) = pieces(sent);
            drop(drain_on_drop(body, true));
            assert_eq!(all(read).await, expected, "{sent} MiB");
        }
    }

    #[tokio::test]
    async fn a_body_that_was_partly_read_is_drained() {
        let (body, read) = pieces(5);
        let mut begun = drain_on_drop(body, false);
        assert!(begun.frame().await.is_some());
        drop(begun);
        assert_eq!(all(read).await, 5);
    }

    #[tokio::test]
    async fn an_unrequested_body_is_not_drained() {
        let (body, read) = pieces(5);
        drop(drain_on_drop(body, false));
        assert_eq!(all(read).await, 0);
    }
}
