//! Running uploaders, according to their heartbeats.

use std::time::Duration;

use refity_config::clock::millis;

use crate::engine::value::params;
use crate::{Store, StoreError};

/// How long a silent uploader is remembered.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

impl Store {
    /// Records the heartbeat of an uploader.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn uploader_runs(&self, owner: &str) -> Result<(), StoreError> {
        let (owner, now) = (owner.to_owned(), self.clock.wall_ms());
        self.write_relaxed(move |db| {
            db.run(
                "INSERT INTO uploaders (owner, started_at, heartbeat_at) VALUES (?1, ?2, ?2)
                 ON CONFLICT (owner) DO UPDATE SET heartbeat_at = excluded.heartbeat_at",
                params![owner, now],
            )?;
            db.run(
                "DELETE FROM uploaders WHERE heartbeat_at < ?1",
                [now - millis(FORGOTTEN)],
            )?;
            Ok(())
        })
        .await
    }

    /// Records that an uploader has ended.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn uploader_ended(&self, owner: &str) -> Result<(), StoreError> {
        let owner = owner.to_owned();
        self.write_relaxed(move |db| {
            db.run("DELETE FROM uploaders WHERE owner = ?1", [owner])?;
            Ok(())
        })
        .await
    }

    /// Returns the milliseconds since the last heartbeat of any uploader, or
    /// `None` if there was none.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn uploader_silence(&self) -> Result<Option<i64>, StoreError> {
        let now = self.clock.wall_ms();
        self.read(move |db| {
            let last: Option<i64> =
                db.one("SELECT max(heartbeat_at) FROM uploaders", (), |row| {
                    row.get(0)
                })?;
            Ok(last.map(|at| (now - at).max(0)))
        })
        .await
    }
}
