//! Jobs: opening one for a target or joining the unfinished one, what must be
//! done before it, and what a person sees of it.

use rusqlite::{Connection, params};

use super::{JobId, JobKind, Store, StoreError};
use crate::clock::Clock;

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

    fn parse(text: &str) -> Self {
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

/// How many jobs stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct JobCounts {
    /// For other jobs.
    pub waiting: i64,
    /// Claimable, now or later.
    pub pending: i64,
    /// Being worked on.
    pub running: i64,
    /// Finished, as far as the history goes back.
    pub done: i64,
    /// In need of a person.
    pub failed: i64,
}

/// A job as a person sees it: a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// What it makes true.
    pub kind: String,
    /// The repository, where the target has one.
    pub repository: Option<String>,
    /// The tag of a `publish_tag`.
    pub tag: Option<String>,
    /// The digest of a blob or manifest.
    pub digest: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// Bytes sent in this run.
    pub bytes_done: i64,
    /// Bytes in all; 0 where it is not about bytes.
    pub bytes_total: i64,
    /// Failures so far.
    pub attempt: i64,
    /// Milliseconds until it is tried again, for one that rests.
    pub retry_in_ms: Option<i64>,
    /// What went wrong last: code, words, hint.
    pub error: Option<(String, String, Option<String>)>,
    /// Who works on it.
    pub worker: Option<String>,
    /// Milliseconds, UTC.
    pub created_at: i64,
    /// Milliseconds, UTC.
    pub finished_at: Option<i64>,
}

impl Store {
    /// How many jobs stand where.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn job_counts(&self) -> Result<JobCounts, StoreError> {
        self.read(|db| {
            let mut counts = JobCounts::default();
            let mut query = db.prepare_cached("SELECT state, count(*) FROM jobs GROUP BY state")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let state: String = row.get(0)?;
                let count = match JobState::parse(&state) {
                    JobState::Waiting => &mut counts.waiting,
                    JobState::Pending => &mut counts.pending,
                    JobState::Running => &mut counts.running,
                    JobState::Done => &mut counts.done,
                    JobState::Failed => &mut counts.failed,
                };
                *count = row.get(1)?;
            }
            Ok(counts)
        })
        .await
    }

    /// How many jobs there are: of one state and of one repository where
    /// given.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn jobs_total(
        &self,
        state: Option<JobState>,
        repository: Option<String>,
    ) -> Result<i64, StoreError> {
        self.read(move |db| {
            Ok(db
                .prepare_cached(
                    "SELECT count(*) FROM jobs j WHERE (?1 IS NULL OR j.state = ?1)
                        AND (?2 IS NULL OR ?2 = (
                         SELECT r.name FROM repositories r WHERE r.id = CASE j.kind
                         WHEN 'link_blob' THEN
                             (SELECT repository_id FROM repository_blobs WHERE id = j.target)
                         WHEN 'publish_manifest' THEN
                             (SELECT repository_id FROM repository_manifests WHERE id = j.target)
                         WHEN 'publish_tag' THEN
                             (SELECT repository_id FROM tags WHERE id = j.target) END))",
                )?
                .query_row(params![state.map(JobState::name), repository], |row| {
                    row.get(0)
                })?)
        })
        .await
    }

    /// Jobs, the newest first: at most `limit`, of one state and of one
    /// repository where given.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn jobs(
        &self,
        state: Option<JobState>,
        repository: Option<String>,
        limit: u32,
    ) -> Result<Vec<Job>, StoreError> {
        let clock = self.clock.clone();
        self.read(move |db| {
            let mut query = db.prepare_cached(
                "SELECT j.id, j.kind, r.name, t.name,
                        coalesce(b.digest, bb.digest, mb.digest, tb.digest), j.state,
                        j.bytes_done, j.bytes_total, j.attempt, j.run_after, j.boot_id,
                        j.error_code, j.error_message, j.error_hint, j.owner,
                        j.created_at, j.finished_at
                 FROM jobs j
                 LEFT JOIN blobs b ON j.kind = 'store_blob' AND b.id = j.target
                 LEFT JOIN repository_blobs rb ON j.kind = 'link_blob' AND rb.id = j.target
                 LEFT JOIN blobs bb ON bb.id = rb.blob_id
                 LEFT JOIN repository_manifests rm
                        ON j.kind = 'publish_manifest' AND rm.id = j.target
                 LEFT JOIN blobs mb ON mb.id = rm.manifest_id
                 LEFT JOIN tags t ON j.kind = 'publish_tag' AND t.id = j.target
                 LEFT JOIN blobs tb ON tb.id = t.manifest_id
                 LEFT JOIN repositories r
                        ON r.id = coalesce(rb.repository_id, rm.repository_id, t.repository_id)
                 WHERE (?1 IS NULL OR j.state = ?1) AND (?2 IS NULL OR r.name = ?2)
                 ORDER BY j.id DESC LIMIT ?3",
            )?;
            let state = state.map(JobState::name);
            let jobs = query.query_map(params![state, repository, limit], |row| {
                let state: String = row.get(5)?;
                let state = JobState::parse(&state);
                let rests = matches!(state, JobState::Pending | JobState::Failed);
                let same_boot = row.get::<_, String>(10)? == clock.boot_id();
                let rest = row.get::<_, i64>(9)? - clock.boot_ms();
                let code: Option<String> = row.get(11)?;
                let message: Option<String> = row.get(12)?;
                let hint: Option<String> = row.get(13)?;
                Ok(Job {
                    id: JobId(row.get(0)?),
                    kind: row.get(1)?,
                    repository: row.get(2)?,
                    tag: row.get(3)?,
                    digest: row.get(4)?,
                    state,
                    bytes_done: row.get(6)?,
                    bytes_total: row.get(7)?,
                    attempt: row.get(8)?,
                    retry_in_ms: rests.then_some(if same_boot { rest.max(0) } else { 0 }),
                    error: code
                        .zip(message)
                        .map(|(code, message)| (code, message, hint)),
                    worker: row.get(14)?,
                    created_at: row.get(15)?,
                    finished_at: row.get(16)?,
                })
            })?;
            Ok(jobs.collect::<Result<_, _>>()?)
        })
        .await
    }
}
