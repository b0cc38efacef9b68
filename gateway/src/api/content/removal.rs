//! Deletes a repository with everything in it.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use refity_store::RepositoryRemoved;
use refity_types::digest::Digest;
use refity_types::name::{Reference, RepositoryName};
use tracing::Instrument as _;

use crate::api::ApiError;
use crate::api::content::refused;
use crate::api::content::repository_access::no_repository;
use crate::registry::RegistryError;
use crate::registry::content::{delete_blob, delete_manifest};
use crate::state::AppState;

/// The number of concurrent deletes. Their writes are committed together.
const AT_ONCE: usize = 8;

/// The number of rows to read at once.
const STEP: u32 = 200;

/// How often to start over when something is pushed meanwhile.
const ROUNDS: usize = 5;

/// The maximum depth of nested indexes.
const DEPTH: usize = 64;

/// Deletes all tags, manifests and blobs of a repository, and then the
/// repository. Each is deleted like a client's `DELETE`, so that each is
/// durable once acknowledged. The work continues to its end even if the client
/// disconnects.
///
/// # Errors
/// [`ApiError::Conflict`] if the repository is pushed to meanwhile or the index
/// is incomplete.
pub(super) async fn remove(state: &AppState, repository: &RepositoryName) -> Result<(), ApiError> {
    let (state, repository) = (state.clone(), repository.clone());
    let work = async move {
        for _ in 0..ROUNDS {
            empty(&state, &repository).await?;
            match state.node.store.remove_repository(&repository).await? {
                RepositoryRemoved::Yes => {
                    state.node.wake_uploaders();
                    return Ok(());
                }
                RepositoryRemoved::Unknown => return Err(no_repository(&repository)),
                RepositoryRemoved::NotEmpty => {}
            }
        }
        Err(ApiError::Conflict(format!(
            "{repository} is being pushed to: what it had is deleted, what was just pushed is \
             there. Try again when nobody pushes"
        )))
    };
    let done = tokio::spawn(work.in_current_span()).await;
    done.unwrap_or_else(|error| {
        tracing::error!(%error, "a removal's task died");
        Err(ApiError::Internal)
    })
}

async fn empty(state: &AppState, repository: &RepositoryName) -> Result<(), ApiError> {
    let store = &state.node.store;
    // Indexes first: the manifests that an index names cannot be deleted before
    // it.
    for _ in 0..DEPTH {
        let (mut after, mut found) = (0, false);
        loop {
            let some = store.outer_manifests(repository, after, STEP).await?;
            let Some((last, _)) = some.last() else { break };
            (after, found) = (*last, true);
            each(some, |digest| async move {
                delete_manifest(state, repository, Reference::Digest(digest)).await
            })
            .await?;
        }
        if !found {
            break;
        }
    }
    let mut after = 0;
    loop {
        let some = store.linked_blobs(repository, after, STEP).await?;
        let Some((last, _)) = some.last() else {
            return Ok(());
        };
        after = *last;
        each(some, |digest| delete_blob(state, repository, digest)).await?;
    }
}

/// Deletes each item. An item that was deleted meanwhile, or that a new push
/// needs, is not an error: the next round checks it again.
async fn each<F: Future<Output = Result<(), RegistryError>>>(
    some: Vec<(i64, Digest)>,
    delete: impl Fn(Digest) -> F,
) -> Result<(), ApiError> {
    let deletes = stream::iter(some.into_iter().map(|(_, digest)| delete(digest)));
    deletes
        .buffer_unordered(AT_ONCE)
        .map(|deleted| match deleted {
            Ok(())
            | Err(
                RegistryError::ManifestUnknown(_)
                | RegistryError::BlobUnknown(_)
                | RegistryError::InUse { .. },
            ) => Ok(()),
            Err(error) => Err(refused(error)),
        })
        .try_collect()
        .await
}
