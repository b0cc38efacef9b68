//! Errors of `/v2`: the specification's error codes, each mapped to its status
//! here and nowhere else (OCI distribution specification, "Error Codes").

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use refity_spool::SpoolError;
use refity_storage::StorageError;
use refity_store::{MissingReference, StoreError};
use refity_types::digest::{Digest, DigestError};
use refity_types::manifest::{MANIFEST_MAX_BYTES, ManifestError};
use refity_types::name::{NameError, RepositoryName};
use serde_json::{Value, json};

use super::headers::received_range;
use crate::access::{AuthError, seconds};

/// `Retry-After` in seconds if the registry is busy.
const RETRY_SOON_SECONDS: u64 = 5;

/// `Retry-After` in seconds if an operator has to act.
const RETRY_LATER_SECONDS: u64 = 60;

/// An error of a request to `/v2`. Its text is the message for the client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// The repository lacks the blob.
    #[error("this repository has no blob {0}")]
    BlobUnknown(Digest),
    /// The requested blob's digest is invalid.
    #[error("unknown blob: {0}")]
    BlobWithoutDigest(DigestError),
    /// An invalid upload request.
    #[error("{0}")]
    UploadInvalid(String),
    /// Unknown upload session.
    #[error(
        "unknown upload: it was finished or cancelled, or the registry's host was restarted; start \
         again with a POST to blobs/uploads/"
    )]
    UploadUnknown,
    /// A chunk that overlaps the upload or leaves a gap.
    #[error("the upload has {offset} bytes: continue with the chunk that starts there")]
    ChunkOutOfOrder {
        /// Bytes in the upload.
        offset: u64,
        /// Location of the upload.
        location: String,
    },
    /// The digest is missing in the query.
    #[error("add the digest of the blob to the query: ?digest=sha256:<64 hex digits>")]
    DigestMissing,
    /// An invalid digest in a write.
    #[error("{0}")]
    DigestInvalid(DigestError),
    /// The bytes do not match the client's digest.
    #[error("the received bytes have the digest {actual}, not {named}; nothing was stored")]
    DigestMismatch {
        /// The digest in the request.
        named: Digest,
        /// The digest of the received bytes.
        actual: Digest,
    },
    /// The manifest references content that the repository lacks.
    #[error("the manifest references content that this repository does not have")]
    ReferencesUnknown(Vec<MissingReference>),
    /// The bytes are not an acceptable manifest.
    #[error("{0}")]
    ManifestInvalid(String),
    /// The manifest is too large.
    #[error("a manifest may have at most {MANIFEST_MAX_BYTES} bytes (4 MiB)")]
    ManifestTooLarge,
    /// No manifest of this tag or digest.
    #[error("this repository has no manifest {0}")]
    ManifestUnknown(String),
    /// An invalid reference in a read.
    #[error("unknown manifest: {0}")]
    ManifestWithoutReference(NameError),
    /// An invalid reference in a write.
    #[error("{0}")]
    ReferenceInvalid(NameError),
    /// An invalid repository name.
    #[error("{0}")]
    NameInvalid(NameError),
    /// Unknown repository.
    #[error("there is no repository {0}")]
    NameUnknown(RepositoryName),
    /// Inconsistent lengths.
    #[error("{0}")]
    SizeInvalid(String),
    /// A range that starts past the end of the blob.
    #[error("the blob has {size} bytes, none of which is in this range")]
    RangeNotSatisfiable {
        /// The blob's size.
        size: u64,
    },
    /// An invalid page size.
    #[error("n must be a whole number of at least 0")]
    PageInvalid,
    /// A malformed query.
    #[error("malformed query: use each parameter once, as name=value, percent-encoded")]
    QueryInvalid,
    /// A position that is not from a `Link` of this registry.
    #[error("invalid last: use the Link header of the previous page")]
    LinkInvalid,
    /// More tags in one push than allowed.
    #[error("a request can set at most {most} tags; push the manifest again to set the others")]
    TooManyTags {
        /// The limit.
        most: usize,
    },
    /// The index does not know all references.
    #[error(
        "only tags can be deleted: the storage holds images that the index does not know, because \
         the index was rebuilt or the folder was taken over"
    )]
    PartialIndex,
    /// The content is still referenced.
    #[error("the manifest {by} of this repository references it: delete that manifest first")]
    InUse {
        /// The referencing manifest.
        by: Digest,
    },
    /// Permission denied.
    #[error("{0}")]
    Denied(String),
    /// The path does not support the method.
    #[error("this path does not support this method; use {allow}")]
    MethodNotAllowed {
        /// The supported methods.
        allow: &'static str,
    },
    /// Unknown path.
    #[error("unknown path")]
    NoSuchPath,
    /// A limit of the client or of the registry is exceeded.
    #[error("{message}")]
    TooManyRequests {
        /// The exceeded limit.
        message: String,
        /// `Retry-After` in seconds.
        retry_after: u64,
    },
    /// Temporarily unavailable.
    #[error("{message}")]
    Unavailable {
        /// The cause, and what happens to the sent data.
        message: String,
        /// `Retry-After` in seconds.
        retry_after: u64,
    },
    /// An internal error.
    #[error("internal error; see the registry's log")]
    Internal,
}

impl RegistryError {
    /// Returns an error for a resource that is busy for a moment.
    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self::Unavailable {
            message: message.into(),
            retry_after: RETRY_SOON_SECONDS,
        }
    }

    /// Returns an error for an exceeded limit.
    pub(crate) fn too_many(message: impl Into<String>) -> Self {
        Self::TooManyRequests {
            message: message.into(),
            retry_after: RETRY_SOON_SECONDS,
        }
    }

    /// Returns an error for a client with too many failed sign-ins, who must
    /// wait this long.
    pub(crate) fn guessing(wait: Duration) -> Self {
        Self::TooManyRequests {
            message: AuthError::Guessing(wait).to_string(),
            retry_after: seconds(wait),
        }
    }

    /// Returns an error that takes time or an operator to resolve.
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

    /// Returns the entries of the error body: those of each missing reference,
    /// or a single one.
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

/// Returns the entries of a missing reference. A manifest has its own code and
/// the specification's general one ("Pushing Manifests", code-5).
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
            "message": format!("the manifest references the {what} {digest}, which this repository does not have; push it first"),
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
        tracing::error!(%error, "the database failed");
        match error {
            StoreError::Busy | StoreError::TooSlow => {
                Self::busy("the registry's database is busy; try again")
            }
            StoreError::Panic(_) => Self::Internal,
            StoreError::Full => Self::away("the registry's disk is full; nothing was stored"),
            _ => Self::away("the registry's database is unavailable; see the registry's log"),
        }
    }
}

impl From<SpoolError> for RegistryError {
    fn from(error: SpoolError) -> Self {
        match &error {
            SpoolError::Locked => {
                return Self::busy(
                    "another request is writing this upload; try again when it has finished",
                );
            }
            SpoolError::Busy => {
                return Self::busy("too many uploads; try again in a moment");
            }
            SpoolError::Full => {
                tracing::error!("the disk of the spool is full");
                return Self::away(
                    "the registry's disk is full; nothing of this request was stored",
                );
            }
            SpoolError::Io { .. } | SpoolError::Interrupted => {}
        }
        tracing::error!(%error, "the spool failed");
        Self::away("the registry's disk is unavailable; see the registry's log")
    }
}

impl From<StorageError> for RegistryError {
    fn from(error: StorageError) -> Self {
        if error.is_transient() {
            Self::busy(format!("the storage is unavailable: {error}"))
        } else {
            Self::away(format!("the storage needs attention: {error}"))
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
    async fn a_chunk_out_of_order_returns_the_offset_to_continue_at() {
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
    async fn an_unavailable_resource_is_never_a_404() {
        let errors = [
            RegistryError::from(StoreError::Busy),
            StoreError::Full.into(),
            StoreError::Other("x".into()).into(),
            SpoolError::Locked.into(),
            SpoolError::Full.into(),
            SpoolError::Interrupted.into(),
            StorageError::connection("x").into(),
            StorageError::Missing { path: "x".into() }.into(),
        ];
        for error in errors {
            let (status, headers, body) = answer(error).await;
            assert_eq!(status, 503);
            assert!(headers.contains_key("retry-after"));
            assert_eq!(body["errors"][0]["code"], "UNAVAILABLE");
        }
    }

    #[tokio::test]
    async fn an_exceeded_limit_has_retry_after() {
        let (status, headers, body) = answer(RegistryError::too_many("less")).await;
        assert_eq!(status, 429);
        assert_eq!(headers["retry-after"], "5");
        assert_eq!(body["errors"][0]["code"], "TOOMANYREQUESTS");
    }

    #[tokio::test]
    async fn an_unsupported_method_returns_the_supported_ones() {
        let error = RegistryError::MethodNotAllowed { allow: "GET, HEAD" };
        let (status, headers, body) = answer(error).await;
        assert_eq!(status, 405);
        assert_eq!(headers["allow"], "GET, HEAD");
        assert_eq!(body["errors"][0]["code"], "UNSUPPORTED");
    }
}
