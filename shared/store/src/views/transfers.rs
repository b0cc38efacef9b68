//! Jobs as shown to users: transfers, each part of a push. The jobs of one push
//! are derived from their dependencies, and not stored separately.

use refity_config::clock::Clock;

use crate::accounts::readable::READABLE;
use crate::engine::db::{Db, Row};
use crate::engine::value::{Named, named_params, params};
use crate::queue::jobs::JobState;
use crate::views::job_list::JobList;
use crate::{JobId, Page, PageRequest, Readable, Store, StoreError};

/// Maximum number of steps from a job to its push: an index of indexes, and its
/// tag.
const DEPTH_MAX: usize = 16;

/// A job as shown to users: a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Id of the job.
    pub id: JobId,
    /// The last job of the push that this job belongs to.
    pub push: JobId,
    /// Kind of the job.
    pub kind: String,
    /// Whether the job removes its target.
    pub removes: bool,
    /// The repository, if the target has one; for a blob, the first readable
    /// one.
    pub repository: Option<String>,
    /// The tag of a `publish_tag` job.
    pub tag: Option<String>,
    /// Digest of the blob or manifest.
    pub digest: Option<String>,
    /// State of the job.
    pub state: JobState,
    /// Bytes sent in the current run.
    pub bytes_done: i64,
    /// Bytes to send; 0 for jobs that send no blob.
    pub bytes_total: i64,
    /// Bytes per second of a run that sends.
    pub rate: Option<i64>,
    /// Number of failures so far.
    pub attempt: i64,
    /// Milliseconds until the next attempt, if the job waits for one.
    pub retry_in_ms: Option<i64>,
    /// The last error: code, message, hint.
    pub error: Option<(String, String, Option<String>)>,
    /// Owner of the running job.
    pub worker: Option<String>,
    /// Time of creation (milliseconds, UTC).
    pub created_at: i64,
    /// Time when the job finished (milliseconds, UTC).
    pub finished_at: Option<i64>,
    pub(crate) target: Option<i64>,
}

/// A filter for jobs.
#[derive(Clone, Debug)]
pub struct JobFilter {
    /// Only jobs of readable repositories.
    pub readable: Readable,
    /// Only jobs in this state.
    pub state: Option<JobState>,
    /// Only jobs of this repository.
    pub repository: Option<String>,
    /// Only jobs with this text in the name of their repository and tag.
    pub text: Option<String>,
}

impl std::str::FromStr for JobId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

pub(crate) const COLUMNS: &str = "j.id, j.kind, j.removes, r.name, t.name,
    coalesce(b.digest, bb.digest, mb.digest, tb.digest), j.state, j.bytes_done, j.bytes_total,
    j.started_at, j.attempt, j.run_after, j.boot_id, j.error_code, j.error_message, j.error_hint,
    j.owner, j.created_at, j.finished_at, j.target";

/// The joins that find the target of a job `j`.
pub(crate) const TARGETS: &str = "
    LEFT JOIN blobs b ON j.kind = 'store_blob' AND b.id = j.target
    LEFT JOIN repository_blobs rb ON j.kind = 'link_blob' AND rb.id = j.target
    LEFT JOIN blobs bb ON bb.id = rb.blob_id
    LEFT JOIN repository_manifests rm ON j.kind = 'publish_manifest' AND rm.id = j.target
    LEFT JOIN blobs mb ON mb.id = rm.manifest_id
    LEFT JOIN tags t ON j.kind = 'publish_tag' AND t.id = j.target
    LEFT JOIN blobs tb ON tb.id = t.manifest_id
    LEFT JOIN repositories r
           ON r.id = coalesce(rb.repository_id, rm.repository_id, t.repository_id)";

/// Returns the condition that job `j` has a readable repository.
pub(crate) fn visible() -> String {
    format!(
        "EXISTS (SELECT 1 FROM job_repositories p JOIN repositories r ON r.id = p.repository_id
                 JOIN groups g ON g.id = r.group_id WHERE p.job_id = j.id AND {READABLE})"
    )
}

/// Condition that job `j` belongs to the repository `:on`.
pub(crate) const OF_REPOSITORY: &str = "EXISTS (SELECT 1 FROM job_repositories p
    WHERE p.job_id = j.id AND p.repository_id = :on)";

/// The viewer: the parameters of [`READABLE`] for a query.
pub(crate) struct Viewer {
    all: bool,
    user: Option<i64>,
    within: Option<String>,
}

impl Viewer {
    pub(crate) fn new(readable: &Readable) -> Self {
        let (all, user, within) = readable.values();
        Self { all, user, within }
    }

    pub(crate) fn sees_all(&self) -> bool {
        self.all
    }

    pub(crate) fn bind(&self, values: &mut Named<'_>) {
        values.push(":all", self.all);
        values.push(":user", self.user);
        values.push(":within", self.within.as_ref());
    }

    /// Returns the id of a readable repository.
    pub(crate) fn repository(&self, db: &Db, name: &str) -> Result<Option<i64>, StoreError> {
        let mut values = named_params! { ":name": name };
        self.bind(&mut values);
        db.optional(
            &format!(
                "SELECT r.id FROM repositories r JOIN groups g ON g.id = r.group_id
                 WHERE r.name = :name AND {READABLE}"
            ),
            &values,
            |row| row.get(0),
        )
    }

    /// Returns the readable repositories that have jobs.
    pub(crate) fn repositories_with_jobs(&self, db: &Db) -> Result<Vec<i64>, StoreError> {
        let mut values = Named::default();
        self.bind(&mut values);
        db.all(
            &format!(
                "SELECT r.id FROM repositories r JOIN groups g ON g.id = r.group_id
             WHERE {READABLE}
               AND EXISTS (SELECT 1 FROM job_repositories p WHERE p.repository_id = r.id)"
            ),
            &values,
            |row| row.get(0),
        )
    }

    /// Returns the names of the readable repositories of a job.
    pub(crate) fn names(&self, db: &Db, job: JobId, limit: u32) -> Result<Vec<String>, StoreError> {
        let found = self.repositories(db, job, limit)?;
        Ok(found.into_iter().map(|(_, name)| name).collect())
    }

    /// Returns the readable repositories of a job with their names.
    fn repositories(
        &self,
        db: &Db,
        job: JobId,
        limit: u32,
    ) -> Result<Vec<(i64, String)>, StoreError> {
        let mut values = named_params! { ":job": job.0, ":limit": limit };
        self.bind(&mut values);
        db.all(
            &format!(
                "SELECT r.id, r.name FROM job_repositories p
             JOIN repositories r ON r.id = p.repository_id JOIN groups g ON g.id = r.group_id
             WHERE p.job_id = :job AND {READABLE} ORDER BY r.id LIMIT :limit"
            ),
            &values,
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }
}

pub(crate) fn read_job(row: &Row<'_>, clock: &Clock, now: i64) -> Result<Job, StoreError> {
    let state: JobState = row.get(6)?;
    let rests = matches!(state, JobState::Pending | JobState::Failed);
    let same_boot = row.get::<String>(12)? == clock.boot_id();
    let rest = row.get::<i64>(11)? - clock.boot_ms();
    let (bytes_done, started): (i64, Option<i64>) = (row.get(7)?, row.get(9)?);
    let ran = started.map_or(0, |at| now - at);
    let sends = state == JobState::Running && bytes_done > 0 && ran > 0;
    let (code, message): (Option<String>, Option<String>) = (row.get(13)?, row.get(14)?);
    let hint = row.get(15)?;
    let id = row.get(0)?;
    Ok(Job {
        id,
        push: id,
        kind: row.get(1)?,
        removes: row.get(2)?,
        repository: row.get(3)?,
        tag: row.get(4)?,
        digest: row.get(5)?,
        state,
        bytes_done,
        bytes_total: row.get(8)?,
        rate: sends.then(|| bytes_done.saturating_mul(1000) / ran),
        attempt: row.get(10)?,
        retry_in_ms: rests.then_some(if same_boot { rest.max(0) } else { 0 }),
        error: code
            .zip(message)
            .map(|(code, message)| (code, message, hint)),
        worker: row.get(16)?,
        created_at: row.get(17)?,
        finished_at: row.get(18)?,
        target: row.get(19)?,
    })
}

/// Finds the push that a job belongs to, and the repository that a blob is sent
/// for: the first one in which the viewer may see the blob.
pub(crate) fn place_in_push(
    db: &Db,
    viewer: &Viewer,
    on: Option<i64>,
    job: &mut Job,
) -> Result<(), StoreError> {
    let mut at = job.id;
    if job.repository.is_none() && job.target.is_some() {
        // A blob may be part of pushes to repositories that the viewer may not
        // read.
        let repositories = viewer.repositories(db, job.id, 64)?;
        let chosen = repositories
            .iter()
            .find(|(id, _)| on.is_none_or(|on| on == *id));
        let Some((repository, name)) = chosen else {
            return Ok(());
        };
        job.repository = Some(name.clone());
        let parent = db.one(
            "SELECT min(n.job_id) FROM job_dependencies n JOIN jobs p ON p.id = n.job_id
                 WHERE n.depends_on_id = ?1 AND ?2 = CASE p.kind
                     WHEN 'link_blob' THEN
                         (SELECT repository_id FROM repository_blobs WHERE id = p.target)
                     WHEN 'publish_manifest' THEN
                         (SELECT repository_id FROM repository_manifests WHERE id = p.target)
                     WHEN 'publish_tag' THEN
                         (SELECT repository_id FROM tags WHERE id = p.target) END",
            params![job.id.0, repository],
            |row| row.get::<Option<i64>>(0),
        )?;
        match parent {
            Some(parent) => at = JobId(parent),
            None => return Ok(()),
        }
    }
    for _ in 0..DEPTH_MAX {
        match db.one(
            "SELECT min(job_id) FROM job_dependencies WHERE depends_on_id = ?1",
            [at.0],
            |row| row.get::<Option<i64>>(0),
        )? {
            Some(next) => at = JobId(next),
            None => break,
        }
    }
    job.push = at;
    Ok(())
}

impl Store {
    /// Returns a page of the jobs, sorted by id.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn jobs(
        &self,
        filter: JobFilter,
        page: PageRequest,
    ) -> Result<Page<Job>, StoreError> {
        let clock = self.clock.clone();
        self.read_for_people(move |db| {
            let viewer = Viewer::new(&filter.readable);
            // An unreadable repository has no jobs, like one that does not
            // exist.
            let on = match &filter.repository {
                Some(name) => Some(viewer.repository(db, name)?.unwrap_or(-1)),
                None => None,
            };
            let list = JobList {
                viewer: &viewer,
                on,
                state: filter.state,
                text: filter.text.as_deref(),
                clock: &clock,
            };
            let mut page = list.read(db, &page)?;
            for job in &mut page.items {
                place_in_push(db, &viewer, on, job)?;
            }
            Ok(page)
        })
        .await
    }

    /// Returns a job if it exists and is visible.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn job(&self, id: JobId, readable: Readable) -> Result<Option<Job>, StoreError> {
        let clock = self.clock.clone();
        self.read_for_people(move |db| {
            let viewer = Viewer::new(&readable);
            let mut values = named_params! { ":id": id.0 };
            let mut sql = format!("SELECT {COLUMNS} FROM jobs j {TARGETS} WHERE j.id = :id");
            if !viewer.sees_all() {
                sql = format!("{sql} AND {}", visible());
                viewer.bind(&mut values);
            }
            let job = db.optional(&sql, &values, |row| read_job(row, &clock, clock.wall_ms()))?;
            let Some(mut job) = job else {
                return Ok(None);
            };
            place_in_push(db, &viewer, None, &mut job)?;
            Ok(Some(job))
        })
        .await
    }

    /// Returns the names of the readable repositories of a job, at most
    /// `limit`.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn repositories_of_job(
        &self,
        id: JobId,
        readable: Readable,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        self.read_for_people(move |db| Viewer::new(&readable).names(db, id, limit))
            .await
    }
}
