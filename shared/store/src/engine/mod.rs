//! The database engine: connections, the writer, the readers, and the
//! conversion of values. Statements are in the other modules.
//!
//! Statements are written in the subset of SQL that SQLite and `PostgreSQL`
//! share, except for:
//!
//! - `INDEXED BY jobs_to_claim` (`queue/claim.rs`): the index has the order in
//!   which jobs are claimed, but SQLite would use the index by state and sort;
//! - `json_each` (`accounts/readable.rs`, `accounts/grants.rs`,
//!   `views/groups.rs`): a list inside a statement with other named values;
//! - `instr` in searches: `PostgreSQL` calls it `strpos`;
//! - `rowid` and `LIMIT -1` of the list of sessions (`accounts/sessions.rs`):
//!   sessions have no numeric id;
//! - generated columns (`users.login_order`, `tags.version_down`) and
//!   `unixepoch` in `migrations/`.

pub(crate) mod changes;
pub(crate) mod connection;
pub(crate) mod db;
pub(crate) mod migrate;
pub(crate) mod page;
#[cfg(test)]
mod plans;
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

/// Runs work that may panic. A panic becomes an error of this work only.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    // A panic can only leave an incomplete transaction behind, which the caller
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
