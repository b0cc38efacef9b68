//! Keys that all gateways share.

use std::time::Duration;

use refity_config::clock::millis;

use crate::engine::db::Db;
use crate::engine::value::{ToValue, params};
use crate::{Store, StoreError};

/// A key that signs tokens.
#[derive(Clone)]
pub struct SigningKey {
    /// Id of the key, included in the tokens' headers.
    pub kid: String,
    /// Private key (Ed25519, PKCS #8).
    pub private: Vec<u8>,
    /// Time of creation (milliseconds, UTC).
    pub created_at: i64,
}

impl Store {
    /// Returns the current signing key: the newest one, or a new one from
    /// `make` if that is older than `max_age` or there is none. All gateways
    /// use the same key.
    ///
    /// Deletes old keys, `max_age` and a day after they were replaced, when no
    /// valid token is signed with them any more.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn signing_key(
        &self,
        max_age: Duration,
        kid: String,
        make: impl FnOnce() -> Vec<u8> + Send + 'static,
    ) -> Result<SigningKey, StoreError> {
        let now = self.clock.wall_ms();
        let newest = "SELECT kid, private, created_at FROM signing_keys
                      WHERE created_at > ?1 ORDER BY created_at DESC, kid LIMIT 1";
        let since = now - millis(max_age);
        let found = self.read(move |db| key(db, newest, since)).await?;
        if let Some(found) = found {
            return Ok(found);
        }
        self.write(move |db| {
            // Another gateway may have created a key meanwhile.
            if let Some(found) = key(db, newest, since)? {
                return Ok(found);
            }
            db.run(
                "DELETE FROM signing_keys WHERE created_at < ?1",
                [now - 2 * millis(max_age)],
            )?;
            let private = make();
            db.run(
                "INSERT INTO signing_keys (kid, private, created_at) VALUES (?1, ?2, ?3)",
                params![kid, private, now],
            )?;
            Ok(SigningKey {
                kid,
                private,
                created_at: now,
            })
        })
        .await
    }

    /// Returns the key with this id.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn signing_key_of(&self, kid: String) -> Result<Option<SigningKey>, StoreError> {
        self.read(move |db| {
            key(
                db,
                "SELECT kid, private, created_at FROM signing_keys WHERE kid = ?1",
                kid,
            )
        })
        .await
    }

    /// Returns the key with this name, storing `value` if there is none yet.
    /// All gateways use the same key.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn server_key(
        &self,
        name: &'static str,
        value: Vec<u8>,
    ) -> Result<Vec<u8>, StoreError> {
        self.write(move |db| {
            db.run(
                "INSERT INTO server_keys (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                params![name, value],
            )?;
            db.one(
                "SELECT value FROM server_keys WHERE name = ?1",
                [name],
                |row| row.get(0),
            )
        })
        .await
    }
}

fn key(db: &Db, query: &str, value: impl ToValue) -> Result<Option<SigningKey>, StoreError> {
    db.optional(query, [value], |row| {
        Ok(SigningKey {
            kid: row.get(0)?,
            private: row.get(1)?,
            created_at: row.get(2)?,
        })
    })
}
