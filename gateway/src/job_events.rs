//! Job events: one poll of the database serves every event stream of the
//! process, at most twice a second and only after a change.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use refity_node::supervise::Parts;
use refity_store::{ChangedJob, Health, JobId, JobState, Readable, Store, StoreError};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep_until, timeout};

/// The minimum time between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The time limit of a poll. Each of its reads has its own deadline.
const STEP_MAX: Duration = Duration::from_secs(10 * 60);

/// The maximum time between two polls, since a crashed uploader does not cause
/// a change.
const POLL_AT_LEAST: Duration = Duration::from_secs(5);

/// How long an uploader may send no heartbeat before it is considered dead.
pub(crate) const UPLOADER_SILENCE_MAX: Duration = Duration::from_secs(30);

/// The number of jobs of each state to poll: the newest.
const JOBS_PER_STATE: u32 = 200;

/// The maximum number of jobs to read one by one after they dropped out of the
/// newest.
const MISSING_MAX: usize = 64;

/// How long a finished job stays in snapshots.
const FINISHED_MS: i64 = 60 * 1000;

/// The overlap of two polls, since the timestamps of other processes differ a
/// little from their commits.
const OVERLAP_MS: i64 = 2000;

/// The number of updates to queue for a slow stream. A slower one starts over.
const LAG_MAX: usize = 32;

/// The maximum number of updates to keep for streams that reconnect, and of
/// jobs in all of them.
const UPDATES_MAX: usize = 128;
const JOBS_MAX: usize = 4096;

/// The maximum number of streams, in total and per account.
const STREAMS_MAX: usize = 256;
const STREAMS_PER_ACCOUNT: usize = 10;

/// The state of the storage and of the uploaders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) health: Health,
    /// Whether an uploader is running.
    pub(crate) uploader_runs: bool,
}

/// The changes that one poll found.
#[derive(Debug)]
pub(crate) struct Update {
    /// The number of the update, counted from 1 in each run of the poller.
    pub(crate) number: u64,
    pub(crate) jobs: Vec<ChangedJob>,
    pub(crate) condition: Option<Condition>,
    /// Not all changes are listed: clients must reload.
    pub(crate) incomplete: bool,
}

/// The state after a poll.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The last update that is included in the snapshot.
    pub(crate) number: u64,
    pub(crate) jobs: Vec<ChangedJob>,
    pub(crate) condition: Condition,
}

/// The last event that a reconnecting stream received: the poller's run, and its update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    run: u64,
    pub(crate) number: u64,
}

impl EventId {
    /// Parses an id in the format of `Last-Event-ID`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (run, number) = text.split_once('-')?;
        Some(Self {
            run: u64::from_str_radix(run, 16).ok()?,
            number: number.parse().ok()?,
        })
    }
}

#[derive(Default)]
struct Shared {
    /// The run of the current poller; `None` if none is running.
    run: Option<u64>,
    last: Option<Arc<Snapshot>>,
    recent: VecDeque<Arc<Update>>,
    streams: HashMap<String, usize>,
}

/// The poller and its subscribers. There is one per process.
pub(crate) struct JobEvents {
    store: Store,
    parts: Parts,
    shared: Mutex<Shared>,
    updates: broadcast::Sender<Arc<Update>>,
    polls: AtomicU64,
}

/// Why a stream is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamLimit {
    Account,
    Total,
}

/// A stream's subscription to updates.
pub(crate) struct Subscription {
    events: Arc<JobEvents>,
    account: String,
    run: u64,
    pub(crate) updates: broadcast::Receiver<Arc<Update>>,
    /// The updates that a reconnecting stream missed; `None` if they are no
    /// longer available.
    pub(crate) missed: Option<Vec<Arc<Update>>>,
}

impl JobEvents {
    pub(crate) fn new(store: Store, parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            store,
            parts,
            shared: Mutex::default(),
            updates: broadcast::Sender::new(LAG_MAX),
            polls: AtomicU64::new(0),
        })
    }

    /// Subscribes this account, after the given event if there is one.
    ///
    /// # Errors
    /// [`StreamLimit`].
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        account: &str,
        from: Option<&EventId>,
    ) -> Result<Subscription, StreamLimit> {
        let mut shared = self.lock();
        let count = shared.streams.get(account).copied().unwrap_or(0);
        if count >= STREAMS_PER_ACCOUNT {
            return Err(StreamLimit::Account);
        }
        if shared.streams.values().sum::<usize>() >= STREAMS_MAX {
            return Err(StreamLimit::Total);
        }
        shared.streams.insert(account.to_owned(), count + 1);
        let run = match shared.run {
            Some(run) => run,
            None => {
                // Any number that differs from the last run.
                let run = getrandom::u64().unwrap_or_else(|_| self.polls.load(Ordering::Relaxed));
                shared.run = Some(run);
                tokio::spawn(poll(Arc::clone(self)));
                run
            }
        };
        let missed = from.filter(|id| id.run == run);
        let missed = missed.and_then(|id| shared.since(id.number));
        Ok(Subscription {
            events: Arc::clone(self),
            account: account.to_owned(),
            run,
            // Under the lock, so that no update is lost between `missed` and this.
            updates: self.updates.subscribe(),
            missed,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    /// Returns the id of an update, for `Last-Event-ID`.
    pub(crate) fn id(&self, number: u64) -> String {
        format!("{:x}-{number}", self.run)
    }

    /// Returns the last snapshot; `None` until the first poll has finished.
    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.events.lock().last.clone()
    }

    /// Returns a number that grows with each poll.
    pub(crate) fn polls(&self) -> u64 {
        self.events.polls.load(Ordering::Relaxed)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut shared = self.events.lock();
        if let Some(count) = shared.streams.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                shared.streams.remove(&self.account);
            }
        }
    }
}

impl Shared {
    /// Returns the updates after this one, if all are still available.
    fn since(&self, number: u64) -> Option<Vec<Arc<Update>>> {
        let last = self.last.as_ref()?.number;
        let later = self.recent.iter().filter(|update| update.number > number);
        let later: Vec<_> = later.map(Arc::clone).collect();
        let missed = last.checked_sub(number)?;
        (u64::try_from(later.len()) == Ok(missed)).then_some(later)
    }

    fn remember(&mut self, update: Arc<Update>) {
        self.recent.push_back(update);
        let mut jobs: usize = self.recent.iter().map(|update| update.jobs.len()).sum();
        while self.recent.len() > UPDATES_MAX || jobs > JOBS_MAX {
            let Some(oldest) = self.recent.pop_front() else {
                return;
            };
            jobs -= oldest.jobs.len();
        }
    }
}

/// Polls while there are subscribers.
async fn poll(events: Arc<JobEvents>) {
    let part = events.parts.begin("events", STEP_MAX);
    let mut changes = events.store.changes();
    let mut poller = Poller::default();
    loop {
        let next = Instant::now() + POLL_INTERVAL;
        match part.step(poller.poll(&events.store)).await {
            Ok(found) => events.publish(&mut poller, found),
            Err(error) => tracing::warn!(%error, "cannot read job events"),
        }
        events.polls.fetch_add(1, Ordering::Relaxed);
        // A timeout is not an error: poll again.
        let _ = timeout(POLL_AT_LEAST, changes.next()).await;
        sleep_until(next).await;
        let mut shared = events.lock();
        if shared.streams.is_empty() {
            *shared = Shared::default();
            part.end();
            return;
        }
    }
}

/// The results of the last poll.
#[derive(Default)]
struct Poller {
    number: u64,
    jobs: HashMap<JobId, ChangedJob>,
    condition: Option<Condition>,
    polled_at: Option<i64>,
}

struct Poll {
    jobs: Vec<ChangedJob>,
    condition: Condition,
    incomplete: bool,
}

impl Poller {
    async fn poll(&mut self, store: &Store) -> Result<Poll, StoreError> {
        let now = store.clock().wall_ms();
        let since = self
            .polled_at
            .map_or(now - FINISHED_MS, |at| at - OVERLAP_MS);
        let (mut jobs, whole) = store.jobs_going_on(since, JOBS_PER_STATE).await?;
        let here: std::collections::HashSet<JobId> = jobs.iter().map(|it| it.job.id).collect();
        // A job that was running and is no longer among the newest has changed its state.
        let missing = self.jobs.values().filter(|known| {
            let moved = matches!(known.job.state, JobState::Running | JobState::Failed);
            moved && !here.contains(&known.job.id)
        });
        let mut missing: Vec<ChangedJob> = missing.cloned().collect();
        let incomplete = !whole || missing.len() > MISSING_MAX;
        missing.truncate(MISSING_MAX);
        for known in missing {
            if let Some(job) = store.job(known.job.id, Readable::All).await? {
                let repositories = known.repositories;
                jobs.push(ChangedJob { job, repositories });
            }
        }
        let silence = store.uploader_silence().await?;
        let most = refity_config::clock::millis(UPLOADER_SILENCE_MAX);
        self.polled_at = Some(now);
        Ok(Poll {
            jobs,
            condition: Condition {
                health: store.health().await?,
                uploader_runs: silence.is_some_and(|ms| ms <= most),
            },
            incomplete,
        })
    }
}

/// Whether the change is visible to users. A mere change of time is not.
fn differs(known: &ChangedJob, now: &ChangedJob) -> bool {
    let (a, b) = (&known.job, &now.job);
    let one = (
        a.state,
        a.bytes_done,
        a.bytes_total,
        a.attempt,
        a.push,
        a.removes,
    );
    let other = (
        b.state,
        b.bytes_done,
        b.bytes_total,
        b.attempt,
        b.push,
        b.removes,
    );
    one != other || a.error != b.error || a.worker != b.worker || a.finished_at != b.finished_at
}

impl JobEvents {
    fn publish(&self, seen: &mut Poller, found: Poll) {
        let first = seen.condition.is_none();
        let changed: Vec<ChangedJob> = found
            .jobs
            .iter()
            .filter(|now| {
                let known = seen.jobs.get(&now.job.id);
                known.is_none_or(|known| differs(known, now))
            })
            .cloned()
            .collect();
        let condition = Some(found.condition.clone());
        let condition = condition.filter(|now| seen.condition.as_ref() != Some(now));
        seen.condition = Some(found.condition.clone());
        seen.jobs = found
            .jobs
            .iter()
            .map(|it| (it.job.id, it.clone()))
            .collect();
        let new = first || !changed.is_empty() || condition.is_some() || found.incomplete;
        let mut shared = self.lock();
        if new {
            seen.number += 1;
        }
        // Even without changes, because the rates are new.
        shared.last = Some(Arc::new(Snapshot {
            number: seen.number,
            jobs: found.jobs,
            condition: found.condition,
        }));
        if new {
            let update = Arc::new(Update {
                number: seen.number,
                jobs: changed,
                condition,
                incomplete: found.incomplete && !first,
            });
            shared.remember(Arc::clone(&update));
            // An error means that there are currently no subscribers.
            let _ = self.updates.send(update);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refity_config::clock::Clock;

    async fn events(folder: &std::path::Path) -> Arc<JobEvents> {
        let path = folder.join("db");
        let clock = Clock::system().unwrap();
        let store = Store::open(&path, clock.clone()).await;
        JobEvents::new(store.unwrap(), Parts::unsupervised(clock))
    }

    #[tokio::test]
    async fn one_account_cannot_take_all_streams() {
        let folder = tempfile::tempdir().unwrap();
        let events = events(folder.path()).await;
        let mut streams = Vec::new();
        for _ in 0..STREAMS_PER_ACCOUNT {
            streams.push(events.subscribe("bob", None).unwrap());
        }
        assert_eq!(
            events.subscribe("bob", None).err(),
            Some(StreamLimit::Account)
        );
        for n in 0.. {
            match events.subscribe(&format!("user-{n}"), None) {
                Ok(stream) => streams.push(stream),
                Err(too_many) => {
                    assert_eq!(too_many, StreamLimit::Total);
                    break;
                }
            }
        }
        assert_eq!(streams.len(), STREAMS_MAX);
        streams.clear();
        assert!(events.lock().streams.is_empty());
        events.subscribe("bob", None).unwrap();
    }

    #[tokio::test]
    async fn missed_updates_are_returned_while_they_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let events = events(folder.path()).await;
        let mut subscription = events.subscribe("bob", None).unwrap();
        let first = subscription.updates.recv().await.unwrap();
        assert_eq!(first.number, 1);
        events
            .store
            .create_group(&"team".parse().unwrap())
            .await
            .unwrap();
        let second = subscription.updates.recv().await.unwrap();
        assert_eq!((second.number, second.jobs.len()), (2, 1), "{second:?}");
        let id = EventId::parse(&subscription.id(1)).unwrap();
        let again = events.subscribe("bob", Some(&id)).unwrap();
        let missed: Vec<_> = again.missed.as_ref().unwrap().iter().collect();
        assert_eq!(missed.len(), 1);
        for id in ["0-1", "x", "", &subscription.id(7)] {
            let from = EventId::parse(id);
            let again = events.subscribe("bob", from.as_ref()).unwrap();
            assert!(again.missed.is_none(), "{id}");
        }
    }

    #[test]
    fn kept_updates_are_bounded() {
        let mut shared = Shared::default();
        for number in 0..1000 {
            shared.remember(Arc::new(Update {
                number,
                jobs: Vec::new(),
                condition: None,
                incomplete: false,
            }));
        }
        assert_eq!(shared.recent.len(), UPDATES_MAX);
    }
}
