//! The engine: connections, the writer, the readers, and how values are
//! written in SQL. Statements are in the other rooms.

pub(crate) mod changes;
pub(crate) mod connection;
pub(crate) mod migrate;
pub(crate) mod page;
pub(crate) mod readers;
pub(crate) mod sql;
pub(crate) mod writer;

use crate::StoreError;

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Other(error.to_string()))?
}
