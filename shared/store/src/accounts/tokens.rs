//! Access tokens: random secrets of an account or a robot. Only a keyed hash of
//! each secret is stored.

use refity_types::rights::Scope;

use crate::engine::db::{Db, Row};
use crate::engine::page::List;
use crate::engine::value::{ToValue, named_params, params};
use crate::{Page, PageRequest, RobotId, Store, StoreError, TokenId, UserId};

/// The hash of a secret.
pub type SecretHash = [u8; 32];

/// A token, as shown to its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// Id of the row.
    pub id: TokenId,
    /// Name chosen by the owner.
    pub name: String,
    /// The scopes; `None` for all rights of the owner.
    pub scopes: Option<Vec<Scope>>,
    /// Time of creation (milliseconds, UTC).
    pub created_at: i64,
    /// Expiry.
    pub expires_at: Option<i64>,
    /// Time and client address of the last use.
    pub last_used: Option<(i64, String)>,
}

/// The owner of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenOwner {
    /// A user.
    User(UserId),
    /// A robot.
    Robot(RobotId),
}

impl TokenOwner {
    fn keys(self) -> (Option<i64>, Option<i64>) {
        match self {
            Self::User(user) => (Some(user.0), None),
            Self::Robot(robot) => (None, Some(robot.0)),
        }
    }
}

/// A token to create.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The owner.
    pub owner: TokenOwner,
    /// Name chosen by the owner.
    pub name: String,
    /// Hash of the secret.
    pub secret_hash: SecretHash,
    /// The scopes; `None` for all rights of the owner.
    pub scopes: Option<Vec<Scope>>,
    /// Expiry (milliseconds, UTC).
    pub expires_at: Option<i64>,
}

/// Sort key of a list of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenSort {
    /// Time of creation.
    #[default]
    Created,
    /// The name.
    Name,
    /// Time of last use; tokens that were never used sort as the oldest.
    LastUsed,
}

/// Maximum number of tokens per account. Expired tokens count while they are
/// listed.
pub const TOKENS_MAX: i64 = 200;

/// Minimum interval between updates of the time of last use.
const USED_STEP_MS: i64 = 60 * 1000;

/// How long an expired token is still listed.
const ENDED_STEP_MS: i64 = 30 * 24 * 60 * 60 * 1000;

const COLUMNS: &str = "id, name, scopes, created_at, expires_at, last_used_at, last_used_from";

pub(crate) fn scopes_from(text: Option<String>) -> Result<Option<Vec<Scope>>, StoreError> {
    let read = |text: String| serde_json::from_str(&text);
    text.map(read)
        .transpose()
        .map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub(crate) fn scopes_to_sql(scopes: &[Scope]) -> Result<String, StoreError> {
    serde_json::to_string(scopes).map_err(|error| StoreError::Other(error.to_string()))
}

fn token_from(row: &Row<'_>) -> Result<AccessToken, StoreError> {
    let used: Option<i64> = row.get(5)?;
    let from: Option<String> = row.get(6)?;
    Ok(AccessToken {
        id: row.get(0)?,
        name: row.get(1)?,
        scopes: scopes_from(row.get(2)?)?,
        created_at: row.get(3)?,
        expires_at: row.get(4)?,
        last_used: used.map(|at| (at, from.unwrap_or_default())),
    })
}

/// A valid token: its id, its owner and its scopes.
pub(crate) struct ValidToken {
    pub(crate) id: TokenId,
    pub(crate) owner: TokenOwner,
    pub(crate) scopes: Option<Vec<Scope>>,
}

/// Returns the token that matches a condition, unless it has expired.
pub(crate) fn valid_token(
    db: &Db,
    condition: &str,
    value: impl ToValue,
    now: i64,
) -> Result<Option<ValidToken>, StoreError> {
    let found = db.optional(
        &format!(
            "SELECT id, user_id, robot_id, scopes FROM access_tokens
             WHERE {condition} AND (expires_at IS NULL OR expires_at > ?2)"
        ),
        params![value, now],
        |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get::<Option<i64>>(2)?,
                row.get(3)?,
            ))
        },
    )?;
    let Some((id, user, robot, scopes)) = found else {
        return Ok(None);
    };
    let owner = match (user, robot) {
        (Some(user), _) => TokenOwner::User(UserId(user)),
        (None, Some(robot)) => TokenOwner::Robot(RobotId(robot)),
        (None, None) => return Err(StoreError::Corrupt("a token without an owner".to_owned())),
    };
    Ok(Some(ValidToken {
        id: TokenId(id),
        owner,
        scopes: scopes_from(scopes)?,
    }))
}

pub(crate) fn create_token(db: &Db, new: &NewToken, now: i64) -> Result<AccessToken, StoreError> {
    let (user, robot) = new.owner.keys();
    let scopes = new.scopes.as_deref().map(scopes_to_sql).transpose()?;
    db.one(
        &format!(
            "INSERT INTO access_tokens
             (user_id, robot_id, name, secret_hash, scopes, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING {COLUMNS}"
        ),
        params![
            user,
            robot,
            new.name,
            new.secret_hash,
            scopes,
            now,
            new.expires_at
        ],
        token_from,
    )
}

/// Deletes tokens that expired a month ago.
pub(crate) fn forget_ended(db: &Db, now: i64) -> Result<(), StoreError> {
    db.run(
        "DELETE FROM access_tokens WHERE expires_at < ?1",
        [now - ENDED_STEP_MS],
    )?;
    Ok(())
}

impl Store {
    /// Creates a user's token. Returns `None` if the user already has
    /// [`TOKENS_MAX`].
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn create_token(&self, new: NewToken) -> Result<Option<AccessToken>, StoreError> {
        let now = self.clock.wall_ms();
        self.write(move |db| {
            forget_ended(db, now)?;
            let (user, robot) = new.owner.keys();
            let count: i64 = db.one(
                "SELECT count(*) FROM access_tokens WHERE user_id = ?1 OR robot_id = ?2",
                [user, robot],
                |row| row.get(0),
            )?;
            if count >= TOKENS_MAX {
                return Ok(None);
            }
            create_token(db, &new, now).map(Some)
        })
        .await
    }

    /// Returns the secrets of a robot, newest first, including those that
    /// expired within a month.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn robot_secrets(&self, robot: RobotId) -> Result<Vec<AccessToken>, StoreError> {
        self.read_for_people(move |db| {
            let tokens = db.all(
                &format!(
                    "SELECT {COLUMNS} FROM access_tokens WHERE robot_id = ?1 ORDER BY id DESC"
                ),
                [robot.0],
                token_from,
            )?;
            Ok(tokens)
        })
        .await
    }

    /// Returns a page of an account's tokens, including those that expired
    /// within a month.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn tokens(
        &self,
        user: UserId,
        search: Option<String>,
        sort: TokenSort,
        page: PageRequest,
    ) -> Result<Page<AccessToken>, StoreError> {
        let search = search.map(|text| text.to_lowercase());
        self.read_for_people(move |db| {
            let list = List {
                columns: COLUMNS,
                from: "access_tokens WHERE user_id = :user
                       AND (:search IS NULL OR instr(lower(name), :search))",
                key: match sort {
                    TokenSort::Created => "created_at",
                    TokenSort::Name => "name",
                    TokenSort::LastUsed => "coalesce(last_used_at, 0)",
                },
                id: "id",
            };
            let values = named_params! { ":user": user.0, ":search": search };
            list.page(db, &page, &values, token_from)
        })
        .await
    }

    /// Revokes a token of this owner immediately. Returns `false` if the owner
    /// has no such token.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn revoke_token(&self, owner: TokenOwner, id: TokenId) -> Result<bool, StoreError> {
        self.write(move |db| {
            let (user, robot) = owner.keys();
            let revoked = db.run(
                "DELETE FROM access_tokens
                     WHERE id = ?1 AND user_id IS ?2 AND robot_id IS ?3",
                params![id.0, user, robot],
            )?;
            Ok(revoked == 1)
        })
        .await
    }

    /// Records the use of a token and the client address. Writes at most once a
    /// minute.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn note_token_use(&self, id: TokenId, from: String) -> Result<(), StoreError> {
        let now = self.clock.wall_ms();
        let noted = self.read(move |db| {
            Ok(db
                .optional(
                    "SELECT last_used_at FROM access_tokens WHERE id = ?1",
                    [id.0],
                    |row| row.get::<Option<i64>>(0),
                )?
                .flatten())
        });
        if noted.await?.is_some_and(|at| now - at < USED_STEP_MS) {
            return Ok(());
        }
        self.write_relaxed(move |db| {
            db.run(
                "UPDATE access_tokens SET last_used_at = ?2, last_used_from = ?3 WHERE id = ?1",
                params![id.0, now, from],
            )?;
            Ok(())
        })
        .await
    }
}
