//! Direct access to a database file for tests, as by another process.

use std::path::Path;

use rusqlite::{Connection, StatementStatus};

use crate::engine::connection::BUSY_TIMEOUT;
use crate::engine::db::Db;

/// Opens a database file of any kind, or creates an empty one.
pub(crate) fn open(path: &Path) -> Db {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(BUSY_TIMEOUT).unwrap();
    Db::new(connection)
}

/// Runs several statements.
pub(crate) fn run_all(db: &Db, sql: &str) {
    db.connection().execute_batch(sql).unwrap();
}

/// Returns the plan of a query, one line per step.
pub(crate) fn plan(db: &Db, sql: &str) -> Vec<String> {
    let query = format!("EXPLAIN QUERY PLAN {sql}");
    let mut plan = db.connection().prepare(&query).unwrap();
    let mut rows = plan.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get("detail").unwrap());
    }
    steps
}

/// Returns the number of steps that a statement took on this connection since
/// the last call.
pub(crate) fn steps(db: &Db, sql: &str) -> i32 {
    let statement = db.connection().prepare_cached(sql).unwrap();
    statement.reset_status(StatementStatus::VmStep)
}
