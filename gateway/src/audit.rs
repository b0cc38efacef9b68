//! What goes into the audit log.

use axum::http::request::Parts;
use refity_store::{AuditAction, AuditEntry, Credential};
use refity_types::name::RepositoryName;

use crate::access::{Actor, Identity};
use crate::client::ClientAddress;
use crate::state::AppState;

/// Notes that somebody did something to `target`.
pub(crate) async fn note(
    state: &AppState,
    identity: &Identity,
    client: ClientAddress,
    action: AuditAction,
    target: impl Into<String>,
    detail: Option<String>,
) {
    let entry = AuditEntry {
        actor: identity.name(),
        credential: credential(identity),
        action,
        target: target.into(),
        repository: None,
        address: client.to_string(),
        refused: false,
        detail,
    };
    record(state, entry).await;
}

/// Notes that somebody did something to a repository: the entry is written
/// soon, and who did it does not wait for it.
pub(crate) async fn note_on(
    state: &AppState,
    parts: &Parts,
    action: AuditAction,
    (repository, target): (&RepositoryName, String),
    detail: Option<String>,
) {
    // The registry's middleware puts it there.
    let Some(actor) = parts.extensions.get::<Actor>() else {
        return;
    };
    let entry = AuditEntry {
        actor: actor.identity.name(),
        credential: credential(&actor.identity),
        action,
        target,
        repository: Some(repository.to_string()),
        address: ClientAddress::of(&parts.extensions).to_string(),
        refused: false,
        detail,
    };
    state.recorder.later(entry).await;
}

/// Adds an entry. What was done is done: it does not fail for want of its
/// entry, which stands in the log of the process then.
pub(crate) async fn record(state: &AppState, entry: AuditEntry) {
    if let Err(error) = state.node.store.record(entry.clone()).await {
        tracing::error!(%error, ?entry, "the audit log cannot be written");
    }
}

/// By what kind of credential somebody is known.
pub(crate) fn credential(identity: &Identity) -> &'static str {
    match identity.credential {
        Credential::Anonymous => "none",
        Credential::Password { .. } => "password",
        Credential::Token { .. } => "token",
        Credential::Session { .. } => "session",
    }
}
