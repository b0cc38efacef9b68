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

/// Retry interval for operations for which SQLite does not wait by itself.
pub(crate) const BUSY_REST: Duration = Duration::from_millis(10);

/// Size of the writer's statement cache: larger than the number of statements.
pub(crate) const STATEMENTS: usize = 512;

/// Size of each reader's statement cache: the frequently used statements.
pub(crate) const STATEMENTS_READ: usize = 64;

pub(crate) fn check(path: &Path) -> Result<bool, StoreError> {
    if !path.exists() {
        return Ok(false);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let found = migrate::identity(&Connection::open_with_flags(path, flags)?);
    let found = match found {
        // A process that was killed while writing left a journal, which a
        // read-only connection may not roll back. Ignore it: opening rolls back
        // our own file, and leaves another program's unchanged.
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

/// Creates the database if it is missing, and migrates it to this version's
/// schema.
pub(crate) fn create_or_migrate(path: &Path) -> Result<(), StoreError> {
    check(path)?;
    let mut connection = open_connection(path)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    migrate::migrate(&mut connection)?;
    // Recommended by SQLite for long-lived connections. Only a hint for query
    // plans, which may fail, for example during concurrent writes.
    connection.execute_batch("PRAGMA optimize = 0x10002").ok();
    Ok(())
}

/// Transfers the write-ahead log into the database file.
pub(crate) fn checkpoint(path: &Path) -> Result<(), StoreError> {
    let connection = open_connection(path)?;
    let busy: bool =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy { Err(StoreError::Busy) } else { Ok(()) }
}

/// Returns a SQLite URI that reads the file as it is, without its journal.
pub(crate) fn without_journal(path: &Path) -> String {
    let path = path.as_os_str().as_bytes().iter();
    let path: String = path.map(|byte| format!("%{byte:02x}")).collect();
    format!("file:{path}?immutable=1")
}

pub(crate) fn needs_rollback(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_READONLY_ROLLBACK)
}

/// Opens a connection for writing; the caller must set `synchronous`.
pub(crate) fn open_connection(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    use_wal(&connection)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A statement's undo data is a few MiB at most. In a temporary file, it
    // would be most of the cost of a large write.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Otherwise SQLite replans some statements whenever they are bound to other
    // values, to check whether a partial index applies.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Switches to WAL. This takes an exclusive lock, for which SQLite does not
/// wait: if two processes open a new database concurrently, one of them gets an
/// error.
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
