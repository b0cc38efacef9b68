//! Clients that begin a body and then say nothing: they hold a connection, and
//! often the lock of an upload. However slowly a body comes, it may go on; one
//! of which nothing comes for `BODY_TIMEOUT` counts as broken off.

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

/// The middleware around all that reads bodies.
pub(crate) async fn requests(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let most = state.settings.body_timeout;
    next.run(request.map(|body| Body::new(Watched::new(body, most))))
        .await
}

/// Nothing came for too long.
#[derive(Debug, thiserror::Error)]
#[error("nothing came for {0:?}")]
struct Silent(Duration);

/// A request's body, which fails when its client is silent.
struct Watched {
    body: Body,
    most: Duration,
    /// Runs while somebody waits for the client.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Watched {
    fn new(body: Body, most: Duration) -> Self {
        Self {
            body,
            most,
            waiting: None,
        }
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_ready() {
            self.waiting = None;
            return polled;
        }
        let most = self.most;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(most)));
        match waiting.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(axum::Error::new(Silent(most))))),
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

    /// A body of the bytes that are sent to it.
    fn body(most: Duration) -> (mpsc::UnboundedSender<Bytes>, Watched) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let bytes = stream::unfold(
            receiver,
            async |mut receiver: mpsc::UnboundedReceiver<_>| {
                let bytes = receiver.recv().await?;
                Some((Ok::<_, Infallible>(bytes), receiver))
            },
        );
        (sender, Watched::new(Body::from_stream(bytes), most))
    }

    #[tokio::test]
    async fn each_piece_is_waited_for_anew() {
        let (sender, mut body) = body(Duration::from_secs(60));
        for _ in 0..3 {
            assert!(poll!(body.frame()).is_pending());
            let deadline = body.waiting.as_ref().expect("a deadline").deadline();
            assert!(poll!(body.frame()).is_pending());
            let again = body.waiting.as_ref().expect("a deadline").deadline();
            assert_eq!(again, deadline, "asking does not put it off");
            sender.send(Bytes::from_static(b"x")).unwrap();
            assert!(matches!(body.frame().await, Some(Ok(_))));
            assert!(body.waiting.is_none());
        }
        drop(sender);
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_silent_body_breaks_off() {
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
