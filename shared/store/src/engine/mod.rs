//! The engine: connections, the writer, the readers, and how values are
//! written in SQL. Statements are in the other rooms.

pub(crate) mod changes;
pub(crate) mod connection;
pub(crate) mod migrate;
pub(crate) mod page;
pub(crate) mod readers;
pub(crate) mod sql;
pub(crate) mod threads;
pub(crate) mod writer;

use std::panic::{AssertUnwindSafe, catch_unwind};

use refity_config::panic;

use crate::StoreError;

/// Runs work that may panic. What it panics with is an error of that work
/// alone.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    // What a panic may leave half done is a transaction, which its caller
    // rolls back.
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|payload| Err(StoreError::Panic(panic::message(&*payload))))
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Other(error.to_string()))?
}
