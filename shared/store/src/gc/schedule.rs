//! Scheduled garbage collection. For each scheduled time, one process collects
//! once, and retries until the collection is complete.

use std::time::Duration;

use refity_config::clock::millis;

use crate::engine::value::params;
use crate::{Store, StoreError};

/// Pause between two attempts.
pub const COLLECTION_PAUSE: Duration = Duration::from_secs(10 * 60);

impl Store {
    /// Claims the collection for this scheduled time (milliseconds, UTC).
    /// Returns `false` if it is completed, if another process is collecting,
    /// and for [`COLLECTION_PAUSE`] after an attempt.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn begin_scheduled_collection(
        &self,
        due: i64,
        owner: &str,
    ) -> Result<bool, StoreError> {
        let (owner, clock) = (owner.to_owned(), self.clock.clone());
        self.write(move |db| {
            let now = clock.boot_ms();
            let begun = db.run(
                "UPDATE collection SET collector = ?1, next_try_at = ?2, boot_id = ?3
                 WHERE scheduled_at < ?4 AND (collector IS NULL OR collector = ?1)
                   AND (boot_id <> ?3 OR next_try_at <= ?5)",
                params![
                    owner,
                    now + millis(COLLECTION_PAUSE),
                    clock.boot_id(),
                    due,
                    now
                ],
            )?;
            Ok(begun == 1)
        })
        .await
    }

    /// Records that the collection for this scheduled time is completed. If the
    /// time is `None`, the collection did not complete and is retried.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn end_scheduled_collection(
        &self,
        done: Option<i64>,
        owner: &str,
    ) -> Result<(), StoreError> {
        let owner = owner.to_owned();
        self.write(move |db| {
            db.run(
                "UPDATE collection SET collector = NULL,
                        scheduled_at = CASE WHEN scheduled_at < ?1 THEN ?1 ELSE scheduled_at END,
                        next_try_at = CASE WHEN ?1 IS NULL THEN next_try_at ELSE 0 END
                 WHERE collector = ?2",
                params![done, owner],
            )?;
            Ok(())
        })
        .await
    }
}
