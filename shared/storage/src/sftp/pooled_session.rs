//! A session of the pool that is in use.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use deadpool::managed::Object;
use tokio::task::spawn_blocking;

use super::pool::{Dialer, Live, lock};
use super::session::Session;
use super::slots::Slot;

/// A session of the pool. Dropping it returns it to the pool, or closes it if
/// it is broken, still in use, or needed by another process.
pub struct PooledSession {
    live: Arc<Mutex<Live>>,
    /// `None` only during drop.
    object: Option<Object<Dialer>>,
}

impl PooledSession {
    pub(super) fn new(object: Object<Dialer>) -> Self {
        Self {
            live: Arc::clone(&object.0),
            object: Some(object),
        }
    }

    /// Runs `work` with the session on a blocking thread. If the returned
    /// future is dropped, the work continues, and the session is closed
    /// afterwards.
    ///
    /// # Panics
    /// If `work` panics.
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
                // The runtime is shutting down, and this future with it.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Returns the session for long work on the current blocking thread. Move
    /// the `PooledSession` to that thread first.
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
        // One reference is the pool's and one is ours; a third belongs to a
        // running operation.
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

/// A session of the pool, locked for use on this thread.
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
