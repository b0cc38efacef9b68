//! The one thread of a process that writes to the database.
//!
//! All writes that are queued run in one transaction, each in a savepoint of
//! its own, and are answered after its commit: one fsync serves many
//! requests. The same thread has a second connection for what may be lost in
//! a power cut (upload offsets, heartbeats, progress).

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::StoreError;
use crate::engine::connection::{BUSY_TIMEOUT, open_connection};

/// How many queued writes one transaction takes at most, so that none waits
/// long for the answers of the others.
const BATCH_MAX: usize = 256;

/// How long a batch waits at least for another process's transaction.
const BUSY_LEAST: Duration = Duration::from_secs(1);

/// What a commit promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// On disk before the answer (`synchronous=FULL`).
    Full,
    /// Seen by every process at once, on disk later (`synchronous=NORMAL`).
    Relaxed,
}

type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// A write: given the open transaction, or why there is none.
type Work = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Answer + Send>;

/// A write that waits for its batch.
struct Queued {
    durability: Durability,
    since: Instant,
    work: Work,
}

/// The way to the writer's thread. The thread ends when the last is dropped.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Queued>,
}

impl Writer {
    /// Opens both connections and starts the thread.
    pub(crate) fn start(path: &Path) -> Result<Self, StoreError> {
        let full = open_connection(path)?;
        full.pragma_update(None, "synchronous", "FULL")?;
        let relaxed = open_connection(path)?;
        relaxed.pragma_update(None, "synchronous", "NORMAL")?;
        let (queue, work) = mpsc::channel();
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || run(&full, &relaxed, &work))
            .map_err(|error| StoreError::Other(format!("cannot start a thread: {error}")))?;
        Ok(Self { queue })
    }

    /// Runs `write` inside a transaction and answers after its commit. What
    /// it wrote is undone when it fails.
    pub(crate) async fn submit<T: Send + 'static>(
        &self,
        durability: Durability,
        write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let result = connection.and_then(|connection| in_savepoint(connection, write));
            Box::new(move |committed| {
                // The one who asked may have gone; the write stands.
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

fn run(full: &Connection, relaxed: &Connection, queue: &mpsc::Receiver<Queued>) {
    // Whether the last batch waited for another process in vain.
    let mut held = false;
    while let Ok(first) = queue.recv() {
        let queued = std::iter::once(first).chain(queue.try_iter());
        let (durable, other): (Vec<_>, Vec<_>) = queued
            .take(BATCH_MAX)
            .partition(|one| one.durability == Durability::Full);
        for (connection, batch) in [(relaxed, other), (full, durable)] {
            // In the order in which they came.
            if let Some(oldest) = batch.first() {
                let wait = patience(held, oldest.since);
                held = run_batch(connection, wait, batch) == Err(StoreError::Busy);
            }
        }
    }
}

/// How long a batch waits for another process's transaction. Whoever waited
/// in the queue while others waited in vain has waited for it too.
fn patience(held: bool, since: Instant) -> Duration {
    if held {
        BUSY_TIMEOUT.saturating_sub(since.elapsed()).max(BUSY_LEAST)
    } else {
        BUSY_TIMEOUT
    }
}

/// Runs the batch in one transaction; answers whether that could begin.
fn run_batch(
    connection: &Connection,
    wait: Duration,
    batch: Vec<Queued>,
) -> Result<(), StoreError> {
    let begun = connection
        .busy_timeout(wait)
        .and_then(|()| connection.execute_batch("BEGIN IMMEDIATE"))
        .map_err(StoreError::from);
    let answers: Vec<Answer> = batch
        .into_iter()
        .map(|queued| (queued.work)(begun.clone().map(|()| connection)))
        .collect();
    let committed = begun
        .clone()
        .and_then(|()| Ok(connection.execute_batch("COMMIT")?));
    if !connection.is_autocommit() {
        // A commit that failed leaves its transaction open.
        let _ = connection.execute_batch("ROLLBACK");
    }
    for answer in answers {
        answer(committed.clone());
    }
    begun
}

fn in_savepoint<T>(
    connection: &Connection,
    write: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.execute_batch("SAVEPOINT one")?;
    match write(connection) {
        Ok(value) => {
            connection.execute_batch("RELEASE one")?;
            Ok(value)
        }
        Err(error) => {
            connection.execute_batch("ROLLBACK TO one; RELEASE one")?;
            Err(error)
        }
    }
}
