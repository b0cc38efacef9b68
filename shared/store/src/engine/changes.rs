//! Notifies waiters of commits by any process.
//!
//! One thread per process reads `PRAGMA data_version`, which is very cheap,
//! every few milliseconds while there are waiters, and sleeps otherwise.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use refity_config::fault;
use rusqlite::Connection;
use tokio::sync::watch;

use crate::StoreError;
use crate::engine::connection::open_reader;
use crate::engine::threads::Threads;

/// Polling interval while there are waiters.
const POLL: Duration = Duration::from_millis(4);

/// Maximum sleep of the thread while there are no waiters.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// Name of the thread.
pub(crate) const THREAD: &str = "store-changes";

/// Receives notifications of commits, for one waiter.
pub struct Changes {
    receiver: watch::Receiver<i64>,
}

impl Changes {
    /// Returns after the next commit by any process, or immediately if there
    /// was one since the last call. A commit may be reported twice.
    pub async fn next(&mut self) {
        if self.receiver.changed().await.is_err() {
            // The store was dropped; its waiters end with it.
            std::future::pending::<()>().await;
        }
    }
}

pub(crate) struct Watcher {
    sender: watch::Sender<i64>,
    waiters: Mutex<()>,
    came: Condvar,
    /// Incremented by each iteration of the thread.
    turns: AtomicU64,
}

impl Watcher {
    pub(crate) fn start(path: &Path, threads: &Threads) -> Result<Arc<Self>, StoreError> {
        let connection = open_reader(path)?;
        let (sender, _) = watch::channel(0);
        let watcher = Arc::new(Self {
            sender,
            waiters: Mutex::new(()),
            came: Condvar::new(),
            turns: AtomicU64::new(0),
        });
        let weak = Arc::downgrade(&watcher);
        threads.start(THREAD, move || {
            while let Some(watcher) = weak.upgrade() {
                fault::point(THREAD);
                watcher.poll(&connection);
                watcher.turns.fetch_add(1, Ordering::Relaxed);
                drop(watcher);
                std::thread::sleep(POLL);
            }
        })?;
        Ok(watcher)
    }

    pub(crate) fn subscribe(&self) -> Changes {
        let receiver = self.sender.subscribe();
        let _guard = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        self.came.notify_one();
        Changes { receiver }
    }

    /// Returns when the thread has completed another iteration.
    pub(crate) async fn turned(&self) {
        let before = self.turns.load(Ordering::Relaxed);
        while self.turns.load(Ordering::Relaxed) == before {
            tokio::time::sleep(SLEEP_MAX / 10).await;
        }
    }

    /// Reads the version once. First sleeps until there is a waiter, but at
    /// most a second, so that the thread also notices when its store is
    /// dropped.
    fn poll(&self, connection: &Connection) {
        let guard = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        if self.sender.receiver_count() == 0 {
            drop(self.came.wait_timeout(guard, SLEEP_MAX));
        }
        let version = connection.query_row("PRAGMA data_version", [], |row| row.get(0));
        if let Ok(version) = version {
            self.sender
                .send_if_modified(|last| std::mem::replace(last, version) != version);
        }
    }
}
