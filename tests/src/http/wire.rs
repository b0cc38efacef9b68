//! HTTP byte by byte, for what a well-behaved client never sends: half
//! bodies, junk, two requests at once.

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use crate::client::Client;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The head of a request with the client's credentials and these headers, the
/// empty line included. The target goes as it is: `..` stays `..`.
///
/// # Panics
/// Never: the client's own parts make a request.
#[must_use]
pub fn head(client: &Client, method: &str, target: &str, headers: &[(&str, &str)]) -> String {
    let request = client.request(Method::GET, "/").build();
    let request = request.expect("a request to the client's server");
    let host = client.base().trim_start_matches("http://");
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
    if let Some(credentials) = request.headers().get(AUTHORIZATION) {
        let credentials = credentials.to_str().expect("letters and digits");
        let _ = write!(head, "Authorization: {credentials}\r\n");
    }
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head + "\r\n"
}

/// Sends these bytes and reads until the server closes the connection, or is
/// silent for 30 s. Ask for `Connection: close`.
///
/// # Panics
/// When the server cannot be reached.
pub async fn raw_http(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut wire = Wire::connect(address).await;
    wire.send(bytes).await;
    wire.remaining().await
}

/// One connection.
#[derive(Debug)]
pub struct Wire {
    stream: BufReader<TcpStream>,
}

/// One answer as it came; an interim one (1xx) counts as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireAnswer {
    /// The status code.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, with chunks put together.
    pub body: Vec<u8>,
}

impl WireAnswer {
    /// The first header of this (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Wire {
    /// Connects.
    ///
    /// # Panics
    /// When the server cannot be reached.
    pub async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("to connect");
        stream.set_nodelay(true).expect("to set an option");
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Connects from another address of this machine: all of 127.0.0.0/8 are
    /// its own.
    ///
    /// # Panics
    /// When the server cannot be reached.
    pub async fn connect_from(local: [u8; 4], address: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((local, 0).into()).expect("an address of ours");
        let address = address.parse().expect("an address with a port");
        let stream = socket.connect(address).await.expect("to connect");
        stream.set_nodelay(true).expect("to set an option");
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Sends these bytes, as far as the server takes them: one that has
    /// closed the connection shows in the answer.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// Reads one answer to a request that is not HEAD.
    ///
    /// # Panics
    /// When it is no HTTP, breaks off, or does not come within 30 s.
    pub async fn answer(&mut self) -> WireAnswer {
        self.answer_within(LIMIT).await.expect("an answer in time")
    }

    /// Reads one answer, or `None` if none arrives in time.
    ///
    /// # Panics
    /// When it is no HTTP, or breaks off.
    pub async fn answer_within(&mut self, limit: Duration) -> Option<WireAnswer> {
        tokio::time::timeout(limit, self.read_answer()).await.ok()
    }

    /// Reads on until the server closes, or is silent for 30 s.
    pub async fn remaining(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        // What came before a reset or the deadline is still worth a look.
        let _ = tokio::time::timeout(LIMIT, self.stream.read_to_end(&mut all)).await;
        all
    }

    /// Whether the server closes the connection, as far as that takes no
    /// longer. What comes before is thrown away.
    pub async fn closes_within(&mut self, limit: Duration) -> bool {
        let mut all = Vec::new();
        let end = self.stream.read_to_end(&mut all);
        tokio::time::timeout(limit, end).await.is_ok()
    }

    async fn read_answer(&mut self) -> WireAnswer {
        let status_line = self.line().await;
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("no status line: {status_line:?}"));
        let mut answer = WireAnswer {
            status,
            headers: self.headers().await,
            body: Vec::new(),
        };
        let empty = status < 200 || status == 204 || status == 304;
        if empty {
            return answer;
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = self.chunks().await;
        } else if let Some(length) = answer.header("content-length") {
            let length = length.parse().expect("a length in digits");
            answer.body = self.exactly(length).await;
        } else {
            self.stream
                .read_to_end(&mut answer.body)
                .await
                .expect("a body");
        }
        answer
    }

    async fn headers(&mut self) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(':') else {
                assert_eq!(line, "", "a header without a colon");
                return headers;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await;
            let length = usize::from_str_radix(line.trim(), 16).expect("a chunk's length");
            if length == 0 {
                self.headers().await;
                return body;
            }
            body.extend(self.exactly(length).await);
            self.line().await;
        }
    }

    async fn exactly(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.stream
            .read_exact(&mut bytes)
            .await
            .expect("a whole body");
        bytes
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.expect("a line");
        assert!(line.ends_with('\n'), "broke off after {line:?}");
        line.trim_end().to_owned()
    }
}
