//! What a server answered, as tests look at it.

use std::fmt;

use bytes::Bytes;
use reqwest::header::{HeaderMap, LOCATION};
use serde_json::Value;

use crate::client::Failure;

/// What a server answered.
#[derive(Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// A header's value, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The `Location`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn location(&self) -> String {
        let location = self.header(LOCATION.as_str());
        location
            .unwrap_or_else(|| panic!("no Location: {self:?}"))
            .to_owned()
    }

    /// The `Docker-Content-Digest`.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.header("docker-content-digest")
    }

    /// The target of `Link: <target>; rel="next"`, if there is a next page.
    ///
    /// # Panics
    /// When there is a link of another form.
    #[must_use]
    pub fn next_page(&self) -> Option<String> {
        let link = self.header("link")?;
        let target = link
            .strip_prefix('<')
            .and_then(|link| link.strip_suffix(">; rel=\"next\""));
        Some(target.unwrap_or_else(|| panic!("{link}")).to_owned())
    }

    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The first error's code, such as `BLOB_UNKNOWN`; empty where there is none.
    #[must_use]
    pub fn error_code(&self) -> String {
        let code = &self.json()["errors"][0]["code"];
        code.as_str().unwrap_or_default().to_owned()
    }

    /// This answer, if it has the status.
    ///
    /// # Panics
    /// When it has another; with the body.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// This answer, or a [`Failure`] where it has another status.
    pub(crate) fn accept(self, status: u16) -> Result<Self, Failure> {
        if self.status == status {
            Ok(self)
        } else {
            Err(self.into())
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 2000;
        let body = &self.body[..self.body.len().min(SHOWN)];
        write!(
            f,
            "{} {:?} {}",
            self.status,
            self.headers,
            String::from_utf8_lossy(body)
        )
    }
}
