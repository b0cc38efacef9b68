//! The local resources of a process: the data folder with database and spool,
//! the clock, and its registration as a running process.
//!
//! Guarantees:
//! - Opens a `DATA_DIR` completely or not at all, and writes nothing if the
//!   folder belongs to another program or has lost its database.
//! - This is the only crate that depends on both the store and the spool.
//! - No part of a program ends or hangs unnoticed ([`supervise`], [`watchdog`]).

pub mod supervise;
pub mod watchdog;

use std::path::Path;
use std::sync::Arc;

use refity_config::clock::Clock;
use refity_config::data_dir::{self, DataDirError};
use refity_config::installation::{InstallationError, InstallationId};
use refity_spool::{Owner, Spool, SpoolError};
use refity_store::{Store, StoreError};

/// File name of the database below `DATA_DIR`.
pub const DATABASE: &str = "refity.db";

/// The local resources of a process. Cheap to clone.
#[derive(Clone)]
pub struct Node {
    /// The database.
    pub store: Store,
    /// The spool.
    pub spool: Spool,
    /// Registration of this process, until the last clone is dropped.
    pub owner: Arc<Owner>,
    /// The installation, which owns the tree on SFTP.
    pub installation: InstallationId,
}

/// An error opening a data folder.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The folder is not usable.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The installation id could not be read or created.
    #[error(transparent)]
    Installation(#[from] InstallationError),
    /// The spool could not be opened.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The database could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The boot id could not be read.
    #[error("cannot read the clock: {0}")]
    Clock(#[from] std::io::Error),
    /// The database is missing, but the spool contains data.
    #[error(
        "refity.db is missing, but the spool holds data that was acknowledged and may not be on \
         SFTP yet; nothing was changed. Restore the database, or run `refity-uploader \
         rebuild-index`"
    )]
    DatabaseLost,
}

impl NodeError {
    /// Whether a person must act before another start can succeed. A program
    /// ends with [`EXIT_CONFIGURATION`](refity_config::EXIT_CONFIGURATION)
    /// then, so that a service manager does not start it again.
    #[must_use]
    pub fn needs_person(&self) -> bool {
        match self {
            Self::DataDir(_) | Self::DatabaseLost => true,
            Self::Installation(error) => error.needs_person(),
            Self::Store(error) => error.needs_person(),
            Self::Spool(_) | Self::Clock(_) => false,
        }
    }
}

impl Node {
    /// Opens the data folder for a process with this role (`gateway` or
    /// `uploader`), creating missing files on the first start.
    ///
    /// # Errors
    /// See [`NodeError`]. After [`NodeError::DatabaseLost`],
    /// [`StoreError::Foreign`] and [`StoreError::Development`] nothing was
    /// written.
    pub async fn open(data_dir: &Path, role: &str) -> Result<Self, NodeError> {
        Self::open_at(data_dir, role, Clock::system()?).await
    }

    /// As [`Node::open`], with another clock than the system's.
    ///
    /// # Errors
    /// As [`Node::open`].
    pub async fn open_at(data_dir: &Path, role: &str, clock: Clock) -> Result<Self, NodeError> {
        let database = data_dir.join(DATABASE);
        if !Store::check(&database).await? && spool_holds_data(data_dir) {
            return Err(NodeError::DatabaseLost);
        }
        let node = Self::open_database(data_dir, role, &database, clock).await?;
        node.learn_generations().await?;
        Ok(node)
    }

    /// Ensures that later generations exceed those of all intents without a
    /// row. A push interrupted by a kill can leave such an intent, and a replay
    /// must not order it after a later push, even if the clock was set back
    /// meanwhile.
    async fn learn_generations(&self) -> Result<(), NodeError> {
        let intents = self.spool.list_intents().await?;
        let ids: Vec<_> = intents.into_iter().map(|(id, _)| id).collect();
        let named = self.store.named_intents(ids.clone()).await?;
        let mut largest = None;
        for id in ids.into_iter().filter(|id| !named.contains(id)) {
            let intent = self.spool.read_intent(id).await?;
            largest = largest.max(intent.map(|intent| intent.generation));
        }
        if let Some(generation) = largest {
            self.store.raise_generation(generation).await?;
        }
        Ok(())
    }

    /// Opens the data folder with another database, regardless of the spool's
    /// content: for `rebuild-index`.
    ///
    /// # Errors
    /// Like [`Node::open`], except [`NodeError::DatabaseLost`].
    pub async fn open_with(
        data_dir: &Path,
        role: &str,
        database: &Path,
    ) -> Result<Self, NodeError> {
        Self::open_database(data_dir, role, database, Clock::system()?).await
    }

    async fn open_database(
        data_dir: &Path,
        role: &str,
        database: &Path,
        clock: Clock,
    ) -> Result<Self, NodeError> {
        data_dir::prepare(data_dir)?;
        let installation = InstallationId::load_or_create(data_dir)?;
        let spool = Spool::open(data_dir)?;
        let store = Store::open(database, clock).await?;
        Ok(Self {
            store,
            spool,
            owner: Arc::new(Owner::register(data_dir, role)?),
            installation,
        })
    }

    /// Notifies the uploaders of new work.
    pub fn wake_uploaders(&self) {
        self.spool.wake();
    }
}

/// Returns whether the spool below this folder contains data that a lost
/// database would have referenced.
#[must_use]
pub fn spool_holds_data(data_dir: &Path) -> bool {
    data_dir.join("spool").exists() && Spool::open(data_dir).is_ok_and(|spool| spool.holds_data())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_need_a_person_are_classified() {
        for error in [
            NodeError::DatabaseLost,
            DataDirError::NotAFolder("data".into()).into(),
            StoreError::Foreign.into(),
            StoreError::Newer { seen: 2, known: 1 }.into(),
            StoreError::Corrupt(String::new()).into(),
        ] {
            assert!(error.needs_person(), "{error}");
        }
        for error in [
            NodeError::from(StoreError::Busy),
            StoreError::Full.into(),
            SpoolError::Locked.into(),
        ] {
            assert!(!error.needs_person(), "{error}");
        }
    }
}
