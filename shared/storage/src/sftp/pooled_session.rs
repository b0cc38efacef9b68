//! A session of the pool, while it is in use.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use deadpool::managed::Object;
use tokio::task::spawn_blocking;

use super::pool::{Dialer, Live, lock};
use super::session::Session;
use super::slots::Slot;

/// A session of the pool. Dropping it returns it, or closes it where it is
/// broken, still in use, or needed by another process.
pub struct PooledSession {
    live: Arc<Mutex<Live>>,
    /// Empty only while it is dropped.
    object: Option<Object<Dialer>>,
}

impl PooledSession {
    pub(super) fn new(object: Object<Dialer>) -> Self {
        Self {
            live: Arc::clone(&object.0),
            object: Some(object),
        }
    }

    /// Does one thing with the session on a blocking thread. If the returned
    /// future is dropped the work goes on, and the session is closed after.
    ///
    /// # Panics
    /// When the work does.
    pub async fn run<T, F>(&mut self, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(&mut Session) -> T + Send + 'static,
    {
        let live = Arc::clone(&self.live);
        let task = spawn_blocking(move || work(&mut lock(&live).session));
        match task.await {
            Ok(value) => value,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is ending, and this future with it.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// The session itself, for a long piece of work that is on a blocking
    /// thread already: move the `PooledSession` there first.
    pub fn blocking(&mut self) -> BlockingSession<'_> {
        BlockingSession {
            live: lock(&self.live),
        }
    }
}

impl std::fmt::Debug for PooledSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PooledSession")
    }
}

impl Drop for PooledSession {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else {
            return;
        };
        // The pool's and ours; a third is an operation that goes on.
        let in_use = Arc::strong_count(&self.live) > 2;
        let slot = match self.live.try_lock() {
            Ok(mut live) if !in_use && !live.session.is_broken() => {
                live.idle_since = Instant::now();
                live.slot.as_ref().map(Slot::number)
            }
            _ => None,
        };
        let pool = Object::pool(&object);
        match (slot, pool) {
            (Some(slot), Some(pool)) if !pool.manager().yield_slot(slot) => {
                if pool.manager().slots.we_wait() {
                    pool.manager().hand_off(Object::take(object));
                } else {
                    drop(object);
                }
            }
            _ => drop(Object::take(object)),
        }
    }
}

/// A session of the pool, held for use on this thread.
pub struct BlockingSession<'a> {
    live: MutexGuard<'a, Live>,
}

impl Deref for BlockingSession<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.live.session
    }
}

impl DerefMut for BlockingSession<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.live.session
    }
}
