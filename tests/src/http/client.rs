//! A registry client that does exactly what a test says, and hands back
//! exactly what came.

use std::fmt;
use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use native_tls::TlsConnector;
use reqwest::header::{ACCEPT, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use reqwest::{Body, Method, RequestBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use crate::answer::Answer;
use crate::secrets;

/// Longer than any answer takes, sync pushes of tests included.
const SILENCE: Duration = Duration::from_secs(300);

/// All media types of manifests that a registry accepts.
pub const MANIFEST_TYPES: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// The SHA-256 digest of these bytes, by other code than ours.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Why something that takes several requests did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// No answer, or half of one.
    Lost(reqwest::Error),
    /// An answer that is not the one of success.
    Refused(Box<Answer>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Failure {}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        Self::Lost(error)
    }
}

impl From<Answer> for Failure {
    fn from(answer: Answer) -> Self {
        Self::Refused(Box::new(answer))
    }
}

/// One request's answer.
pub type Sent = Result<Answer, reqwest::Error>;

/// The TLS settings of all clients. Clients that each read the system's
/// certificates, which none needs, would take most of the suite's time.
static TLS: LazyLock<TlsConnector> = LazyLock::new(|| {
    let settings = TlsConnector::builder().disable_built_in_roots(true).build();
    settings.expect("constant settings")
});

/// Returns the settings of a client that speaks plain HTTP.
pub(crate) fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder().tls_backend_preconfigured(TLS.clone())
}

/// A client of one registry, with or without credentials. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    credentials: Option<(String, String)>,
}

impl Client {
    /// A client that sends no credentials to `host:port`.
    ///
    /// # Panics
    /// Never: the settings are constant.
    #[must_use]
    pub fn anonymous(address: &str) -> Self {
        Self::build(address, None)
    }

    /// A client without credentials that comes from another address of this
    /// machine: all of 127.0.0.0/8 are its own.
    ///
    /// # Panics
    /// Never: the settings are constant.
    #[must_use]
    pub fn anonymous_from(local: [u8; 4], address: &str) -> Self {
        Self::build(address, Some(local.into()))
    }

    fn build(address: &str, local: Option<IpAddr>) -> Self {
        let http = http()
            .local_address(local)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(SILENCE)
            .no_proxy()
            .build()
            .expect("constant settings");
        Self {
            http,
            base: format!("http://{address}"),
            credentials: None,
        }
    }

    /// This client with Basic credentials.
    #[must_use]
    pub fn with_credentials(&self, user: &str, password: &str) -> Self {
        Self {
            credentials: Some((user.to_owned(), password.to_owned())),
            ..self.clone()
        }
    }

    /// This client, speaking to another `host:port`.
    #[must_use]
    pub fn at(&self, address: &str) -> Self {
        Self {
            base: format!("http://{address}"),
            ..self.clone()
        }
    }

    /// `http://host:port`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Any request, to a path or to a `Location`; send it with [`send`].
    pub fn request(&self, method: Method, target: &str) -> RequestBuilder {
        let url = if target.starts_with('/') {
            format!("{}{target}", self.base)
        } else {
            target.to_owned()
        };
        let request = self.http.request(method, url);
        match &self.credentials {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Sent {
        send(self.request(Method::GET, path)).await
    }

    /// Any method on a path, without a body.
    pub async fn bare(&self, method: Method, path: &str) -> Sent {
        send(self.request(method, path)).await
    }

    /// `GET /v2/`.
    pub async fn ping(&self) -> Sent {
        self.get("/v2/").await
    }

    /// `POST uploads`: the answer's [`Answer::location`] is the session.
    pub async fn start_upload(&self, repository: &str) -> Sent {
        self.bare(Method::POST, &format!("/v2/{repository}/blobs/uploads/"))
            .await
    }

    /// `POST uploads?mount=&from=`.
    pub async fn mount(&self, repository: &str, digest: &str, from: &str) -> Sent {
        let path = format!("/v2/{repository}/blobs/uploads/?mount={digest}&from={from}");
        self.bare(Method::POST, &path).await
    }

    /// `PATCH session`, with a `Content-Range` such as `0-99` where given.
    pub async fn patch(&self, location: &str, body: impl Into<Body>, range: Option<&str>) -> Sent {
        let mut request = self.request(Method::PATCH, location);
        if let Some(range) = range {
            request = request.header(CONTENT_RANGE, range);
        }
        let octets = "application/octet-stream";
        send(request.header(CONTENT_TYPE, octets).body(body)).await
    }

    /// `PUT session?digest=`: ends the upload, with a last chunk or an empty body.
    pub async fn finish(&self, location: &str, digest: &str, body: impl Into<Body>) -> Sent {
        let sign = if location.contains('?') { '&' } else { '?' };
        let target = format!("{location}{sign}digest={digest}");
        send(self.request(Method::PUT, &target).body(body)).await
    }

    /// `GET session`: how far an upload is.
    pub async fn upload_status(&self, location: &str) -> Sent {
        self.bare(Method::GET, location).await
    }

    /// `DELETE session`.
    pub async fn cancel(&self, location: &str) -> Sent {
        self.bare(Method::DELETE, location).await
    }

    /// Pushes a blob by POST and one PUT; hands back its digest.
    ///
    /// # Errors
    /// When any answer is not that of success.
    pub async fn push_blob(&self, repository: &str, bytes: Bytes) -> Result<String, Failure> {
        let digest = sha256(&bytes);
        let session = self.start_upload(repository).await?.accept(202)?;
        self.finish(&session.location(), &digest, bytes)
            .await?
            .accept(201)?;
        Ok(digest)
    }

    /// Pushes a blob by POST, a PATCH with `Content-Range` for each chunk, and
    /// an empty PUT; hands back its digest.
    ///
    /// # Errors
    /// When any answer is not that of success.
    pub async fn push_blob_chunked(
        &self,
        repository: &str,
        bytes: Bytes,
        chunk: usize,
    ) -> Result<String, Failure> {
        let digest = sha256(&bytes);
        let mut location = self.start_upload(repository).await?.accept(202)?.location();
        for start in (0..bytes.len()).step_by(chunk) {
            let end = bytes.len().min(start + chunk);
            let range = format!("{start}-{}", end - 1);
            let answer = self
                .patch(&location, bytes.slice(start..end), Some(&range))
                .await?;
            location = answer.accept(202)?.location();
        }
        self.finish(&location, &digest, Bytes::new())
            .await?
            .accept(201)?;
        Ok(digest)
    }

    /// `GET blob`, whole or a range such as `bytes=0-99`.
    pub async fn get_blob(&self, repository: &str, digest: &str, range: Option<&str>) -> Sent {
        let mut request = self.request(Method::GET, &format!("/v2/{repository}/blobs/{digest}"));
        if let Some(range) = range {
            request = request.header(RANGE, range);
        }
        send(request).await
    }

    /// `HEAD blob`.
    pub async fn head_blob(&self, repository: &str, digest: &str) -> Sent {
        self.bare(Method::HEAD, &format!("/v2/{repository}/blobs/{digest}"))
            .await
    }

    /// `PUT manifest`, by tag or digest.
    pub async fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: impl Into<Body>,
    ) -> Sent {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let request = self
            .request(Method::PUT, &path)
            .header(CONTENT_TYPE, media_type);
        send(request.body(bytes)).await
    }

    /// `GET manifest`, accepting every type.
    pub async fn get_manifest(&self, repository: &str, reference: &str) -> Sent {
        self.manifest(Method::GET, repository, reference).await
    }

    /// `HEAD manifest`, accepting every type.
    pub async fn head_manifest(&self, repository: &str, reference: &str) -> Sent {
        self.manifest(Method::HEAD, repository, reference).await
    }

    /// `DELETE manifest`, or a tag.
    pub async fn delete_manifest(&self, repository: &str, reference: &str) -> Sent {
        self.manifest(Method::DELETE, repository, reference).await
    }

    async fn manifest(&self, method: Method, repository: &str, reference: &str) -> Sent {
        let path = format!("/v2/{repository}/manifests/{reference}");
        send(self.request(method, &path).header(ACCEPT, MANIFEST_TYPES)).await
    }

    /// `GET tags/list`.
    pub async fn tags(&self, repository: &str) -> Sent {
        self.get(&format!("/v2/{repository}/tags/list")).await
    }

    /// `POST /api/groups`.
    pub async fn create_group(&self, name: &str) -> Sent {
        self.post_json("/api/groups", &json!({ "name": name }))
            .await
    }

    /// `GET /api/jobs`.
    pub async fn jobs(&self) -> Sent {
        self.get("/api/jobs").await
    }

    /// `GET /api/jobs/summary`.
    pub async fn jobs_summary(&self) -> Sent {
        self.get("/api/jobs/summary").await
    }

    /// `POST path` with JSON.
    pub async fn post_json(&self, path: &str, body: &Value) -> Sent {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// `PUT path` with JSON.
    pub async fn put_json(&self, path: &str, body: &Value) -> Sent {
        send(self.request(Method::PUT, path).json(body)).await
    }
}

/// This request with these fields as a form.
///
/// # Panics
/// Never: the fields' place is constant.
pub fn with_form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let url = reqwest::Url::parse_with_params("http://form/", fields).expect("a constant");
    let form = url.query().unwrap_or_default().to_owned();
    let kind = "application/x-www-form-urlencoded";
    request.header(CONTENT_TYPE, kind).body(form)
}

/// What a signed token says, unverified (RFC 7519).
///
/// # Panics
/// When it is none.
#[must_use]
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("three parts");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64");
    serde_json::from_slice(&payload).expect("JSON")
}

/// Sends a request and reads the whole answer. The secrets in both are noted.
///
/// # Errors
/// When none comes, or half of one.
pub async fn send(request: RequestBuilder) -> Sent {
    let (http, request) = request.build_split();
    let request = request?;
    secrets::note_request(&request);
    let response = http.execute(request).await?;
    let answer = Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.bytes().await?,
    };
    secrets::note_answer(&answer);
    Ok(answer)
}
