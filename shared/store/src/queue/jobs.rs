//! Jobs: enqueueing one for a target or joining its unfinished one, and job
//! dependencies.

use refity_config::clock::Clock;

use crate::engine::db::Db;
use crate::engine::value::params;
use crate::queue::dependencies::update_readiness;
use crate::{JobId, StoreError};

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waits for other jobs.
    Waiting,
    /// May be claimed, now or at a later time.
    Pending,
    /// An uploader runs the job.
    Running,
    /// The target is reconciled.
    Done,
    /// Needs a person; retried indefinitely at long intervals.
    Failed,
}

impl JobState {
    /// Returns the text for the database and the API.
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

    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        match text {
            "waiting" => Ok(Self::Waiting),
            "pending" => Ok(Self::Pending),
            "running" => Ok(Self::Running),
            "done" => Ok(Self::Done),
            "failed" => Ok(Self::Failed),
            _ => Err(StoreError::Corrupt(format!("no job state: {text}"))),
        }
    }
}

/// The kind of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Stores a blob at its remote path, or removes it.
    StoreBlob,
    /// Writes a repository's link to a blob, or removes it.
    LinkBlob,
    /// Writes a repository's link to a manifest, or removes it.
    PublishManifest,
    /// Points a tag to its manifest, or removes it.
    PublishTag,
    /// Writes a group's marker, or removes it.
    MarkGroup,
}

impl JobKind {
    /// Returns the text for the database and the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::StoreBlob => "store_blob",
            Self::LinkBlob => "link_blob",
            Self::PublishManifest => "publish_manifest",
            Self::PublishTag => "publish_tag",
            Self::MarkGroup => "mark_group",
        }
    }

    /// Returns the priority; lower runs first. Jobs that complete a push
    /// precede jobs that begin one.
    pub(crate) fn priority(self) -> i64 {
        match self {
            Self::MarkGroup => 0,
            Self::PublishTag => 1,
            Self::PublishManifest => 2,
            Self::LinkBlob => 3,
            Self::StoreBlob => 4,
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        match text {
            "store_blob" => Ok(Self::StoreBlob),
            "link_blob" => Ok(Self::LinkBlob),
            "publish_manifest" => Ok(Self::PublishManifest),
            "publish_tag" => Ok(Self::PublishTag),
            "mark_group" => Ok(Self::MarkGroup),
            _ => Err(StoreError::Corrupt(format!("no job kind: {text}"))),
        }
    }
}

/// The number of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease(pub(crate) i64);

impl Lease {
    /// Returns the number used in the names of temporary files.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0
    }

    /// Returns whether the job was claimed before.
    #[must_use]
    pub fn is_repeated(self) -> bool {
        self.0 > 1
    }
}

/// A job claimed by this process.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The job.
    pub job: JobId,
    /// The lease of the claim.
    pub lease: Lease,
    /// Kind of the job.
    pub kind: JobKind,
    /// Id of the target's row in the table of the kind.
    pub(crate) target: i64,
    /// Expiry of the lease, unless a heartbeat renews it (milliseconds since
    /// boot).
    pub lease_until: i64,
    /// Number of failures so far.
    pub attempt: u32,
    /// Bytes to send; 0 for jobs that send no blob.
    pub bytes_total: u64,
}

/// Added to the priority of removing jobs, which run after all storing ones.
const COLLECTED: i64 = 10;

/// A job to enqueue or to join.
pub(crate) struct NewJob {
    kind: JobKind,
    target: i64,
    bytes_total: u64,
    removes: bool,
}

impl NewJob {
    pub(crate) fn new(kind: JobKind, target: i64) -> Self {
        Self {
            kind,
            target,
            bytes_total: 0,
            removes: false,
        }
    }

    /// Creates a job that removes its target.
    pub(crate) fn removing(kind: JobKind, target: i64) -> Self {
        Self {
            removes: true,
            ..Self::new(kind, target)
        }
    }

    /// Sets whether the job removes its target.
    pub(crate) fn removes(self, removes: bool) -> Self {
        Self { removes, ..self }
    }

    /// Jobs of collected content run after those of pushed content; the removal
    /// of a tag by a client does not.
    fn priority(&self) -> i64 {
        let later = self.removes && self.kind != JobKind::PublishTag;
        self.kind.priority() + if later { COLLECTED } else { 0 }
    }

    pub(crate) fn bytes(self, bytes_total: u64) -> Self {
        Self {
            bytes_total,
            ..self
        }
    }
}

/// Enqueues a job for the target, or joins its unfinished one. A pending or
/// failed job becomes ready at once. A running job runs again afterwards, since
/// its run may have read the desired state before the change. A job that
/// changes its direction (store or remove) drops its dependencies, since they
/// may now depend on it.
pub(crate) fn enqueue_or_join(db: &Db, clock: &Clock, job: &NewJob) -> Result<JobId, StoreError> {
    let turned = db.run(
        "DELETE FROM job_dependencies WHERE job_id = (
                 SELECT id FROM jobs
                 WHERE kind = ?1 AND target = ?2 AND state <> 'done' AND removes <> ?3)",
        params![job.kind.name(), job.target, job.removes],
    )?;
    let id = db.one(
        "INSERT INTO jobs (kind, target, state, removes, priority, run_after, boot_id,
                               bytes_total, created_at)
             VALUES (?1, ?2, 'pending', ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (kind, target) WHERE state <> 'done' DO UPDATE SET
                 removes = excluded.removes, bytes_total = excluded.bytes_total,
                 overwrites = (overwrites OR excluded.removes),
                 priority = excluded.priority,
                 state = CASE WHEN state = 'failed' THEN 'pending' ELSE state END, attempt = 0,
                 run_after = CASE WHEN state IN ('pending', 'failed') THEN excluded.run_after ELSE run_after END,
                 boot_id = CASE WHEN state IN ('pending', 'failed') THEN excluded.boot_id ELSE boot_id END
             RETURNING id",
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
        |row| row.get(0),
    )?;
    if turned > 0 {
        update_readiness(db, id)?;
    }
    place(db, id, job.kind, job.target)?;
    Ok(id)
}

/// Records the repositories that a job belongs to, according to its target: for
/// a blob, at most the first 64.
fn place(db: &Db, job: JobId, kind: JobKind, target: i64) -> Result<(), StoreError> {
    let query = match kind {
        JobKind::StoreBlob => {
            "SELECT repository_id FROM repository_blobs WHERE blob_id = ?1
             UNION SELECT repository_id FROM repository_manifests WHERE manifest_id = ?1
             LIMIT 64"
        }
        JobKind::LinkBlob => "SELECT repository_id FROM repository_blobs WHERE id = ?1",
        JobKind::PublishManifest => "SELECT repository_id FROM repository_manifests WHERE id = ?1",
        JobKind::PublishTag => "SELECT repository_id FROM tags WHERE id = ?1",
        JobKind::MarkGroup => return Ok(()),
    };
    for repository in db.all(query, [target], |row| row.get(0))? {
        place_in(db, job, repository)?;
    }
    Ok(())
}

/// Records that a job also belongs to this repository.
pub(crate) fn place_in(db: &Db, job: JobId, repository: i64) -> Result<(), StoreError> {
    let added = db.run(
        "INSERT INTO job_repositories (job_id, repository_id) VALUES (?1, ?2)
             ON CONFLICT (job_id, repository_id) DO NOTHING",
        [job.0, repository],
    )?;
    if added > 0 {
        db.run(
            "UPDATE job_repositories SET shared = TRUE
             WHERE job_id = ?1 AND NOT shared AND EXISTS (
                 SELECT 1 FROM job_repositories o
                 WHERE o.job_id = ?1 AND o.repository_id <> job_repositories.repository_id)",
            [job.0],
        )?;
    }
    Ok(())
}

/// Returns the unfinished job of a target, if there is one.
pub(crate) fn unfinished(db: &Db, kind: JobKind, target: i64) -> Result<Option<JobId>, StoreError> {
    db.optional(
        "SELECT id FROM jobs WHERE kind = ?1 AND target = ?2 AND state <> 'done'",
        params![kind.name(), target],
        |row| row.get(0),
    )
}
