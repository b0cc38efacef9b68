//! The backlog of jobs in numbers, recent changes of jobs, and immediate
//! retries.

use std::ops::ControlFlow::Continue;

use crate::engine::db::Db;
use crate::engine::value::{named_params, params};
use crate::views::job_list::counts;
use crate::views::transfers::{COLUMNS, TARGETS, Viewer, place_in_push, read_job, visible};
use crate::{Job, JobId, Readable, Store, StoreError};

/// Maximum number of jobs retried at once.
const RETRIED_MAX: u32 = 10_000;

/// Maximum number of repositories listed for a blob.
const REPOSITORIES_MAX: u32 = 64;

/// Number of jobs by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct JobCounts {
    /// Jobs that wait for other jobs.
    pub waiting: i64,
    /// Jobs that may be claimed, now or later.
    pub pending: i64,
    /// Jobs that an uploader runs.
    pub running: i64,
    /// Finished jobs that are still listed.
    pub done: i64,
    /// Jobs that need a person.
    pub failed: i64,
}

impl JobCounts {
    /// Returns the total number of jobs.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.waiting + self.pending + self.running + self.done + self.failed
    }
}

/// The unfinished work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Number of jobs by state.
    pub counts: JobCounts,
    /// Bytes that are not on SFTP yet.
    pub bytes_waiting: i64,
    /// Current transfer rate in bytes per second.
    pub rate: i64,
}

/// A job that may have changed, with all its repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedJob {
    /// The job, as shown to an administrator.
    pub job: Job,
    /// The job's repositories: at most 64.
    pub repositories: Vec<String>,
}

/// Condition for jobs that failed or that wait after a failure. `:boot` and
/// `:now` are this boot and its time.
const RETRYABLE: &str = "(j.state = 'failed' OR (j.state = 'pending'
    AND j.error_code IS NOT NULL AND j.boot_id = :boot AND j.run_after > :now))";

fn backlog(db: &Db, viewer: &Viewer, now: i64) -> Result<Backlog, StoreError> {
    let mut backlog = Backlog {
        counts: counts(db, viewer, None)?,
        ..Backlog::default()
    };
    let mut values = named_params! { ":now": now };
    let seen = if viewer.sees_all() {
        "TRUE".to_owned()
    } else {
        viewer.bind(&mut values);
        visible()
    };
    (backlog.bytes_waiting, backlog.rate) = db.one(
        &format!(
            "SELECT coalesce(sum(CASE WHEN j.state <> 'running' THEN j.bytes_total
                                      WHEN j.bytes_total > j.bytes_done
                                      THEN j.bytes_total - j.bytes_done ELSE 0 END), 0),
                    coalesce(sum(CASE WHEN j.state = 'running' AND j.started_at < :now
                                      THEN j.bytes_done * 1000 / (:now - j.started_at)
                                      ELSE 0 END), 0)
             FROM jobs j WHERE j.state IN ('waiting', 'pending', 'running', 'failed')
               AND j.kind = 'store_blob' AND NOT j.removes AND {seen}"
        ),
        &values,
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(backlog)
}

impl Store {
    /// Returns the number of jobs by state.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn job_counts(&self) -> Result<JobCounts, StoreError> {
        Ok(self.backlog(Readable::All).await?.counts)
    }

    /// Returns the unfinished work of readable repositories.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn backlog(&self, readable: Readable) -> Result<Backlog, StoreError> {
        let now = self.clock.wall_ms();
        self.read_for_people(move |db| backlog(db, &Viewer::new(&readable), now))
            .await
    }

    /// Returns the current activity: the newest jobs of each state, at most
    /// `each`; of the done jobs, only those since this time (milliseconds,
    /// UTC). Also returns whether the list of those done jobs is complete.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn jobs_going_on(
        &self,
        done_since: i64,
        each: u32,
    ) -> Result<(Vec<ChangedJob>, bool), StoreError> {
        let clock = self.clock.clone();
        self.read_for_people(move |db| {
            let viewer = Viewer::new(&Readable::All);
            let (now, mut found, mut whole) = (clock.wall_ms(), Vec::new(), true);
            // The states as written in the conditions of the indexes.
            for (condition, order) in [
                ("j.state = 'running'", "j.id"),
                ("j.state = 'failed'", "j.id"),
                ("j.state = 'pending'", "j.id"),
                ("j.state = 'waiting'", "j.id"),
                ("j.finished_at >= :since", "j.finished_at"),
            ] {
                let mut values = named_params! { ":each": each };
                if condition.contains(":since") {
                    values.push(":since", done_since);
                }

                let mut count = 0;
                db.each(
                    &format!(
                        "SELECT {COLUMNS} FROM jobs j {TARGETS} WHERE {condition}
                     ORDER BY {order} DESC LIMIT :each"
                    ),
                    &values,
                    |row| {
                        let mut job = read_job(row, &clock, now)?;
                        place_in_push(db, &viewer, None, &mut job)?;
                        found.push(job);
                        count += 1;
                        Ok(Continue(()))
                    },
                )?;
                // The last list is that of the done jobs.
                whole = count < each;
            }
            let changed = found.into_iter().map(|job| {
                // Most jobs have one repository.
                let repositories = match (&job.repository, job.kind.as_str()) {
                    (Some(name), kind) if kind != "store_blob" => vec![name.clone()],
                    _ => viewer.names(db, job.id, REPOSITORIES_MAX)?,
                };
                Ok(ChangedJob { job, repositories })
            });
            Ok((changed.collect::<Result<_, StoreError>>()?, whole))
        })
        .await
    }

    /// Returns those of these repositories that are readable.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn readable_of(
        &self,
        names: Vec<String>,
        readable: Readable,
    ) -> Result<Vec<String>, StoreError> {
        self.read_for_people(move |db| {
            let viewer = Viewer::new(&readable);
            let mut may = Vec::new();
            for name in names {
                if viewer.repository(db, &name)?.is_some() {
                    may.push(name);
                }
            }
            Ok(may)
        })
        .await
    }

    /// Returns the jobs that failed or wait after a failure, with the
    /// repositories of each: the oldest 10,000 visible ones.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn retryable_jobs(
        &self,
        readable: Readable,
    ) -> Result<Vec<(JobId, Vec<String>)>, StoreError> {
        let clock = self.clock.clone();
        self.read_for_people(move |db| {
            let viewer = Viewer::new(&readable);
            let (boot, now) = (clock.boot_id(), clock.boot_ms());
            let mut values = named_params! { ":boot": boot, ":now": now, ":limit": RETRIED_MAX };
            let mut sql = format!("SELECT j.id FROM jobs j WHERE {RETRYABLE}");
            if !viewer.sees_all() {
                sql = format!("{sql} AND {}", visible());
                viewer.bind(&mut values);
            }
            let ids = db.all(
                &format!("{sql} ORDER BY j.id LIMIT :limit"),
                &values,
                |row| row.get(0),
            )?;
            let mut jobs = Vec::new();
            for id in ids {
                jobs.push((id, viewer.names(db, id, REPOSITORIES_MAX)?));
            }
            Ok(jobs)
        })
        .await
    }

    /// Makes those of these jobs due now that failed or wait after a failure.
    /// Returns the number of these jobs. Clears the record that the storage is
    /// full, so that they run.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing changes.
    pub async fn retry_now(&self, jobs: Vec<JobId>) -> Result<usize, StoreError> {
        let clock = self.clock.clone();
        self.write(move |db| {
            let mut retried = 0;
            for job in jobs {
                retried += db.run(
                    "UPDATE jobs SET state = 'pending', run_after = ?2, boot_id = ?3
                 WHERE id = ?1 AND (state = 'failed' OR (state = 'pending'
                     AND error_code IS NOT NULL AND boot_id = ?3 AND run_after > ?2))",
                    params![job.0, clock.boot_ms(), clock.boot_id()],
                )?;
            }
            if retried > 0 {
                db.run("UPDATE storage_health SET full_until = 0", ())?;
            }
            Ok(retried)
        })
        .await
    }

    /// Makes the next probe of a failing storage due now.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn probe_soon(&self) -> Result<(), StoreError> {
        self.write(|db| {
            db.run(
                "UPDATE storage_health SET next_probe_at = 0 WHERE state <> 'up'",
                (),
            )?;
            Ok(())
        })
        .await
    }
}
