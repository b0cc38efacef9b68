//! Telling a client that it has too many connections, where that costs little.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Server;
use crate::limit::LimitExceeded;

/// How long a refused client is listened to: closing on one that has sent a
/// request takes the answer from it (RFC 9112 section 9.6).
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// How many are listened to at once; others are only closed.
pub(super) const REFUSALS_MAX: usize = 64;

/// The most of a request that is read away.
const READ_MAX: usize = 8 * 1024;

/// Closes a connection for which there is no permit, with an answer if no
/// others are being refused.
pub(super) fn refuse(server: &Arc<Server>, stream: TcpStream, peer: IpAddr, full: LimitExceeded) {
    // Not a warning each: a client that opens thousands would fill the disk.
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
