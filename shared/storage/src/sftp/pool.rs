//! A pool of sessions: kept open for a while, checked before use, and limited
//! to the account's connections over all processes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, PoolError, RecycleError, RecycleResult};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::config::{Role, SftpConfig};
use super::pooled_session::PooledSession;
use super::session::Session;
use super::slots::{Slot, Slots};
use crate::error::StorageError;
use crate::storage::Connections;

/// How long an unused session is kept open.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Idle time after which a session is checked before use.
const IDLE_TRUSTED: Duration = Duration::from_secs(1);
/// Timeout of that check.
const CHECK_MAX: Duration = Duration::from_secs(10);
/// Polling interval of callers that wait for a slot.
const POLL: Duration = Duration::from_millis(25);
/// How long a pool that yielded a slot leaves it to other pools.
const HOLD_OFF: Duration = Duration::from_millis(100);

tokio::task_local! {
    /// Deadline of the current call to [`Pool::session_within`].
    static DEADLINE: Instant;
}

/// A session with its slot.
pub(super) struct Live {
    pub(super) session: Session,
    pub(super) slot: Option<Slot>,
    pub(super) idle_since: Instant,
}

impl Drop for Live {
    /// Closing talks to the server, so it runs on a blocking thread. The slot
    /// is released after the connection is closed.
    fn drop(&mut self) {
        let parts = (self.session.take(), self.slot.take());
        // Tuple fields are dropped in order.
        let close = move || drop(parts);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(close)),
            Err(_) => close(),
        }
    }
}

/// The object that deadpool manages. An operation that outlives its caller
/// shares it, and so keeps session and slot until the operation ends.
pub(super) struct Connection(pub(super) Arc<Mutex<Live>>);

/// Creates and checks sessions for deadpool.
pub(super) struct Dialer {
    config: SftpConfig,
    pub(super) slots: Slots,
    /// Sessions handed off to this pool's own waiters.
    handed_off: Mutex<VecDeque<Connection>>,
    handed: Notify,
    yielded: Mutex<Option<Instant>>,
    dialed: AtomicU64,
    reaping: AtomicBool,
}

impl Dialer {
    /// Waits for a session that is handed off, or for a slot for a new one.
    async fn next(&self) -> Result<Result<Connection, Slot>, StorageError> {
        if let Some(slot) = self.free_slot()? {
            return Ok(Err(slot));
        }
        let deadline = DEADLINE
            .try_with(|deadline| *deadline)
            .unwrap_or_else(|_| Instant::now() + self.config.timeouts.wait);
        let _waiting = self.slots.wait();
        loop {
            if let Some(connection) = lock(&self.handed_off).pop_front() {
                return Ok(Ok(connection));
            }
            if let Some(slot) = self.free_slot()? {
                return Ok(Err(slot));
            }
            if Instant::now() >= deadline {
                return Err(self.busy());
            }
            // Check in any case, whether notified or timed out.
            let _ = timeout(POLL, self.handed.notified()).await;
        }
    }

    fn free_slot(&self) -> Result<Option<Slot>, StorageError> {
        if self.yielded_lately() {
            return Ok(None);
        }
        self.slots.try_take()
    }

    fn yielded_lately(&self) -> bool {
        lock(&self.yielded).is_some_and(|at| at.elapsed() < HOLD_OFF)
    }

    /// Returns whether to close a session on this slot because another pool
    /// waits. Each `true` yields one slot.
    pub(super) fn yield_slot(&self, slot: usize) -> bool {
        if self.yielded_lately() || self.slots.awaited_from().is_none_or(|from| from > slot) {
            return false;
        }
        *lock(&self.yielded) = Some(Instant::now());
        true
    }

    pub(super) fn hand_off(&self, connection: Connection) {
        lock(&self.handed_off).push_back(connection);
        self.handed.notify_one();
    }

    fn busy(&self) -> StorageError {
        StorageError::operation(format!(
            "all {} connections to the storage are busy",
            self.config.connections
        ))
    }
}

impl managed::Manager for Dialer {
    type Type = Connection;
    type Error = StorageError;

    async fn create(&self) -> Result<Connection, StorageError> {
        let slot = match self.next().await? {
            Ok(connection) => return Ok(connection),
            Err(slot) => slot,
        };
        self.dialed.fetch_add(1, Ordering::Relaxed);
        let config = self.config.clone();
        let dial = move || {
            let session = Session::connect(&config)?;
            Ok(Connection(Arc::new(Mutex::new(Live {
                session,
                slot: Some(slot),
                idle_since: Instant::now(),
            }))))
        };
        spawn_blocking(dial)
            .await
            .unwrap_or_else(|error| Err(StorageError::connection(error.to_string())))
    }

    async fn recycle(&self, kept: &mut Connection, _: &Metrics) -> RecycleResult<StorageError> {
        let (idle, alive) = {
            let live = lock(&kept.0);
            let broken = live.session.is_broken();
            let alive = if broken {
                Some(false)
            } else {
                live.session.peek()
            };
            (live.idle_since.elapsed(), alive)
        };
        match alive {
            Some(false) => return Err(RecycleError::message("the server hung up")),
            _ if idle > IDLE_MAX => return Err(RecycleError::message("idle for too long")),
            Some(true) if idle < IDLE_TRUSTED => return Ok(()),
            _ => {}
        }
        let live = Arc::clone(&kept.0);
        let usual = self.config.timeouts.operation;
        let check = move || {
            let mut live = lock(&live);
            live.session.set_timeout(usual.min(CHECK_MAX));
            let answer = live.session.stat(".");
            live.session.set_timeout(usual);
            answer
        };
        match spawn_blocking(check).await {
            Ok(answer) => Ok(answer.map(|_| ())?),
            Err(error) => Err(RecycleError::message(error.to_string())),
        }
    }
}

/// A pool of sessions. Cheap to clone. The task that closes idle sessions ends
/// with the last clone.
#[derive(Clone)]
pub struct Pool {
    inner: managed::Pool<Dialer>,
}

impl Pool {
    /// Creates a pool for one account. Does not connect before the first use.
    ///
    /// # Errors
    /// If deadpool rejects its settings, which are constant.
    pub fn new(config: SftpConfig, role: Role) -> Result<Self, StorageError> {
        let slots = Slots::new(&config.slots, config.connections, role);
        let size = slots.len();
        let dialer = Dialer {
            config,
            slots,
            handed_off: Mutex::default(),
            handed: Notify::new(),
            yielded: Mutex::default(),
            dialed: AtomicU64::new(0),
            reaping: AtomicBool::new(false),
        };
        let inner = managed::Pool::builder(dialer)
            .max_size(size)
            .queue_mode(managed::QueueMode::Lifo)
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| StorageError::operation(error.to_string()))?;
        Ok(Self { inner })
    }

    /// Returns the configuration of the server.
    #[must_use]
    pub fn config(&self) -> &SftpConfig {
        &self.inner.manager().config
    }

    /// Returns the maximum number of sessions of this process.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.inner.manager().slots.len()
    }

    /// Returns a session, waiting for a free one as long as configured. Makes
    /// one attempt to connect.
    ///
    /// # Errors
    /// Like [`Session::connect`]; a transient error of the operation if all
    /// connections stay busy.
    pub async fn session(&self) -> Result<PooledSession, StorageError> {
        self.session_within(self.config().timeouts.wait).await
    }

    /// Like [`Pool::session`], with the given maximum wait.
    ///
    /// # Errors
    /// Like [`Pool::session`].
    pub async fn session_within(&self, wait: Duration) -> Result<PooledSession, StorageError> {
        self.start_reaper();
        let timeouts = managed::Timeouts {
            wait: Some(wait),
            ..managed::Timeouts::new()
        };
        let asked = self.inner.timeout_get(&timeouts);
        match DEADLINE.scope(Instant::now() + wait, asked).await {
            Ok(object) => Ok(PooledSession::new(object)),
            Err(PoolError::Backend(error)) => Err(error),
            Err(PoolError::Timeout(_)) => Err(self.inner.manager().busy()),
            Err(error) => Err(StorageError::operation(error.to_string())),
        }
    }

    /// Returns the current number of sessions.
    #[must_use]
    pub fn stats(&self) -> Connections {
        let status = self.inner.status();
        Connections {
            open: status.size,
            idle: status.available,
            waiting: status.waiting,
            dialed: self.inner.manager().dialed.load(Ordering::Relaxed),
        }
    }

    /// Closes all idle sessions.
    pub fn close_idle(&self) {
        drop(self.inner.retain(|_, _| false));
    }

    /// Starts the task that closes idle sessions: after a while, or when
    /// another process waits for a slot.
    fn start_reaper(&self) {
        if self.inner.manager().reaping.swap(true, Ordering::Relaxed) {
            return;
        }
        let pool = self.inner.weak();
        tokio::spawn(async move {
            loop {
                sleep(2 * POLL).await;
                let Some(pool) = pool.upgrade() else { return };
                // The task reads files of other processes. A panic ends only
                // this run; the next one closes the idle sessions.
                if let Err(error) = spawn_blocking(move || reap(&pool)).await {
                    tracing::error!(%error, "idle sessions cannot be closed");
                }
            }
        });
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stats().fmt(f)
    }
}

fn reap(pool: &managed::Pool<Dialer>) {
    let dialer = pool.manager();
    if !dialer.slots.we_wait() {
        // The session was handed off to a caller that had stopped waiting.
        lock(&dialer.handed_off).clear();
    }
    if pool.status().available == 0 {
        return;
    }
    drop(pool.retain(|kept, _| {
        let live = lock(&kept.0);
        let slot = live.slot.as_ref().map(Slot::number);
        live.idle_since.elapsed() <= IDLE_MAX && !slot.is_some_and(|slot| dialer.yield_slot(slot))
    }));
}

/// Locks a mutex even if it is poisoned. Dropping the [`PooledSession`]
/// discards the session of a panicked thread; the other data is valid at every
/// step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
