//! What is still to be done, in numbers; what has just changed; and trying
//! again at once.

use std::ops::ControlFlow::Continue;

use crate::engine::db::Db;
use crate::engine::value::{named_params, params};
use crate::views::job_list::counts;
use crate::views::transfers::{COLUMNS, TARGETS, Viewer, place_in_push, read_job, visible};
use crate::{Job, JobId, Readable, Store, StoreError};

/// How many jobs are tried again at once.
const RETRIED_MAX: u32 = 10_000;

/// How many repositories a blob is looked for in.
const REPOSITORIES_MAX: u32 = 64;

/// How many jobs stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct JobCounts {
    /// For other jobs.
    pub waiting: i64,
    /// Claimable, now or later.
    pub pending: i64,
    /// Being worked on.
    pub running: i64,
    /// Finished, and still in the history.
    pub done: i64,
    /// In need of a person.
    pub failed: i64,
}

impl JobCounts {
    /// How many jobs there are.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.waiting + self.pending + self.running + self.done + self.failed
    }
}

/// What is still to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many jobs stand where.
    pub counts: JobCounts,
    /// Bytes that are not on SFTP yet.
    pub bytes_waiting: i64,
    /// Bytes that are sent in a second.
    pub rate: i64,
}

/// A job that may have changed, with all repositories that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedJob {
    /// As an administrator sees it.
    pub job: Job,
    /// Its repositories: at most 64.
    pub repositories: Vec<String>,
}

/// What a job was last tried with, or rests for: `:boot` and `:now` are this
/// boot and its time.
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
    /// How many jobs stand where.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn job_counts(&self) -> Result<JobCounts, StoreError> {
        Ok(self.backlog(Readable::All).await?.counts)
    }

    /// What is still to be done, of what may be seen.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn backlog(&self, readable: Readable) -> Result<Backlog, StoreError> {
        let now = self.clock.wall_ms();
        self.read_for_people(move |db| backlog(db, &Viewer::new(&readable), now))
            .await
    }

    /// Current activity: the newest jobs of each state, at most `each`; of those
    /// that are done, only those since then (milliseconds, UTC). Also returns
    /// whether these are all that were done since.
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
            // The states as they stand in the indexes' conditions.
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
                // The last is of those that are done.
                whole = count < each;
            }
            let changed = found.into_iter().map(|job| {
                // Most are of one.
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

    /// Those of these repositories that may be read.
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

    /// The jobs that failed or rest after a failure, with the repositories
    /// that each is for: of those that may be seen, the oldest 10,000.
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

    /// Makes those of these jobs due now that failed or are paused. Returns
    /// how many. Clears the note that the storage is full, so that they are
    /// tried.
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

    /// A storage that is away is tried now, whenever the next try was set for.
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
