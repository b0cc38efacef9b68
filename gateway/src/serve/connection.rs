//! One connection: HTTP/1.1, or HTTP/2 where the client begins with it.

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

/// The most bytes of a request's headers, of a body that are read at once, and
/// of an answer that wait to be sent: a piece of a file, so that the next is
/// read while it goes out. Clients send a few KiB of headers; without a limit
/// of ours each connection could make us keep twice as many.
const BUFFER: usize = 256 * 1024;

/// The most headers of a request.
const HEADERS_MAX: usize = 100;

/// The most bytes of an HTTP/2 request's headers.
const HEADER_LIST_MAX: u32 = 32 * 1024;

/// The most requests at once on an HTTP/2 connection.
const STREAMS_MAX: u32 = 100;

/// How often an HTTP/2 client is asked whether it is still there, and how long
/// it has to answer.
const PING: Duration = Duration::from_secs(60);

/// After how much silence the system asks whether the other end is still
/// there, and how long it waits between asking again.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_AGAIN: Duration = Duration::from_secs(15);

/// How long a client may take nothing of what is sent to it, or acknowledge
/// none of it, before the system drops the connection.
const STUCK_MAX: Duration = Duration::from_secs(5 * 60);

/// How connections are served.
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

/// Sets what the system does for a connection. All of it only helps: where it
/// is refused, the connection is served without.
pub(super) fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE_AGAIN);
    let _ = socket.set_tcp_keepalive(&keepalive);
    let _ = socket.set_tcp_user_timeout(Some(STUCK_MAX));
}

/// Serves a connection to its end. After `stop` only what was asked before is
/// answered.
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
            // HTTP/1.1 has its own deadline for headers. This is for clients
            // that do not even say which protocol they speak, and for HTTP/2.
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

/// Returns when no more requests are to be taken.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Serves the requests of one connection.
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
    async fn the_system_looks_after_connections_that_are_silent_or_stuck() {
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
