//! Checks who may read a repository and who may delete from it. The errors
//! reveal whether a repository exists only to callers who may read it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use refity_types::name::RepositoryName;
use refity_types::rights::{Right, Rights};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::{Identity, rights};
use crate::api::ApiError;
use crate::api::extract::{Caller, Guarded, Query};
use crate::state::AppState;

/// The repository.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RepositoryQuery {
    /// The repository's name.
    #[param(value_type = String, example = "team/app")]
    repo: RepositoryName,
}

/// A caller who may read the repository. As an extractor, it uses the
/// repository in `?repo=`.
pub(crate) struct Reader {
    pub(crate) state: AppState,
    pub(crate) caller: Identity,
    pub(crate) repository: RepositoryName,
}

/// A caller who may delete from the repository. As an extractor, it uses the
/// repository in `?repo=`.
pub(crate) struct Deleter {
    pub(crate) state: AppState,
    pub(crate) caller: Identity,
    pub(crate) repository: RepositoryName,
}

impl Reader {
    /// Checks whether the caller may read the repository.
    ///
    /// # Errors
    /// [`ApiError::Missing`] if the repository does not exist or the caller may
    /// not read it.
    pub(crate) async fn check(
        caller: Caller,
        repository: RepositoryName,
    ) -> Result<Self, ApiError> {
        let Caller { state, caller } = caller;
        visible(&state, &caller, &repository).await?;
        Ok(Self {
            state,
            caller,
            repository,
        })
    }
}

impl Deleter {
    /// Checks whether the caller may delete from the repository.
    ///
    /// # Errors
    /// [`ApiError::Missing`] if the caller may not read it, [`ApiError::Denied`] if
    /// the caller may not delete.
    pub(crate) async fn check(
        caller: Caller,
        repository: RepositoryName,
    ) -> Result<Self, ApiError> {
        let Caller { state, caller } = caller;
        let rights = visible(&state, &caller, &repository).await?;
        if !rights.has(Right::Delete) {
            return Err(ApiError::Denied(format!(
                "you may not delete from {repository}: ask an administrator, or who manages the \
                 group {}",
                repository.group()
            )));
        }
        Ok(Self {
            state,
            caller,
            repository,
        })
    }
}

impl FromRequestParts<Guarded> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Guarded) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let Query(query) = Query::<RepositoryQuery>::from_request_parts(parts, state).await?;
        Self::check(caller, query.repo).await
    }
}

impl FromRequestParts<Guarded> for Deleter {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Guarded) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let Query(query) = Query::<RepositoryQuery>::from_request_parts(parts, state).await?;
        Self::check(caller, query.repo).await
    }
}

async fn visible(
    state: &AppState,
    caller: &Identity,
    repository: &RepositoryName,
) -> Result<Rights, ApiError> {
    let store = &state.node.store;
    let grant = store.permissions_for(caller.user_id(), repository).await?;
    let rights = rights::effective_permissions(caller, grant, repository);
    if rights.has(Right::Pull) && store.has_repository(repository).await? {
        Ok(rights)
    } else {
        Err(no_repository(repository))
    }
}

/// The error for a repository that does not exist or that the caller may not
/// read.
pub(crate) fn no_repository(repository: &RepositoryName) -> ApiError {
    ApiError::Missing(format!("there is no repository {repository}"))
}
