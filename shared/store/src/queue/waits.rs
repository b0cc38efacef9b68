//! Queries for requests that wait for their jobs (`SFTP_SYNC_UPLOAD`).

use refity_types::digest::Digest;
use refity_types::name::RepositoryName;

use crate::content::repositories::repository_id;
use crate::engine::value::params;
use crate::queue::health::trouble_of_storage;
use crate::{JobId, JobKind, Store, StoreError, Trouble};

/// The combined state of the jobs that a request waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitStatus {
    /// All jobs are done.
    Done,
    /// Some jobs are not done.
    Waiting,
    /// A person is needed before the jobs can continue.
    Parked(Trouble),
}

impl Store {
    /// Returns the jobs that were done at or after `since` (milliseconds, UTC).
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn jobs_done_since(&self, since: i64) -> Result<Vec<JobId>, StoreError> {
        self.read(move |db| {
            // Only done jobs have a finish time.
            db.all(
                "SELECT id FROM jobs WHERE finished_at >= ?1",
                [since],
                |row| row.get(0),
            )
        })
        .await
    }

    /// Returns the combined state of these jobs and their dependencies.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn wait_status(&self, jobs: &[JobId]) -> Result<WaitStatus, StoreError> {
        let jobs = jobs.to_vec();
        self.read(move |db| {
            let mut unfinished = Vec::new();
            for job in jobs {
                if db.one(
                    "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?1 AND state <> 'done')",
                    [job.0],
                    |row| row.get(0),
                )? {
                    unfinished.push(job);
                }
            }
            if unfinished.is_empty() {
                return Ok(WaitStatus::Done);
            }
            if let Some(trouble) = trouble_of_storage(db)? {
                return Ok(WaitStatus::Parked(trouble));
            }
            for job in unfinished {
                let trouble = db.optional(
                    "WITH RECURSIVE needed (id) AS (
                     SELECT ?1
                     UNION
                     SELECT d.depends_on_id FROM job_dependencies d
                     JOIN needed n ON d.job_id = n.id)
                 SELECT error_code, error_message, error_hint FROM jobs
                 WHERE state = 'failed' AND id IN (SELECT id FROM needed) LIMIT 1",
                    [job.0],
                    |row| {
                        Ok(Trouble {
                            code: row.get::<Option<String>>(0)?.unwrap_or_default(),
                            message: row.get::<Option<String>>(1)?.unwrap_or_default(),
                            hint: row.get(2)?,
                        })
                    },
                )?;
                if let Some(trouble) = trouble {
                    return Ok(WaitStatus::Parked(trouble));
                }
            }
            Ok(WaitStatus::Waiting)
        })
        .await
    }

    /// Returns the unfinished jobs that transfer a repository's blob to SFTP,
    /// or none if SFTP already holds it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn blob_jobs(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Vec<JobId>, StoreError> {
        let (repository, digest) = (repository.clone(), digest.clone());
        self.read(move |db| {
            let Some(repository) = repository_id(db, &repository)? else {
                return Ok(Vec::new());
            };
            let (stores, links) = (JobKind::StoreBlob.name(), JobKind::LinkBlob.name());
            db.all(
                "WITH here (blob, link) AS (
                     SELECT b.id, rb.id FROM blobs b
                     JOIN repository_blobs rb ON rb.blob_id = b.id AND rb.repository_id = ?1
                     WHERE b.digest = ?2)
                 SELECT j.id FROM here
                 JOIN jobs j ON j.kind = ?3 AND j.target = here.blob AND j.state <> 'done'
                 UNION ALL SELECT j.id FROM here
                 JOIN jobs j ON j.kind = ?4 AND j.target = here.link AND j.state <> 'done'",
                params![repository, digest.as_str(), stores, links],
                |row| row.get(0),
            )
        })
        .await
    }
}
