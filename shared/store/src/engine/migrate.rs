//! Brings a database to the schema of this version, by the numbered files in
//! `migrations/`, which are part of the binary.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use crate::StoreError;

/// `PRAGMA application_id` of our databases: "RFTY".
const APPLICATION_ID: i64 = 0x5246_5459;

/// The migrations in order. A database's `user_version` says how many of
/// them it has seen.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../../migrations/0001_index_and_queue.sql"),
    include_str!("../../../../migrations/0002_referrers.sql"),
    include_str!("../../../../migrations/0003_removal.sql"),
    include_str!("../../../../migrations/0004_tags_of_a_page.sql"),
    include_str!("../../../../migrations/0005_late_calls_and_order_of_intents.sql"),
    include_str!("../../../../migrations/0006_runs_of_names.sql"),
    include_str!("../../../../migrations/0007_collection_tried_again.sql"),
    include_str!("../../../../migrations/0008_accounts.sql"),
    include_str!("../../../../migrations/0009_people.sql"),
    include_str!("../../../../migrations/0010_content.sql"),
    include_str!("../../../../migrations/0011_operations.sql"),
];

/// Whose a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Ours.
    Ours,
    /// Nobody's yet: there is nothing in it.
    Empty,
    /// Another program's.
    Foreign,
}

/// Looks whose a database is.
pub(crate) fn identity(connection: &Connection) -> rusqlite::Result<Identity> {
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
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
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
        return Err(StoreError::Newer {
            seen,
            known: version,
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

    use super::{MIGRATIONS, migrate};
    use crate::{Names, Store};
    use refity_config::clock::Clock;

    #[test]
    fn the_lists_of_an_older_database_are_whole() {
        let mut db = Connection::open_in_memory().unwrap();
        for migration in &MIGRATIONS[..4] {
            db.execute_batch(migration).unwrap();
        }
        db.execute_batch(
            "PRAGMA user_version = 4;
             INSERT INTO groups VALUES (1, 'team', 1, 1, 1, NULL, 1);
             INSERT INTO blobs (id, digest, size, wanted, generation, used_at)
                 VALUES (1, 'sha256:00', 1, 1, 1, 1);
             INSERT INTO manifests VALUES (1, 'text/plain', x'00');
             CREATE TEMP TABLE numbers AS WITH RECURSIVE numbers (n) AS (
                 SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000)
                 SELECT n FROM numbers;
             INSERT INTO repositories (id, group_id, name, created_at)
                 SELECT n, 1, 'team/r' || n, 1 FROM numbers;
             INSERT INTO tags (repository_id, name, manifest_id, generation, pushed_at)
                 SELECT 7, 'v' || n, iif(n % 10 = 0, NULL, 1), 1, 1 FROM numbers
                 UNION ALL SELECT 8, 'only', 1, 1, 1;",
        )
        .unwrap();
        migrate(&mut db).unwrap();
        for (list, rows) in [
            (0, "SELECT name FROM repositories"),
            (
                7,
                "SELECT name FROM tags WHERE repository_id = 7 AND manifest_id IS NOT NULL",
            ),
            (8, "SELECT name FROM tags WHERE repository_id = 8"),
            (9, "SELECT name FROM tags WHERE repository_id = 9"),
        ] {
            let names = Names::read(&db, list, "", None).unwrap();
            let mut query = db.prepare(&format!("{rows} ORDER BY name")).unwrap();
            let expected = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
            let expected: Vec<String> = expected.map(Result::unwrap).collect();
            assert!(names.iter().eq(expected.iter()), "{list}");
        }
    }

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
