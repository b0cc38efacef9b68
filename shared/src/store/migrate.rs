//! Brings a database to the schema of this version, by the numbered files in
//! `migrations/`, which are part of the binary.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::StoreError;

/// `PRAGMA application_id` of our databases: "RFTY".
const APPLICATION_ID: i64 = 0x5246_5459;

/// The migrations in order. A database's `user_version` says how many of
/// them it has seen.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/0001_index_and_queue.sql"),
    include_str!("../../../migrations/0002_referrers.sql"),
    include_str!("../../../migrations/0003_removal.sql"),
    include_str!("../../../migrations/0004_tags_of_a_page.sql"),
    include_str!("../../../migrations/0010_accounts.sql"),
    include_str!("../../../migrations/0013_operations.sql"),
];

/// Whose a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// Ours.
    Ours,
    /// Nobody's yet: there is nothing in it.
    Empty,
    /// Another program's.
    Foreign,
}

/// Looks whose a database is.
pub(super) fn identity(connection: &Connection) -> rusqlite::Result<Identity> {
    // One look at both: another process may be making the database now.
    let snapshot = connection.unchecked_transaction()?;
    let application_id: i64 = snapshot.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if application_id == APPLICATION_ID {
        return Ok(Identity::Ours);
    }
    let some_table: Option<String> = snapshot
        .query_row(
            "SELECT name FROM sqlite_schema WHERE type = 'table' LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(match some_table {
        None if application_id == 0 => Identity::Empty,
        _ => Identity::Foreign,
    })
}

/// Runs the migrations that the database has not seen yet.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    // Two processes may start at once: the second waits here and finds it done.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let seen: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let mut version = 0;
    for migration in MIGRATIONS {
        version += 1;
        if version > seen {
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", version)?;
        }
    }
    if seen > version {
        return Err(StoreError::Newer);
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::super::Store;
    use crate::clock::Clock;

    #[tokio::test]
    async fn a_database_that_is_just_being_made_is_never_taken_for_a_foreign_one() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("refity.db");
            let made = Arc::new(AtomicBool::new(false));
            let look = || {
                let (path, made) = (path.clone(), Arc::clone(&made));
                tokio::spawn(async move {
                    while !made.load(Ordering::Relaxed) {
                        Store::check(&path).await.unwrap();
                    }
                })
            };
            let lookers = [look(), look(), look()];
            Store::open(&path, Clock::system().unwrap()).await.unwrap();
            made.store(true, Ordering::Relaxed);
            for looker in lookers {
                looker.await.unwrap();
            }
        }
    }
}
