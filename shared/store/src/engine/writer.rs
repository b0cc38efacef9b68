//! The only thread of a process that writes to the database.
//!
//! All queued writes run in one transaction, each in its own savepoint, and
//! complete after its commit: one fsync serves many requests. The thread has a
//! second connection for data that may be lost in a power failure (upload
//! offsets, heartbeats, progress).
//!
//! A write that panics fails alone: its savepoint is rolled back, and the other
//! writes of the batch are committed. The queue has no limit of its own. Every
//! write belongs to a request or to a part of the process that waits for its
//! result, so the limits on connections and request bodies bound the queue.

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use refity_config::fault;
use tokio::sync::oneshot;

use crate::StoreError;
use crate::engine::caught;
use crate::engine::connection::{BUSY_TIMEOUT, open_connection};
use crate::engine::db::Db;
use crate::engine::threads::Threads;

/// Maximum number of writes in one transaction, so that none waits long for the
/// others.
const BATCH_MAX: usize = 256;

/// Minimum time that a batch waits for another process's transaction.
const BUSY_LEAST: Duration = Duration::from_secs(1);

/// Name of the writer's thread.
pub(crate) const THREAD: &str = "store-writer";

/// The durability of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// On disk before the write returns (`synchronous=FULL`).
    Full,
    /// Visible to all processes immediately, on disk later
    /// (`synchronous=NORMAL`).
    Relaxed,
}

type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// A write, called with the open transaction, or with the error that prevented
/// it.
type Work = Box<dyn FnOnce(Result<&Db, StoreError>) -> Answer + Send>;

/// A write in the queue.
struct Queued {
    durability: Durability,
    since: Instant,
    work: Work,
}

/// A handle to the writer's thread, which ends when the last handle is dropped.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Queued>,
}

impl Writer {
    /// Opens both connections and starts the thread.
    pub(crate) fn start(path: &Path, threads: &Threads) -> Result<Self, StoreError> {
        let full = Db::new(open_connection(path)?);
        full.connection()
            .pragma_update(None, "synchronous", "FULL")?;
        let relaxed = Db::new(open_connection(path)?);
        relaxed
            .connection()
            .pragma_update(None, "synchronous", "NORMAL")?;
        let (queue, work) = mpsc::channel();
        threads.start(THREAD, move || run(&full, &relaxed, &work))?;
        Ok(Self { queue })
    }

    /// Runs `write` inside a transaction and returns after its commit. Rolls
    /// back the changes of `write` if it fails.
    pub(crate) async fn submit<T: Send + 'static>(
        &self,
        durability: Durability,
        write: impl FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move |db| {
            let result = db.and_then(|db| in_savepoint(db, write));
            Box::new(move |committed| {
                // The caller may no longer wait; the write remains in effect.
                let _ = sender.send(committed.and(result));
            })
        });
        let since = Instant::now();
        let queued = Queued {
            durability,
            since,
            work,
        };
        self.queue.send(queued).map_err(|_| StoreError::Stopped)?;
        receiver.await.map_err(|_| StoreError::Stopped)?
    }
}

fn run(full: &Db, relaxed: &Db, queue: &mpsc::Receiver<Queued>) {
    // Whether the last batch waited for another process in vain.
    let mut held = false;
    while let Ok(first) = queue.recv() {
        fault::point(THREAD);
        let queued = std::iter::once(first).chain(queue.try_iter());
        let (durable, other): (Vec<_>, Vec<_>) = queued
            .take(BATCH_MAX)
            .partition(|one| one.durability == Durability::Full);
        for (db, batch) in [(relaxed, other), (full, durable)] {
            // In order of arrival.
            if let Some(oldest) = batch.first() {
                let wait = patience(held, oldest.since);
                held = run_batch(db, wait, batch) == Err(StoreError::Busy);
            }
        }
    }
}

/// Returns how long a batch waits for another process's transaction. Time in
/// the queue behind batches that waited in vain counts too.
fn patience(held: bool, since: Instant) -> Duration {
    if held {
        BUSY_TIMEOUT.saturating_sub(since.elapsed()).max(BUSY_LEAST)
    } else {
        BUSY_TIMEOUT
    }
}

/// Runs the batch in one transaction. Fails if the transaction cannot begin.
fn run_batch(db: &Db, wait: Duration, batch: Vec<Queued>) -> Result<(), StoreError> {
    let begun = db
        .connection()
        .busy_timeout(wait)
        .and_then(|()| db.connection().execute_batch("BEGIN IMMEDIATE"))
        .map_err(StoreError::from);
    let answers: Vec<Answer> = batch
        .into_iter()
        .map(|queued| (queued.work)(begun.clone().map(|()| db)))
        .collect();
    let committed = begun
        .clone()
        .and_then(|()| Ok(db.connection().execute_batch("COMMIT")?));
    if !db.connection().is_autocommit() {
        // A failed commit leaves its transaction open.
        let _ = db.connection().execute_batch("ROLLBACK");
    }
    for answer in answers {
        answer(committed.clone());
    }
    begun
}

fn in_savepoint<T>(
    db: &Db,
    write: impl FnOnce(&Db) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    db.connection().execute_batch("SAVEPOINT one")?;
    let written = caught(|| {
        fault::point("write");
        write(db)
    });
    match written {
        Ok(value) => {
            db.connection().execute_batch("RELEASE one")?;
            Ok(value)
        }
        Err(error) => {
            db.connection()
                .execute_batch("ROLLBACK TO one; RELEASE one")?;
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing;

    fn count(db: &Db) -> Result<i64, StoreError> {
        db.one("SELECT count(*) FROM t", (), |row| row.get(0))
    }

    fn insert(db: &Db) -> Result<(), StoreError> {
        db.run("INSERT INTO t VALUES (1)", ())?;
        Ok(())
    }

    fn insert_and_panic(db: &Db) -> Result<(), StoreError> {
        insert(db)?;
        panic!("no such luck")
    }

    #[tokio::test]
    async fn a_write_that_panics_is_rolled_back_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let made = Db::new(open_connection(&path).unwrap());
        testing::run_all(&made, "CREATE TABLE t (x)");
        let threads = Threads::new();
        let writer = Writer::start(&path, &threads).unwrap();
        for durability in [Durability::Full, Durability::Relaxed] {
            let before = count(&made).unwrap();
            // Queue the writes together, so that they form one batch.
            let results = tokio::join!(
                writer.submit(durability, insert),
                writer.submit(durability, insert_and_panic),
                writer.submit(durability, insert),
            );
            let panicked = StoreError::Panic("no such luck".to_owned());
            assert_eq!(results, (Ok(()), Err(panicked), Ok(())));
            assert_eq!(count(&made).unwrap(), before + 2);
        }
        assert_eq!(writer.submit(Durability::Full, insert).await, Ok(()));
        let ended = tokio::time::timeout(Duration::ZERO, threads.ended()).await;
        assert!(ended.is_err(), "the thread still runs");
    }

    #[tokio::test]
    async fn the_end_of_the_thread_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let threads = Threads::new();
        let writer = Writer::start(&folder.path().join("db"), &threads).unwrap();
        drop(writer);
        assert_eq!(threads.ended().await, THREAD);
    }
}
