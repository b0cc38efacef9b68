//! A line that carries no more than so many bytes in a second.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// What all connections of a line share.
#[derive(Debug)]
pub(crate) struct Line {
    bytes_per_second: u32,
    free: Mutex<Instant>,
}

impl Line {
    pub(crate) fn new(bytes_per_second: u32) -> Self {
        Self {
            bytes_per_second,
            free: Mutex::new(Instant::now()),
        }
    }

    /// Copies to the end of what is read, in its turn.
    pub(crate) async fn carry(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        let mut piece = vec![0; 4096];
        loop {
            let length = from.read(&mut piece).await?;
            if length == 0 {
                return Ok(());
            }
            let bytes = u32::try_from(length).unwrap_or(u32::MAX);
            let takes = Duration::from_secs(1) * bytes / self.bytes_per_second;
            let mut free = self.free.lock().await;
            let done = (*free).max(Instant::now()) + takes;
            *free = done;
            drop(free);
            sleep_until(done).await;
            to.write_all(&piece[..length]).await?;
        }
    }
}

/// A port that leads to another address, with all that is sent to it over one
/// [`Line`]; what comes back is not slowed down.
#[derive(Debug)]
pub struct SlowLine {
    port: u16,
    accepting: JoinHandle<()>,
}

impl SlowLine {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn start(to: String, bytes_per_second: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("to listen");
        let port = listener.local_addr().expect("an address").port();
        let line = Arc::new(Line::new(bytes_per_second));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (line, to) = (Arc::clone(&line), to.clone());
                // A server that is away closes the client's connection.
                tokio::spawn(async move { connect(client, &to, &line).await });
            }
        });
        Self { port, accepting }
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for SlowLine {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn connect(mut client: TcpStream, to: &str, line: &Line) -> io::Result<()> {
    let mut server = TcpStream::connect(to).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    tokio::select! {
        sent = line.carry(&mut from_client, &mut to_server) => sent,
        received = copy(&mut from_server, &mut to_client) => received.map(drop),
    }
}
