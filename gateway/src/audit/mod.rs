//! The audit log: who did what, when, and from which address.

mod buffer;

use refity_store::{AuditAction, AuditEntry, Credential};
use refity_types::name::RepositoryName;

use crate::client::ClientAddress;

pub(crate) use buffer::AuditBuffer;

/// Who did something, as the audit log shows it.
#[derive(Clone, Debug)]
pub(crate) struct AuditActor {
    /// The account's or robot's name.
    pub(crate) name: String,
    /// What it showed to prove that.
    pub(crate) credential: Credential,
}

impl AuditActor {
    /// The kind of credential, as the log names it.
    fn credential_kind(&self) -> &'static str {
        match self.credential {
            Credential::Anonymous => "none",
            Credential::Password { .. } => "password",
            Credential::Token { .. } => "token",
            Credential::Session { .. } => "session",
        }
    }

    /// An entry about something that this actor did to `target`.
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

    /// An entry about something that this actor did in a repository.
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
