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

/// Between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// How long one poll may take: each of its reads has a deadline.
const STEP_MAX: Duration = Duration::from_secs(10 * 60);

/// Polls at least this often, since an uploader that dies changes nothing.
const POLL_AT_LEAST: Duration = Duration::from_secs(5);

/// How long an uploader may be silent before it counts as dead.
pub(crate) const UPLOADER_SILENCE_MAX: Duration = Duration::from_secs(30);

/// How many jobs of each state are polled: the newest.
const JOBS_PER_STATE: u32 = 200;

/// How many jobs that dropped out of them are read one by one.
const MISSING_MAX: usize = 64;

/// How long a finished job is part of a snapshot.
const FINISHED_MS: i64 = 60 * 1000;

/// How much two polls overlap, since times of other processes differ a little
/// from their commits.
const OVERLAP_MS: i64 = 2000;

/// How many updates wait for a slow stream. A slower one starts over.
const LAG_MAX: usize = 32;

/// How much is kept for streams that reconnect: updates, and jobs in all of
/// them.
const UPDATES_MAX: usize = 128;
const JOBS_MAX: usize = 4096;

/// How many streams there may be, in total and of one account.
const STREAMS_MAX: usize = 256;
const STREAMS_PER_ACCOUNT: usize = 10;

/// How the storage and the uploaders are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) health: Health,
    /// Some uploader runs.
    pub(crate) uploader_runs: bool,
}

/// What one poll found to be new.
#[derive(Debug)]
pub(crate) struct Update {
    /// Counted from 1 in each run of the watcher.
    pub(crate) number: u64,
    pub(crate) jobs: Vec<ChangedJob>,
    pub(crate) condition: Option<Condition>,
    /// More has changed than is listed: clients must reload.
    pub(crate) incomplete: bool,
}

/// The state after a poll.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The update that it holds already.
    pub(crate) number: u64,
    pub(crate) jobs: Vec<ChangedJob>,
    pub(crate) condition: Condition,
}

/// The last event of a stream that reconnects: the poller's run, and its update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    run: u64,
    pub(crate) number: u64,
}

impl EventId {
    /// As in `Last-Event-ID`.
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
    /// Of the poller that runs; `None` if none does.
    run: Option<u64>,
    last: Option<Arc<Snapshot>>,
    recent: VecDeque<Arc<Update>>,
    streams: HashMap<String, usize>,
}

/// The poller and its subscribers. One for the process.
pub(crate) struct JobEvents {
    store: Store,
    parts: Parts,
    shared: Mutex<Shared>,
    updates: broadcast::Sender<Arc<Update>>,
    polls: AtomicU64,
}

/// Why there is no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamLimit {
    Account,
    Total,
}

/// A stream's share of what goes on.
pub(crate) struct Subscription {
    events: Arc<JobEvents>,
    account: String,
    run: u64,
    pub(crate) updates: broadcast::Receiver<Arc<Update>>,
    /// What it missed, where it is known.
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

    /// Subscribes this account; from an event on, if one is given.
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
                // Any number that the last run did not have.
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
            // With the lock held: no update is between what was missed and this.
            updates: self.updates.subscribe(),
            missed,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    /// The id of an update, for `Last-Event-ID`.
    pub(crate) fn id(&self, number: u64) -> String {
        format!("{:x}-{number}", self.run)
    }

    /// The last snapshot; `None` until the first poll has ended.
    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.events.lock().last.clone()
    }

    /// Grows with each poll of the database.
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
    /// The updates after this one, if all are remembered.
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

/// Polls as long as there are subscribers.
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
        // A timeout is no error: poll again.
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

/// What the last poll found.
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
        // A job that was running and dropped out of the newest has changed state.
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

/// Whether a person would see a difference. Passing time is none.
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
        // Also where nothing is new: rates are.
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
            // An error means that there are no subscribers right now.
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
    async fn what_was_missed_is_told_as_long_as_it_is_remembered() {
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
    fn what_is_remembered_has_an_end() {
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
