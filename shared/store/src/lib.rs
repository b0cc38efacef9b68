//! The store: the SQLite database with the index of the remote tree and the
//! queue of jobs that change the tree.
//!
//! Guarantees:
//! - It is the only place with SQL, one file for each family of tables. Each
//!   method documents its guarantees.
//! - A write is committed and on disk when it returns, unless its method says
//!   that a power failure may undo it.
//! - A write to a job row names the lease that made it, and changes nothing
//!   once the lease is lost.
//! - The crate depends on neither the spool nor the storage.
//!
//! All processes of a machine open the same file (WAL mode). Writes run on one
//! thread. Reads run on a few read-only connections, with a deadline, in three
//! lanes: the registry, the web interface, and background work. A panic in a
//! read or a write is an error of that method only. All methods are async and
//! keep the database off the async runtime.

mod accounts;
mod content;
mod engine;
mod error;
mod gc;
mod ids;
mod queue;
mod views;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use refity_config::clock::Clock;
use tokio::time::timeout;

use engine::blocking;
use engine::changes::Watcher;
use engine::connection;
use engine::db::Db;
use engine::readers::{Lane, Readers};
use engine::threads::Threads;
use engine::writer::{Durability, Writer};
use queue::generation::{Generations, catch_up, known};

pub use accounts::audit::{AuditAction, AuditBatch, AuditEntry, Failures, Pulls, SignIn};
pub use accounts::credentials::{Credential, CredentialStatus, PresentedToken, Principal};
pub use accounts::grants::{EffectiveGrant, Grant};
pub use accounts::keys::SigningKey;
pub use accounts::login_throttle::AccountAndAddress;
pub use accounts::readable::Readable;
pub use accounts::robots::{NewRobot, Robot, RobotChange, RobotCreated};
pub use accounts::sessions::{NewSession, Session, SessionKind};
pub use accounts::tokens::{AccessToken, NewToken, SecretHash, TOKENS_MAX, TokenOwner, TokenSort};
pub use accounts::users::{NewUser, Role, User, UserChange, UserChanged, UserSort};
pub use content::blobs::{Blob, MountSource, Mounted};
pub use content::deletes::{Deleted, NewDelete};
pub use content::groups::{Group, GroupCreated};
pub use content::manifests::{
    ManifestCheck, ManifestHead, MissingReference, NewManifest, PutManifest, StoredManifest,
};
pub use content::names::Names;
pub use content::rebuild::Adopted;
pub use content::referrers::{Referral, ReferrersPage, ReferrersQuery};
pub use content::repositories::PushTarget;
pub use content::repository_removal::{RepositoryRemoval, RepositoryRemoved};
pub use content::uploads::{Committed, Upload, UploadState};
pub use engine::changes::Changes;
pub use engine::page::{Cursor, CursorKey, Order, Page, PageRequest};
pub use error::StoreError;
pub use gc::collect::{Collect, Collected, Collection, GRACE};
pub use gc::schedule::COLLECTION_PAUSE;
pub use gc::sweep::EvictionCandidate;
pub use ids::{BlobId, JobId, RobotId, TokenId, UserId};
pub use queue::claim::{LAST_CALL, LEASE};
pub use queue::desired::{BlobSource, Desired, DesiredState, NamedBlob};
pub use queue::health::{Health, HealthState, Trouble};
pub use queue::jobs::{Claim, JobKind, JobState, Lease};
pub use queue::result::{Finished, Retry, RunResult};
pub use queue::waits::WaitStatus;
pub use views::audit_log::{AuditFilter, AuditLine};
pub use views::backlog::{Backlog, ChangedJob, JobCounts};
pub use views::durability::{DurabilityState, ImageDurability};
pub use views::groups::{GroupChange, GroupRemoved, GroupRow, GroupSettings};
pub use views::image::{ImageFacts, LayerFacts, ManifestFacts, ReferrerRow};
pub use views::overview::{LargeGroup, Overview, RecentPush};
pub use views::preview::{Preview, Previewed};
pub use views::pushes::Push;
pub use views::removed::RemovedRepository;
pub use views::repositories::{RepositoryCreated, RepositoryFilter, RepositoryRow, RepositorySort};
pub use views::search::{SearchResults, TagMatch};
pub use views::storage::{
    Capacity, LargeRepository, LargestBy, StorageDay, StorageSeen, StoredBytes,
};
pub use views::tags::{TagRow, TagSort};
pub use views::transfers::{Job, JobFilter};

/// The open database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    writer: Writer,
    readers: Readers,
    changes: Arc<Watcher>,
    threads: Threads,
    collecting: Arc<tokio::sync::Mutex<()>>,
    generations: Arc<Generations>,
    clock: Clock,
}

impl Store {
    /// Opens the database, creating it if it is missing, and migrates it to
    /// this version's schema.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] for a database of another program and
    /// [`StoreError::Development`] for one from before the first release;
    /// nothing is written to either. [`StoreError::Newer`] for a database of a
    /// later version, [`StoreError::Corrupt`] for a damaged one.
    pub async fn open(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        let path = path.to_owned();
        blocking(move || Self::open_blocking(&path, clock)).await
    }

    /// Checks that the database belongs to this program. Returns `false` if it
    /// is missing or empty. Writes nothing.
    ///
    /// # Errors
    /// [`StoreError::Foreign`], [`StoreError::Development`] or
    /// [`StoreError::Corrupt`].
    pub async fn check(path: &Path) -> Result<bool, StoreError> {
        let path = path.to_owned();
        blocking(move || connection::check(&path)).await
    }

    fn open_blocking(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        connection::create_or_migrate(path)?;
        let threads = Threads::new();
        Ok(Self {
            writer: Writer::start(path, &threads)?,
            readers: Readers::open(path)?,
            changes: Watcher::start(path, &threads)?,
            threads,
            collecting: Arc::default(),
            generations: Arc::default(),
            clock,
        })
    }

    /// Returns the clock of all stored times.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns a receiver of notifications of commits by any process.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.changes.subscribe()
    }

    /// Returns the name of a thread of the store that has ended. Without that
    /// thread, nothing is written, or waiters are not notified of changes: the
    /// process should exit.
    pub async fn thread_ended(&self) -> &'static str {
        self.threads.ended().await
    }

    /// Checks that the writer, the readers and the change watcher respond. A
    /// database that another process holds is not an error.
    ///
    /// # Errors
    /// The name of the one that did not respond within `limit`.
    pub async fn responds(&self, limit: Duration) -> Result<(), &'static str> {
        let write = self.write_relaxed(|_| Ok(()));
        if timeout(limit, write).await.is_err() {
            return Err(engine::writer::THREAD);
        }
        if timeout(limit, self.changes.turned()).await.is_err() {
            return Err(engine::changes::THREAD);
        }
        if self.readers.hang() {
            return Err("store-readers");
        }
        Ok(())
    }

    /// Runs a read of the registry: short, using an index (see [`Lane`]).
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.run(Lane::Registry, read).await
    }

    /// Runs a read for the web interface: a list, a sum, a search (see
    /// [`Lane`]).
    async fn read_for_people<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.run(Lane::People, read).await
    }

    /// Runs a read over many rows for which no request waits (see [`Lane`]).
    async fn read_in_background<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.run(Lane::Background, read).await
    }

    /// Runs a write that is on disk when it returns.
    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.submit(Durability::Full, write).await
    }

    /// Runs a write that a power failure may undo. Must not be used for other
    /// data.
    async fn write_relaxed<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.submit(Durability::Relaxed, write).await
    }

    /// Transfers all writes into the database file itself, so that the file can
    /// be renamed without its write-ahead log.
    ///
    /// # Errors
    /// If the database cannot be written, or another process reads it.
    pub async fn checkpoint(path: &Path) -> Result<(), StoreError> {
        let path = path.to_owned();
        blocking(move || connection::checkpoint(&path)).await
    }

    /// Lets SQLite update its statistics of tables and indexes if they have
    /// changed much. Call this occasionally.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn optimize(&self) -> Result<(), StoreError> {
        self.write_relaxed(Db::optimize).await
    }

    /// Draws a generation larger than that of every write acknowledged before,
    /// in this database and in a lost one. Writes nothing.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn next_generation(&self) -> Result<i64, StoreError> {
        let known = self.read(known).await?;
        Ok(self.generations.draw(self.clock.wall_ms(), known))
    }

    /// Ensures that later generations are larger than this one.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn raise_generation(&self, generation: i64) -> Result<(), StoreError> {
        self.write(move |db| catch_up(db, generation)).await
    }

    /// Checks that the database can be written, using the smallest possible
    /// write.
    ///
    /// # Errors
    /// If it cannot.
    pub async fn check_writable(&self) -> Result<(), StoreError> {
        self.write_relaxed(|db| catch_up(db, 0)).await
    }
}

#[cfg(test)]
mod tests;
