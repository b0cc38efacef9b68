//! A load balancer that sends every request, not only every connection, to
//! the next gateway.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The longest request head that is taken.
const HEAD_MAX: usize = 64 * 1024;

/// How long a client may go on sending after its answer.
const LINGER: Duration = Duration::from_secs(5);

/// A proxy in this process. It takes one request of a connection, marks it
/// `Connection: close`, and so makes the next one come on a new connection.
#[derive(Debug)]
pub struct RoundRobin {
    address: String,
    accepting: JoinHandle<()>,
}

impl RoundRobin {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// When it cannot listen, or there is no backend.
    pub async fn start(backends: Vec<String>) -> Self {
        assert!(!backends.is_empty(), "a proxy to nowhere");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("to listen");
        let address = listener.local_addr().expect("an address").to_string();
        let accepting = tokio::spawn(accept(listener, backends));
        Self { address, accepting }
    }

    /// `127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for RoundRobin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, backends: Vec<String>) {
    let backends = Arc::new(backends);
    let turn = Arc::new(AtomicUsize::new(0));
    while let Ok((client, _)) = listener.accept().await {
        let (backends, turn) = (Arc::clone(&backends), Arc::clone(&turn));
        tokio::spawn(async move {
            // A broken connection breaks the client's too: nothing to report.
            let _ = forward(client, &backends, &turn).await;
        });
    }
}

async fn forward(mut client: TcpStream, backends: &[String], turn: &AtomicUsize) -> io::Result<()> {
    let (head, body) = read_head(&mut client).await?;
    // A connection that was opened in advance and never used takes no turn.
    let backend = &backends[turn.fetch_add(1, Ordering::Relaxed) % backends.len()];
    let mut server = TcpStream::connect(backend).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    server.write_all(&closing(&head)).await?;
    server.write_all(&body).await?;

    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let request = async {
        // A client that leaves in mid-upload leaves the gateway too.
        let _ = copy(&mut from_client, &mut to_server).await;
        let _ = to_server.shutdown().await;
        std::future::pending::<()>().await;
    };
    let response = async {
        copy(&mut from_server, &mut to_client).await?;
        to_client.shutdown().await
    };
    tokio::select! {
        done = response => done?,
        () = request => {}
    }
    // Closing on a client that still sends would reset the connection, and
    // the answer with it.
    let mut rest = tokio::io::sink();
    let _ = tokio::time::timeout(LINGER, copy(&mut from_client, &mut rest)).await;
    Ok(())
}

/// Reads up to the empty line; hands back what came after it too.
async fn read_head(client: &mut TcpStream) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut read = Vec::new();
    while read.len() < HEAD_MAX {
        if client.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = read.split_off(end + 4);
            return Ok((read, body));
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// The head with `Connection: close` in place of what it said.
fn closing(head: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(head);
    let mut lines: Vec<&str> = text
        .trim_end()
        .split("\r\n")
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"))
        .collect();
    lines.extend(["Connection: close", "", ""]);
    lines.join("\r\n").into_bytes()
}
