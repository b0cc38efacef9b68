//! Claims of jobs, and their leases.
//!
//! A lease is the number of a job's claim. Each later write of the claiming
//! process includes it, so that a process cannot write a job that was given to
//! another one.

use std::collections::HashSet;
use std::time::Duration;

use refity_config::clock::{Clock, millis};

use crate::engine::db::Db;
use crate::engine::value::params;
use crate::queue::jobs::{Claim, JobKind, Lease};
use crate::{JobId, Store, StoreError};

/// How long a claim is valid without a heartbeat.
pub const LEASE: Duration = Duration::from_secs(60);

/// How much longer a job that overwrites stays with a silent owner, and how
/// long after the end of its run its target is checked again. Longer than any
/// call to SFTP may take.
pub const LAST_CALL: Duration = Duration::from_secs(5 * 60);

/// Jobs that are ready: pending, or failed and due again. Only one removing job
/// (priority 10 and above, see [`crate::queue::jobs`]) runs at a time, so that
/// a large collection does not slow down pushes and pulls. (This is a bound of
/// the index, so that the other removing jobs are not even read.)
const READY: &str = "
    SELECT id, kind = 'link_blob' AND NOT removes FROM jobs INDEXED BY jobs_to_claim
    WHERE state IN ('pending', 'failed')
      AND (run_after <= ?1 OR boot_id <> ?2)
      AND (?3 IS NULL OR kind <> 'store_blob' OR bytes_total <= ?3)
      AND (removes OR NOT EXISTS (
           SELECT 1 FROM storage_health WHERE full_until > ?1 AND boot_id = ?2))
      AND priority < (SELECT CASE WHEN EXISTS (
           SELECT 1 FROM jobs r WHERE r.state = 'running' AND r.priority >= 10) THEN 10 ELSE 100 END)
      AND (SELECT state = 'up' FROM storage_health)
    ORDER BY priority, run_after, id LIMIT 1";

/// Running jobs whose owner has been silent for too long, or ran in an earlier
/// boot.
const EXPIRED: &str = "
    state = 'running' AND (boot_id <> ?2
        OR lease_until + CASE WHEN overwrites THEN ?3 ELSE 0 END <= ?1)";

/// The state of an overwriting run that another process ends now (?1, in the
/// boot ?2): a last call of the run may reach SFTP up to ?3 later and undo
/// changes made since.
const SUSPECT: &str = "
    suspect_until = CASE WHEN overwrites THEN ?1 + ?3 ELSE suspect_until END,
    suspect_boot = CASE WHEN overwrites THEN ?2 ELSE suspect_boot END";

/// A run whose process died or fell silent counts as a failure of its job,
/// since the job may be the cause (for example by its memory usage). The job is
/// retried at ?1 at the earliest: a second later after the first failure of
/// this kind, and twice as long after each further one, up to five minutes.
const COUNTED: &str = "
    attempt = attempt + 1,
    run_after = ?1 + CASE WHEN attempt < 9 THEN 1000 << attempt ELSE 300000 END,
    error_code = 'process_died',
    error_message = 'the uploader that ran this job died, was killed or hung',
    error_hint = 'If this repeats, look at the uploader''s log, and at the kernel''s: the machine '
              || 'may be out of memory.'";

/// Maximum number of links to claim at once.
const BATCH: usize = 32;

/// How many ready links to search for those of one repository.
const SEARCHED: u32 = 128;

/// Returns ready jobs for links of the repository of this link: as many as one
/// of `sessions` connections should write besides this one. A job that failed
/// before runs alone.
fn links_beside(
    db: &Db,
    clock: &Clock,
    link: i64,
    sessions: usize,
) -> Result<Vec<JobId>, StoreError> {
    let mut found = db.all(
        "SELECT j.id FROM (
             SELECT id, target, state, attempt, run_after FROM jobs INDEXED BY jobs_to_claim
             WHERE state IN ('pending', 'failed') AND priority = ?1 AND run_after <= ?2
             ORDER BY run_after, id LIMIT ?3) j
         JOIN repository_blobs t ON t.id = j.target
         WHERE j.state = 'pending' AND j.attempt = 0
           AND t.repository_id = (SELECT repository_id FROM repository_blobs WHERE id = ?4)
         ORDER BY j.run_after, j.id",
        params![
            JobKind::LinkBlob.priority(),
            clock.boot_ms(),
            SEARCHED,
            link
        ],
        |row| row.get(0),
    )?;
    let share = (found.len() + 1).div_ceil(sessions.max(1));
    found.truncate(share.min(BATCH) - 1);
    Ok(found)
}

/// Claims this job.
fn claim(db: &Db, clock: &Clock, owner: &str, job: JobId) -> Result<Claim, StoreError> {
    let now = clock.boot_ms();
    let lease_until = now + millis(LEASE);
    // A run that begins after the last possible late call is the required check
    // of the target.
    db.one(
        "UPDATE jobs SET state = 'running', lease = lease + 1, owner = ?3, lease_until = ?4,
                boot_id = ?2, started_at = ?5, bytes_done = 0,
                overwrites = (kind = 'publish_tag' OR removes),
                suspect_until = CASE WHEN suspect_until <= ?1 AND suspect_boot = ?2 THEN NULL
                                     ELSE suspect_until END
         WHERE id = ?6 RETURNING id, lease, kind, target, attempt, bytes_total",
        params![
            now,
            clock.boot_id(),
            owner,
            lease_until,
            clock.wall_ms(),
            job
        ],
        |row| {
            Ok(Claim {
                job: row.get(0)?,
                lease: Lease(row.get(1)?),
                kind: row.get(2)?,
                target: row.get(3)?,
                lease_until,
                attempt: row.get(4)?,
                bytes_total: row.get(5)?,
            })
        },
    )
}

impl Store {
    /// Returns whether [`Store::claim`] would find a job now.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn has_ready_job(&self, max_bytes: Option<i64>) -> Result<bool, StoreError> {
        let clock = self.clock.clone();
        self.read(move |db| {
            db.one(
                &format!("SELECT EXISTS ({READY})"),
                params![clock.boot_ms(), clock.boot_id(), max_bytes],
                |r| r.get(0),
            )
        })
        .await
    }

    /// Claims the most urgent ready job. If `max_bytes` is set, skips larger
    /// blobs. A link to a blob comes with further links of the same repository,
    /// so that one connection writes them in one go: its share if `sessions`
    /// connections divide the ready ones, and 32 at most. Returns nothing
    /// while the storage is failing. Two processes never claim the same job.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn claim(
        &self,
        owner: &str,
        max_bytes: Option<i64>,
        sessions: usize,
    ) -> Result<Vec<Claim>, StoreError> {
        let (owner, clock) = (owner.to_owned(), self.clock.clone());
        self.write_relaxed(move |db| {
            let next = db.optional(
                READY,
                params![clock.boot_ms(), clock.boot_id(), max_bytes],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            let Some((job, links)) = next else {
                return Ok(Vec::new());
            };
            let first = claim(db, &clock, &owner, job)?;
            let others = match links {
                true => links_beside(db, &clock, first.target, sessions)?,
                false => Vec::new(),
            };
            let others = others.into_iter().map(|job| claim(db, &clock, &owner, job));
            std::iter::once(Ok(first)).chain(others).collect()
        })
        .await
    }

    /// Renews an owner's leases on these jobs and records the bytes sent, in
    /// one transaction. Returns the claims that the owner still holds. A job
    /// that is left out, since its result could not be recorded, runs again
    /// when its lease has expired.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn heartbeat(
        &self,
        owner: &str,
        bytes_done: Vec<(JobId, u64)>,
    ) -> Result<HashSet<(JobId, Lease)>, StoreError> {
        let (owner, clock) = (owner.to_owned(), self.clock.clone());

        self.write_relaxed(move |db| {
            let (until, boot) = (clock.boot_ms() + millis(LEASE), clock.boot_id());
            let mut held = HashSet::new();
            for (job, bytes) in bytes_done {
                let lease = db.optional(
                    "UPDATE jobs SET lease_until = ?1, bytes_done = ?2
                     WHERE id = ?3 AND state = 'running' AND owner = ?4 AND boot_id = ?5
                     RETURNING lease",
                    params![until, bytes, job, owner, boot],
                    |row| row.get(0),
                )?;
                held.extend(lease.map(|lease| (job, Lease(lease))));
            }
            Ok(held.into_iter().collect())
        })
        .await
    }

    /// Returns the owners of running jobs, of probes of the storage and of
    /// scheduled collections.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn owners(&self) -> Result<Vec<String>, StoreError> {
        self.read(|db| {
            let owners = db.all(
                "SELECT owner FROM jobs WHERE state = 'running' AND owner IS NOT NULL
                 UNION SELECT prober FROM storage_health WHERE prober IS NOT NULL
                 UNION SELECT collector FROM collection WHERE collector IS NOT NULL",
                (),
                |row| row.get(0),
            )?;
            Ok(owners)
        })
        .await
    }

    /// Releases the jobs of an owner that shuts down, and its claims to probe
    /// the storage and to collect. Targets that a run overwrites are reconciled
    /// again later, since a last call may still be in flight. Returns the
    /// number of jobs.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn release_jobs(&self, owner: &str) -> Result<usize, StoreError> {
        self.end_runs_of(owner, "run_after = ?1").await
    }

    /// Like [`Store::release_jobs`], for an owner whose process is dead: each
    /// of its jobs counts a failed attempt.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn release_jobs_of_dead(&self, owner: &str) -> Result<usize, StoreError> {
        self.end_runs_of(owner, COUNTED).await
    }

    async fn end_runs_of(&self, owner: &str, counted: &'static str) -> Result<usize, StoreError> {
        let (owner, clock) = (owner.to_owned(), self.clock.clone());
        self.write(move |db| {
            db.run(
                "UPDATE storage_health SET prober = NULL, probe_until = 0 WHERE prober = ?1",
                [&owner],
            )?;
            db.run(
                "UPDATE collection SET collector = NULL WHERE collector = ?1",
                [&owner],
            )?;
            db.run(
                &format!(
                    "UPDATE jobs SET state = 'pending', owner = NULL, lease_until = NULL,
                            boot_id = ?2, {counted}, {SUSPECT}
                     WHERE state = 'running' AND owner = ?4"
                ),
                params![clock.boot_ms(), clock.boot_id(), millis(LAST_CALL), owner],
            )
        })
        .await
    }

    /// Returns whether [`Store::end_expired_leases`] would release a job.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn has_expired_lease(&self) -> Result<bool, StoreError> {
        let clock = self.clock.clone();
        self.read(move |db| {
            db.one(
                &format!("SELECT EXISTS (SELECT 1 FROM jobs WHERE {EXPIRED})"),
                params![clock.boot_ms(), clock.boot_id(), millis(LAST_CALL)],
                |row| row.get(0),
            )
        })
        .await
    }

    /// Releases the jobs whose lease has expired (for overwriting jobs,
    /// [`LAST_CALL`] later) or belongs to an earlier boot. Each counts a failed
    /// attempt. Targets that a run overwrites are checked again later, as in
    /// [`Store::release_jobs`].
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn end_expired_leases(&self) -> Result<usize, StoreError> {
        let clock = self.clock.clone();
        self.write(move |db| {
            db.run(
                &format!(
                    "UPDATE jobs SET state = 'pending', owner = NULL, lease_until = NULL,
                            boot_id = ?2, {COUNTED}, {SUSPECT} WHERE {EXPIRED}"
                ),
                params![clock.boot_ms(), clock.boot_id(), millis(LAST_CALL)],
            )
        })
        .await
    }
}
