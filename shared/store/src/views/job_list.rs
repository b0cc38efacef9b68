//! Finds and counts the jobs of a page without reading the whole history:
//! finished jobs are counted by stored sums and found by an index.

use crate::accounts::readable::READABLE;
use crate::engine::db::{Db, Row};
use crate::engine::page::{CursorKey, List};
use crate::engine::value::{Named, params};
use crate::queue::jobs::JobState;
use crate::views::backlog::JobCounts;
use crate::views::transfers::{COLUMNS, OF_REPOSITORY, TARGETS, Viewer, read_job, visible};
use crate::{Job, Order, Page, PageRequest, StoreError};
use refity_config::clock::Clock;
use std::collections::BinaryHeap;
use std::ops::ControlFlow::Continue;

/// A list of jobs.
pub(crate) struct JobList<'a> {
    pub(crate) viewer: &'a Viewer,
    /// Only jobs of this repository, which the viewer may read.
    pub(crate) on: Option<i64>,
    /// Only jobs in this state.
    pub(crate) state: Option<JobState>,
    /// Only jobs with this text in the name of their repository and tag.
    pub(crate) text: Option<&'a str>,
    pub(crate) clock: &'a Clock,
}

impl JobList<'_> {
    /// Reads a page, sorted by job id.
    pub(crate) fn read(&self, db: &Db, request: &PageRequest) -> Result<Page<Job>, StoreError> {
        let finished = matches!(self.state, None | Some(JobState::Done));
        if self.text.is_some() {
            return self.filtered(db, request, None);
        }
        let counts = counts(db, self.viewer, self.on)?;
        let total = match self.state {
            None => counts.total(),
            Some(JobState::Waiting) => counts.waiting,
            Some(JobState::Pending) => counts.pending,
            Some(JobState::Running) => counts.running,
            Some(JobState::Done) => counts.done,
            Some(JobState::Failed) => counts.failed,
        };
        match self.on {
            Some(on) if finished => self.merged(db, request, total, vec![on]),
            None if finished && !self.viewer.sees_all() => {
                let repositories = self.viewer.repositories_with_jobs(db)?;
                self.merged(db, request, total, repositories)
            }
            // Either jobs of one state, of which only unfinished ones are
            // checked one by one, or all jobs.
            _ => self.filtered(db, request, Some(total)),
        }
    }

    /// Checks job by job. Counts all jobs if their number is not known.
    fn filtered(
        &self,
        db: &Db,
        request: &PageRequest,
        total: Option<i64>,
    ) -> Result<Page<Job>, StoreError> {
        let (condition, mut values) = scope(self.viewer, self.on);
        let mut from = format!("jobs j {TARGETS} WHERE {condition}");
        let state = self.state.map(JobState::name);
        if state.is_some() {
            from += " AND j.state = :state";
            values.push(":state", state);
        }
        if self.text.is_some() {
            from += " AND instr(coalesce(r.name, '') || ':' || coalesce(t.name, ''), :text) > 0";
            values.push(":text", self.text);
        }
        let list = List {
            columns: COLUMNS,
            from: &from,
            key: "j.id",
            id: "j.id",
        };
        let now = self.clock.wall_ms();
        let read = |row: &Row<'_>| read_job(row, self.clock, now);
        match total {
            Some(total) => list.page_of(db, request, &values, total, read),
            None => list.page(db, request, &values, read),
        }
    }

    /// Merges the jobs of these repositories, reading the next job of each from
    /// an index.
    fn merged(
        &self,
        db: &Db,
        request: &PageRequest,
        total: i64,
        repositories: Vec<i64>,
    ) -> Result<Page<Job>, StoreError> {
        let backwards = request.cursor.as_ref().is_some_and(|it| it.backwards);
        let rising = (request.order == Order::Asc) != backwards;
        let after = match request.cursor.as_ref().map(|cursor| &cursor.key) {
            Some(CursorKey::Number(id)) => *id,
            Some(CursorKey::Text(_)) => return Ok(Page::assemble(Vec::new(), request, total)),
            None if rising => i64::MIN,
            None => i64::MAX,
        };
        let next = if rising {
            "SELECT job_id FROM job_repositories
             WHERE repository_id = ?1 AND job_id > ?2 ORDER BY job_id LIMIT 1"
        } else {
            "SELECT job_id FROM job_repositories
             WHERE repository_id = ?1 AND job_id < ?2 ORDER BY job_id DESC LIMIT 1"
        };
        let next = |repository: i64, after: i64| {
            db.optional(next, [repository, after], |row| row.get::<i64>(0))
        };
        // The heap returns the greatest id first, so negate ids if the least
        // comes first.
        let place = |job: i64| if rising { -job } else { job };
        let mut heap = BinaryHeap::new();
        for repository in repositories {
            if let Some(job) = next(repository, after)? {
                heap.push((place(job), job, repository));
            }
        }
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let now = self.clock.wall_ms();
        let state = self.state.map(JobState::name);
        let query = format!(
            "SELECT {COLUMNS} FROM jobs j {TARGETS}
             WHERE j.id = ?1 AND (?2 IS NULL OR j.state = ?2)"
        );
        let (mut items, mut last) = (Vec::new(), None);
        while items.len() <= limit
            && let Some((_, job, repository)) = heap.pop()
        {
            if let Some(following) = next(repository, job)? {
                heap.push((place(following), following, repository));
            }
            // A job with several repositories is found once for each.
            if last == Some(job) {
                continue;
            }
            last = Some(job);
            let found = db.optional(&query, params![job, state], |row| {
                read_job(row, self.clock, now)
            })?;
            items.extend(found.map(|found| ((CursorKey::Number(job), job), found)));
        }
        Ok(Page::assemble(items, request, total))
    }
}

/// Returns the condition for jobs `j` of the repository, or of all readable
/// repositories, and its values.
fn scope(viewer: &Viewer, on: Option<i64>) -> (String, Named<'static>) {
    let mut values = Named::default();
    let condition = if let Some(on) = on {
        values.push(":on", on);
        OF_REPOSITORY.to_owned()
    } else if viewer.sees_all() {
        "TRUE".to_owned()
    } else {
        viewer.bind(&mut values);
        visible()
    };
    (condition, values)
}

/// Returns the number of jobs by state, of the repository or of all readable
/// repositories.
pub(crate) fn counts(db: &Db, viewer: &Viewer, on: Option<i64>) -> Result<JobCounts, StoreError> {
    let (condition, values) = scope(viewer, on);
    let mut counts = JobCounts::default();

    db.each(
        &format!(
            "SELECT j.state, count(*) FROM jobs j
         WHERE j.state IN ('waiting', 'pending', 'running', 'failed') AND {condition}
         GROUP BY j.state"
        ),
        &values,
        |row| {
            let count = match row.get(0)? {
                JobState::Waiting => &mut counts.waiting,
                JobState::Pending => &mut counts.pending,
                JobState::Running => &mut counts.running,
                JobState::Done => &mut counts.done,
                JobState::Failed => &mut counts.failed,
            };
            *count = row.get(1)?;
            Ok(Continue(()))
        },
    )?;
    counts.done = done(db, viewer, on)?;
    Ok(counts)
}

/// Returns the number of finished jobs: for one repository from the stored
/// sums, for several by reading each job.
fn done(db: &Db, viewer: &Viewer, on: Option<i64>) -> Result<i64, StoreError> {
    if on.is_none() && viewer.sees_all() {
        return db.one("SELECT done_jobs FROM totals", (), |row| row.get(0));
    }
    let readable = format!(
        "EXISTS (SELECT 1 FROM repositories r JOIN groups g ON g.id = r.group_id
                 WHERE r.id = p.repository_id AND {READABLE})"
    );
    let mut values = Named::default();
    let (of, places) = if let Some(on) = on {
        values.push(":on", on);
        ("r.id = :on", "p.repository_id = :on")
    } else {
        viewer.bind(&mut values);
        (READABLE, readable.as_str())
    };
    let own: i64 = db.one(
        &format!(
            "SELECT coalesce(sum(r.done_jobs), 0)
             FROM repositories r JOIN groups g ON g.id = r.group_id
             WHERE r.done_jobs > 0 AND {of}"
        ),
        &values,
        |row| row.get(0),
    )?;
    // Query the state separately, so that no plan starts from all finished
    // jobs.
    let shared: i64 = db.one(
        &format!(
            "SELECT count(DISTINCT p.job_id) FROM job_repositories p
             WHERE p.shared AND {places}
               AND (SELECT j.state FROM jobs j WHERE j.id = p.job_id) = 'done'"
        ),
        &values,
        |row| row.get(0),
    )?;
    Ok(own + shared)
}
