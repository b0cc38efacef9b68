//! Links between intents and the jobs that complete them. Determines when an
//! intent's file may be removed: in the order of generations, since replaying
//! only an older intent could move a tag back or remove content that was pushed
//! again.

use std::collections::{HashMap, HashSet};

use refity_types::name::IntentId;

use crate::engine::db::{Db, Row};
use crate::engine::value::params;
use crate::{JobId, Store, StoreError};

/// The intents linked to the job ?1 whose jobs are all done. An intent may have
/// thousands of jobs: the ones that usually finish last are checked first.
const DONE_WITH: &str = "
    SELECT i.id, i.generation FROM intents i
    WHERE i.job_id = ?1 AND (
        SELECT o.job_id FROM intents o CROSS JOIN jobs j ON j.id = o.job_id
        WHERE o.id = i.id AND j.state <> 'done' ORDER BY o.job_id DESC LIMIT 1) IS NULL
      AND NOT EXISTS (SELECT 1 FROM repositories r WHERE r.removal_intent = i.id)
    ORDER BY i.generation";

/// All intents whose jobs are all done.
const DONE: &str = "
    SELECT i.id, i.generation FROM intents i JOIN jobs j ON j.id = i.job_id
    WHERE NOT EXISTS (SELECT 1 FROM repositories r WHERE r.removal_intent = i.id)
    GROUP BY i.id, i.generation HAVING sum(j.state <> 'done') = 0
    ORDER BY i.generation";

/// The targets of the intent ?1.
const TARGETS: &str = "SELECT kind, target FROM intents WHERE id = ?1";

/// The oldest intent of a target after the generation ?3.
const OLDEST: &str =
    "SELECT min(generation) FROM intents WHERE kind = ?1 AND target = ?2 AND generation > ?3";

/// The queries that run when a job ends, for tests.
#[cfg(test)]
pub(crate) const QUERIES: [&str; 3] = [DONE_WITH, TARGETS, OLDEST];

/// Links an intent to the jobs that complete it.
pub(crate) fn link_intent(
    db: &Db,
    jobs: &[JobId],
    intent: IntentId,
    generation: i64,
) -> Result<(), StoreError> {
    for job in jobs {
        db.run(
            "INSERT INTO intents (id, job_id, generation, kind, target)
             SELECT ?1, id, ?3, kind, target FROM jobs WHERE id = ?2
             ON CONFLICT (id, job_id) DO NOTHING",
            params![intent.to_string(), job.0, generation],
        )?;
    }
    Ok(())
}

/// Returns the intents whose files may be removed now that the job is done,
/// oldest first. The sweep removes those that waited only for one of these
/// intents.
pub(crate) fn completed_intents(db: &Db, job: JobId) -> Result<Vec<IntentId>, StoreError> {
    let done = db.all(DONE_WITH, [job.0], intent)?;
    in_order(db, done)
}

fn intent(row: &Row<'_>) -> Result<(String, i64), StoreError> {
    Ok((row.get(0)?, row.get(1)?))
}

/// Returns those of the intents, sorted from oldest to newest, that do not have
/// to wait for another intent of the same target.
fn in_order(db: &Db, done: Vec<(String, i64)>) -> Result<Vec<IntentId>, StoreError> {
    let mut gone: HashMap<(String, i64), i64> = HashMap::new();
    let mut intents = Vec::new();
    for (id, generation) in done {
        let targets: Vec<(String, i64)> =
            db.all(TARGETS, [&id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut first = true;
        for target in &targets {
            let after = gone.get(target).copied().unwrap_or(i64::MIN);
            let oldest: Option<i64> =
                db.one(OLDEST, params![target.0, target.1, after], |row| row.get(0))?;
            first = first && oldest.is_none_or(|oldest| oldest >= generation);
        }
        if first {
            gone.extend(targets.into_iter().map(|target| (target, generation)));
            intents.extend(id.parse::<IntentId>());
        }
    }
    Ok(intents)
}

impl Store {
    /// Returns those of these intents that have a row.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn named_intents(
        &self,
        intents: Vec<IntentId>,
    ) -> Result<HashSet<IntentId>, StoreError> {
        self.read_in_background(move |db| {
            let mut named = HashSet::new();
            for intent in intents {
                if db.one(
                    "SELECT EXISTS (SELECT 1 FROM intents WHERE id = ?1)
                         OR EXISTS (SELECT 1 FROM repositories WHERE removal_intent = ?1)",
                    [intent.to_string()],
                    |row| row.get(0),
                )? {
                    named.insert(intent);
                }
            }
            Ok(named)
        })
        .await
    }

    /// Returns the intents whose files may be removed, oldest first: all their
    /// jobs are done, and no older intent of the same target remains. Remove
    /// the files in this order.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn completed_intents(&self) -> Result<Vec<IntentId>, StoreError> {
        self.read_in_background(|db| {
            let done = db.all(DONE, (), intent)?;
            in_order(db, done)
        })
        .await
    }

    /// Deletes the rows of intents whose files are removed.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn forget_intents(&self, intents: Vec<IntentId>) -> Result<(), StoreError> {
        self.write_relaxed(move |db| {
            for intent in intents {
                db.run("DELETE FROM intents WHERE id = ?1", [intent.to_string()])?;
            }
            Ok(())
        })
        .await
    }
}
