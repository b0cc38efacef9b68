//! The read-only connections of a process, in lanes.
//!
//! Each [`Lane`] has its own connections and a deadline, so that long lists in
//! the web interface never delay a push or a pull. A read ends at its deadline,
//! or as soon as its caller stops waiting.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use refity_config::fault;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::StoreError;
use crate::engine::connection::open_reader;
use crate::engine::db::Db;
use crate::engine::{blocking, caught};

/// Number of steps of SQLite's virtual machine between two checks of the
/// deadline: about a millisecond.
const STEPS: i32 = 20_000;

/// How long after its deadline a read is considered hanging: it waits for a
/// disk, since otherwise SQLite would have ended it.
const HUNG: Duration = Duration::from_secs(30);

/// The kind of caller of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Pushes, pulls, sign-ins, jobs: short reads that use an index.
    Registry,
    /// Reads for the web interface: lists, sums, searches, previews.
    People,
    /// Internal work over many rows, for which no client waits.
    Background,
}

impl Lane {
    /// Returns the number of connections: more than cores if a read may wait
    /// for a page.
    fn connections(self) -> usize {
        match self {
            Self::Registry | Self::People => 4,
            Self::Background => 2,
        }
    }

    /// Returns the maximum duration of a read, including the wait for a
    /// connection.
    fn deadline(self) -> Duration {
        match self {
            Self::Registry => Duration::from_secs(20),
            Self::People => Duration::from_secs(10),
            Self::Background => Duration::from_secs(15 * 60),
        }
    }
}

/// All lanes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Readers {
    registry: Arc<Connections>,
    people: Arc<Connections>,
    background: Arc<Connections>,
}

impl Readers {
    /// Opens the connections.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let open = |lane: Lane| Connections::open(path, lane.connections(), lane.deadline());
        Ok(Self {
            registry: open(Lane::Registry)?,
            people: open(Lane::People)?,
            background: open(Lane::Background)?,
        })
    }

    /// Runs a read on one of the lane's connections.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        read: impl FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connections = match lane {
            Lane::Registry => &self.registry,
            Lane::People => &self.people,
            Lane::Background => &self.background,
        };
        connections.run(read).await
    }

    /// Returns whether a read still runs long after its deadline.
    pub(crate) fn hang(&self) -> bool {
        [&self.registry, &self.people, &self.background]
            .iter()
            .any(|connections| connections.hang())
    }
}

/// A connection, and the read that its progress handler checks.
struct Reader {
    db: Db,
    current: Arc<Mutex<Option<Arc<Read>>>>,
}

/// A single read.
struct Read {
    until: Instant,
    abandoned: AtomicBool,
}

impl Read {
    fn is_over(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed) || Instant::now() >= self.until
    }
}

/// Abandons the read when the future that waits for it is dropped.
struct Client(Arc<Read>);

impl Drop for Client {
    fn drop(&mut self) {
        self.0.abandoned.store(true, Ordering::Relaxed);
    }
}

impl Reader {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let mut db = Db::new(open_reader(path)?);
        let current: Arc<Mutex<Option<Arc<Read>>>> = Arc::default();
        let looked_at = Arc::clone(&current);
        let is_over = move || lock(&looked_at).as_ref().is_some_and(|read| read.is_over());
        db.connection_mut().progress_handler(STEPS, Some(is_over))?;
        Ok(Self { db, current })
    }

    fn read<T>(
        &self,
        read: &Arc<Read>,
        work: impl FnOnce(&Db) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if read.is_over() {
            return Err(StoreError::TooSlow);
        }
        *lock(&self.current) = Some(Arc::clone(read));
        let result = caught(|| {
            fault::point("read");
            self.db.snapshot(work)
        });
        *lock(&self.current) = None;
        result
    }
}

/// The connections of one lane, and the permits to use them.
struct Connections {
    idle: Mutex<Vec<Reader>>,
    permits: Arc<Semaphore>,
    deadline: Duration,
    /// Deadlines of the running reads.
    running: Mutex<HashMap<u64, Instant>>,
    reads: AtomicU64,
}

impl Connections {
    fn open(path: &Path, count: usize, deadline: Duration) -> Result<Arc<Self>, StoreError> {
        let idle = (0..count).map(|_| Reader::open(path));
        Ok(Arc::new(Self {
            idle: Mutex::new(idle.collect::<Result<_, _>>()?),
            permits: Arc::new(Semaphore::new(count)),
            deadline,
            running: Mutex::default(),
            reads: AtomicU64::new(0),
        }))
    }

    async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let read = Arc::new(Read {
            until: Instant::now() + self.deadline,
            abandoned: AtomicBool::new(false),
        });
        let _client = Client(Arc::clone(&read));
        let permit = timeout(self.deadline, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| StoreError::TooSlow)?
            .map_err(|_| StoreError::Stopped)?;
        let connections = Arc::clone(self);
        blocking(move || connections.run_blocking(permit, &read, work)).await
    }

    fn run_blocking<T>(
        &self,
        permit: OwnedSemaphorePermit,
        read: &Arc<Read>,
        work: impl FnOnce(&Db) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let number = self.reads.fetch_add(1, Ordering::Relaxed);
        let reader = lock(&self.idle).pop().ok_or(StoreError::Stopped)?;
        lock(&self.running).insert(number, read.until);
        let result = reader.read(read, work);
        lock(&self.running).remove(&number);
        lock(&self.idle).push(reader);
        drop(permit);
        result
    }

    fn hang(&self) -> bool {
        let now = Instant::now();
        let running = lock(&self.running);
        running.values().any(|until| now >= *until + HUNG)
    }
}

/// Locks a mutex even if it is poisoned: its data is valid at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::connection::open_connection;

    /// A query that runs for hours.
    const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
         SELECT count(*) FROM n";

    struct Place {
        _folder: tempfile::TempDir,
        connections: Arc<Connections>,
    }

    fn place(deadline: Duration) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let writes = open_connection(&path).unwrap();
        writes
            .execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (7)")
            .unwrap();
        Place {
            connections: Connections::open(&path, 2, deadline).unwrap(),
            _folder: folder,
        }
    }

    fn seven(db: &Db) -> Result<i64, StoreError> {
        db.one("SELECT x FROM t", (), |row| row.get(0))
    }

    fn endless(db: &Db) -> Result<i64, StoreError> {
        db.one(ENDLESS, (), |row| row.get(0))
    }

    fn read_and_panic(db: &Db) -> Result<(), StoreError> {
        seven(db)?;
        panic!("no such luck")
    }

    const HOURS: Duration = Duration::from_secs(10_000);

    #[tokio::test]
    async fn a_read_that_panics_fails_alone_and_returns_its_connection() {
        let place = place(HOURS);
        for _ in 0..5 {
            let read = place.connections.run(read_and_panic);
            let failed = read.await.unwrap_err();
            assert_eq!(failed, StoreError::Panic("no such luck".to_owned()));
        }
        for _ in 0..5 {
            assert_eq!(place.connections.run(seven).await, Ok(7));
        }
        assert_eq!(lock(&place.connections.idle).len(), 2);
        assert!(!place.connections.hang());
    }

    #[tokio::test]
    async fn a_read_ends_at_its_deadline() {
        let place = place(Duration::from_millis(50));
        let failed = place.connections.run(endless).await;
        assert_eq!(failed, Err(StoreError::TooSlow));
        // The wait for a connection counts too.
        let (one, two) = (
            place.connections.run(endless),
            place.connections.run(endless),
        );
        let third = place.connections.run(endless);
        let all = tokio::join!(one, two, third);
        assert_eq!(all.2, Err(StoreError::TooSlow));
        assert_eq!(place.connections.run(seven).await, Ok(7));
    }

    #[tokio::test]
    async fn a_read_ends_when_its_caller_stops_waiting() {
        let place = place(HOURS);
        for _ in 0..3 {
            let read = place.connections.run(endless);
            timeout(Duration::from_millis(20), read).await.unwrap_err();
        }
        // It would wait for a connection for hours.
        for _ in 0..3 {
            assert_eq!(place.connections.run(seven).await, Ok(7));
        }
    }
}
