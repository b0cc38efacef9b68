//! Migrates a database to the schema of this version, using the numbered files
//! in `migrations/`, which are compiled into the binary.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use crate::StoreError;

/// `PRAGMA application_id` of our databases: "RFTY".
const APPLICATION_ID: i64 = 0x5246_5459;

/// The migrations in order. After the first `n` of them, `user_version` is
/// `BASE + n`.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../../migrations/0001_accounts.sql"),
    include_str!("../../../../migrations/0002_content.sql"),
    include_str!("../../../../migrations/0003_queue.sql"),
    include_str!("../../../../migrations/0004_access.sql"),
    include_str!("../../../../migrations/0005_operations.sql"),
];

/// Lower versions are schemas from before the first release, which this program
/// cannot read.
const BASE: i64 = 100;

/// The kind of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// A database of this program.
    Ours,
    /// A database of this program with a schema from before the first release.
    Development,
    /// An empty database, which this program may initialize.
    Empty,
    /// A database of another program.
    Foreign,
}

/// Identifies a database.
pub(crate) fn identity(connection: &Connection) -> rusqlite::Result<Identity> {
    // Read both in one transaction: another process may be creating the
    // database.
    let snapshot = connection.unchecked_transaction()?;
    let application_id: i64 = snapshot.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if application_id == APPLICATION_ID {
        let version: i64 = snapshot.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let released = version > BASE;
        return Ok(if released {
            Identity::Ours
        } else {
            Identity::Development
        });
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

/// Runs the migrations that were not applied yet.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    // If two processes start concurrently, the second waits here and finds the
    // migrations applied.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let seen: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let mut version = BASE;
    for migration in MIGRATIONS {
        version += 1;
        if version > seen {
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", version)?;
        }
    }
    if seen > version {
        return Err(StoreError::Newer {
            seen: seen - BASE,
            known: version - BASE,
        });
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rusqlite::Connection;

    use crate::{Store, StoreError};
    use refity_config::clock::Clock;

    #[tokio::test]
    async fn a_development_schema_is_refused_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refity.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA application_id = 0x52465459;
             PRAGMA user_version = 11;
             CREATE TABLE groups (id INTEGER PRIMARY KEY, name TEXT NOT NULL);",
        )
        .unwrap();
        drop(db);
        let before = std::fs::read(&path).unwrap();
        let refused = Some(StoreError::Development);
        assert_eq!(Store::check(&path).await.err(), refused);
        let opened = Store::open(&path, Clock::system().unwrap()).await;
        assert_eq!(opened.err(), refused);
        assert_eq!(std::fs::read(&path).unwrap(), before);
        let message = StoreError::Development.to_string();
        assert!(message.contains("rebuild-index"), "{message}");
    }

    #[tokio::test]
    async fn a_database_being_created_is_never_identified_as_foreign() {
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
