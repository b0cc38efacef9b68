//! Deletes tags, manifests and blobs (OCI distribution specification, "Content
//! Management"). Once acknowledged, a delete is visible to all clients. It
//! affects only this repository.

use axum::http::StatusCode;
use axum::http::request::Parts;
use refity_spool::{Intent, IntentAction};
use refity_store::{AuditAction, Deleted, NewDelete};
use refity_types::deletion::Deletion;
use refity_types::digest::{Digest, DigestError};
use refity_types::name::{IntentId, NameError, Reference, RepositoryName};

use super::error::RegistryError;
use super::{Written, empty};
use crate::access::Actor;
use crate::client::ClientAddress;
use crate::state::AppState;

/// How often to start over when tags move to a manifest that is being deleted.
const TRIES: usize = 5;

/// `DELETE` of a manifest: a tag deletes only the tag, a digest deletes the
/// manifest with all its tags.
pub(super) async fn manifest(
    state: &AppState,
    repository: RepositoryName,
    reference: Result<Reference, NameError>,
) -> Result<Written, RegistryError> {
    let reference = reference.map_err(RegistryError::ReferenceInvalid)?;
    let unknown = || RegistryError::ManifestUnknown(reference.to_string());
    let store = &state.node.store;
    for _ in 0..TRIES {
        let deletion = match &reference {
            Reference::Tag(tag) => {
                let found = store.manifest_head(&repository, &reference).await?;
                found.ok_or_else(unknown)?;
                Deletion::Tag { tag: tag.clone() }
            }
            Reference::Digest(digest) => Deletion::Manifest {
                digest: digest.clone(),
                tags: (store.tags_of(&repository, digest).await?).ok_or_else(unknown)?,
            },
        };
        return match delete(state, &repository, deletion).await? {
            Done::Yes => Ok(accepted()),
            Done::Unknown => Err(unknown()),
            Done::TagsMoved => continue,
        };
    }
    Err(RegistryError::busy(
        "tags are being pointed at this manifest; nothing was deleted",
    ))
}

/// `DELETE` of a blob.
pub(super) async fn blob(
    state: &AppState,
    repository: RepositoryName,
    digest: Result<Digest, DigestError>,
) -> Result<Written, RegistryError> {
    let digest = digest.map_err(RegistryError::DigestInvalid)?;
    let store = &state.node.store;
    if store.blob(&repository, &digest).await?.is_none() {
        return Err(RegistryError::BlobUnknown(digest));
    }
    let deletion = Deletion::Blob {
        digest: digest.clone(),
    };
    match delete(state, &repository, deletion).await? {
        Done::Yes => Ok(accepted()),
        Done::Unknown | Done::TagsMoved => Err(RegistryError::BlobUnknown(digest)),
    }
}

/// Records a registry client's delete in the audit log.
pub(super) async fn note(
    state: &AppState,
    repository: &RepositoryName,
    reference: &Reference,
    actor: &Actor,
    parts: &Parts,
) {
    let target = match reference {
        Reference::Tag(tag) => format!("{repository}:{tag}"),
        Reference::Digest(digest) => format!("{repository}@{digest}"),
    };
    let client = ClientAddress::of(&parts.extensions);
    let on = (repository, target);
    let entry = actor.audit_entry(client, AuditAction::Delete, on, None);
    state.audit.enqueue(entry).await;
}

fn accepted() -> Written {
    empty(StatusCode::ACCEPTED, []).into()
}

/// The result of a delete that was not refused.
enum Done {
    /// The content was deleted, or a newer push has replaced it.
    Yes,
    Unknown,
    TagsMoved,
}

/// Deletes with an intent file, which survives the loss of the database.
async fn delete(
    state: &AppState,
    repository: &RepositoryName,
    deletion: Deletion,
) -> Result<Done, RegistryError> {
    let node = &state.node;
    let (id, generation) = (IntentId::random(), node.store.next_generation().await?);
    let intent = Intent {
        generation,
        repository: repository.clone(),
        action: IntentAction::Delete {
            deletion: deletion.clone(),
        },
    };
    node.spool.prepare_intent(id, intent).await?;
    let new = NewDelete {
        repository: repository.clone(),
        deletion,
        generation,
        intent: id,
    };
    let deleted = node.store.delete(new).await;
    if let Ok(Deleted::Yes) = deleted {
        // If the process dies here, the sweep confirms the intent, because its row exists.
        node.spool.confirm_intent(id).await?;
        node.wake_uploaders();
    } else if let Err(error) = node.spool.remove_intent(id).await {
        tracing::warn!(%id, %error, "the intent of a refused delete stays until the sweep");
    }
    match deleted? {
        Deleted::Yes | Deleted::Overtaken => Ok(Done::Yes),
        Deleted::Unknown => Ok(Done::Unknown),
        Deleted::TagsMoved => Ok(Done::TagsMoved),
        Deleted::NamedBy(by) => Err(RegistryError::InUse { by }),
        Deleted::PartialIndex => Err(RegistryError::PartialIndex),
    }
}
