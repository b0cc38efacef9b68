//! Supervises the long-running parts of a program, so that none of them ends or
//! hangs unnoticed.
//!
//! Each part holds a [`Part`] while it runs. Dropping a `Part`, because the
//! part panicked or returned, reports a [`PartEnded`], and the program exits,
//! so that a service manager restarts all of it. During a requested shutdown,
//! nothing listens to these reports. The steps of a part are timed as well: the
//! watchdog is not notified while a part is stuck.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use refity_config::clock::{Clock, millis};
use refity_config::fault::{self, Fault};
use refity_store::Store;
use tokio::sync::mpsc;

/// A part that should run as long as the program has ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} {how}; the process exits so that it can be restarted")]
pub struct PartEnded {
    /// Name of the part.
    pub name: &'static str,
    /// How the part ended, as a verb.
    how: &'static str,
}

/// Receives the first part that ends.
#[derive(Debug)]
pub struct Supervisor {
    parts: Parts,
    ended: mpsc::UnboundedReceiver<PartEnded>,
}

impl Supervisor {
    /// Supervises the threads of this store, and the parts begun later.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        let (sender, ended) = mpsc::unbounded_channel();
        let parts = Parts {
            ended: sender,
            running: Arc::default(),
            clock: store.clock().clone(),
        };
        let (store, news) = (store.clone(), parts.ended.clone());
        tokio::spawn(async move {
            let name = store.thread_ended().await;
            let _ = news.send(PartEnded {
                name,
                how: "ended unexpectedly",
            });
        });
        Self { parts, ended }
    }

    /// Returns the handle for beginning parts.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Returns when the first part has ended.
    pub async fn ended(&mut self) -> PartEnded {
        match self.ended.recv().await {
            Some(ended) => ended,
            // Unreachable while `self` holds a sender.
            None => std::future::pending().await,
        }
    }
}

/// The running parts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Parts {
    ended: mpsc::UnboundedSender<PartEnded>,
    running: Arc<Mutex<Vec<Arc<Beat>>>>,
    clock: Clock,
}

/// State of a running part.
#[derive(Debug)]
struct Beat {
    name: &'static str,
    /// Maximum duration of a step.
    patience: Duration,
    /// Start of the current step (milliseconds since boot), or
    /// [`Beat::RESTING`] if there is none.
    since: AtomicI64,
}

impl Beat {
    const RESTING: i64 = i64::MIN;

    fn is_stuck(&self, now: i64) -> bool {
        let since = self.since.load(Ordering::Relaxed);
        since != Self::RESTING && now - since > millis(self.patience)
    }
}

impl Parts {
    /// Creates a set of parts whose ends are not reported, for tests and for
    /// commands without parts.
    #[must_use]
    pub fn unsupervised(clock: Clock) -> Self {
        Self {
            ended: mpsc::unbounded_channel().0,
            running: Arc::default(),
            clock,
        }
    }

    /// Begins a part. Each of its steps should take at most `patience`.
    #[must_use]
    pub fn begin(&self, name: &'static str, patience: Duration) -> Part {
        let beat = Arc::new(Beat {
            name,
            patience,
            since: AtomicI64::new(Beat::RESTING),
        });
        self.lock().push(Arc::clone(&beat));
        Part {
            beat,
            parts: self.clone(),
            should_run: true,
        }
    }

    /// Returns the name of a part whose step takes too long, if there is one.
    #[must_use]
    pub fn stuck(&self) -> Option<&'static str> {
        let now = self.clock.boot_ms();
        let running = self.lock();
        let stuck = running.iter().find(|beat| beat.is_stuck(now));
        stuck.map(|beat| beat.name)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Beat>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running part.
#[derive(Debug)]
pub struct Part {
    beat: Arc<Beat>,
    parts: Parts,
    should_run: bool,
}

impl Part {
    /// Runs one step and times it.
    pub async fn step<T>(&self, step: impl Future<Output = T>) -> T {
        self.beat();
        while let Some(fault) = fault::at(self.beat.name) {
            match fault {
                Fault::Panic => panic!("a test makes {} panic", self.beat.name),
                Fault::Hang => tokio::time::sleep(fault::INTERVAL).await,
            }
        }
        let result = step.await;
        self.beat.since.store(Beat::RESTING, Ordering::Relaxed);
        result
    }

    /// Reports progress within a long step.
    pub fn beat(&self) {
        let now = self.parts.clock.boot_ms();
        self.beat.since.store(now, Ordering::Relaxed);
    }

    /// Ends the part normally, without reporting it.
    pub fn end(mut self) {
        self.should_run = false;
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.parts
            .lock()
            .retain(|beat| !Arc::ptr_eq(beat, &self.beat));
        if self.should_run {
            let how = if std::thread::panicking() {
                "panicked"
            } else {
                "ended unexpectedly"
            };
            let _ = self.parts.ended.send(PartEnded {
                name: self.beat.name,
                how,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    struct Place {
        supervisor: Supervisor,
        offset: std::path::PathBuf,
        _folder: tempfile::TempDir,
    }

    async fn place() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let offset = folder.path().join("offset");
        let clock = Clock::with_offset_file(&offset).unwrap();
        let store = Store::open(&folder.path().join("db"), clock).await.unwrap();
        Place {
            supervisor: Supervisor::new(&store),
            offset,
            _folder: folder,
        }
    }

    #[tokio::test]
    async fn a_part_that_panics_or_returns_is_reported() {
        let mut place = place().await;
        for panics in [true, false] {
            let part = place.supervisor.parts().begin("counter", PATIENCE);
            let task = tokio::spawn(async move {
                part.step(async { assert!(!panics) }).await;
            });
            let ended = place.supervisor.ended().await;
            assert_eq!(task.await.is_err(), panics);
            assert_eq!(ended.name, "counter");
            assert_eq!(ended.how.contains("panicked"), panics, "{ended}");
        }
    }

    #[tokio::test]
    async fn a_part_that_ends_normally_is_not_reported() {
        let mut place = place().await;
        place.supervisor.parts().begin("first", PATIENCE).end();
        drop(place.supervisor.parts().begin("second", PATIENCE));
        assert_eq!(place.supervisor.ended().await.name, "second");
    }

    #[tokio::test]
    async fn slow_steps_are_stuck_and_pauses_are_not() {
        let place = place().await;
        let parts = place.supervisor.parts();
        let (resting, working) = (
            parts.begin("rests", PATIENCE),
            parts.begin("works", PATIENCE),
        );
        resting.step(async {}).await;
        let (go_on, told) = tokio::sync::oneshot::channel::<()>();
        let step = working.step(async { drop(told.await) });
        let look = async {
            assert_eq!(parts.stuck(), None);
            std::fs::write(&place.offset, "61000").unwrap();
            assert_eq!(parts.stuck(), Some("works"));
            working.beat();
            assert_eq!(parts.stuck(), None);
            std::fs::write(&place.offset, "122000").unwrap();
            assert_eq!(parts.stuck(), Some("works"));
            drop(go_on);
        };
        tokio::join!(step, look);
        assert_eq!(parts.stuck(), None);
        drop((resting, working));
        assert!(parts.lock().is_empty());
    }
}
