//! Serves one connection: HTTP/1.1, or HTTP/2 if the client starts with it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Server;
use super::activity::Activity;
use crate::client::Peer;

/// The maximum bytes of a request's headers, of a body read at once, and of a
/// response that waits to be sent. It is the size of a piece of a file, so that
/// the next piece is read while one is sent. Clients send a few KiB of headers;
/// the library's default would allow twice as much memory per connection.
const BUFFER: usize = 256 * 1024;

/// The maximum number of headers of a request.
const HEADERS_MAX: usize = 100;

/// The maximum bytes of an HTTP/2 request's headers.
const HEADER_LIST_MAX: u32 = 32 * 1024;

/// The maximum number of concurrent requests on an HTTP/2 connection.
const STREAMS_MAX: u32 = 100;

/// The interval of HTTP/2 pings, and the time to respond to one.
const PING: Duration = Duration::from_secs(60);

/// The idle time before the system sends TCP keepalive probes, and the interval
/// between them.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_AGAIN: Duration = Duration::from_secs(15);

/// How long a client may receive or acknowledge nothing before the system drops
/// the connection.
const STUCK_MAX: Duration = Duration::from_secs(5 * 60);

/// Returns the settings for serving connections.
pub(super) fn builder(header_timeout: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_MAX)
        .max_send_buf_size(BUFFER);
    builder
}

/// Sets socket options. All of them are optional: if one fails, the connection
/// is served without it.
pub(super) fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE_AGAIN);
    let _ = socket.set_tcp_keepalive(&keepalive);
    let _ = socket.set_tcp_user_timeout(Some(STUCK_MAX));
}

/// Serves a connection to its end. After `stop`, only earlier requests are
/// processed.
pub(super) async fn serve(
    server: &Server,
    stream: TcpStream,
    peer: IpAddr,
    mut stop: watch::Receiver<bool>,
) {
    let activity = Activity::new();
    let service = Service {
        router: TowerToHyperService::new(server.router.clone()),
        peer: Peer(peer),
        activity: activity.clone(),
    };
    let connection = server
        .builder
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut ending = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a connection broke off");
                }
                return;
            }
            () = stopped(&mut stop), if !ending => {}
            // HTTP/1.1 has its own header timeout. This one is for clients that
            // do not even start a protocol, and for HTTP/2.
            () = activity.idle(server.header_timeout) => {
                if ending {
                    return;
                }
            }
        }
        connection.as_mut().graceful_shutdown();
        ending = true;
    }
}

/// Returns when no more requests should be accepted.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender was dropped: stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Handles the requests of one connection.
struct Service {
    router: TowerToHyperService<axum::Router>,
    peer: Peer,
    activity: Activity,
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let under_way = self.activity.begin();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.peer);
        let answer = self.router.call(request);
        Box::pin(async move { Ok(under_way.until_sent(answer.await?)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn socket_options_detect_dead_and_stuck_connections() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        prepare(&stream);
        assert!(stream.nodelay().unwrap());
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(STUCK_MAX));
    }
}
