//! The audit log: who did what, when, and from which address.

mod buffer;

use refity_store::{AuditAction, AuditEntry, Credential};
use refity_types::name::RepositoryName;

use crate::client::ClientAddress;

pub(crate) use buffer::AuditBuffer;

/// The actor of an audit entry.
#[derive(Clone, Debug)]
pub(crate) struct AuditActor {
    /// The name of the account or robot.
    pub(crate) name: String,
    /// The credential that the actor used.
    pub(crate) credential: Credential,
}

impl AuditActor {
    /// Returns the kind of credential for the audit log.
    fn credential_kind(&self) -> &'static str {
        match self.credential {
            Credential::Anonymous => "none",
            Credential::Password { .. } => "password",
            Credential::Token { .. } => "token",
            Credential::Session { .. } => "session",
        }
    }

    /// Returns an entry for an action of this actor on `target`.
    pub(crate) fn entry(
        self,
        client: ClientAddress,
        action: AuditAction,
        target: impl Into<String>,
        detail: Option<String>,
    ) -> AuditEntry {
        AuditEntry {
            credential: self.credential_kind(),
            actor: self.name,
            action,
            target: target.into(),
            repository: None,
            address: client.to_string(),
            refused: false,
            detail,
        }
    }

    /// Returns an entry for an action of this actor in a repository.
    pub(crate) fn entry_in(
        self,
        client: ClientAddress,
        action: AuditAction,
        (repository, target): (&RepositoryName, String),
        detail: Option<String>,
    ) -> AuditEntry {
        AuditEntry {
            repository: Some(repository.to_string()),
            ..self.entry(client, action, target, detail)
        }
    }
}
