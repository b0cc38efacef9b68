//! A load balancer that sends every request, not only every connection, to
//! the next gateway. It notes what was asked, and can be a slow line.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::slow_line::Line;

/// The longest request head that is taken.
const HEAD_MAX: usize = 64 * 1024;

/// How long a client may go on sending after its answer.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// A proxy in this process. It takes one request of a connection, marks it
/// `Connection: close`, and so makes the next one come on a new connection.
#[derive(Debug)]
pub struct RoundRobin {
    address: String,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

/// What one request asked, and how it said who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// `GET` or another.
    pub method: String,
    /// The path with its query.
    pub target: String,
    /// `Basic` or `Bearer`, where it brought credentials.
    pub scheme: Option<String>,
    /// Who asks, by Basic.
    pub user: Option<String>,
}

/// What all connections share.
#[derive(Debug)]
struct State {
    backends: Vec<String>,
    turn: AtomicUsize,
    asked: Mutex<Vec<Asked>>,
    line: Option<Line>,
}

impl RoundRobin {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// When it cannot listen, or there is no backend.
    pub async fn start(backends: Vec<String>) -> Self {
        Self::start_with(backends, None).await
    }

    /// As [`RoundRobin::start`], and all clients together send no more than so
    /// many bytes in a second.
    ///
    /// # Panics
    /// When it cannot listen, or there is no backend.
    pub async fn start_slow(backends: Vec<String>, bytes_per_second: u32) -> Self {
        Self::start_with(backends, Some(Line::new(bytes_per_second))).await
    }

    async fn start_with(backends: Vec<String>, line: Option<Line>) -> Self {
        assert!(!backends.is_empty(), "a proxy to nowhere");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("to listen");
        let address = listener.local_addr().expect("an address").to_string();
        let state = Arc::new(State {
            backends,
            turn: AtomicUsize::new(0),
            asked: Mutex::default(),
            line,
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self {
            address,
            state,
            accepting,
        }
    }

    /// All that was asked so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.state.seen().clone()
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

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            // A broken connection breaks the client's too: nothing to report.
            let _ = forward(client, &state).await;
        });
    }
}

async fn forward(mut client: TcpStream, state: &State) -> io::Result<()> {
    let (head, body) = read_head(&mut client).await?;
    state.note(Asked::of(&String::from_utf8_lossy(&head)));
    // A connection that was opened in advance and never used takes no turn.
    let turn = state.turn.fetch_add(1, Ordering::Relaxed);
    let backend = &state.backends[turn % state.backends.len()];
    let mut server = TcpStream::connect(backend).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    server.write_all(&closing(&head)).await?;
    server.write_all(&body).await?;

    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let request = async {
        // A client that leaves in mid-upload leaves the gateway too.
        let _ = match &state.line {
            Some(line) => line.carry(&mut from_client, &mut to_server).await,
            None => copy(&mut from_client, &mut to_server).await.map(drop),
        };
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
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, copy(&mut from_client, &mut rest)).await;
    Ok(())
}

impl State {
    fn note(&self, asked: Asked) {
        self.seen().push(asked);
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    fn of(head: &str) -> Self {
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (method, target) = (word(), word());
        let credentials = lines
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .and_then(|(_, value)| value.split_once(' '));
        let user = credentials
            .filter(|(scheme, _)| *scheme == "Basic")
            .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
            .and_then(|pair| String::from_utf8(pair).ok())
            .and_then(|pair| Some(pair.split_once(':')?.0.to_owned()));
        Self {
            method,
            target,
            scheme: credentials.map(|(scheme, _)| scheme.to_owned()),
            user,
        }
    }

    /// Whether it asked the token service.
    #[must_use]
    pub fn is_for_a_token(&self) -> bool {
        self.target.split('?').next() == Some("/api/token")
    }
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
        // TLS, say, which a client tries first: it is not to wait.
        if !read.first().is_some_and(u8::is_ascii_uppercase) {
            break;
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
