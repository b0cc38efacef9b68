//! The results of runs. Each write is fenced by the claim's lease.

use std::time::Duration;

use refity_config::clock::{Clock, millis};
use refity_types::name::IntentId;

use crate::content::blobs::lost_on_remote;
use crate::content::sums::{change_blob, count_done};
use crate::engine::db::Db;
use crate::engine::value::params;
use crate::queue::claim::LAST_CALL;
use crate::queue::dependencies::{add_dependency, update_readiness};
use crate::queue::intents::completed_intents;
use crate::queue::jobs::{NewJob, enqueue_or_join};
use crate::{BlobId, Claim, JobId, JobKind, Store, StoreError, Trouble};

/// The result of finishing a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The job and these intents are done. Remove the intents' files, and then
    /// their rows ([`Store::forget_intents`]).
    Done {
        /// Intents whose jobs are all done.
        completed_intents: Vec<IntentId>,
    },
    /// The desired state changed meanwhile, so the job runs again.
    Again,
    /// Another process holds the job now.
    LeaseLost,
}

/// The result of a run without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunResult {
    /// SFTP has the desired state of this generation.
    Reconciled(i64),
    /// The job must wait for other jobs first.
    NotYet,
    /// The target no longer has a row.
    NoTarget,
}

/// How to retry a job that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Minimum wait until the next attempt.
    pub after: Duration,
    /// Whether it counts as a failure of the job.
    pub counts: bool,
    /// Whether a person is needed; the job is then listed as failed.
    pub parked: bool,
    /// Whether a call to SFTP may still be in flight. A target that such a call
    /// could overwrite is checked again later.
    pub uncertain: bool,
    /// The problem.
    pub trouble: Trouble,
}

fn holds(db: &Db, claim: &Claim) -> Result<bool, StoreError> {
    db.one(
        "SELECT EXISTS (SELECT 1 FROM jobs
             WHERE id = ?1 AND lease = ?2 AND state = 'running')",
        [claim.job.0, claim.lease.0],
        |row| row.get(0),
    )
}

/// Records in the target's row that SFTP has the desired state of `generation`.
/// Returns `false` if the desired state has changed since.
fn mark_reconciled(db: &Db, claim: &Claim, generation: i64, now: i64) -> Result<bool, StoreError> {
    let update = match claim.kind {
        JobKind::StoreBlob => {
            "UPDATE blobs SET stored_at = CASE WHEN desired THEN ?3 ELSE NULL END,
                              confirmed_at = CASE WHEN desired THEN ?3 ELSE NULL END,
                              file = CASE WHEN desired THEN file ELSE NULL END,
                              damaged = CASE WHEN desired THEN NULL ELSE damaged END
             WHERE id = ?1 AND generation = ?2"
        }
        JobKind::LinkBlob => {
            "UPDATE repository_blobs SET linked_at = CASE WHEN desired THEN ?3 ELSE NULL END
             WHERE id = ?1 AND generation = ?2"
        }
        JobKind::PublishManifest => {
            "UPDATE repository_manifests SET published_at = CASE WHEN desired THEN ?3 ELSE NULL END
             WHERE id = ?1 AND generation = ?2"
        }
        JobKind::PublishTag => {
            "UPDATE tags SET published_manifest_id = manifest_id
             WHERE id = ?1 AND generation = ?2 AND ?3"
        }
        JobKind::MarkGroup => {
            "UPDATE groups SET marked_at = CASE WHEN desired THEN ?3 ELSE NULL END
             WHERE id = ?1 AND generation = ?2"
        }
    };
    let update = || {
        let changed = db.run(update, [claim.target, generation, now])?;
        Ok(changed == 1)
    };
    match claim.kind {
        JobKind::StoreBlob => change_blob(db, claim.target, update),
        _ => update(),
    }
}

fn finish(
    db: &Db,
    clock: &Clock,
    claim: &Claim,
    result: RunResult,
) -> Result<Finished, StoreError> {
    if !holds(db, claim)? {
        return Ok(Finished::LeaseLost);
    }
    let done = match result {
        RunResult::Reconciled(generation) => {
            mark_reconciled(db, claim, generation, clock.wall_ms())?
        }
        RunResult::NotYet => false,
        RunResult::NoTarget => true,
    };
    if !done {
        db.run(
            "UPDATE jobs SET state = 'pending', owner = NULL, lease_until = NULL,
                             attempt = 0, run_after = ?2 WHERE id = ?1",
            [claim.job.0, clock.boot_ms()],
        )?;
        update_readiness(db, claim.job)?;
        return Ok(Finished::Again);
    }
    let done = mark_done(db, clock, claim.job)?;
    if let Some(suspect_until) = done.suspect_until
        && result != RunResult::NoTarget
    {
        let again = NewJob::new(claim.kind, claim.target).removes(done.removes);
        let again = enqueue_or_join(db, clock, &again)?;
        // A request that joins the job before must not replace the recheck.
        db.run(
            "UPDATE jobs SET run_after = ?2, suspect_until = ?2, suspect_boot = ?3 WHERE id = ?1",
            params![again.0, suspect_until, clock.boot_id()],
        )?;
    }
    Ok(Finished::Done {
        completed_intents: completed_intents(db, claim.job)?,
    })
}

/// A job that has just finished.
struct Done {
    /// When to check the target again (milliseconds since this boot).
    suspect_until: Option<i64>,
    removes: bool,
}

/// Marks the job as done, and makes jobs ready that waited only for it.
fn mark_done(db: &Db, clock: &Clock, job: JobId) -> Result<Done, StoreError> {
    let done = db.one(
        "UPDATE jobs SET state = 'done', owner = NULL, lease_until = NULL, attempt = 0,
                    bytes_done = bytes_total, finished_at = ?2, error_code = NULL,
                    error_message = NULL, error_hint = NULL
             WHERE id = ?1
             RETURNING suspect_until + CASE WHEN suspect_boot = ?3 THEN 0 ELSE ?4 - suspect_until END, removes",
        params![
            job.0,
            clock.wall_ms(),
            clock.boot_id(),
            clock.boot_ms() + millis(LAST_CALL),
        ],
        |row| {
            Ok(Done {
                suspect_until: row.get(0)?,
                removes: row.get(1)?,
            })
        },
    )?;
    count_done(db, job.0, 1)?;
    db.run(
        "UPDATE jobs SET state = 'pending', run_after = ?2, boot_id = ?3
         WHERE state = 'waiting'
           AND id IN (SELECT job_id FROM job_dependencies WHERE depends_on_id = ?1)
           AND NOT EXISTS (SELECT 1 FROM job_dependencies n JOIN jobs j ON j.id = n.depends_on_id
                           WHERE n.job_id = jobs.id AND j.state <> 'done')",
        params![job.0, clock.boot_ms(), clock.boot_id()],
    )?;
    Ok(done)
}

fn put_back(db: &Db, clock: &Clock, claim: &Claim, retry: &Retry) -> Result<bool, StoreError> {
    let changed = db.run(
        "UPDATE jobs SET state = CASE WHEN ?3 THEN 'failed' ELSE 'pending' END, owner = NULL,
                    lease_until = NULL, attempt = attempt + ?4, run_after = ?5, boot_id = ?6,
                    suspect_until = CASE WHEN ?7 AND overwrites THEN ?11 ELSE suspect_until END,
                    suspect_boot = CASE WHEN ?7 AND overwrites THEN ?6 ELSE suspect_boot END,
                    error_code = ?8, error_message = ?9, error_hint = ?10
             WHERE id = ?1 AND lease = ?2 AND state = 'running'",
        params![
            claim.job.0,
            claim.lease.0,
            retry.parked,
            retry.counts,
            clock.boot_ms() + millis(retry.after),
            clock.boot_id(),
            retry.uncertain,
            retry.trouble.code,
            retry.trouble.message,
            retry.trouble.hint,
            clock.boot_ms() + millis(LAST_CALL),
        ],
    )?;
    Ok(changed == 1)
}

impl Store {
    /// Finishes jobs, each with the result of its run, in one transaction. A job
    /// is done if the desired state has not changed since its run read it; its
    /// dependents are then released.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing changes.
    pub async fn finish(
        &self,
        results: Vec<(Claim, RunResult)>,
    ) -> Result<Vec<Finished>, StoreError> {
        let clock = self.clock.clone();
        self.write(move |db| {
            let finished = results
                .iter()
                .map(|(claim, result)| finish(db, &clock, claim, *result));
            finished.collect()
        })
        .await
    }

    /// Schedules a retry of a job that did not succeed. Returns `false` if
    /// another process has claimed the job meanwhile.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn retry(&self, claim: &Claim, retry: Retry) -> Result<bool, StoreError> {
        let (claim, clock) = (claim.clone(), self.clock.clone());
        self.write(move |db| put_back(db, &clock, &claim, &retry))
            .await
    }

    /// Handles blobs that a `publish_manifest` job found missing on SFTP. Blobs
    /// whose bytes are available locally are stored again, and the job waits
    /// for them. The others are marked as damaged, and the job is retried
    /// according to `retry`.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing changes.
    pub async fn await_missing(
        &self,
        claim: &Claim,
        missing: Vec<(BlobId, String)>,
        retry: Retry,
    ) -> Result<bool, StoreError> {
        let (claim, clock) = (claim.clone(), self.clock.clone());
        self.write(move |db| {
            if !holds(db, &claim)? {
                return Ok(false);
            }
            let mut all_at_hand = true;
            for (blob, why) in missing {
                match lost_on_remote(db, &clock, blob, &why)? {
                    Some(stores) => add_dependency(db, claim.job, stores)?,
                    None => all_at_hand = false,
                }
            }
            let retry = Retry {
                parked: !all_at_hand,
                ..retry
            };
            put_back(db, &clock, &claim, &retry)?;
            update_readiness(db, claim.job)?;
            Ok(true)
        })
        .await
    }

    /// Records that these blobs were just seen on SFTP with the right size.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn confirm_stored(&self, blobs: Vec<BlobId>) -> Result<(), StoreError> {
        let now = self.clock.wall_ms();
        self.write_relaxed(move |db| {
            for blob in blobs {
                change_blob(db, blob.0, || {
                    db.run(
                        "UPDATE blobs SET confirmed_at = ?2, stored_at = CASE
                                 WHEN damaged IS NULL THEN coalesce(stored_at, ?2)
                                 ELSE stored_at END
                             WHERE id = ?1 AND desired",
                        [blob.0, now],
                    )
                })?;
            }
            Ok(())
        })
        .await
    }
}
