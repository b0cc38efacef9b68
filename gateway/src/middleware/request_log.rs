//! Logs one line per request, written when its response has ended. Only then
//! are the number of bytes sent and the success of the transfer known.
//!
//! The request id is also created here. `tower_http::request_id` accepts any id from a client, and
//! error bodies contain the id before a response exists.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::client::ClientAddress;

/// The header for the request id, in requests and responses.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The maximum length of an id from a client.
const REQUEST_ID_MAX: usize = 64;

/// The status to log if the client disconnected before there was a response.
/// nginx introduced this number.
const CLIENT_LEFT: u16 = 499;

tokio::task_local! {
    /// The request that the current task handles.
    static CURRENT: Arc<Entry>;
}

/// The information about a request for the log.
struct Entry {
    id: String,
    method: Method,
    path: String,
    client: ClientAddress,
    started: Instant,
    user: OnceLock<String>,
    received: AtomicU64,
}

/// Returns the id of the current request.
pub(crate) fn request_id() -> Option<String> {
    CURRENT.try_with(|entry| entry.id.clone()).ok()
}

/// Records the user of the current request.
pub(crate) fn note_user(name: &str) {
    // Outside of a request, there is nothing to record.
    let _ = CURRENT.try_with(|entry| entry.user.set(name.to_owned()));
}

/// The middleware around all routes.
pub(crate) async fn requests(request: Request, next: Next) -> Response {
    let entry = Arc::new(Entry {
        id: id_of(request.headers()),
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        client: ClientAddress::of(request.extensions()),
        started: Instant::now(),
        user: OnceLock::new(),
        received: AtomicU64::new(0),
    });
    let mut line = Line {
        entry: Arc::clone(&entry),
        status: None,
        sent: 0,
        whole: false,
    };
    let counted = Arc::clone(&entry);
    let request = request.map(|body| {
        Body::new(Received {
            body,
            entry: counted,
        })
    });
    // Log messages of handlers contain only the id; the request's line has the
    // rest.
    let span = tracing::info_span!("request", request_id = entry.id);
    let mut response = CURRENT
        .scope(entry, next.run(request))
        .instrument(span)
        .await;
    if let Ok(id) = HeaderValue::from_str(&line.entry.id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    line.status = Some(response.status());
    let length = content_length(response.headers());
    response.map(|body| {
        line.whole = line.entry.method == Method::HEAD || body.is_end_stream();
        Body::new(Sent { body, length, line })
    })
}

/// Returns the client's own request id if it is safe to log, otherwise a new
/// one.
fn id_of(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let well_formed = given.filter(|id| {
        (1..=REQUEST_ID_MAX).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    });
    well_formed.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Returns the repository in a path of the registry protocol. A component of a
/// name may also be `blobs`, so the last such word is used.
fn repository_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/v2/")?;
    ["/blobs/", "/manifests/", "/tags/", "/referrers/"]
        .iter()
        .filter_map(|word| rest.rfind(word))
        .max()
        .map(|end| &rest[..end])
}

/// A log line, written on drop.
struct Line {
    entry: Arc<Entry>,
    status: Option<StatusCode>,
    sent: u64,
    /// Whether the whole response was sent.
    whole: bool,
}

impl Drop for Line {
    fn drop(&mut self) {
        let entry = &self.entry;
        let status = self.status.map_or(CLIENT_LEFT, |status| status.as_u16());
        let ms = u64::try_from(entry.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request_id = entry.id,
                    client = %entry.client,
                    user = entry.user.get(),
                    repository = repository_of(&entry.path),
                    method = entry.method.as_str(),
                    path = entry.path,
                    status,
                    bytes = self.sent,
                    bytes_received = entry.received.load(Ordering::Relaxed),
                    ms,
                    cut_off = (!self.whole).then_some(true),
                    "request"
                )
            };
        }
        // Monitoring systems request these every few seconds.
        if matches!(entry.path.as_str(), "/healthz" | "/readyz") {
            line!(debug);
        } else {
            line!(info);
        }
    }
}

/// A request body that counts its bytes.
struct Received {
    body: Body,
    entry: Arc<Entry>,
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            self.entry
                .received
                .fetch_add(length(frame), Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response body that counts its bytes. It is dropped when the response has
/// ended, and then writes the log line.
struct Sent {
    body: Body,
    /// The response's `Content-Length`.
    length: Option<u64>,
    line: Line,
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                self.line.sent += length(frame);
                // If the server knows the length, it does not poll for the end.
                let all = self.length == Some(self.line.sent) || self.body.is_end_stream();
                self.line.whole |= all;
            }
            Poll::Ready(None) => self.line.whole = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn length(frame: &Frame<Bytes>) -> u64 {
    frame
        .data_ref()
        .and_then(|data| u64::try_from(data.len()).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_ids_from_clients_are_accepted() {
        let given = |id: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_static(id));
            id_of(&headers)
        };
        assert_eq!(given("ci-run_17.a"), "ci-run_17.a");
        for id in ["", "a b", "a\"b", "{}", &"x".repeat(65)] {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(id).unwrap());
            assert!(Uuid::try_parse(&id_of(&headers)).is_ok(), "{id}");
        }
        assert_ne!(id_of(&HeaderMap::new()), id_of(&HeaderMap::new()));
    }

    #[test]
    fn the_repository_precedes_the_last_keyword() {
        for (path, repository) in [
            ("/v2/team/app/blobs/uploads/", Some("team/app")),
            ("/v2/team/app/manifests/v1", Some("team/app")),
            ("/v2/team/blobs/x/tags/list", Some("team/blobs/x")),
            ("/v2/nginx/referrers/sha256:00", Some("nginx")),
            ("/v2/", None),
            ("/v2/_catalog", None),
            ("/api/jobs", None),
        ] {
            assert_eq!(repository_of(path), repository, "{path}");
        }
    }
}
