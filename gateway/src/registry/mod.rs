//! The registry protocol, `/v2`: one file for each chapter of the OCI
//! distribution specification.
//!
//! Names have any number of components, which a router's pattern cannot
//! express, so [`path`] parses the path and [`dispatch`] is the table of
//! handlers.

mod auth;
mod blobs;
mod body;
pub(crate) mod content;
mod deletes;
mod disk_space;
mod error;
mod headers;
mod lists;
mod manifests;
mod path;
mod push_target;
mod sync_wait;
mod uploads;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use refity_store::JobId;
use refity_types::name::Reference;
use tracing::Instrument as _;

use crate::state::AppState;
use auth::Authorized;
use body::RequestBody;

pub(crate) use error::RegistryError;
pub(crate) use path::Endpoint;
pub use path::REGISTRY_ROUTES;

/// Returns the routes below `/v2`.
pub(crate) fn routes(state: &AppState) -> Router<AppState> {
    Router::new()
        .route("/v2", any(dispatch))
        .route("/v2/", any(dispatch))
        .route("/v2/{*path}", any(dispatch))
        .layer(from_fn_with_state(state.clone(), auth::authorize))
        .layer(map_response(add_api_version))
}

async fn add_api_version(mut response: Response) -> Response {
    let (name, value) = headers::API_VERSION;
    response.headers_mut().insert(name, value);
    response
}

/// The result of a write.
struct Written {
    response: Response,
    /// The jobs that transfer the write to SFTP, for synchronous pushes.
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
    request: Authorized,
    parts: Parts,
    body: Body,
) -> Result<Response, RegistryError> {
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return read(&state, &request, &parts).await;
    }
    let permit = uploads::limit::acquire(&state, &parts, &body)?;
    let mut body = RequestBody::new(body);
    // Spawned, so that the write reaches a consistent state even if the client
    // disconnects.
    let writer = state.clone();
    let write = async move {
        let _permit = permit;
        write(&writer, request, &parts, &mut body).await
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
    request: &Authorized,
    parts: &Parts,
) -> Result<Response, RegistryError> {
    let endpoint = &request.endpoint;
    match endpoint {
        Endpoint::Version => Ok(axum::Json(serde_json::json!({})).into_response()),
        Endpoint::Tags(repository) => lists::tags::list(state, repository, parts).await,
        Endpoint::Manifest(repository, reference) => {
            manifests::get(state, repository, reference, &request.actor, parts).await
        }
        Endpoint::Blob(repository, digest) => blobs::get(state, repository, digest, parts).await,
        Endpoint::Upload(repository, id) => uploads::status(state, repository, *id).await,
        Endpoint::Uploads(_) => Err(wrong_method(endpoint)),
        Endpoint::Catalog => lists::catalog::list(state, &request.actor, parts).await,
        Endpoint::Referrers(repository, subject) => {
            lists::referrers::list(state, repository, subject, parts).await
        }
    }
}

async fn write(
    state: &AppState,
    request: Authorized,
    parts: &Parts,
    body: &mut RequestBody,
) -> Result<Written, RegistryError> {
    let Authorized {
        endpoint,
        actor,
        query,
    } = request;
    match (endpoint, &parts.method) {
        (Endpoint::Uploads(repository), &Method::POST) => {
            uploads::start(state, repository, &query, &actor, parts, body).await
        }
        (Endpoint::Upload(repository, id), &Method::PATCH) => {
            uploads::append(state, repository, id, parts, body).await
        }
        (Endpoint::Upload(repository, id), &Method::PUT) => {
            uploads::finish(state, repository, id, &query, parts, body).await
        }
        (Endpoint::Upload(repository, id), &Method::DELETE) => {
            uploads::cancel(state, repository, id).await
        }
        (Endpoint::Manifest(repository, reference), &Method::PUT) => {
            manifests::put(state, repository, reference, &actor, parts, body).await
        }
        (Endpoint::Manifest(repository, reference), &Method::DELETE) => {
            let deleted = deletes::manifest(state, repository.clone(), reference.clone()).await?;
            if let Ok(reference) = reference {
                deletes::note(state, &repository, &reference, &actor, parts).await;
            }
            Ok(deleted)
        }
        (Endpoint::Blob(repository, digest), &Method::DELETE) => {
            let deleted = deletes::blob(state, repository.clone(), digest.clone()).await?;
            if let Ok(digest) = digest {
                let reference = Reference::Digest(digest);
                deletes::note(state, &repository, &reference, &actor, parts).await;
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

/// Returns a response with headers and no body.
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
