//! Waits until pushed content is stored on SFTP (`SFTP_SYNC_UPLOAD`).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use refity_node::supervise::Parts;
use refity_store::{JobId, Store, StoreError, Trouble, WaitStatus};
use tokio::sync::Notify;
use tokio::time::timeout;

/// How often a request checks its jobs itself. Completed jobs wake it earlier,
/// but parked ones do not.
const INTERVAL: Duration = Duration::from_secs(2);

/// The overlap of two polls of the watcher, in milliseconds, since a job's
/// timestamp is a little before its commit.
const OVERLAP_MS: i64 = 1000;

/// The time limit of a poll of the watcher.
const STEP_MAX: Duration = Duration::from_secs(2 * 60);

/// Why waiting ended without success. The bytes are kept, and the jobs
/// continue.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WaitError {
    /// A job needs an operator.
    #[error("the storage does not take what was pushed: {}", .0.message)]
    Parked(Trouble),
    /// The jobs did not finish in time.
    #[error("the storage does not hold what was pushed yet, after {} seconds", .0.as_secs())]
    TimedOut(Duration),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The requests of this process that wait for jobs, with one watcher for all of
/// them. After each commit, the watcher reads the newly completed jobs and
/// wakes the requests that wait for them.
pub(crate) struct SyncWaits {
    store: Store,
    parts: Parts,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    watched: bool,
    last: u64,
    requests: HashMap<u64, Request>,
    by_job: HashMap<JobId, Vec<u64>>,
}

/// A request, and the jobs that it is still waiting for.
struct Request {
    jobs: HashSet<JobId>,
    changed: Arc<Notify>,
}

/// A request's entry, until dropped.
struct Entry<'a> {
    waits: &'a SyncWaits,
    number: u64,
    changed: Arc<Notify>,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.waits.lock().remove(self.number);
    }
}

impl Waiting {
    fn add(&mut self, jobs: &[JobId]) -> (u64, Arc<Notify>) {
        self.last += 1;
        let (number, changed) = (self.last, Arc::new(Notify::new()));
        for job in jobs {
            self.by_job.entry(*job).or_default().push(number);
        }
        let request = Request {
            jobs: jobs.iter().copied().collect(),
            changed: Arc::clone(&changed),
        };
        self.requests.insert(number, request);
        (number, changed)
    }

    fn remove(&mut self, number: u64) {
        let Some(request) = self.requests.remove(&number) else {
            return;
        };
        for job in request.jobs {
            if let Some(numbers) = self.by_job.get_mut(&job) {
                numbers.retain(|other| *other != number);
                if numbers.is_empty() {
                    self.by_job.remove(&job);
                }
            }
        }
    }

    /// Wakes the requests whose last job is completed.
    fn done(&mut self, jobs: &[JobId]) {
        for job in jobs {
            for number in self.by_job.remove(job).into_iter().flatten() {
                if let Some(request) = self.requests.get_mut(&number) {
                    request.jobs.remove(job);
                    if request.jobs.is_empty() {
                        request.changed.notify_one();
                    }
                }
            }
        }
    }
}

impl SyncWaits {
    pub(crate) fn new(store: Store, parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            store,
            parts,
            waiting: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request, and starts the watcher if none is running.
    fn enter(self: &Arc<Self>, jobs: &[JobId]) -> Entry<'_> {
        let mut waiting = self.lock();
        let (number, changed) = waiting.add(jobs);
        if !waiting.watched {
            waiting.watched = true;
            tokio::spawn(watch(Arc::clone(self)));
        }
        Entry {
            waits: self,
            number,
            changed,
        }
    }

    /// Waits until these jobs are done. A client that disconnects does not cancel them.
    ///
    /// # Errors
    /// See [`WaitError`].
    pub(crate) async fn wait(
        self: &Arc<Self>,
        jobs: &[JobId],
        limit: Duration,
    ) -> Result<(), WaitError> {
        // Before the first check, so that no commit is missed in between.
        let entry = self.enter(jobs);
        let settled = async {
            loop {
                match self.store.wait_status(jobs).await? {
                    WaitStatus::Done => return Ok(()),
                    WaitStatus::Parked(trouble) => return Err(WaitError::Parked(trouble)),
                    WaitStatus::Waiting => {}
                }
                // The next check finds a job that was parked, or that was completed unnoticed.
                let _ = timeout(INTERVAL, entry.changed.notified()).await;
            }
        };
        let settled = timeout(limit, settled).await;
        settled.unwrap_or(Err(WaitError::TimedOut(limit)))
    }
}

/// Wakes requests as long as there are any.
async fn watch(waits: Arc<SyncWaits>) {
    let part = waits.parts.begin("sync waits", STEP_MAX);
    let mut changes = waits.store.changes();
    let mut since = waits.store.clock().wall_ms();
    loop {
        let now = waits.store.clock().wall_ms();
        let done = waits.store.jobs_done_since(since - OVERLAP_MS);
        match part.step(done).await {
            Ok(done) => {
                since = now;
                waits.lock().done(&done);
            }
            Err(error) => tracing::warn!(%error, "the jobs that are done cannot be read"),
        }
        let _ = timeout(INTERVAL, changes.next()).await;
        let mut waiting = waits.lock();
        if waiting.requests.is_empty() {
            waiting.watched = false;
            part.end();
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refity_config::clock::Clock;
    use refity_store::{Desired, RunResult};

    /// So long that a test never waits for it.
    const LIMIT: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn requests_are_woken_by_the_job_that_they_wait_for() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system().unwrap();
        let store = Store::open(&folder.path().join("db"), clock.clone()).await;
        let store = store.unwrap();
        store.report_up().await.unwrap();
        let waits = SyncWaits::new(store.clone(), Parts::unsupervised(clock));
        let mut requests = Vec::new();
        for name in ["one", "two"] {
            store.create_group(&name.parse().unwrap()).await.unwrap();
            let claim = store.claim("worker", None, 1).await.unwrap().remove(0);
            let (waits, job) = (Arc::clone(&waits), claim.job);
            let request = tokio::spawn(async move { waits.wait(&[job], LIMIT).await });
            requests.push((claim, request));
        }
        let (later, mut other) = requests.pop().unwrap();
        let (claim, request) = requests.pop().unwrap();
        finish(&store, &claim).await;
        request.await.unwrap().unwrap();
        let waits_on = timeout(Duration::from_millis(50), &mut other).await;
        assert!(waits_on.is_err(), "its job is not done");
        finish(&store, &later).await;
        other.await.unwrap().unwrap();
        assert!(waits.lock().requests.is_empty());
        assert!(waits.lock().by_job.is_empty());
    }

    async fn finish(store: &Store, claim: &refity_store::Claim) {
        let Desired::State(desired) = store.desired(claim).await.unwrap() else {
            panic!("a group's desired state");
        };
        let result = RunResult::Reconciled(desired.generation());
        store.finish(vec![(claim.clone(), result)]).await.unwrap();
    }
}
