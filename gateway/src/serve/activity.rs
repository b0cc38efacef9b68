//! Whether a connection is in use.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::timeout;

/// The requests of one connection, counted.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// That ever began.
    begun: u64,
    /// That are not answered to the end.
    under_way: usize,
}

/// Tells when nothing has been asked on a connection for a while.
#[derive(Clone, Debug)]
pub(super) struct Activity(watch::Sender<Counts>);

impl Activity {
    pub(super) fn new() -> Self {
        Self(watch::Sender::default())
    }

    /// A request begins. It ends when this is dropped.
    pub(super) fn begin(&self) -> UnderWay {
        self.0.send_modify(|counts| {
            counts.begun += 1;
            counts.under_way += 1;
        });
        UnderWay(self.clone())
    }

    /// Returns when for so long no request was under way and none began.
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

/// A request that is under way.
#[derive(Debug)]
pub(super) struct UnderWay(Activity);

impl UnderWay {
    /// Lasts until the answer is sent, or given up.
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

/// An answer's body, which is dropped when the answer has ended.
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
    async fn a_connection_is_idle_when_nothing_is_asked() {
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
    async fn a_request_that_was_short_counts_too() {
        let activity = Activity::new();
        let mut idle = pin!(activity.idle(Duration::from_secs(3600)));
        assert!(poll!(&mut idle).is_pending());
        drop(activity.begin());
        assert!(poll!(&mut idle).is_pending());
        assert_eq!(activity.0.borrow().begun, 1);
    }
}
