//! Drains request bodies that a handler did not read to their end.
//!
//! When a server answers and closes the connection while the client still
//! sends, the client's system throws the answer away (RFC 9112, section 9.6).
//! So the rest of a body is drained in the background, up to a limit; then the
//! connection can be reused, too.

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

/// How long a client has to take notice of its answer and stop sending.
const TIME_MAX: Duration = Duration::from_secs(10);

/// How many bytes it may send meanwhile: 256 MiB.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The middleware around all that reads bodies.
pub(crate) async fn requests(request: Request, next: Next) -> Response {
    // A client that waits for `100 Continue` need not send at all.
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

/// A request's body, which is drained if it is dropped too early.
struct DrainOnDrop {
    body: Body,
    /// The client sends it, or was told to.
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
        // Without a runtime the connection is gone too.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(TIME_MAX, drain(body)));
        }
    }
}

/// Reads up to a limit. If more is left, the connection is closed.
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

    /// A body of so many pieces of 1 MiB, and what tells of each that is read.
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

    /// How many pieces were read when nobody reads any more.
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
    async fn what_has_begun_is_read_to_its_end() {
        let (body, read) = pieces(5);
        let mut begun = drain_on_drop(body, false);
        assert!(begun.frame().await.is_some());
        drop(begun);
        assert_eq!(all(read).await, 5);
    }

    #[tokio::test]
    async fn what_the_client_waits_to_send_is_not_asked_for() {
        let (body, read) = pieces(5);
        drop(drain_on_drop(body, false));
        assert_eq!(all(read).await, 0);
    }
}
