//! What the registry answers when it cannot do what was asked: the
//! specification's error codes, each mapped to its status here and nowhere
//! else (OCI distribution specification, "Error Codes").

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use refity_spool::SpoolError;
use refity_storage::sftp::RemoteError;
use refity_store::{MissingReference, StoreError};
use refity_types::digest::{Digest, DigestError};
use refity_types::manifest::{MANIFEST_MAX_BYTES, ManifestError};
use refity_types::name::{NameError, RepositoryName};
use serde_json::{Value, json};

use super::headers::received_range;
use crate::access::{AuthError, seconds};

/// After how many seconds a client may try again what is busy now.
const RETRY_SOON_SECONDS: u64 = 5;

/// After how many seconds a client may try again what takes somebody's work.
const RETRY_LATER_SECONDS: u64 = 60;

/// Why a request to `/v2` fails. The text is the message that the client
/// sees.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// The repository lacks the blob.
    #[error("this repository has no blob {0}")]
    BlobUnknown(Digest),
    /// What was asked for as a blob has no digest.
    #[error("there is no such blob: {0}")]
    BlobWithoutDigest(DigestError),
    /// A request of an upload that cannot be understood.
    #[error("{0}")]
    UploadInvalid(String),
    /// No such session.
    #[error(
        "this repository has no such upload: it was finished or cancelled, or it began before the \
         registry's machine was started; begin again with a POST to blobs/uploads/"
    )]
    UploadUnknown,
    /// A chunk that overlaps what is there or leaves a gap.
    #[error("the upload has {offset} bytes: go on with the chunk that begins there")]
    ChunkOutOfOrder {
        /// The bytes that the upload has.
        offset: u64,
        /// Where to go on.
        location: String,
    },
    /// A query that must have a digest has none.
    #[error("the query must say the digest of the blob: ?digest=sha256:<64 hex digits>")]
    DigestMissing,
    /// A digest in a write that is none.
    #[error("{0}")]
    DigestInvalid(DigestError),
    /// The bytes are others than the client says.
    #[error("the bytes that came have the digest {actual}, not {named}; nothing was stored")]
    DigestMismatch {
        /// The client's digest.
        named: Digest,
        /// The digest of the bytes.
        actual: Digest,
    },
    /// A manifest names what the repository lacks.
    #[error("the manifest names what this repository does not have")]
    ReferencesUnknown(Vec<MissingReference>),
    /// Bytes that are no manifest that can be accepted.
    #[error("{0}")]
    ManifestInvalid(String),
    /// A manifest of too many bytes.
    #[error("a manifest may have at most {MANIFEST_MAX_BYTES} bytes (4 MiB)")]
    ManifestTooLarge,
    /// No manifest of this tag or digest.
    #[error("this repository has no manifest {0}")]
    ManifestUnknown(String),
    /// A reference that is neither tag nor digest, in a read.
    #[error("there is no such manifest: {0}")]
    ManifestWithoutReference(NameError),
    /// A reference that is neither tag nor digest, in a write.
    #[error("{0}")]
    ReferenceInvalid(NameError),
    /// Not a repository's name.
    #[error("{0}")]
    NameInvalid(NameError),
    /// No such repository.
    #[error("there is no repository {0}")]
    NameUnknown(RepositoryName),
    /// Lengths that do not fit each other.
    #[error("{0}")]
    SizeInvalid(String),
    /// A range of a blob that begins past its end.
    #[error("the blob has {size} bytes, and none of them are in this range")]
    RangeNotSatisfiable {
        /// The blob's size.
        size: u64,
    },
    /// A page size that is no number.
    #[error("n must be a whole number of entries from 0 on")]
    PageInvalid,
    /// A query that cannot be decoded.
    #[error("the query cannot be read: each parameter once, as name=value, percent-encoded")]
    QueryInvalid,
    /// A place in a list that no link of ours named.
    #[error("last must come from the Link of the page before")]
    LinkInvalid,
    /// More tags in one push than are set at once.
    #[error("one request can set at most {most} tags; push the manifest again for the others")]
    TooManyTags {
        /// How many it may set.
        most: usize,
    },
    /// Nobody knows what needs it.
    #[error(
        "only tags can be deleted: the storage holds images that the index does not know, since \
         it was rebuilt or the folder was taken over"
    )]
    PartialIndex,
    /// It cannot be deleted while something needs it.
    #[error("the manifest {by} of this repository names it: delete that one first")]
    InUse {
        /// What needs it.
        by: Digest,
    },
    /// Not allowed.
    #[error("{0}")]
    Denied(String),
    /// This path has no such method.
    #[error("this path cannot be used with this method, only with {allow}")]
    MethodNotAllowed {
        /// The methods that it has.
        allow: &'static str,
    },
    /// No such path.
    #[error("there is nothing at this path of the registry")]
    NoSuchPath,
    /// More at once than one client, or all, may do.
    #[error("{message}")]
    TooManyRequests {
        /// What there is too much of.
        message: String,
        /// Seconds until it is worth another try.
        retry_after: u64,
    },
    /// It may work later.
    #[error("{message}")]
    Unavailable {
        /// What is in the way, and what becomes of what was sent.
        message: String,
        /// Seconds until it is worth another try.
        retry_after: u64,
    },
    /// A fault of the program.
    #[error("the registry failed; its log says why")]
    Internal,
}

impl RegistryError {
    /// What is busy now and free in a moment.
    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self::Unavailable {
            message: message.into(),
            retry_after: RETRY_SOON_SECONDS,
        }
    }

    /// What this client, or all together, do too much of.
    pub(crate) fn too_many(message: impl Into<String>) -> Self {
        Self::TooManyRequests {
            message: message.into(),
            retry_after: RETRY_SOON_SECONDS,
        }
    }

    /// Who brought too many wrong credentials has to wait so long.
    pub(crate) fn guessing(wait: Duration) -> Self {
        Self::TooManyRequests {
            message: AuthError::Guessing(wait).to_string(),
            retry_after: seconds(wait),
        }
    }

    /// What needs time or a person.
    pub(crate) fn away(message: impl Into<String>) -> Self {
        Self::Unavailable {
            message: message.into(),
            retry_after: RETRY_LATER_SECONDS,
        }
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BlobUnknown(_) | Self::BlobWithoutDigest(_) => {
                (StatusCode::NOT_FOUND, "BLOB_UNKNOWN")
            }
            Self::UploadInvalid(_) => (StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID"),
            Self::UploadUnknown => (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
            Self::ChunkOutOfOrder { .. } => {
                (StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID")
            }
            Self::DigestMissing | Self::DigestInvalid(_) | Self::DigestMismatch { .. } => {
                (StatusCode::BAD_REQUEST, "DIGEST_INVALID")
            }
            Self::ReferencesUnknown(_) => (StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN"),
            Self::ManifestInvalid(_) => (StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
            Self::ManifestTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "MANIFEST_INVALID"),
            Self::ManifestUnknown(_) | Self::ManifestWithoutReference(_) => {
                (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN")
            }
            Self::ReferenceInvalid(NameError::Digest(_)) => {
                (StatusCode::BAD_REQUEST, "DIGEST_INVALID")
            }
            Self::ReferenceInvalid(_) => (StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
            Self::NameInvalid(_) => (StatusCode::BAD_REQUEST, "NAME_INVALID"),
            Self::NameUnknown(_) => (StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
            Self::SizeInvalid(_) => (StatusCode::BAD_REQUEST, "SIZE_INVALID"),
            Self::RangeNotSatisfiable { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, "SIZE_INVALID"),
            Self::PageInvalid | Self::QueryInvalid | Self::LinkInvalid => {
                (StatusCode::BAD_REQUEST, "UNSUPPORTED")
            }
            Self::TooManyTags { .. } => (StatusCode::URI_TOO_LONG, "UNSUPPORTED"),
            Self::Denied(_) => (StatusCode::FORBIDDEN, "DENIED"),
            Self::InUse { .. } | Self::PartialIndex | Self::MethodNotAllowed { .. } => {
                (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED")
            }
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "UNSUPPORTED"),
            Self::TooManyRequests { .. } => (StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS"),
            Self::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN"),
        }
    }

    /// The error body's list: the entries of each thing that is missing, one
    /// for everything else.
    fn entries(&self, code: &str) -> Vec<Value> {
        match self {
            Self::ReferencesUnknown(missing) => missing.iter().flat_map(missing_entries).collect(),
            other => vec![json!({
                "code": code,
                "message": other.to_string(),
                "detail": other.detail(),
            })],
        }
    }

    fn detail(&self) -> Value {
        match self {
            Self::BlobUnknown(digest) => json!({ "digest": digest }),
            Self::DigestMismatch { named, actual } => json!({ "named": named, "actual": actual }),
            Self::ManifestUnknown(reference) => json!({ "reference": reference }),
            Self::NameUnknown(name) => json!({ "name": name }),
            Self::ChunkOutOfOrder { offset, .. } => json!({ "offset": offset }),
            Self::RangeNotSatisfiable { size } => json!({ "size": size }),
            Self::InUse { by } => json!({ "named_by": by }),
            _ => Value::Null,
        }
    }

    fn headers(&self) -> Vec<(HeaderName, String)> {
        match self {
            Self::ChunkOutOfOrder { offset, location } => vec![
                (header::RANGE, received_range(*offset)),
                (header::LOCATION, location.clone()),
            ],
            Self::RangeNotSatisfiable { size } => {
                vec![(header::CONTENT_RANGE, format!("bytes */{size}"))]
            }
            // RFC 9110, section 15.5.6.
            Self::InUse { .. } | Self::PartialIndex => {
                vec![(header::ALLOW, "GET, HEAD".to_owned())]
            }
            Self::MethodNotAllowed { allow } => vec![(header::ALLOW, (*allow).to_owned())],
            Self::TooManyRequests { retry_after, .. } | Self::Unavailable { retry_after, .. } => {
                vec![(header::RETRY_AFTER, retry_after.to_string())]
            }
            _ => Vec::new(),
        }
    }
}

/// A manifest that is missing is told by its own code, and by the one that the
/// specification has for all that is missing ("Pushing Manifests", code-5).
fn missing_entries(missing: &MissingReference) -> Vec<Value> {
    let (codes, what, digest) = match missing {
        MissingReference::Blob(digest) => (&["MANIFEST_BLOB_UNKNOWN"][..], "blob", digest),
        MissingReference::Manifest(digest) => (
            &["MANIFEST_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"][..],
            "manifest",
            digest,
        ),
    };
    let entry = |code: &&str| {
        json!({
            "code": code,
            "message": format!("the manifest names the {what} {digest}, which this repository does not have; push it first"),
            "detail": { "digest": digest },
        })
    };
    codes.iter().map(entry).collect()
}

impl IntoResponse for RegistryError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        let body = json!({ "errors": self.entries(code) });
        let mut response = (status, Json(body)).into_response();
        for (name, value) in self.headers() {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

impl From<ManifestError> for RegistryError {
    fn from(error: ManifestError) -> Self {
        match error {
            ManifestError::TooLarge(_) => Self::ManifestTooLarge,
            other => Self::ManifestInvalid(other.to_string()),
        }
    }
}

impl From<StoreError> for RegistryError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the database does not answer");
        match error {
            StoreError::Busy => Self::busy("the registry's database is busy; try again"),
            StoreError::Full => Self::away("the registry's disk is full; nothing was stored"),
            _ => Self::away("the registry's database cannot be used now; its log says why"),
        }
    }
}

impl From<SpoolError> for RegistryError {
    fn from(error: SpoolError) -> Self {
        match &error {
            SpoolError::Locked => {
                return Self::busy(
                    "another request writes this upload; try again when it has ended",
                );
            }
            SpoolError::Busy => {
                return Self::busy("too many uploads are on their way; try again in a moment");
            }
            SpoolError::Full => {
                tracing::error!("the disk of the spool is full");
                return Self::away(
                    "the registry's disk is full; nothing of this request was stored",
                );
            }
            SpoolError::Io { .. } | SpoolError::Interrupted => {}
        }
        tracing::error!(%error, "the spool cannot be used");
        Self::away("the registry's disk cannot be used now; its log says why")
    }
}

impl From<RemoteError> for RegistryError {
    fn from(error: RemoteError) -> Self {
        if error.is_transient() {
            Self::busy(format!("the storage is away: {error}"))
        } else {
            Self::away(format!("the storage needs a person: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(error: RegistryError) -> (StatusCode, axum::http::HeaderMap, Value) {
        let response = error.into_response();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap();
        (parts.status, parts.headers, body)
    }

    #[tokio::test]
    async fn a_body_has_code_message_and_detail() {
        let digest = Digest::sha256(b"x");
        let (status, headers, body) = answer(RegistryError::BlobUnknown(digest.clone())).await;
        assert_eq!(status, 404);
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(
            body,
            json!({ "errors": [{
                "code": "BLOB_UNKNOWN",
                "message": format!("this repository has no blob {digest}"),
                "detail": { "digest": digest },
            }] })
        );
    }

    #[tokio::test]
    async fn each_missing_reference_is_an_error_of_its_own() {
        let (blob, manifest) = (Digest::sha256(b"b"), Digest::sha256(b"m"));
        let (status, _, body) = answer(RegistryError::ReferencesUnknown(vec![
            MissingReference::Blob(blob.clone()),
            MissingReference::Manifest(manifest.clone()),
        ]))
        .await;
        assert_eq!(status, 404);
        assert_eq!(body["errors"][0]["code"], "MANIFEST_BLOB_UNKNOWN");
        assert_eq!(body["errors"][0]["detail"]["digest"], blob.as_str());
        assert_eq!(body["errors"][1]["code"], "MANIFEST_UNKNOWN");
        assert_eq!(body["errors"][1]["detail"]["digest"], manifest.as_str());
        assert_eq!(body["errors"][2]["code"], "MANIFEST_BLOB_UNKNOWN");
        assert_eq!(body["errors"][2]["detail"]["digest"], manifest.as_str());
    }

    #[tokio::test]
    async fn a_chunk_out_of_order_says_where_to_go_on() {
        let error = RegistryError::ChunkOutOfOrder {
            offset: 10,
            location: "/v2/a/b/blobs/uploads/x".to_owned(),
        };
        let (status, headers, _) = answer(error).await;
        assert_eq!(status, 416);
        assert_eq!(headers["range"], "0-9");
        assert_eq!(headers["location"], "/v2/a/b/blobs/uploads/x");
    }

    #[tokio::test]
    async fn what_the_machine_cannot_do_now_is_never_a_404() {
        let errors = [
            RegistryError::from(StoreError::Busy),
            StoreError::Full.into(),
            StoreError::Other("x".into()).into(),
            SpoolError::Locked.into(),
            SpoolError::Full.into(),
            SpoolError::Interrupted.into(),
            RemoteError::Connection("x".into()).into(),
            RemoteError::Missing { path: "x".into() }.into(),
        ];
        for error in errors {
            let (status, headers, body) = answer(error).await;
            assert_eq!(status, 503);
            assert!(headers.contains_key("retry-after"));
            assert_eq!(body["errors"][0]["code"], "UNAVAILABLE");
        }
    }

    #[tokio::test]
    async fn too_much_at_once_says_when_to_come_back() {
        let (status, headers, body) = answer(RegistryError::too_many("less")).await;
        assert_eq!(status, 429);
        assert_eq!(headers["retry-after"], "5");
        assert_eq!(body["errors"][0]["code"], "TOOMANYREQUESTS");
    }

    #[tokio::test]
    async fn a_wrong_method_says_the_right_ones() {
        let error = RegistryError::MethodNotAllowed { allow: "GET, HEAD" };
        let (status, headers, body) = answer(error).await;
        assert_eq!(status, 405);
        assert_eq!(headers["allow"], "GET, HEAD");
        assert_eq!(body["errors"][0]["code"], "UNSUPPORTED");
    }
}
