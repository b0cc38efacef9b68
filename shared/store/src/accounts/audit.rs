//! The audit log. Entries are only added. Frequent events (pulls, failed
//! sign-ins) are counted in one entry.

use refity_types::name::RepositoryName;

use crate::content::repositories::repository_id;
use crate::content::sums;
use crate::engine::db::Db;
use crate::engine::value::params;
use crate::{Store, StoreError};

/// The action of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditAction {
    /// A sign-in, successful or not.
    Login,
    /// A sign-out.
    Logout,
    /// A password was changed or reset.
    Password,
    /// An account was created.
    UserCreate,
    /// An account's role changed, or it was disabled or enabled.
    UserChange,
    /// An account was deleted.
    UserRemove,
    /// The failed sign-ins of an account were cleared.
    UserUnlock,
    /// Rights were granted or revoked.
    Grant,
    /// An access token was created.
    TokenCreate,
    /// An access token was revoked.
    TokenRevoke,
    /// A session was ended.
    SessionEnd,
    /// A robot was created.
    RobotCreate,
    /// A robot was changed, or got a new secret.
    RobotChange,
    /// A robot was deleted.
    RobotRemove,
    /// A group was created.
    GroupCreate,
    /// A group's settings changed.
    GroupChange,
    /// A group was deleted.
    GroupRemove,
    /// A repository was created.
    RepositoryCreate,
    /// A repository was deleted.
    RepositoryRemove,
    /// A manifest was pushed.
    Push,
    /// A manifest was pulled.
    Pull,
    /// A tag, a manifest or a blob was deleted.
    Delete,
    /// Garbage was collected.
    Collect,
    /// A transfer was retried manually.
    Retry,
}

impl AuditAction {
    /// Returns the text for the database and the API.
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
            Self::Pull => "pull",
            Self::Delete => "delete",
            Self::Collect => "collect",
            Self::Retry => "retry",
        }
    }
}

/// An entry to add to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Name of the account, which outlives the account.
    pub actor: String,
    /// Kind of credential: `password`, `session`, `token`, `none`.
    pub credential: &'static str,
    /// The action.
    pub action: AuditAction,
    /// The target: a repository with its tag or digest, an account, or a group.
    pub target: String,
    /// The repository, if the action concerns one.
    pub repository: Option<String>,
    /// Client address.
    pub address: String,
    /// Whether the action was refused.
    pub refused: bool,
    /// Details, never a secret.
    pub detail: Option<String>,
}

/// Pulls of one manifest by one account on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulls {
    /// The repository.
    pub repository: RepositoryName,
    /// The requested tag or digest.
    pub reference: String,
    /// Days since 1970 (UTC).
    pub day: i64,
    /// Name of the account.
    pub actor: String,
    /// Kind of credential of the last pull.
    pub credential: &'static str,
    /// Client address of the last pull.
    pub address: String,
    /// Number of pulls.
    pub count: u32,
    /// Time of the last pull (milliseconds, UTC).
    pub last_at: i64,
}

/// Failed sign-ins from one address, for one account, in one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures {
    /// The name that the client sent; need not be an account's.
    pub account: String,
    /// Client address.
    pub address: String,
    /// Minutes since 1970 (UTC).
    pub minute: i64,
    /// Number of failures.
    pub count: u32,
    /// Time of the last failure (milliseconds, UTC).
    pub last_at: i64,
}

/// A sign-in by a credential sent with a request. Recorded once an hour for
/// each credential and address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Name of the account.
    pub actor: String,
    /// Kind of credential.
    pub credential: &'static str,
    /// Distinguishes several credentials of one kind.
    pub which: Option<String>,
    /// Client address.
    pub address: String,
    /// Hours since 1970 (UTC).
    pub hour: i64,
    /// Time of the sign-in (milliseconds, UTC).
    pub at: i64,
}

/// Entries to add to the log together.
#[derive(Clone, Debug, Default)]
pub struct AuditBatch {
    /// Entries with their times (milliseconds, UTC).
    pub entries: Vec<(i64, AuditEntry)>,
    /// Sign-ins by requests.
    pub sign_ins: Vec<SignIn>,
    /// Failed sign-ins.
    pub failures: Vec<Failures>,
    /// Pulls.
    pub pulls: Vec<Pulls>,
}

impl AuditBatch {
    /// Returns whether there is nothing to add.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.sign_ins.is_empty()
            && self.failures.is_empty()
            && self.pulls.is_empty()
    }
}

fn add(db: &Db, at: i64, entry: &AuditEntry) -> Result<(), StoreError> {
    db.run(
        "INSERT INTO audit (at, actor, credential, action, target, repository, address, refused,
                            detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            at,
            entry.actor,
            entry.credential,
            entry.action.name(),
            entry.target,
            entry.repository.as_deref().unwrap_or_default(),
            entry.address,
            entry.refused,
            entry.detail
        ],
    )?;
    Ok(())
}

/// Adds to the entry with this tally, or creates it.
const TALLIED: &str = "
    INSERT INTO audit (at, actor, credential, action, target, repository, address, refused, count,
                       tally)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
    ON CONFLICT (tally) WHERE tally IS NOT NULL DO UPDATE SET
        count = count + excluded.count, at = max(at, excluded.at),
        credential = excluded.credential, address = excluded.address";

fn add_failures(db: &Db, failures: &Failures) -> Result<(), StoreError> {
    let Failures {
        account,
        address,
        minute,
        count,
        last_at,
    } = failures;
    let tally = format!("login {minute} {address} {account}");
    let action = AuditAction::Login.name();
    db.run(
        TALLIED,
        params![
            last_at, account, "none", action, account, "", address, true, count, tally
        ],
    )?;
    Ok(())
}

/// Adds an entry, unless another process, or this one before a restart, already
/// added it.
fn add_sign_in(db: &Db, sign_in: &SignIn) -> Result<(), StoreError> {
    let SignIn {
        actor,
        credential,
        which,
        address,
        hour,
        at,
    } = sign_in;
    let told_apart = which.as_deref().unwrap_or_default();
    let tally = format!("sign-in {hour} {address} {credential} {told_apart} {actor}");
    db.run(
        "INSERT INTO audit (at, actor, credential, action, target, repository, address, refused,
                            detail, tally)
         VALUES (?1, ?2, ?3, ?4, ?2, '', ?5, false, ?6, ?7)
         ON CONFLICT (tally) WHERE tally IS NOT NULL DO NOTHING",
        params![
            at,
            actor,
            credential,
            AuditAction::Login.name(),
            address,
            which,
            tally
        ],
    )?;
    Ok(())
}

fn add_pulls(db: &Db, pulls: &Pulls) -> Result<(), StoreError> {
    let Pulls {
        repository,
        reference,
        day,
        actor,
        credential,
        address,
        count,
        last_at,
    } = pulls;
    if let Some(id) = repository_id(db, repository)? {
        db.run(
            "INSERT INTO pulls (repository_id, reference, day, count, last_at, last_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (repository_id, reference, day) DO UPDATE SET
                 count = count + excluded.count,
                 last_by = CASE WHEN excluded.last_at >= last_at
                                THEN excluded.last_by ELSE last_by END,
                 last_at = CASE WHEN excluded.last_at >= last_at
                                THEN excluded.last_at ELSE last_at END",
            params![id, reference, day, count, last_at, actor],
        )?;
        sums::add_pulls(db, id, reference, i64::from(*count), *last_at)?;
    }
    let separator = if reference.contains(':') { '@' } else { ':' };
    let target = format!("{repository}{separator}{reference}");
    let tally = format!("pull {day} {target} {actor}");
    let action = AuditAction::Pull.name();
    db.run(
        TALLIED,
        params![
            last_at,
            actor,
            credential,
            action,
            target,
            repository.as_str(),
            address,
            false,
            count,
            tally
        ],
    )?;
    Ok(())
}

impl Store {
    /// Adds an entry to the log.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn record(&self, entry: AuditEntry) -> Result<(), StoreError> {
        let now = self.clock.wall_ms();
        self.write(move |db| add(db, now, &entry)).await
    }

    /// Adds a whole batch to the log, or nothing.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing changes.
    pub async fn record_all(&self, batch: AuditBatch) -> Result<(), StoreError> {
        self.write(move |db| {
            for (at, entry) in &batch.entries {
                add(db, *at, entry)?;
            }
            for sign_in in &batch.sign_ins {
                add_sign_in(db, sign_in)?;
            }
            for failures in &batch.failures {
                add_failures(db, failures)?;
            }
            for pulls in &batch.pulls {
                add_pulls(db, pulls)?;
            }
            Ok(())
        })
        .await
    }

    /// Adds pulls to the counters of their repositories, if these still exist,
    /// and to the log.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing changes.
    pub async fn note_pulls(&self, pulls: Vec<Pulls>) -> Result<(), StoreError> {
        let batch = AuditBatch {
            pulls,
            ..AuditBatch::default()
        };
        self.record_all(batch).await
    }
}
