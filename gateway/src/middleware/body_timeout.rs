//! Times out a request body if its client sends nothing for `BODY_TIMEOUT`. Such a client holds a
//! connection, and often the lock of an upload. A body that arrives slowly may take any amount of
//! time.
//!
//! `tower_http::timeout::RequestBodyTimeoutLayer` hides the end and the length of the body
//! (`is_end_stream`, `size_hint`), which handlers use.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::state::AppState;

/// The middleware around all routes with request bodies.
pub(crate) async fn requests(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let limit = state.settings.body_timeout;
    next.run(request.map(|body| Body::new(TimeoutBody::new(body, limit))))
        .await
}

/// The error when the client sent nothing for too long.
#[derive(Debug, thiserror::Error)]
#[error("nothing came for {0:?}")]
struct BodyTimedOut(Duration);

/// A request body that fails if its client sends nothing for too long.
struct TimeoutBody {
    body: Body,
    limit: Duration,
    /// Set while a handler waits for the client.
    timer: Option<Pin<Box<Sleep>>>,
}

impl TimeoutBody {
    fn new(body: Body, limit: Duration) -> Self {
        Self {
            body,
            limit,
            timer: None,
        }
    }
}

impl HttpBody for TimeoutBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_ready() {
            self.timer = None;
            return polled;
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        match timer.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(axum::Error::new(BodyTimedOut(limit))))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{poll, stream};
    use http_body_util::BodyExt as _;
    use std::convert::Infallible;
    use tokio::sync::mpsc;

    /// Returns a body of the bytes that are sent to the channel.
    fn body(limit: Duration) -> (mpsc::UnboundedSender<Bytes>, TimeoutBody) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let bytes = stream::unfold(
            receiver,
            async |mut receiver: mpsc::UnboundedReceiver<_>| {
                let bytes = receiver.recv().await?;
                Some((Ok::<_, Infallible>(bytes), receiver))
            },
        );
        (sender, TimeoutBody::new(Body::from_stream(bytes), limit))
    }

    #[tokio::test]
    async fn the_timeout_restarts_with_each_piece() {
        let (sender, mut body) = body(Duration::from_secs(60));
        for _ in 0..3 {
            assert!(poll!(body.frame()).is_pending());
            let deadline = body.timer.as_ref().expect("a deadline").deadline();
            assert!(poll!(body.frame()).is_pending());
            let again = body.timer.as_ref().expect("a deadline").deadline();
            assert_eq!(again, deadline, "asking does not put it off");
            sender.send(Bytes::from_static(b"x")).unwrap();
            assert!(matches!(body.frame().await, Some(Ok(_))));
            assert!(body.timer.is_none());
        }
        drop(sender);
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_body_without_data_times_out() {
        let (sender, mut body) = body(Duration::from_millis(20));
        sender.send(Bytes::from_static(b"x")).unwrap();
        assert!(matches!(body.frame().await, Some(Ok(_))));
        let error = body.frame().await.expect("no end").unwrap_err();
        assert!(
            error.to_string().contains("nothing came for 20ms"),
            "{error}"
        );
    }
}
