//! The read-only connections of a process.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::StoreError;
use crate::engine::blocking;
use crate::engine::connection::open_reader;

/// Connections for reading: more than cores, since a read may wait for a page.
const READERS: usize = 4;

/// The connections, and the permits to use them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Opens the connections.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let idle = (0..READERS)
            .map(|_| open_reader(path))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            idle: Arc::new(Mutex::new(idle)),
            permits: Arc::new(Semaphore::new(READERS)),
        })
    }

    /// Runs a read on one of the connections.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permits = Arc::clone(&self.permits);
        let permit = permits
            .acquire_owned()
            .await
            .map_err(|_| StoreError::Stopped)?;
        let readers = self.clone();
        blocking(move || {
            let _permit = permit;
            let connection = readers.take().ok_or(StoreError::Stopped)?;
            let result = read(&connection);
            readers.put_back(connection);
            result
        })
        .await
    }

    fn take(&self) -> Option<Connection> {
        self.idle.lock().ok()?.pop()
    }

    fn put_back(&self, connection: Connection) {
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(connection);
        }
    }
}
