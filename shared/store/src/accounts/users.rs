//! User accounts.

use std::fmt;

use refity_types::account::UserName;
use unicode_normalization::UnicodeNormalization as _;

use crate::engine::db::{Db, Row};
use crate::engine::page::List;
use crate::engine::value::{named_params, params};
use crate::{Page, PageRequest, Store, StoreError, UserId};

/// The role of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Has all rights.
    Admin,
    /// Has the rights granted to it.
    User,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        match text {
            "admin" => Ok(Self::Admin),
            "user" => Ok(Self::User),
            _ => Err(StoreError::Corrupt(format!("no role: {text}"))),
        }
    }
}

/// An account. Its `Debug` output omits the password hash.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Id of the row.
    pub id: UserId,
    /// Sign-in name.
    pub name: String,
    /// Argon2id hash in PHC format.
    pub password_hash: String,
    /// The role.
    pub role: Role,
    /// Whether the account must change its password before doing anything else.
    pub must_change_password: bool,
    /// Whether the account is disabled.
    pub disabled: bool,
    /// Time of creation (milliseconds, UTC).
    pub created_at: i64,
    /// Time when the password was set. Credentials issued earlier are invalid.
    pub password_changed_at: i64,
    /// Time of the last sign-in.
    pub last_login_at: Option<i64>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("role", &self.role)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

/// An account to create. Its `Debug` output omits the password hash.
#[derive(Clone)]
pub struct NewUser {
    /// Sign-in name.
    pub name: UserName,
    /// Argon2id hash in PHC format.
    pub password_hash: String,
    /// The role.
    pub role: Role,
    /// Whether the account must change its password first.
    pub must_change_password: bool,
}

/// Changes to an account.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserChange {
    /// New role.
    pub role: Option<Role>,
    /// Whether to disable the account.
    pub disabled: Option<bool>,
}

/// Sort key of a list of accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserSort {
    /// The name, ignoring case.
    #[default]
    Name,
    /// Time of creation.
    Created,
    /// Time of the last sign-in; accounts that never signed in sort as the
    /// oldest.
    LastLogin,
}

/// The result of a change to accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserChanged {
    /// The change was made.
    Yes,
    /// There is no such account.
    Unknown,
    /// Nothing changed, since the registry would be left without an
    /// administrator.
    LastAdmin,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser")
            .field("name", &self.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

const COLUMNS: &str = "id, name, password_hash, role, must_change_password,
                       disabled_at IS NOT NULL, created_at, password_changed_at, last_login_at";

pub(crate) fn user_from(row: &Row<'_>) -> Result<User, StoreError> {
    Ok(User {
        id: row.get(0)?,
        name: row.get(1)?,
        password_hash: row.get(2)?,
        role: row.get(3)?,
        must_change_password: row.get(4)?,
        disabled: row.get(5)?,
        created_at: row.get(6)?,
        password_changed_at: row.get(7)?,
        last_login_at: row.get(8)?,
    })
}

pub(crate) fn user_by_id(db: &Db, id: UserId) -> Result<Option<User>, StoreError> {
    db.optional(
        &format!("SELECT {COLUMNS} FROM users WHERE id = ?1"),
        [id.0],
        user_from,
    )
}

/// Undoes a change that would leave no active administrator. Call this within
/// the change's transaction.
fn keep_an_admin(db: &Db) -> Result<bool, StoreError> {
    db.one(
        "SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND disabled_at IS NULL)",
        (),
        |row| row.get(0),
    )
}

/// Ends all sessions of an account.
fn end_sessions(db: &Db, user: UserId) -> Result<(), StoreError> {
    db.run("DELETE FROM sessions WHERE user_id = ?1", [user.0])?;
    Ok(())
}

impl Store {
    /// Returns whether there is any account.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn has_users(&self) -> Result<bool, StoreError> {
        self.read(|db| db.one("SELECT EXISTS (SELECT 1 FROM users)", (), |r| r.get(0)))
            .await
    }

    /// Creates the account `admin` unless there is any account. Returns whether
    /// it was created.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn create_first_admin(
        &self,
        password_hash: String,
        must_change_password: bool,
    ) -> Result<bool, StoreError> {
        let now = self.clock.wall_ms();
        self.write(move |db| {
            let made = db.run(
                "INSERT INTO users (name, key, password_hash, role, must_change_password,
                                    created_at, password_changed_at)
                 SELECT 'admin', 'admin', ?1, 'admin', ?2, ?3, ?3
                 WHERE NOT EXISTS (SELECT 1 FROM users)",
                params![password_hash, must_change_password, now],
            )?;
            Ok(made == 1)
        })
        .await
    }

    /// Creates an account. Returns `None` if the name, ignoring case, is taken.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn create_user(&self, new: NewUser) -> Result<Option<User>, StoreError> {
        let now = self.clock.wall_ms();
        self.write(move |db| {
            db.optional(
                &format!(
                    "INSERT INTO users (name, key, password_hash, role, must_change_password,
                                        created_at, password_changed_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
                     ON CONFLICT DO NOTHING RETURNING {COLUMNS}"
                ),
                params![
                    new.name.as_str(),
                    new.name.key(),
                    new.password_hash,
                    new.role.name(),
                    new.must_change_password,
                    now
                ],
                user_from,
            )
        })
        .await
    }

    /// Returns the account with this name, ignoring case.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn user(&self, name: &UserName) -> Result<Option<User>, StoreError> {
        let key = name.key();
        self.read(move |db| {
            db.optional(
                &format!("SELECT {COLUMNS} FROM users WHERE key = ?1"),
                [key],
                user_from,
            )
        })
        .await
    }

    /// Returns the account with this id.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn user_by_id(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.read(move |db| user_by_id(db, id)).await
    }

    /// Changes an account, in one transaction. Disabling an account ends its
    /// sessions. The last administrator cannot be demoted or disabled.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn change_user(
        &self,
        user: UserId,
        change: UserChange,
    ) -> Result<UserChanged, StoreError> {
        let now = self.clock.wall_ms();
        self.write(move |db| {
            let before = user_by_id(db, user)?;
            let Some(before) = before else {
                return Ok(UserChanged::Unknown);
            };
            let set = "UPDATE users SET role = ?2,
                              disabled_at = CASE WHEN ?3 THEN coalesce(disabled_at, ?4) ELSE NULL END
                       WHERE id = ?1";
            let set = |role: Role, disabled: bool| {
                db.run(set, params![user.0, role.name(), disabled, now])
            };
            let disabled = change.disabled.unwrap_or(before.disabled);
            set(change.role.unwrap_or(before.role), disabled)?;
            if !keep_an_admin(db)? {
                set(before.role, before.disabled)?;
                return Ok(UserChanged::LastAdmin);
            }
            if disabled {
                end_sessions(db, user)?;
            }
            Ok(UserChanged::Yes)
        })
        .await
    }

    /// Deletes an account with its sessions, tokens and grants. Its content
    /// stays, without an owner. The last administrator cannot be deleted.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn remove_user(&self, user: UserId) -> Result<UserChanged, StoreError> {
        self.write(move |db| {
            let removed = db.run(
                "DELETE FROM users WHERE id = ?1 AND (role <> 'admin' OR EXISTS (
                         SELECT 1 FROM users
                         WHERE id <> ?1 AND role = 'admin' AND disabled_at IS NULL))",
                [user.0],
            )?;
            Ok(match removed {
                1 => UserChanged::Yes,
                _ if user_by_id(db, user)?.is_some() => UserChanged::LastAdmin,
                _ => UserChanged::Unknown,
            })
        })
        .await
    }

    /// Sets a password and ends all sessions of the account, in one
    /// transaction.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn set_password(
        &self,
        user: UserId,
        password_hash: String,
        must_change_password: bool,
    ) -> Result<(), StoreError> {
        let now = self.clock.wall_ms();
        self.write(move |db| {
            // Keep the time increasing even if the clock was set back.
            db.run(
                "UPDATE users SET password_hash = ?2, must_change_password = ?3,
                        password_changed_at = CASE WHEN password_changed_at < ?4 THEN ?4
                                                   ELSE password_changed_at + 1 END
                 WHERE id = ?1",
                params![user.0, password_hash, must_change_password, now],
            )?;
            end_sessions(db, user)
        })
        .await
    }

    /// Returns a page of the accounts whose names contain this text, ignoring
    /// case.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn users(
        &self,
        search: Option<String>,
        sort: UserSort,
        page: PageRequest,
    ) -> Result<Page<User>, StoreError> {
        let search = search.map(|text| text.to_lowercase().nfc().collect::<String>());
        self.read_for_people(move |db| {
            let list = List {
                columns: COLUMNS,
                from: match search {
                    Some(_) => "users WHERE instr(key, :search)",
                    None => "users WHERE :search IS NULL",
                },
                key: match sort {
                    UserSort::Name => "key",
                    UserSort::Created => "created_at",
                    UserSort::LastLogin => "login_order",
                },
                id: "id",
            };
            let values = named_params! { ":search": search };
            list.page(db, &page, &values, user_from)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_hash_is_printed() {
        let new = NewUser {
            name: "bob".parse().unwrap(),
            password_hash: "$argon2id$secret".to_owned(),
            role: Role::User,
            must_change_password: false,
        };
        let user = User {
            id: UserId(1),
            name: "bob".to_owned(),
            password_hash: new.password_hash.clone(),
            role: Role::User,
            must_change_password: false,
            disabled: false,
            created_at: 0,
            password_changed_at: 0,
            last_login_at: None,
        };
        let printed = format!("{new:?} {user:?}");
        assert!(printed.contains("bob") && !printed.contains("argon2id"));
    }
}
