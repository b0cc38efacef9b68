//! Requests over and over: one after the other, or over many connections.
//!
//! `wrk` costs little itself, but waits for the body that a `Content-Length`
//! announces, which an answer to HEAD does not have: those are asked for here.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const CONNECTIONS: u32 = 64;
/// As the machine's cores are shared with what is measured.
const THREADS: u32 = 2;

/// Sends the same GET over and over; answers how many were answered in a
/// second.
///
/// # Panics
/// When an answer was no success, or a connection failed.
pub(crate) fn gets_per_second(url: &str, headers: &[String], seconds: u32) -> f64 {
    let mut command = Command::new("wrk");
    command
        .args(["--connections", &CONNECTIONS.to_string()])
        .args(["--threads", &THREADS.to_string()])
        .args(["--duration", &format!("{seconds}s")]);
    for header in headers {
        command.args(["--header", header]);
    }
    let output = command
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .expect("wrk is installed");
    let report = String::from_utf8_lossy(&output.stdout);
    let clean = !report.contains("Non-2xx") && !report.contains("Socket errors");
    assert!(output.status.success() && clean, "{command:?}:\n{report}");
    let rate = report
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"));
    let rate = rate.and_then(|rate| rate.trim().parse().ok());
    let rate = rate.filter(|rate: &f64| *rate > 0.0);
    rate.unwrap_or_else(|| panic!("no rate:\n{report}"))
}

/// Sends the same HEAD over and over; answers how many were answered in a
/// second.
///
/// # Panics
/// When an answer was no success, or a connection failed.
pub(crate) async fn heads_per_second(
    address: &str,
    path: &str,
    headers: &[String],
    seconds: u32,
) -> f64 {
    let mut lines = vec![format!("HEAD {path} HTTP/1.1"), format!("Host: {address}")];
    lines.extend_from_slice(headers);
    let request = lines.join("\r\n") + "\r\n\r\n";
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds.into());
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        connections.spawn(heads(address.to_owned(), request.clone(), end));
    }
    let counts = connections.join_all().await;
    f64::from(counts.iter().sum::<u32>()) / start.elapsed().as_secs_f64()
}

/// Sends requests over one connection until then; answers how many.
async fn heads(address: String, request: String, end: Instant) -> u32 {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let (mut count, mut answer) = (0, Vec::with_capacity(4096));
    while Instant::now() < end {
        answer.clear();
        let sent = stream.write_all(request.as_bytes()).await;
        sent.expect("to send a request");
        while !answer.ends_with(b"\r\n\r\n") {
            let read = stream.read_buf(&mut answer).await;
            assert_ne!(read.expect("an answer"), 0, "the connection was closed");
        }
        let text = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{text}");
        count += 1;
    }
    count
}

/// One connection, for one request after the other. It does as little as it
/// can, so that what is timed is the server.
pub(crate) struct Connection {
    stream: std::net::TcpStream,
    /// The lines of each request after its first.
    headers: String,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: &str, authorization: &str) -> Self {
        let stream = std::net::TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Self {
            stream,
            headers: format!("Host: {address}\r\n{authorization}\r\n\r\n"),
            buffer: vec![0; 16 * 1024 * 1024],
        }
    }

    /// How long the answer takes to its last byte, and its body.
    ///
    /// # Panics
    /// When it is no success.
    pub(crate) fn get(&mut self, path: &str) -> (Duration, &[u8]) {
        let request = format!("GET {path} HTTP/1.1\r\n{}", self.headers);
        let start = Instant::now();
        let sent = self.stream.write_all(request.as_bytes());
        sent.expect("to send a request");
        let (mut filled, mut whole) = (0, None);
        while whole.is_none_or(|(_, end)| filled < end) {
            let read = self.stream.read(&mut self.buffer[filled..]);
            let read = read.expect("an answer");
            assert_ne!(read, 0, "the connection was closed");
            filled += read;
            whole = whole.or_else(|| extent(&self.buffer[..filled]));
        }
        let time = start.elapsed();
        let (body, end) = whole.expect("a whole answer");
        let text = String::from_utf8_lossy(&self.buffer[..body]);
        assert!(text.starts_with("HTTP/1.1 200 "), "{path}: {text}");
        (time, &self.buffer[body..end])
    }
}

/// Where an answer's body begins and ends, once its head is there.
fn extent(answer: &[u8]) -> Option<(usize, usize)> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    let length = text.split("content-length:").nth(1)?.lines().next()?;
    let length: usize = length.trim().parse().ok()?;
    Some((head + 4, head + 4 + length))
}
