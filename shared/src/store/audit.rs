//! Who did what: the audit log, which is only ever added to.

use rusqlite::params;

use super::{Store, StoreError};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditAction {
    /// Somebody signed in, or tried to.
    Login,
    /// Somebody signed out.
    Logout,
    /// A password was changed or reset.
    Password,
    /// An account was made.
    UserCreate,
    /// An account's role changed, or it was disabled or enabled.
    UserChange,
    /// An account was removed.
    UserRemove,
    /// Guesses at an account's password were forgotten.
    UserUnlock,
    /// Rights were given or taken away.
    Grant,
    /// An access token was made.
    TokenCreate,
    /// An access token was revoked.
    TokenRevoke,
    /// A session was ended.
    SessionEnd,
    /// A robot was made.
    RobotCreate,
    /// A robot was changed, or got a new secret.
    RobotChange,
    /// A robot was removed.
    RobotRemove,
    /// A group was made.
    GroupCreate,
    /// A group's settings changed.
    GroupChange,
    /// A group was removed.
    GroupRemove,
    /// A repository was made.
    RepositoryCreate,
    /// A repository was removed.
    RepositoryRemove,
    /// A manifest was pushed.
    Push,
    /// A tag, a manifest or a blob was deleted.
    Delete,
    /// Garbage was collected.
    Collect,
    /// A transfer was tried again by hand.
    Retry,
}

impl AuditAction {
    /// The word in the database and in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Logout => "logout",
            Self::Password => "password",
            Self::UserCreate => "user_create",
            Self::UserChange => "user_change",
            Self::UserRemove => "user_remove",
            Self::UserUnlock => "user_unlock",
            Self::Grant => "grant",
            Self::TokenCreate => "token_create",
            Self::TokenRevoke => "token_revoke",
            Self::SessionEnd => "session_end",
            Self::RobotCreate => "robot_create",
            Self::RobotChange => "robot_change",
            Self::RobotRemove => "robot_remove",
            Self::GroupCreate => "group_create",
            Self::GroupChange => "group_change",
            Self::GroupRemove => "group_remove",
            Self::RepositoryCreate => "repository_create",
            Self::RepositoryRemove => "repository_remove",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::Collect => "collect",
            Self::Retry => "retry",
        }
    }
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Who: a name, which outlives the account.
    pub actor: String,
    /// By what kind of credential: `password`, `session`, `token`, `none`.
    pub credential: &'static str,
    /// What.
    pub action: AuditAction,
    /// On what: a repository with its tag or digest, an account, a group.
    pub target: String,
    /// The repository, where it is about one.
    pub repository: Option<String>,
    /// From which address.
    pub address: String,
    /// It was tried, and refused.
    pub refused: bool,
    /// More words, never a secret.
    pub detail: Option<String>,
}

impl Store {
    /// Adds to the log.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn record(&self, entry: AuditEntry) -> Result<(), StoreError> {
        let now = self.clock.wall_ms();
        self.write(move |db| {
            db.prepare_cached(
                "INSERT INTO audit (at, actor, credential, action, target, repository, address,
                                    refused, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                now,
                entry.actor,
                entry.credential,
                entry.action.name(),
                entry.target,
                entry.repository.unwrap_or_default(),
                entry.address,
                entry.refused,
                entry.detail
            ])?;
            Ok(())
        })
        .await
    }
}
