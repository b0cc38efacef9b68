//! The engine: connections, the writer, the readers, and how values are
//! written in SQL. Statements are in the other rooms.
//!
//! Statements are written in the subset of SQL that SQLite and `PostgreSQL` share,
//! except for:
//!
//! - `INDEXED BY jobs_to_claim` (`queue/claim.rs`): the index gives the order in
//!   which jobs are claimed, while SQLite would take the one by state and sort;
//! - `json_each` (`accounts/readable.rs`, `accounts/grants.rs`,
//!   `views/groups.rs`): a list inside a statement with other named values;
//! - `instr` in searches: `PostgreSQL` calls it `strpos`;
//! - `rowid` and `LIMIT -1` of the list of sessions
//!   (`accounts/sessions.rs`): sessions have no number of their own;
//! - generated columns (`users.login_order`, `tags.version_down`) and
//!   `unixepoch` in `migrations/`.

pub(crate) mod changes;
pub(crate) mod connection;
pub(crate) mod db;
pub(crate) mod migrate;
pub(crate) mod page;
pub(crate) mod readers;
pub(crate) mod sql;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod threads;
pub(crate) mod value;
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
