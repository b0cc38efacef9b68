//! Connections to the database file.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::StoreError;
use crate::engine::migrate::{self, Identity};

/// How long a writer waits for another process's transaction.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two tries of what SQLite does not wait for by itself.
pub(crate) const BUSY_REST: Duration = Duration::from_millis(10);

/// How many prepared statements the writer keeps: more than there are.
pub(crate) const STATEMENTS: usize = 512;

/// How many each reader keeps: those that are asked for all the time.
pub(crate) const STATEMENTS_READ: usize = 64;

pub(crate) fn check(path: &Path) -> Result<bool, StoreError> {
    if !path.exists() {
        return Ok(false);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let found = migrate::identity(&Connection::open_with_flags(path, flags)?);
    let found = match found {
        // A process that was killed while it wrote left a journal, which one
        // that only reads may not roll back. So we look past it: a file of
        // ours is rolled back when it is opened, another program's stays.
        Err(error) if needs_rollback(&error) => {
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            migrate::identity(&Connection::open_with_flags(without_journal(path), flags)?)
        }
        found => found,
    };
    match found? {
        Identity::Ours => Ok(true),
        Identity::Empty => Ok(false),
        Identity::Development => Err(StoreError::Development),
        Identity::Foreign => Err(StoreError::Foreign),
    }
}

/// Creates the database if it is missing, and brings it to this version's schema.
pub(crate) fn create_or_migrate(path: &Path) -> Result<(), StoreError> {
    check(path)?;
    let mut connection = open_connection(path)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    migrate::migrate(&mut connection)?;
    // As SQLite advises for connections that stay open. Only a hint for
    // plans: it may fail, for example while others write.
    connection.execute_batch("PRAGMA optimize = 0x10002").ok();
    Ok(())
}

/// Moves all that the write-ahead log has into the database file.
pub(crate) fn checkpoint(path: &Path) -> Result<(), StoreError> {
    let connection = open_connection(path)?;
    let busy: bool =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy { Err(StoreError::Busy) } else { Ok(()) }
}

/// The database as SQLite's URI, to be read as the file is now.
pub(crate) fn without_journal(path: &Path) -> String {
    let path = path.as_os_str().as_bytes().iter();
    let path: String = path.map(|byte| format!("%{byte:02x}")).collect();
    format!("file:{path}?immutable=1")
}

pub(crate) fn needs_rollback(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_READONLY_ROLLBACK)
}

/// A connection that may write; `synchronous` is still to be set.
pub(crate) fn open_connection(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    use_wal(&connection)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What a statement may have to undo is a few MiB at most. In a temporary
    // file it is most of what a large write costs.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Else SQLite plans some statements anew whenever they are bound to other
    // values, to see whether a partial index fits these.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Going over to WAL takes an exclusive lock, for which SQLite does not wait:
/// of two processes that open a new database at once, one is told so.
pub(crate) fn use_wal(connection: &Connection) -> Result<(), StoreError> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        let changed = connection.pragma_update(None, "journal_mode", "WAL");
        match changed.map_err(StoreError::from) {
            Err(StoreError::Busy) if Instant::now() < deadline => sleep(BUSY_REST),
            changed => return changed,
        }
    }
}

pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = open_connection(path)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_READ);
    Ok(connection)
}
