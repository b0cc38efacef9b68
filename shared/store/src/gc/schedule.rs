//! The collection by the schedule: for each of its times it is done once, by
//! one process, and tried again until it is.

use std::time::Duration;

use refity_config::clock::millis;

use crate::engine::value::params;
use crate::{Store, StoreError};

/// Between two tries.
pub const COLLECTION_PAUSE: Duration = Duration::from_secs(10 * 60);

impl Store {
    /// Takes the turn to collect for this time of the schedule (milliseconds,
    /// UTC). Returns `false` if that has been done, if another process
    /// does it, and for [`COLLECTION_PAUSE`] after a try.
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

    /// The collection for this time of the schedule is done. Without a time:
    /// it did not get to its end, and is to be tried again.
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
