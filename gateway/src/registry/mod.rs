//! The registry protocol, `/v2`: one file for each chapter of the OCI
//! distribution specification.
//!
//! Names have any number of components, which no router's pattern can say, so
//! [`path`] reads the path and [`dispatch`] is the table of ends.

pub(crate) mod auth;
mod blob_source;
mod blobs;
mod body;
mod catalog;
mod cold;
mod cold_fetch;
mod cold_stream;
pub(crate) mod content;
mod content_range;
mod deletes;
mod error;
mod file_stream;
mod headers;
mod manifests;
mod page;
mod path;
mod push_target;
mod range;
mod referrers;
mod remote_blob;
mod room;
mod sync_wait;
mod tags;
mod upload_turn;
mod upload_write;
mod uploads;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use refity_store::{JobId, UserId};
use refity_types::name::Reference;
use tracing::Instrument as _;

use crate::access::Actor;
use crate::state::AppState;
use body::RequestBody;

pub(crate) use cold::ColdPulls;
pub(crate) use error::RegistryError;
pub(crate) use path::Endpoint;
pub(crate) use sync_wait::SyncWaits;

/// Everything below `/v2`.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/v2", any(dispatch))
        .route("/v2/", any(dispatch))
        .route("/v2/{*path}", any(dispatch))
        .layer(map_response(add_api_version))
}

async fn add_api_version(mut response: Response) -> Response {
    let (name, value) = headers::API_VERSION;
    response.headers_mut().insert(name, value);
    response
}

/// What a write came to.
struct Written {
    response: Response,
    /// The jobs that carry it to SFTP, for who waits for them.
    jobs: Vec<JobId>,
}

impl From<Response> for Written {
    fn from(response: Response) -> Self {
        let jobs = Vec::new();
        Self { response, jobs }
    }
}

async fn dispatch(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, RegistryError> {
    let (parts, body) = request.into_parts();
    let endpoint = Endpoint::parse(parts.uri.path())?;
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return read(&state, &endpoint, &parts).await;
    }
    let turn = upload_turn::take(&state, &parts, &body)?;
    let mut body = RequestBody::new(body);
    // A task of its own: what a client began is brought to a state that can
    // be gone on from, also when the client leaves.
    let writer = state.clone();
    let write = async move {
        let _turn = turn;
        write(&writer, endpoint, &parts, &mut body).await
    };
    let written = tokio::spawn(write.in_current_span())
        .await
        .map_err(|error| {
            tracing::error!(%error, "a request's task died");
            RegistryError::Internal
        })??;
    sync_wait::until_stored(&state, &written.jobs).await?;
    Ok(written.response)
}

async fn read(
    state: &AppState,
    endpoint: &Endpoint,
    parts: &Parts,
) -> Result<Response, RegistryError> {
    match endpoint {
        Endpoint::Version => Ok(axum::Json(serde_json::json!({})).into_response()),
        Endpoint::Tags(repository) => tags::list(state, repository, parts).await,
        Endpoint::Manifest(repository, reference) => {
            manifests::get(state, repository, reference, parts).await
        }
        Endpoint::Blob(repository, digest) => blobs::get(state, repository, digest, parts).await,
        Endpoint::Upload(repository, id) => uploads::status(state, repository, *id).await,
        Endpoint::Uploads(_) => Err(wrong_method(endpoint)),
        Endpoint::Catalog => catalog::list(state, parts).await,
        Endpoint::Referrers(repository, subject) => {
            referrers::list(state, repository, subject, parts).await
        }
    }
}

async fn write(
    state: &AppState,
    endpoint: Endpoint,
    parts: &Parts,
    body: &mut RequestBody,
) -> Result<Written, RegistryError> {
    match (endpoint, &parts.method) {
        (Endpoint::Uploads(repository), &Method::POST) => {
            uploads::start(state, repository, parts, body).await
        }
        (Endpoint::Upload(repository, id), &Method::PATCH) => {
            uploads::append(state, repository, id, parts, body).await
        }
        (Endpoint::Upload(repository, id), &Method::PUT) => {
            uploads::finish(state, repository, id, parts, body).await
        }
        (Endpoint::Upload(repository, id), &Method::DELETE) => {
            uploads::cancel(state, repository, id).await
        }
        (Endpoint::Manifest(repository, reference), &Method::PUT) => {
            manifests::put(state, repository, reference, parts, body).await
        }
        (Endpoint::Manifest(repository, reference), &Method::DELETE) => {
            let deleted = deletes::manifest(state, repository.clone(), reference.clone()).await?;
            if let Ok(reference) = reference {
                deletes::note(state, &repository, &reference, parts).await;
            }
            Ok(deleted)
        }
        (Endpoint::Blob(repository, digest), &Method::DELETE) => {
            let deleted = deletes::blob(state, repository.clone(), digest.clone()).await?;
            if let Ok(digest) = digest {
                deletes::note(state, &repository, &Reference::Digest(digest), parts).await;
            }
            Ok(deleted)
        }
        (endpoint, _) => Err(wrong_method(&endpoint)),
    }
}

fn wrong_method(endpoint: &Endpoint) -> RegistryError {
    RegistryError::MethodNotAllowed {
        allow: endpoint.methods(),
    }
}

/// The person who pushes; nothing: a robot.
fn pusher(parts: &Parts) -> Option<UserId> {
    let actor = parts.extensions.get::<Actor>();
    actor.and_then(|actor| actor.identity.user_id())
}

/// An answer with headers and no body.
fn empty<const N: usize>(
    status: StatusCode,
    headers: [(axum::http::HeaderName, String); N],
) -> Response {
    (status, axum::response::AppendHeaders(headers)).into_response()
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
