//! Sessions of the API: a token is good as long as its row is.

use rusqlite::{OptionalExtension as _, params};

use super::users::user_by_id;
use super::{Store, StoreError, User, UserId};

impl Store {
    /// Opens a session that ends at `expires_at` (milliseconds, UTC). Rows of
    /// sessions that have ended are removed on the way.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn create_session(
        &self,
        id: String,
        user: UserId,
        expires_at: i64,
    ) -> Result<(), StoreError> {
        let now = self.clock.wall_ms();
        self.write(move |db| {
            db.execute("DELETE FROM sessions WHERE expires_at <= ?1", [now])?;
            db.execute(
                "INSERT INTO sessions (id, user_id, created_at, expires_at)
                 VALUES (?1, ?2, ?3, ?4)",
                params![id, user.0, now, expires_at],
            )?;
            Ok(())
        })
        .await
    }

    /// The account of a session that has not ended.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn session_user(&self, id: &str) -> Result<Option<User>, StoreError> {
        let now = self.clock.wall_ms();
        let id = id.to_owned();
        self.read(move |db| {
            let user: Option<i64> = db
                .prepare_cached("SELECT user_id FROM sessions WHERE id = ?1 AND expires_at > ?2")?
                .query_row(params![id, now], |row| row.get(0))
                .optional()?;
            match user {
                Some(user) => user_by_id(db, UserId(user)),
                None => Ok(None),
            }
        })
        .await
    }
}
