//! Accounts.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Store, StoreError, UserId};

/// What an account may do at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Admin,
    /// What it was given.
    User,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its key.
    pub id: UserId,
    /// The name it signs in with.
    pub name: String,
    /// The Argon2id hash in PHC form.
    pub password_hash: String,
    /// What it may do.
    pub role: Role,
    /// It can do nothing but change its password.
    pub must_change_password: bool,
}

const COLUMNS: &str = "id, name, password_hash, role, must_change_password";

pub(super) fn user_from(row: &Row<'_>) -> rusqlite::Result<User> {
    let role: String = row.get(3)?;
    Ok(User {
        id: UserId(row.get(0)?),
        name: row.get(1)?,
        password_hash: row.get(2)?,
        role: if role == "admin" {
            Role::Admin
        } else {
            Role::User
        },
        must_change_password: row.get(4)?,
    })
}

pub(super) fn user_by_id(db: &Connection, id: UserId) -> Result<Option<User>, StoreError> {
    Ok(db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM users WHERE id = ?1"))?
        .query_row([id.0], user_from)
        .optional()?)
}

impl Store {
    /// Whether there is any account.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn has_users(&self) -> Result<bool, StoreError> {
        self.read(|db| Ok(db.query_row("SELECT EXISTS (SELECT 1 FROM users)", [], |r| r.get(0))?))
            .await
    }

    /// Makes the account `admin`, unless there is any account already.
    /// Answers whether it did.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn create_first_admin(
        &self,
        password_hash: String,
        must_change_password: bool,
    ) -> Result<bool, StoreError> {
        let now = self.clock.wall_ms();
        self.write(move |db| {
            let made = db.execute(
                "INSERT INTO users (name, password_hash, role, must_change_password,
                                    created_at, password_changed_at)
                 SELECT 'admin', ?1, 'admin', ?2, ?3, ?3
                 WHERE NOT EXISTS (SELECT 1 FROM users)",
                params![password_hash, must_change_password, now],
            )?;
            Ok(made == 1)
        })
        .await
    }

    /// The account of this name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        let name = name.to_owned();
        self.read(move |db| {
            Ok(db
                .prepare_cached(&format!("SELECT {COLUMNS} FROM users WHERE name = ?1"))?
                .query_row([name], user_from)
                .optional()?)
        })
        .await
    }

    /// Sets a password and ends all sessions of the account, in one
    /// transaction.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn set_password(
        &self,
        user: UserId,
        password_hash: String,
    ) -> Result<(), StoreError> {
        let now = self.clock.wall_ms();
        self.write(move |db| {
            db.execute(
                "UPDATE users SET password_hash = ?2, must_change_password = 0,
                                  password_changed_at = ?3 WHERE id = ?1",
                params![user.0, password_hash, now],
            )?;
            db.execute("DELETE FROM sessions WHERE user_id = ?1", [user.0])?;
            Ok(())
        })
        .await
    }
}
