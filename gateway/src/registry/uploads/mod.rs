//! Uploads of blobs (OCI distribution specification, "Pushing Blobs") in one
//! request, in two, or in chunks, and mounts from other repositories.

pub(super) mod content_range;
pub(super) mod limit;
pub(super) mod write;

use axum::extract::Query;
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::response::Response;
use refity_store::{MountSource, Mounted, UploadState};
use refity_types::digest::{Algorithm, Digest};
use refity_types::name::{RepositoryName, UploadId};
use serde::Deserialize;

use crate::access::Actor;
use crate::access::rights;
use crate::registry::body::RequestBody;
use crate::registry::error::RegistryError;
use crate::registry::headers::{CONTENT_DIGEST, UPLOAD_UUID, received_range, upload_location};
use crate::registry::uploads::write::{Opened, Session};
use crate::registry::{Written, disk_space, empty, push_target};
use crate::state::AppState;

/// The query of upload requests.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::registry) struct UploadQuery {
    pub(in crate::registry) digest: Option<String>,
    pub(in crate::registry) digest_algorithm: Option<String>,
    pub(in crate::registry) mount: Option<String>,
    pub(in crate::registry) from: Option<String>,
}

impl UploadQuery {
    pub(in crate::registry) fn of(uri: &Uri) -> Result<Self, RegistryError> {
        Query::try_from_uri(uri)
            .map(|Query(query)| query)
            .map_err(|error| RegistryError::UploadInvalid(error.body_text()))
    }

    pub(in crate::registry) fn algorithm(&self) -> Result<Algorithm, RegistryError> {
        match &self.digest_algorithm {
            None => Ok(Algorithm::Sha256),
            Some(name) => name.parse().map_err(RegistryError::DigestInvalid),
        }
    }

    /// Parses the digests of a request that starts an upload.
    fn requested(&self) -> Result<Requested, RegistryError> {
        let digest = self.digest.as_deref().map(parse).transpose()?;
        Ok(Requested {
            mounted: self.mount.as_deref().map(parse).transpose()?,
            algorithm: match &digest {
                Some(digest) => digest.algorithm(),
                None => self.algorithm()?,
            },
            digest,
        })
    }
}

/// The blob that a request to start an upload is for.
struct Requested {
    /// The blob to mount from another repository.
    mounted: Option<Digest>,
    /// The digest of the blob, if the request's body contains all of it.
    digest: Option<Digest>,
    algorithm: Algorithm,
}

fn parse(digest: &str) -> Result<Digest, RegistryError> {
    digest.parse().map_err(RegistryError::DigestInvalid)
}

/// `POST blobs/uploads/`: starts a session, mounts a blob, or receives a whole
/// blob.
pub(in crate::registry) async fn start(
    state: &AppState,
    repository: RepositoryName,
    query: &UploadQuery,
    actor: &Actor,
    parts: &Parts,
    body: &mut RequestBody,
) -> Result<Written, RegistryError> {
    let Requested {
        mounted,
        digest,
        algorithm,
    } = match query.requested() {
        Ok(requested) => requested,
        Err(error) => {
            // A missing group or repository is reported before an invalid
            // digest.
            push_target::require(state, &repository, parts).await?;
            return Err(error);
        }
    };
    if let Some(digest) = &mounted
        && let Some(mounted) = mount(state, &repository, query, digest, actor, parts).await?
    {
        return Ok(mounted.into());
    }
    disk_space::require(state, 0)?;
    let user = actor.identity.user_id();
    let session = Session::begin(state, repository.clone(), algorithm, user, parts).await?;
    let id = session.id();
    match digest {
        None => Ok(session_answer(StatusCode::ACCEPTED, &repository, id, 0).into()),
        Some(digest) => match session.append(parts, body).await {
            Ok(session) => session.commit(digest, parts).await,
            Err(error) => {
                // The client does not know the session's id, so nothing can
                // continue it.
                state.node.store.cancel_upload(id).await?;
                state.node.spool.remove_unlocked(id.into()).await?;
                Err(error)
            }
        },
    }
}

/// Mounts a blob of another repository into this one. Returns `None` if the
/// blob is not found; the request then starts a session.
async fn mount(
    state: &AppState,
    repository: &RepositoryName,
    query: &UploadQuery,
    digest: &Digest,
    actor: &Actor,
    parts: &Parts,
) -> Result<Option<Response>, RegistryError> {
    let Ok(from) = query.from.as_deref().map(str::parse).transpose() else {
        // The name is invalid, so no repository has it.
        return Ok(None);
    };
    let Some(source) = mount_source(state, actor, from).await? else {
        return Ok(None);
    };
    match state.node.store.mount(repository, source, digest).await? {
        Mounted::Yes => {
            state.node.wake_uploaders();
            Ok(Some(blob_answer(repository, digest)))
        }
        Mounted::NotFound => Ok(None),
        Mounted::Refused(target) => Err(push_target::refusal(target, repository, parts)),
    }
}

/// Returns the repository or repositories that the client may mount from;
/// `None` if it may not. Without a name, all repositories that it may read are
/// searched.
async fn mount_source(
    state: &AppState,
    actor: &Actor,
    from: Option<RepositoryName>,
) -> Result<Option<MountSource>, RegistryError> {
    let Some(from) = from else {
        return Ok(Some(MountSource::Any(rights::readable(&actor.identity))));
    };
    let may = actor.asked_to_pull(&from) && actor.may_pull(&state.node.store, &from).await?;
    Ok(may.then_some(MountSource::Repository(from)))
}

/// `PATCH` of a session: appends a chunk or a stream.
pub(in crate::registry) async fn append(
    state: &AppState,
    repository: RepositoryName,
    id: UploadId,
    parts: &Parts,
    body: &mut RequestBody,
) -> Result<Written, RegistryError> {
    let session = Session::open(state, repository.clone(), id).await?;
    let session = session.writable()?.append(parts, body).await?;
    let offset = session.offset();
    session.save().await?;
    Ok(session_answer(StatusCode::ACCEPTED, &repository, id, offset).into())
}

/// `PUT` of a session: appends the last chunk, if any, and commits the session
/// as a blob.
pub(in crate::registry) async fn finish(
    state: &AppState,
    repository: RepositoryName,
    id: UploadId,
    query: &UploadQuery,
    parts: &Parts,
    body: &mut RequestBody,
) -> Result<Written, RegistryError> {
    let digest = query
        .digest
        .as_deref()
        .ok_or(RegistryError::DigestMissing)?;
    let digest = parse(digest)?;
    match Session::open(state, repository.clone(), id).await? {
        Opened::Open(session) => {
            let session = session.append(parts, body).await?;
            session.commit(digest, parts).await
        }
        // The same request again gets the same response.
        Opened::Committed(committed) if committed == digest => {
            let jobs = state.node.store.blob_jobs(&repository, &digest).await?;
            let response = blob_answer(&repository, &digest);
            Ok(Written { response, jobs })
        }
        Opened::Committed(_) | Opened::Unknown => Err(RegistryError::UploadUnknown),
    }
}

/// `GET` of a session: returns its progress.
pub(in crate::registry) async fn status(
    state: &AppState,
    repository: &RepositoryName,
    id: UploadId,
) -> Result<Response, RegistryError> {
    let upload = state.node.store.upload(id, repository).await?;
    match upload {
        Some(upload) if matches!(upload.state, UploadState::Open(_)) => Ok(session_answer(
            StatusCode::NO_CONTENT,
            repository,
            id,
            upload.offset,
        )),
        _ => Err(RegistryError::UploadUnknown),
    }
}

/// `DELETE` of a session: cancels it.
pub(in crate::registry) async fn cancel(
    state: &AppState,
    repository: RepositoryName,
    id: UploadId,
) -> Result<Written, RegistryError> {
    let session = Session::open(state, repository, id).await?;
    session.writable()?.cancel().await?;
    Ok(empty(StatusCode::NO_CONTENT, []).into())
}

fn session_answer(
    status: StatusCode,
    repository: &RepositoryName,
    id: UploadId,
    offset: u64,
) -> Response {
    empty(
        status,
        [
            (header::LOCATION, upload_location(repository, id)),
            (header::RANGE, received_range(offset)),
            (UPLOAD_UUID, id.to_string()),
        ],
    )
}

/// Returns the response for a blob that was added to the repository.
pub(in crate::registry) fn blob_answer(repository: &RepositoryName, digest: &Digest) -> Response {
    empty(
        StatusCode::CREATED,
        [
            (header::LOCATION, format!("/v2/{repository}/blobs/{digest}")),
            (CONTENT_DIGEST, digest.to_string()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<UploadQuery, RegistryError> {
        UploadQuery::of(&format!("/v2/a/blobs/uploads/?{text}").parse().unwrap())
    }

    #[test]
    fn queries_are_decoded_once() {
        let digest = Digest::sha256(b"x");
        let encoded = digest.as_str().replace(':', "%3A");
        let read = query(&format!("digest={encoded}&digest-algorithm=sha512&other=1")).unwrap();
        assert_eq!(parse(read.digest.as_deref().unwrap()).unwrap(), digest);
        assert_eq!(read.algorithm().unwrap(), Algorithm::Sha512);
        assert_eq!(query("").unwrap().algorithm().unwrap(), Algorithm::Sha256);
    }

    #[test]
    fn invalid_digests_are_refused() {
        for text in [
            "../../x",
            "sha256:zz",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            "",
        ] {
            assert!(
                matches!(parse(text), Err(RegistryError::DigestInvalid(_))),
                "{text}"
            );
        }
        let error = query("digest-algorithm=md5")
            .unwrap()
            .algorithm()
            .unwrap_err();
        assert!(matches!(error, RegistryError::DigestInvalid(_)));
        assert!(matches!(
            query("digest=a&digest=b"),
            Err(RegistryError::UploadInvalid(_))
        ));
    }
}
