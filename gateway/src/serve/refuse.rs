//! Tells a client that it has too many connections, if that is cheap.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Server;
use crate::limit::LimitExceeded;

/// How long to read from a refused client. If the connection were closed at
/// once, a client that has sent a request would lose the response (RFC 9112
/// section 9.6).
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// The maximum number of concurrent refusals. Further connections are closed
/// without a response.
pub(super) const REFUSALS_MAX: usize = 64;

/// The maximum number of request bytes to read and discard.
const READ_MAX: usize = 8 * 1024;

/// Closes a connection without a permit. Sends a response unless too many
/// others are being refused.
pub(super) fn refuse(server: &Arc<Server>, stream: TcpStream, peer: IpAddr, full: LimitExceeded) {
    // Not a warning each time: a client that opens thousands would fill the
    // disk.
    tracing::debug!(%peer, ?full, "a connection was refused: there are too many");
    let Ok(permit) = server.refusals.acquire(None) else {
        return;
    };
    tokio::spawn(async move {
        let _ = timeout(DRAIN_TIME, answer(stream, full)).await;
        drop(permit);
    });
}

async fn answer(mut stream: TcpStream, full: LimitExceeded) -> std::io::Result<()> {
    stream.readable().await?;
    let mut request = vec![0; READ_MAX];
    let _ = stream.try_read(&mut request);
    let message = match full {
        LimitExceeded::Client => "too many connections from one address; use those that are open",
        LimitExceeded::Total => "the registry has too many connections; try again in a moment",
    };
    let body = format!(
        "{{\"errors\":[{{\"code\":\"TOOMANYREQUESTS\",\"message\":\"{message}\",\"detail\":null}}]}}"
    );
    let head = format!(
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Retry-After: 5\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await?;
    stream.shutdown().await
}
