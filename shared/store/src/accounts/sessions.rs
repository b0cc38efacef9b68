//! Sessions. The credentials issued for a sign-in are valid while the session's
//! row exists.

use crate::accounts::users::user_by_id;
use crate::engine::db::{Db, Row};
use crate::engine::page::List;
use crate::engine::value::{ToValue, named_params, params};
use crate::{Page, PageRequest, SecretHash, Store, StoreError, User, UserId};

/// How a session was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionKind {
    /// A program signed in through the API.
    Api,
    /// A browser signed in.
    Browser,
    /// A registry client received a refresh token.
    Refresh,
}

impl SessionKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Browser => "browser",
            Self::Refresh => "refresh",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        match text {
            "api" => Ok(Self::Api),
            "browser" => Ok(Self::Browser),
            "refresh" => Ok(Self::Refresh),
            _ => Err(StoreError::Corrupt(format!("no kind of session: {text}"))),
        }
    }
}

/// A session to open.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Random id.
    pub id: String,
    /// The account.
    pub user: UserId,
    /// How the session was opened.
    pub kind: SessionKind,
    /// Hash of the session's secret, if it has one.
    pub secret_hash: Option<SecretHash>,
    /// Expiry (milliseconds, UTC).
    pub expires_at: i64,
    /// Client address.
    pub address: String,
    /// The client's `User-Agent`.
    pub client: Option<String>,
}

/// An active session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Id of the session.
    pub id: String,
    /// How the session was opened.
    pub kind: SessionKind,
    /// Time of creation (milliseconds, UTC).
    pub created_at: i64,
    /// Expiry.
    pub expires_at: i64,
    /// Time of last use.
    pub last_used_at: Option<i64>,
    /// Client address that opened the session.
    pub address: Option<String>,
    /// The client's `User-Agent`.
    pub client: Option<String>,
}

/// Maximum number of sessions per account. A new session replaces the least
/// recently used one.
const SESSIONS_MAX: i64 = 500;

/// Minimum interval between updates of the time of last use and of the expiry.
const USED_STEP_MS: i64 = 60 * 1000;

const COLUMNS: &str = "id, kind, created_at, expires_at, last_used_at, address, client";

fn session_from(row: &Row<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.get(0)?,
        kind: row.get(1)?,
        created_at: row.get(2)?,
        expires_at: row.get(3)?,
        last_used_at: row.get(4)?,
        address: row.get(5)?,
        client: row.get(6)?,
    })
}

/// Returns the session that matches a condition, with its account, unless it
/// has expired or the account is disabled.
fn good_session(
    db: &Db,
    condition: &str,
    value: impl ToValue,
    now: i64,
) -> Result<Option<(Session, User)>, StoreError> {
    let found = db.optional(
        &format!("SELECT {COLUMNS}, user_id FROM sessions WHERE {condition} AND expires_at > ?2"),
        params![value, now],
        |row| Ok((session_from(row)?, row.get(7)?)),
    )?;
    let Some((session, user)) = found else {
        return Ok(None);
    };
    let user = user_by_id(db, user)?.filter(|user| !user.disabled);
    Ok(user.map(|user| (session, user)))
}

impl Store {
    /// Opens a session. Also deletes rows of expired sessions.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn create_session(&self, new: NewSession) -> Result<(), StoreError> {
        let now = self.clock.wall_ms();
        self.write(move |db| {
            db.run(
                "DELETE FROM sessions WHERE id IN (
                     SELECT id FROM sessions WHERE expires_at <= ?1 LIMIT 100)",
                [now],
            )?;
            db.run(
                "INSERT INTO sessions (id, user_id, kind, secret_hash, created_at, expires_at,
                                       last_used_at, address, client)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5, ?7, ?8)",
                params![
                    new.id,
                    new.user.0,
                    new.kind.name(),
                    new.secret_hash,
                    now,
                    new.expires_at,
                    new.address,
                    new.client
                ],
            )?;
            db.run(
                "DELETE FROM sessions WHERE user_id = ?1 AND id IN (
                     SELECT id FROM sessions WHERE user_id = ?1
                     ORDER BY coalesce(last_used_at, created_at) DESC, rowid DESC
                     LIMIT -1 OFFSET ?2)",
                params![new.user.0, SESSIONS_MAX],
            )?;
            Ok(())
        })
        .await
    }

    /// Returns the session with this id and its account, unless the session has
    /// expired or the account is disabled.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn session(&self, id: &str) -> Result<Option<(Session, User)>, StoreError> {
        let (id, now) = (id.to_owned(), self.clock.wall_ms());
        self.read(move |db| good_session(db, "id = ?1", id, now))
            .await
    }

    /// Returns the session with this secret and its account, unless the session
    /// has expired or the account is disabled.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn session_of_secret(
        &self,
        hash: SecretHash,
    ) -> Result<Option<(Session, User)>, StoreError> {
        let now = self.clock.wall_ms();
        self.read(move |db| good_session(db, "secret_hash = ?1", hash, now))
            .await
    }

    /// Records the use of a session, and extends its expiry to `expires_at`
    /// (milliseconds, UTC) if that is later. Writes at most once a minute.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn use_session(&self, session: &Session, expires_at: i64) -> Result<(), StoreError> {
        let now = self.clock.wall_ms();
        if session
            .last_used_at
            .is_some_and(|at| now - at < USED_STEP_MS)
        {
            return Ok(());
        }
        let id = session.id.clone();
        self.write_relaxed(move |db| {
            db.run(
                "UPDATE sessions SET last_used_at = ?2, expires_at = CASE WHEN expires_at < ?3
                                                             THEN ?3 ELSE expires_at END
                 WHERE id = ?1",
                params![id, now, expires_at],
            )?;
            Ok(())
        })
        .await
    }

    /// Returns a page of an account's active sessions, sorted by last use.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn sessions(
        &self,
        user: UserId,
        search: Option<String>,
        page: PageRequest,
    ) -> Result<Page<Session>, StoreError> {
        let (now, search) = (self.clock.wall_ms(), search.map(|text| text.to_lowercase()));
        self.read_for_people(move |db| {
            let list = List {
                columns: COLUMNS,
                from: "sessions WHERE user_id = :user AND expires_at > :now
                       AND (:search IS NULL OR instr(lower(client), :search)
                            OR instr(address, :search))",
                key: "coalesce(last_used_at, created_at)",
                id: "rowid",
            };
            let values = named_params! { ":user": user.0, ":now": now, ":search": search };
            list.page(db, &page, &values, session_from)
        })
        .await
    }

    /// Ends a session of an account immediately. Returns `false` if the account
    /// has no such session.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn end_session(&self, user: UserId, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(move |db| {
            let ended = db.run(
                "DELETE FROM sessions WHERE user_id = ?1 AND id = ?2",
                params![user.0, id],
            )?;
            Ok(ended == 1)
        })
        .await
    }
}
