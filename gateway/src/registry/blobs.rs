//! Pulling blobs (OCI distribution specification, "Pulling blobs").

use std::fs::File;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::response::Builder;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use refity_store::Blob;
use refity_types::digest::{Digest, DigestError};
use refity_types::name::{FileId, RepositoryName};
use tokio::task::spawn_blocking;

use super::error::RegistryError;
use super::headers::{CONTENT_DIGEST, entity_tag, is_known};
use super::range::Asked;
use super::{cold, file_stream};
use crate::state::AppState;

/// How often a blob's file may turn out to have moved while it is opened.
const OPEN_TRIES: usize = 4;

/// Where a blob's bytes are.
enum Source {
    /// In the spool.
    Warm(File),
    /// On SFTP only.
    Cold,
}

/// `GET` and `HEAD` of a blob.
pub(super) async fn get(
    state: &AppState,
    repository: &RepositoryName,
    digest: &Result<Digest, DigestError>,
    parts: &Parts,
) -> Result<Response, RegistryError> {
    let digest = digest
        .as_ref()
        .map_err(|error| RegistryError::BlobWithoutDigest(*error))?;
    let (blob, source) = find(state, repository, digest).await?;
    if is_known(&parts.headers, digest) {
        return build(head(StatusCode::NOT_MODIFIED, digest), Body::empty());
    }
    let asked = asked(parts, &blob);
    let (status, range) = match &asked {
        Asked::Whole => (StatusCode::OK, 0..blob.size),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range.clone()),
        Asked::Nothing => return Err(RegistryError::RangeNotSatisfiable { size: blob.size }),
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
        // A client that is told of it may rely on it in a push.
        if !state.node.store.renew_blob(&blob).await? {
            return Err(RegistryError::BlobUnknown(digest.clone()));
        }
        return build(answer, Body::empty());
    }
    let body = match source {
        Source::Warm(file) => {
            // A database that cannot be written does not stop a pull.
            if let Err(error) = state.node.store.touch_blob(&blob).await {
                tracing::debug!(%digest, %error, "the use of a blob is not noted");
            }
            Body::from_stream(file_stream::stream(file, range))
        }
        Source::Cold => cold::body(state, &blob, range).await?,
    };
    build(answer, body)
}

/// The blob and where it can be read. A file that is not where its row says
/// was evicted meanwhile, or is lost.
async fn find(
    state: &AppState,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<(Blob, Source), RegistryError> {
    let unknown = || RegistryError::BlobUnknown(digest.clone());
    let store = &state.node.store;
    let mut tried: Option<FileId> = None;
    for _ in 0..OPEN_TRIES {
        let blob = store.blob(repository, digest).await?.ok_or_else(unknown)?;
        match blob.file {
            Some(file) if tried == Some(file) => {
                tracing::error!(%digest, %file, "a file of the spool is missing");
                store.file_lost(blob.id, file).await?;
            }
            Some(file) => {
                if let Some(opened) = open(state, file, blob.size).await? {
                    return Ok((blob, Source::Warm(opened)));
                }
                tried = Some(file);
            }
            None if blob.stored => return Ok((blob, Source::Cold)),
            None => return Err(unknown()),
        }
    }
    Err(RegistryError::busy(
        "the blob is just being moved; try again",
    ))
}

/// Opens a file of the spool; nothing if it is gone or has lost bytes.
async fn open(state: &AppState, file: FileId, size: u64) -> Result<Option<File>, RegistryError> {
    let spool = state.node.spool.clone();
    let opened = spawn_blocking(move || spool.open_file(file)).await;
    let opened = opened.map_err(|_| RegistryError::Internal)??;
    let whole = |file: &File| file.metadata().is_ok_and(|meta| meta.len() == size);
    Ok(opened.filter(whole))
}

/// The part that is asked for. `Range` is defined for GET only (RFC 9110
/// section 14.2), and not where `If-Range` names other content.
fn asked(parts: &Parts, blob: &Blob) -> Asked {
    let same =
        |tag: &axum::http::HeaderValue| tag.as_bytes() == entity_tag(&blob.digest).as_bytes();
    if parts.method != Method::GET || !parts.headers.get(header::IF_RANGE).is_none_or(same) {
        return Asked::Whole;
    }
    let range = parts.headers.get(header::RANGE);
    range
        .and_then(|range| range.to_str().ok())
        .map_or(Asked::Whole, |range| Asked::parse(range, blob.size))
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
