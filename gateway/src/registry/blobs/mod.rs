//! Pulling blobs (OCI distribution specification, "Pulling blobs").

pub(super) mod file_stream;
pub(super) mod range;
pub(super) mod source;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::response::Builder;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use refity_store::Blob;
use refity_types::digest::{Digest, DigestError};
use refity_types::name::RepositoryName;

use crate::registry::blobs::range::RequestedRange;
use crate::registry::blobs::source::BlobSource;
use crate::registry::error::RegistryError;
use crate::registry::headers::{CONTENT_DIGEST, entity_tag, is_known};
use crate::state::AppState;

/// `GET` and `HEAD` of a blob.
pub(in crate::registry) async fn get(
    state: &AppState,
    repository: &RepositoryName,
    digest: &Result<Digest, DigestError>,
    parts: &Parts,
) -> Result<Response, RegistryError> {
    let digest = digest
        .as_ref()
        .map_err(|error| RegistryError::BlobWithoutDigest(*error))?;
    let source = BlobSource::find(state, repository, digest).await?;
    let blob = &source.blob;
    if is_known(&parts.headers, digest) {
        return build(head(StatusCode::NOT_MODIFIED, digest), Body::empty());
    }
    let asked = asked(parts, blob);
    let (status, range) = match &asked {
        RequestedRange::Whole => (StatusCode::OK, 0..blob.size),
        RequestedRange::Part(range) => (StatusCode::PARTIAL_CONTENT, range.clone()),
        RequestedRange::Nothing => {
            return Err(RegistryError::RangeNotSatisfiable { size: blob.size });
        }
    };
    let mut answer = head(status, digest)
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::CONTENT_LENGTH, range.end - range.start);
    if status == StatusCode::PARTIAL_CONTENT {
        let (first, last) = (range.start, range.end - 1);
        let range = format!("bytes {first}-{last}/{}", blob.size);
        answer = answer.header(header::CONTENT_RANGE, range);
    }
    if parts.method == Method::HEAD {
        // A client that sees the blob may rely on it in a push.
        if !state.node.store.renew_blob(blob).await? {
            return Err(RegistryError::BlobUnknown(digest.clone()));
        }
        return build(answer, Body::empty());
    }
    let pieces = source.open(state, range).await?;
    build(answer, Body::from_stream(pieces))
}

/// Returns the requested part. `Range` is defined for GET only (RFC 9110
/// section 14.2), and is ignored if `If-Range` does not match the content.
fn asked(parts: &Parts, blob: &Blob) -> RequestedRange {
    let same =
        |tag: &axum::http::HeaderValue| tag.as_bytes() == entity_tag(&blob.digest).as_bytes();
    if parts.method != Method::GET || !parts.headers.get(header::IF_RANGE).is_none_or(same) {
        return RequestedRange::Whole;
    }
    let range = parts.headers.get(header::RANGE);
    range
        .and_then(|range| range.to_str().ok())
        .map_or(RequestedRange::Whole, |range| {
            RequestedRange::parse(range, blob.size)
        })
}

fn head(status: StatusCode, digest: &Digest) -> Builder {
    Response::builder()
        .status(status)
        .header(CONTENT_DIGEST, digest.as_str())
        .header(header::ETAG, entity_tag(digest))
        .header(header::ACCEPT_RANGES, "bytes")
}

fn build(answer: Builder, body: Body) -> Result<Response, RegistryError> {
    answer.body(body).map_err(|error| {
        tracing::error!(%error, "an answer's headers are ill-formed");
        RegistryError::Internal
    })
}
