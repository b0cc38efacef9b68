//! curl as a client: another make of HTTP than the one that the tests are
//! built with, TLS and HTTP/2 included.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::client::{Answer, sha256};
use crate::lab::{ADMIN, PASSWORD};

/// The lab's administrator, as curl. Each request is a connection of its own.
#[derive(Clone, Debug)]
pub struct Curl {
    base: String,
    flags: Vec<OsString>,
}

/// What came of a request.
#[derive(Debug)]
pub struct Transfer {
    /// Every status that came, interim ones first.
    pub statuses: Vec<u16>,
    /// `HTTP/1.1`, or `HTTP/2`.
    pub version: String,
    /// The final answer.
    pub answer: Answer,
}

impl Curl {
    /// Speaks to `http://host:port` or `https://host:port`.
    #[must_use]
    pub fn at(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            flags: Vec::new(),
        }
    }

    /// With these flags more.
    #[must_use]
    pub fn with<F: Into<OsString>>(mut self, flags: impl IntoIterator<Item = F>) -> Self {
        self.flags.extend(flags.into_iter().map(Into::into));
        self
    }

    /// Trusts this certificate.
    #[must_use]
    pub fn trusting(self, certificate: &Path) -> Self {
        self.with([OsString::from("--cacert"), certificate.into()])
    }

    /// Sends a request to a path or a `Location`.
    ///
    /// # Panics
    /// When no answer comes; with what curl says.
    pub async fn send(&self, method: &str, target: &str, body: Option<&[u8]>) -> Transfer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (heads, answer) = (folder.path().join("heads"), folder.path().join("answer"));
        std::fs::write(&answer, "").expect("an empty file");
        let url = if target.starts_with('/') {
            format!("{}{target}", self.base)
        } else {
            target.to_owned()
        };
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--globoff", "--max-time", "300"])
            .args(["--user", &format!("{ADMIN}:{PASSWORD}")])
            .args(["--request", method, "--dump-header"])
            .arg(&heads)
            .arg("--output")
            .arg(&answer)
            .args(&self.flags);
        if body.is_some() {
            curl.args(["--header", "Content-Type: application/octet-stream"])
                .args(["--data-binary", "@-"]);
        } else if method == "HEAD" {
            curl.arg("--head");
        }
        let mut child = curl
            .arg(url)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("curl is installed");
        let mut stdin = child.stdin.take().expect("a pipe");
        let feed = async move {
            // It need not read all of it.
            let _ = stdin.write_all(body.unwrap_or_default()).await;
        };
        let (output, ()) = tokio::join!(child.wait_with_output(), feed);
        let output = output.expect("curl's output");
        assert!(
            output.status.success(),
            "curl {method} {target}: {output:?}"
        );
        let heads = std::fs::read_to_string(&heads).expect("the heads");
        let body = std::fs::read(&answer).expect("the body").into();
        parse(&heads, body)
    }

    /// Pushes a blob by POST, one PATCH and an empty PUT; hands back its digest.
    ///
    /// # Panics
    /// When any answer is not that of success.
    pub async fn push_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let uploads = format!("/v2/{repository}/blobs/uploads/");
        let started = self.send("POST", &uploads, Some(b"")).await;
        let session = started.answer.expect_status(202).location();
        let patched = self.send("PATCH", &session, Some(bytes)).await;
        let session = patched.answer.expect_status(202).location();
        let digest = sha256(bytes);
        let sign = if session.contains('?') { '&' } else { '?' };
        let put = format!("{session}{sign}digest={digest}");
        let put = self.send("PUT", &put, Some(b"")).await;
        put.answer.expect_status(201);
        digest
    }

    /// Pulls a blob.
    ///
    /// # Panics
    /// When the answer is not that of success.
    pub async fn pull_blob(&self, repository: &str, digest: &str) -> Bytes {
        let path = format!("/v2/{repository}/blobs/{digest}");
        let pulled = self.send("GET", &path, None).await;
        pulled.answer.expect_status(200).body
    }
}

/// The heads one after the other, each with an empty line at its end.
fn parse(heads: &str, body: Bytes) -> Transfer {
    let mut statuses = Vec::new();
    let mut version = String::new();
    let mut headers = HeaderMap::new();
    for line in heads.lines() {
        if let Some((name, value)) = line.split_once(": ").filter(|_| !line.starts_with("HTTP/")) {
            let name: HeaderName = name.parse().expect("a header's name");
            let value = HeaderValue::from_str(value.trim()).expect("a header's value");
            headers.append(name, value);
        } else if line.starts_with("HTTP/") {
            let mut words = line.split_whitespace();
            version = words.next().unwrap_or_default().to_owned();
            let status = words.next().and_then(|status| status.parse().ok());
            statuses.push(status.unwrap_or_else(|| panic!("no status: {line}")));
            headers.clear();
        }
    }
    let status = statuses.last().copied();
    Transfer {
        answer: Answer {
            status: status.expect("a status"),
            headers,
            body,
        },
        statuses,
        version,
    }
}
