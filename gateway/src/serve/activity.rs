//! Detects whether a connection is in use.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::timeout;

/// The request counts of one connection.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Requests that were ever started.
    begun: u64,
    /// Requests without a complete response.
    under_way: usize,
}

/// Detects when a connection has had no requests for a while.
#[derive(Clone, Debug)]
pub(super) struct Activity(watch::Sender<Counts>);

impl Activity {
    pub(super) fn new() -> Self {
        Self(watch::Sender::default())
    }

    /// Starts a request, which ends when the returned value is dropped.
    pub(super) fn begin(&self) -> UnderWay {
        self.0.send_modify(|counts| {
            counts.begun += 1;
            counts.under_way += 1;
        });
        UnderWay(self.clone())
    }

    /// Returns once no request was active or started for this long.
    pub(super) async fn idle(&self, limit: Duration) {
        let mut counts = self.0.subscribe();
        loop {
            let quiet = counts.wait_for(|counts| counts.under_way == 0).await;
            let Ok(begun) = quiet.map(|counts| counts.begun) else {
                return;
            };
            let next = counts.wait_for(|counts| counts.begun != begun);
            if timeout(limit, next).await.is_err() {
                return;
            }
        }
    }
}

/// An active request.
#[derive(Debug)]
pub(super) struct UnderWay(Activity);

impl UnderWay {
    /// Keeps the request active until the response is sent or aborted.
    pub(super) fn until_sent(self, answer: Response) -> Response {
        answer.map(|body| {
            Body::new(Answering {
                body,
                _under_way: self,
            })
        })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.send_modify(|counts| counts.under_way -= 1);
    }
}

/// A response body, which is dropped when the response has ended.
struct Answering {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
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
    use futures_util::poll;
    use std::pin::pin;

    #[tokio::test]
    async fn a_connection_without_requests_is_idle() {
        let activity = Activity::new();
        activity.idle(Duration::from_millis(1)).await;
        let request = activity.begin();
        {
            let mut idle = pin!(activity.idle(Duration::from_millis(1)));
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_millis(5)).await;
                assert!(poll!(&mut idle).is_pending(), "a request is under way");
            }
            let answer = request.until_sent(Response::new(Body::from("x")));
            assert!(poll!(&mut idle).is_pending(), "its answer is being sent");
            drop(answer);
            idle.await;
        }
    }

    #[tokio::test]
    async fn a_short_request_resets_the_idle_time() {
        let activity = Activity::new();
        let mut idle = pin!(activity.idle(Duration::from_secs(3600)));
        assert!(poll!(&mut idle).is_pending());
        drop(activity.begin());
        assert!(poll!(&mut idle).is_pending());
        assert_eq!(activity.0.borrow().begun, 1);
    }
}
