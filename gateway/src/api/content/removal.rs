//! Removes a repository with all its contents.

use refity_spool::{Intent, IntentAction};
use refity_store::{RepositoryRemoval, RepositoryRemoved};
use refity_types::name::{IntentId, RepositoryName};
use tracing::Instrument as _;

use crate::api::ApiError;
use crate::api::content::refused;
use crate::api::content::repository_access::no_repository;
use crate::registry::RegistryError;
use crate::state::AppState;

/// How often to start over if something is pushed meanwhile.
const ROUNDS: usize = 5;

/// Removes a repository by one intent. Once this returns, clients no longer see
/// it, even if the database is lost. Its contents are marked in the background.
/// The removal is completed even if the client disconnects.
///
/// # Errors
/// [`ApiError::Conflict`] if the repository is pushed to meanwhile or the index
/// is incomplete.
pub(super) async fn remove(state: &AppState, repository: &RepositoryName) -> Result<(), ApiError> {
    let (state, repository) = (state.clone(), repository.clone());
    let work = async move {
        for _ in 0..ROUNDS {
            if try_remove(&state, &repository).await? {
                tokio::spawn(mark(state).in_current_span());
                return Ok(());
            }
        }
        Err(ApiError::Conflict(format!(
            "{repository} is being pushed to, and nothing was deleted. Try again when nobody \
             pushes"
        )))
    };
    let done = tokio::spawn(work.in_current_span()).await;
    done.unwrap_or_else(|error| {
        tracing::error!(%error, "a removal's task died");
        Err(ApiError::Internal)
    })
}

/// Returns false if something was pushed meanwhile.
async fn try_remove(state: &AppState, repository: &RepositoryName) -> Result<bool, ApiError> {
    let node = &state.node;
    let unknown = || no_repository(repository);
    let contents = node.store.repository_contents(repository).await?;
    let (contents, generation) = contents.ok_or_else(unknown)?;
    let id = IntentId::random();
    let intent = Intent {
        generation,
        repository: repository.clone(),
        action: IntentAction::Delete {
            deletion: contents.clone(),
        },
    };
    let failed = |error| refused(RegistryError::from(error));
    node.spool
        .prepare_intent(id, intent)
        .await
        .map_err(failed)?;
    let removal = RepositoryRemoval {
        repository: repository.clone(),
        contents,
        generation,
        intent: id,
    };
    let removed = node.store.remove_repository(removal).await;
    if let Ok(RepositoryRemoved::Yes) = removed {
        // If this process dies here, the sweep confirms the intent: its row exists.
        node.spool.confirm_intent(id).await.map_err(failed)?;
        node.wake_uploaders();
    } else if let Err(error) = node.spool.remove_intent(id).await {
        tracing::warn!(%id, %error, "the intent of a refused removal is left to the sweep");
    }
    match removed? {
        RepositoryRemoved::Yes => Ok(true),
        RepositoryRemoved::ContentsChanged => Ok(false),
        RepositoryRemoved::Unknown => Err(unknown()),
        RepositoryRemoved::PartialIndex => Err(refused(RegistryError::PartialIndex)),
    }
}

/// Marks the contents of removed repositories. If this process dies, the
/// uploader's sweep continues.
async fn mark(state: AppState) {
    if let Err(error) = state.node.store.mark_removals().await {
        tracing::warn!(%error, "the contents of a removed repository are left to the sweep");
    }
    state.node.wake_uploaders();
}
