//! What goes on, for all who watch it: one look at the database serves every
//! stream of the process, at most twice a second and only after a change.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use refity_node::supervise::Parts;
use refity_store::{ChangedJob, Health, JobId, JobState, Readable, Store, StoreError};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep_until, timeout};

/// Between two looks.
const PACE: Duration = Duration::from_millis(500);

/// How long one look may take: each of its reads has a deadline.
const LOOK_MAX: Duration = Duration::from_secs(10 * 60);

/// Without a change it is looked again after this long: an uploader that falls
/// silent writes nothing.
const AGAIN: Duration = Duration::from_secs(5);

/// How long an uploader may be silent before it counts as gone.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Jobs of each state that are looked at: the newest.
const EACH: u32 = 200;

/// Jobs that are looked for one by one when they are no longer among those.
const VANISHED_MAX: usize = 64;

/// For so long a finished job is part of a snapshot.
const FINISHED_MS: i64 = 60 * 1000;

/// Two looks overlap by so much, since times of other processes differ a
/// little from their commits.
const OVERLAP_MS: i64 = 2000;

/// Updates that wait for a slow stream. One that is slower begins anew.
const BEHIND_MAX: usize = 32;

/// How much is remembered for streams that come again: updates, and jobs in
/// all of them.
const UPDATES_MAX: usize = 128;
const JOBS_MAX: usize = 4096;

/// Streams in all, and of one account.
const STREAMS_MAX: usize = 256;
const STREAMS_EACH: usize = 10;

/// How the storage and the uploaders are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) health: Health,
    /// Some uploader runs.
    pub(crate) uploader_runs: bool,
}

/// What one look found to be new.
#[derive(Debug)]
pub(crate) struct Update {
    /// Counted from 1 in each run of the watcher.
    pub(crate) number: u64,
    pub(crate) jobs: Vec<ChangedJob>,
    pub(crate) condition: Option<Condition>,
    /// More has changed than is told: what is known is out of date.
    pub(crate) incomplete: bool,
}

/// All that goes on.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The update that it holds already.
    pub(crate) number: u64,
    pub(crate) jobs: Vec<ChangedJob>,
    pub(crate) condition: Condition,
}

/// Where a stream that comes again was: the watcher's run, and its update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    run: u64,
    pub(crate) number: u64,
}

impl Place {
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
    /// Of the watcher that runs; nothing: none does.
    run: Option<u64>,
    last: Option<Arc<Snapshot>>,
    recent: VecDeque<Arc<Update>>,
    streams: HashMap<String, usize>,
}

/// The watcher and those who watch. One for the process.
pub(crate) struct Live {
    store: Store,
    parts: Parts,
    shared: Mutex<Shared>,
    updates: broadcast::Sender<Arc<Update>>,
    looks: AtomicU64,
}

/// Why there is no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooMany {
    OfOne,
    InAll,
}

/// A stream's share of what goes on.
pub(crate) struct Watching {
    live: Arc<Live>,
    who: String,
    run: u64,
    pub(crate) updates: broadcast::Receiver<Arc<Update>>,
    /// What it missed, where it is known.
    pub(crate) missed: Option<Vec<Arc<Update>>>,
}

impl Live {
    pub(crate) fn new(store: Store, parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            store,
            parts,
            shared: Mutex::default(),
            updates: broadcast::Sender::new(BEHIND_MAX),
            looks: AtomicU64::new(0),
        })
    }

    /// Begins to watch, as this account; from a place on, where one is given.
    ///
    /// # Errors
    /// [`TooMany`].
    pub(crate) fn watch(
        self: &Arc<Self>,
        who: &str,
        from: Option<&Place>,
    ) -> Result<Watching, TooMany> {
        let mut shared = self.lock();
        let count = shared.streams.get(who).copied().unwrap_or(0);
        if count >= STREAMS_EACH {
            return Err(TooMany::OfOne);
        }
        if shared.streams.values().sum::<usize>() >= STREAMS_MAX {
            return Err(TooMany::InAll);
        }
        shared.streams.insert(who.to_owned(), count + 1);
        let run = match shared.run {
            Some(run) => run,
            None => {
                // Any number that the last run did not have.
                let run = getrandom::u64().unwrap_or_else(|_| self.looks.load(Ordering::Relaxed));
                shared.run = Some(run);
                tokio::spawn(watcher(Arc::clone(self)));
                run
            }
        };
        let missed = from.filter(|place| place.run == run);
        let missed = missed.and_then(|place| shared.since(place.number));
        Ok(Watching {
            live: Arc::clone(self),
            who: who.to_owned(),
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

impl Watching {
    /// The id of an update, for `Last-Event-ID`.
    pub(crate) fn id(&self, number: u64) -> String {
        format!("{:x}-{number}", self.run)
    }

    /// All that goes on; nothing: the first look is not over.
    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.live.lock().last.clone()
    }

    /// Grows whenever the database was looked at.
    pub(crate) fn looks(&self) -> u64 {
        self.live.looks.load(Ordering::Relaxed)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut shared = self.live.lock();
        if let Some(count) = shared.streams.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                shared.streams.remove(&self.who);
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

/// Looks as long as somebody watches.
async fn watcher(live: Arc<Live>) {
    let part = live.parts.begin("events", LOOK_MAX);
    let mut changes = live.store.changes();
    let mut state = Seen::default();
    loop {
        let next = Instant::now() + PACE;
        match part.step(state.look(&live.store)).await {
            Ok(found) => live.publish(&mut state, found),
            Err(error) => tracing::warn!(%error, "what goes on cannot be read"),
        }
        live.looks.fetch_add(1, Ordering::Relaxed);
        // Whether something changed or not: look.
        let _ = timeout(AGAIN, changes.next()).await;
        sleep_until(next).await;
        let mut shared = live.lock();
        if shared.streams.is_empty() {
            *shared = Shared::default();
            part.end();
            return;
        }
    }
}

/// What the watcher knows.
#[derive(Default)]
struct Seen {
    number: u64,
    jobs: HashMap<JobId, ChangedJob>,
    condition: Option<Condition>,
    looked_at: Option<i64>,
}

struct Found {
    jobs: Vec<ChangedJob>,
    condition: Condition,
    incomplete: bool,
}

impl Seen {
    async fn look(&mut self, store: &Store) -> Result<Found, StoreError> {
        let now = store.clock().wall_ms();
        let since = self
            .looked_at
            .map_or(now - FINISHED_MS, |at| at - OVERLAP_MS);
        let (mut jobs, whole) = store.jobs_going_on(since, EACH).await?;
        let here: std::collections::HashSet<JobId> = jobs.iter().map(|it| it.job.id).collect();
        // One that ran and is none of the newest any more has changed.
        let vanished = self.jobs.values().filter(|known| {
            let moved = matches!(known.job.state, JobState::Running | JobState::Failed);
            moved && !here.contains(&known.job.id)
        });
        let mut vanished: Vec<ChangedJob> = vanished.cloned().collect();
        let incomplete = !whole || vanished.len() > VANISHED_MAX;
        vanished.truncate(VANISHED_MAX);
        for known in vanished {
            if let Some(job) = store.job(known.job.id, Readable::All).await? {
                let repositories = known.repositories;
                jobs.push(ChangedJob { job, repositories });
            }
        }
        let silence = store.uploader_silence().await?;
        let most = refity_config::clock::millis(SILENCE_MAX);
        self.looked_at = Some(now);
        Ok(Found {
            jobs,
            condition: Condition {
                health: store.health().await?,
                uploader_runs: silence.is_some_and(|ms| ms <= most),
            },
            incomplete,
        })
    }
}

/// Whether a person would see a difference. Times that only pass are none.
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

impl Live {
    fn publish(&self, seen: &mut Seen, found: Found) {
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
            // An error means that nobody watches right now.
            let _ = self.updates.send(update);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refity_config::clock::Clock;

    async fn live(folder: &std::path::Path) -> Arc<Live> {
        let path = folder.join("db");
        let clock = Clock::system().unwrap();
        let store = Store::open(&path, clock.clone()).await;
        Live::new(store.unwrap(), Parts::unsupervised(clock))
    }

    #[tokio::test]
    async fn one_account_cannot_take_all_streams() {
        let folder = tempfile::tempdir().unwrap();
        let live = live(folder.path()).await;
        let mut streams = Vec::new();
        for _ in 0..STREAMS_EACH {
            streams.push(live.watch("bob", None).unwrap());
        }
        assert_eq!(live.watch("bob", None).err(), Some(TooMany::OfOne));
        for n in 0.. {
            match live.watch(&format!("user-{n}"), None) {
                Ok(stream) => streams.push(stream),
                Err(too_many) => {
                    assert_eq!(too_many, TooMany::InAll);
                    break;
                }
            }
        }
        assert_eq!(streams.len(), STREAMS_MAX);
        streams.clear();
        assert!(live.lock().streams.is_empty());
        live.watch("bob", None).unwrap();
    }

    #[tokio::test]
    async fn what_was_missed_is_told_as_long_as_it_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let live = live(folder.path()).await;
        let mut watching = live.watch("bob", None).unwrap();
        let first = watching.updates.recv().await.unwrap();
        assert_eq!(first.number, 1);
        live.store
            .create_group(&"team".parse().unwrap())
            .await
            .unwrap();
        let second = watching.updates.recv().await.unwrap();
        assert_eq!((second.number, second.jobs.len()), (2, 1), "{second:?}");
        let place = Place::parse(&watching.id(1)).unwrap();
        let again = live.watch("bob", Some(&place)).unwrap();
        let missed: Vec<_> = again.missed.as_ref().unwrap().iter().collect();
        assert_eq!(missed.len(), 1);
        for id in ["0-1", "x", "", &watching.id(7)] {
            let place = Place::parse(id);
            let again = live.watch("bob", place.as_ref()).unwrap();
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
