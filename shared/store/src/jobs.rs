//! Jobs: opening one for a target or joining the unfinished one, and what must
//! be done before it.

use refity_config::clock::Clock;
use rusqlite::{Connection, params};

use super::{JobId, JobKind, StoreError};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// For other jobs.
    Waiting,
    /// It may be claimed, now or at a later time.
    Pending,
    /// An uploader works on it.
    Running,
    /// Its wish is true.
    Done,
    /// A person is needed; it is tried again, slowly, for ever.
    Failed,
}

impl JobState {
    /// The text in the database and in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        match text {
            "waiting" => Self::Waiting,
            "running" => Self::Running,
            "done" => Self::Done,
            "failed" => Self::Failed,
            _ => Self::Pending,
        }
    }
}

/// Added to the priority of jobs that remove: after all that store.
const COLLECTED: i64 = 10;

/// A job to open or to join.
pub(super) struct NewJob {
    kind: JobKind,
    target: i64,
    bytes_total: i64,
    removes: bool,
}

impl NewJob {
    pub(super) fn new(kind: JobKind, target: i64) -> Self {
        Self {
            kind,
            target,
            bytes_total: 0,
            removes: false,
        }
    }

    /// One whose target is to be gone.
    pub(super) fn removing(kind: JobKind, target: i64) -> Self {
        Self {
            removes: true,
            ..Self::new(kind, target)
        }
    }

    /// The same, for a target that is to be gone or not.
    pub(super) fn removes(self, removes: bool) -> Self {
        Self { removes, ..self }
    }

    /// What is collected waits for what is pushed; a tag that someone
    /// deletes does not.
    fn priority(&self) -> i64 {
        let later = self.removes && self.kind != JobKind::PublishTag;
        self.kind.priority() + if later { COLLECTED } else { 0 }
    }

    pub(super) fn bytes(self, bytes_total: i64) -> Self {
        Self {
            bytes_total,
            ..self
        }
    }
}

/// Opens a job for the target's wish, or joins the unfinished one: that then
/// starts over at once if it was resting, and after its run if it is running
/// (the wish's generation has moved, and the run may have read the old one or
/// the new). One that has to turn round no longer needs what it needed: that
/// may need it by now.
pub(super) fn want(db: &Connection, clock: &Clock, job: &NewJob) -> Result<JobId, StoreError> {
    let turned = db
        .prepare_cached(
            "DELETE FROM job_needs WHERE job_id = (
                 SELECT id FROM jobs
                 WHERE kind = ?1 AND target = ?2 AND state <> 'done' AND removes <> ?3)",
        )?
        .execute(params![job.kind.name(), job.target, job.removes])?;
    let id = db
        .prepare_cached(
            "INSERT INTO jobs (kind, target, state, removes, priority, run_after, boot_id,
                               bytes_total, created_at)
             VALUES (?1, ?2, 'pending', ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (kind, target) WHERE state <> 'done' DO UPDATE SET
                 removes = excluded.removes, bytes_total = excluded.bytes_total,
                 overwrites = max(overwrites, excluded.removes),
                 priority = excluded.priority,
                 state = iif(state = 'failed', 'pending', state), attempt = 0,
                 run_after = iif(state IN ('pending', 'failed'), excluded.run_after, run_after),
                 boot_id = iif(state IN ('pending', 'failed'), excluded.boot_id, boot_id)
             RETURNING id",
        )?
        .query_row(
            params![
                job.kind.name(),
                job.target,
                job.removes,
                job.priority(),
                clock.boot_ms(),
                clock.boot_id(),
                job.bytes_total,
                clock.wall_ms(),
            ],
            |row| row.get(0).map(JobId),
        )?;
    if turned > 0 {
        settle(db, id)?;
    }
    Ok(id)
}

/// The unfinished job of a target.
pub(super) fn unfinished(
    db: &Connection,
    kind: JobKind,
    target: i64,
) -> Result<Option<JobId>, StoreError> {
    use rusqlite::OptionalExtension as _;
    Ok(db
        .prepare_cached("SELECT id FROM jobs WHERE kind = ?1 AND target = ?2 AND state <> 'done'")?
        .query_row(params![kind.name(), target], |row| row.get(0).map(JobId))
        .optional()?)
}

/// Says that `job` may not start before `needed` is done.
pub(super) fn need(db: &Connection, job: JobId, needed: JobId) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR IGNORE INTO job_needs (job_id, needs_id) VALUES (?1, ?2)")?
        .execute([job.0, needed.0])?;
    Ok(())
}

/// `waiting` while something that it needs is not done, else `pending`. A
/// running job is left alone.
pub(super) fn settle(db: &Connection, job: JobId) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE jobs SET state = iif(EXISTS (
             SELECT 1 FROM job_needs n JOIN jobs j ON j.id = n.needs_id
             WHERE n.job_id = jobs.id AND j.state <> 'done'), 'waiting', 'pending')
         WHERE id = ?1 AND state IN ('waiting', 'pending')",
    )?
    .execute([job.0])?;
    Ok(())
}
