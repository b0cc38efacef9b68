//! The store: the SQLite database that is the index over the SFTP tree and
//! the queue of what is to be done to it. The only place with SQL, one file
//! for each family of tables; each method says what it guarantees.
//!
//! Every process of a machine opens the same file (WAL mode). Writes go
//! through one thread ([`writer`]), reads run on a few read-only connections.
//! Every method is async and keeps the database off the async runtime.

mod access_tokens;
mod audit;
mod audit_log;
mod backlog;
mod blobs;
mod changes;
mod claims;
mod collect;
mod content;
mod credentials;
mod deletes;
mod error;
mod forget;
mod grants;
mod groups;
mod guesses;
mod health;
mod intents;
mod jobs;
mod keys;
mod manifests;
mod migrate;
mod names;
mod outcomes;
mod page;
mod pushes;
mod rebuild;
mod referrers;
mod removal;
mod repositories;
mod robots;
mod schedule;
mod sessions;
mod storage;
mod sweep;
mod tags;
mod transfers;
mod uploaders;
mod uploads;
mod users;
mod waits;
mod wishes;
mod writer;

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use refity_config::clock::Clock;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use migrate::Identity;
use writer::{Durability, Writer};

pub use access_tokens::{AccessToken, NewToken, SecretHash, TOKENS_MAX, TokenOwner, TokenSort};
pub use audit::{AuditAction, AuditBatch, AuditEntry, Failures, Pulls, SignIn};
pub use audit_log::{AuditFilter, AuditLine};
pub use backlog::{Backlog, ChangedJob, JobCounts};
pub use blobs::{Blob, MountSource, Mounted};
pub use changes::Changes;
pub use claims::{Claim, JobKind, LAST_CALL, LEASE, Lease};
pub use collect::{Collect, Collected, Collection, GRACE};
pub use content::{
    DurabilityState, Found, FoundTag, GroupChange, GroupRemoved, GroupRow, GroupSettings,
    ImageDurability, ImageFacts, LargeGroup, LayerFacts, ManifestFacts, Overview, Preview,
    Previewed, RecentPush, ReferrerRow, RemovedRepository, RepositoryCreated, RepositoryFilter,
    RepositoryRemoved, RepositoryRow, RepositorySort, TagRow, TagSort,
};
pub use credentials::{Credential, FoundToken, Principal, Standing};
pub use deletes::{Deleted, NewDelete};
pub use error::StoreError;
pub use grants::{Given, Grant, Readable};
pub use groups::{Group, GroupCreated};
pub use guesses::PasswordGuess;
pub use health::{Health, HealthState, Trouble};
pub use jobs::JobState;
pub use keys::SigningKey;
pub use manifests::{MissingReference, NewManifest, PutManifest, StoredManifest};
pub use names::Names;
pub use outcomes::{Ended, Finished, Retry};
pub use page::{Cursor, CursorKey, Order, Page, PageRequest};
pub use pushes::Push;
pub use rebuild::Adopted;
pub use referrers::{Referral, ReferrersPage, ReferrersQuery};
pub use repositories::PushTarget;
pub use robots::{NewRobot, Robot, RobotChange, RobotCreated};
pub use schedule::COLLECTION_PAUSE;
pub use sessions::{NewSession, Session, SessionKind};
pub use storage::{Capacity, LargeRepository, LargestBy, StorageDay, StorageSeen, StoredBytes};
pub use sweep::EvictionCandidate;
pub use transfers::{Job, JobFilter};
pub use uploads::{Committed, Upload, UploadState};
pub use users::{NewUser, Role, User, UserChange, UserChanged, UserSort};
pub use waits::Settled;
pub use wishes::{BlobSource, NamedBlob, Wanted, Wish};

/// How long a writer waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two tries of what SQLite does not wait for by itself.
const BUSY_REST: Duration = Duration::from_millis(10);

/// Connections for reading: more than cores, since a read may wait for a page.
const READERS: usize = 4;

/// How many prepared statements the writer keeps: more than there are.
const STATEMENTS: usize = 512;

/// How many each reader keeps: those that are asked for all the time.
const STATEMENTS_READ: usize = 64;

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub(crate) i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

row_id! {
    /// A job.
    JobId
}
row_id! {
    /// A blob.
    BlobId
}
row_id! {
    /// A person's account.
    UserId
}
row_id! {
    /// A robot.
    RobotId
}
row_id! {
    /// An access token.
    TokenId
}

impl JobId {
    /// The number, as it stands in the names of temporary files.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0
    }
}

/// The open database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    writer: Writer,
    readers: Arc<Readers>,
    changes: Arc<changes::Watcher>,
    collecting: Arc<tokio::sync::Mutex<()>>,
    clock: Clock,
}

struct Readers {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Store {
    /// Opens the database, makes it where it is missing, and brings it to
    /// this version's schema.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] for a database that is not ours (nothing is
    /// written to it), [`StoreError::Newer`] for one of a later version,
    /// [`StoreError::Corrupt`] for a damaged one.
    pub async fn open(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        let path = path.to_owned();
        blocking(move || Self::open_blocking(&path, clock)).await
    }

    /// Looks whether the database is ours, and has been used: answers false
    /// where it is missing or empty. Writes nothing.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] or [`StoreError::Corrupt`].
    pub async fn check(path: &Path) -> Result<bool, StoreError> {
        let path = path.to_owned();
        blocking(move || check(&path)).await
    }

    fn open_blocking(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        check(path)?;
        let mut connection = open_connection(path)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        migrate::migrate(&mut connection)?;
        content::derive_missing(&mut connection)?;
        let idle = (0..READERS)
            .map(|_| open_reader(path))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            writer: Writer::start(path)?,
            readers: Arc::new(Readers {
                idle: Mutex::new(idle),
                permits: Arc::new(Semaphore::new(READERS)),
            }),
            changes: changes::Watcher::start(path)?,
            collecting: Arc::default(),
            clock,
        })
    }

    /// The clock that times are written by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Tells when something was committed, by any process.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.changes.subscribe()
    }

    /// Runs a read on one of the read-only connections.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permits = Arc::clone(&self.readers.permits);
        let permit = permits
            .acquire_owned()
            .await
            .map_err(|_| StoreError::Stopped)?;
        let readers = Arc::clone(&self.readers);
        blocking(move || {
            let _permit = permit;
            let connection = readers.take().ok_or(StoreError::Stopped)?;
            let result = read(&connection);
            readers.put_back(connection);
            result
        })
        .await
    }

    /// Runs a write that is on disk when it answers.
    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.submit(Durability::Full, write).await
    }

    /// Runs a write that a power cut may undo, and nothing else.
    async fn write_relaxed<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.submit(Durability::Relaxed, write).await
    }

    /// Brings all that was written into the database file itself, so that the
    /// file can be renamed without its write-ahead log.
    ///
    /// # Errors
    /// When the database cannot be written, or somebody else reads it.
    pub async fn settle_file(path: &Path) -> Result<(), StoreError> {
        let path = path.to_owned();
        blocking(move || {
            let connection = open_connection(&path)?;
            let (busy, _, _): (bool, i64, i64) =
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?;
            if busy { Err(StoreError::Busy) } else { Ok(()) }
        })
        .await
    }

    /// Gives out a generation: larger than every one before, in this database
    /// and in one that was lost.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn next_generation(&self) -> Result<i64, StoreError> {
        let now = self.clock.wall_ms();
        self.write_relaxed(move |db| next_generation(db, now)).await
    }
}

impl Readers {
    fn take(&self) -> Option<Connection> {
        self.idle.lock().ok()?.pop()
    }

    fn put_back(&self, connection: Connection) {
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(connection);
        }
    }
}

fn next_generation(db: &Connection, wall_ms: i64) -> Result<i64, StoreError> {
    let next = "UPDATE generation SET value = max(value + 1, ?1) WHERE id = 1 RETURNING value";
    Ok(db
        .prepare_cached(next)?
        .query_row([wall_ms], |row| row.get(0))?)
}

/// Makes later generations larger than this one: a replayed intent may be of a
/// clock that was ahead of ours.
fn catch_up(db: &Connection, generation: i64) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE generation SET value = max(value, ?1) WHERE id = 1")?
        .execute([generation])?;
    Ok(())
}

fn check(path: &Path) -> Result<bool, StoreError> {
    if !path.exists() {
        return Ok(false);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let found = migrate::identity(&Connection::open_with_flags(path, flags)?);
    let found = match found {
        // A process that was killed while it wrote left a journal, which one
        // that only reads may not roll back. So we look past it: a file of
        // ours is rolled back when it is opened, another program's stays.
        Err(error) if needs_rollback(&error) => {
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            migrate::identity(&Connection::open_with_flags(without_journal(path), flags)?)
        }
        found => found,
    };
    match found? {
        Identity::Ours => Ok(true),
        Identity::Empty => Ok(false),
        Identity::Foreign => Err(StoreError::Foreign),
    }
}

/// The database as SQLite's URI, to be read as the file is now.
fn without_journal(path: &Path) -> String {
    let path = path.as_os_str().as_bytes().iter();
    let path: String = path.map(|byte| format!("%{byte:02x}")).collect();
    format!("file:{path}?immutable=1")
}

fn needs_rollback(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_READONLY_ROLLBACK)
}

/// A connection that may write; `synchronous` is still to be set.
fn open_connection(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    use_wal(&connection)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What a statement may have to undo is a few MiB at most. In a temporary
    // file it is most of what a large write costs.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Else SQLite plans some statements anew whenever they are bound to other
    // values, to see whether a partial index fits these.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Going over to WAL takes an exclusive lock, for which SQLite does not wait:
/// of two processes that open a new database at once, one is told so.
fn use_wal(connection: &Connection) -> Result<(), StoreError> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        let changed = connection.pragma_update(None, "journal_mode", "WAL");
        match changed.map_err(StoreError::from) {
            Err(StoreError::Busy) if Instant::now() < deadline => sleep(BUSY_REST),
            changed => return changed,
        }
    }
}

fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = open_connection(path)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_READ);
    Ok(connection)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Other(error.to_string()))?
}

#[cfg(test)]
mod races;
#[cfg(test)]
mod tests;
