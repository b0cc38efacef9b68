//! The interface to the driver, on which all statements of the other modules
//! run.
//!
//! Each statement is written once, in the module that it belongs to, with
//! parameters `?1`, `?2` and so on, or with `:name` if it is assembled from
//! parts. It is prepared once per connection.

use std::ops::ControlFlow;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, Statement, ToSql};

use crate::StoreError;
use crate::engine::value::{FromValue, Params, Value, Values};

/// A connection, inside the transaction of a read or of a write.
pub(crate) struct Db {
    connection: Connection,
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "values are written where the statement is"
)]
impl Db {
    pub(in crate::engine) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Returns the driver's connection for changes.
    pub(in crate::engine) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Returns the driver's connection.
    pub(in crate::engine) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Runs a read in a transaction, so that all its statements see the same
    /// state.
    pub(in crate::engine) fn snapshot<T>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // Rolled back on drop, even after a panic.
        let _transaction = self.connection.unchecked_transaction()?;
        read(self)
    }

    /// Reads the first row of a query that always has one.
    #[cfg_attr(test, track_caller)]
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.optional(sql, params, read)?
            .ok_or_else(|| StoreError::Other("a query that has one row had none".to_owned()))
    }

    /// Reads the first row of a query, or `None` if it has none.
    #[cfg_attr(test, track_caller)]
    pub(crate) fn optional<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.prepare(sql, &params)?;
        let mut rows = statement.raw_query();
        rows.next()?.map(|row| read(&Row(row))).transpose()
    }

    /// Reads all rows of a query.
    #[cfg_attr(test, track_caller)]
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        self.each(sql, params, |row| {
            all.push(read(row)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(all)
    }

    /// Passes the rows of a query to `read` one by one, until it stops.
    #[cfg_attr(test, track_caller)]
    pub(crate) fn each(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.prepare(sql, &params)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            if read(&Row(row))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Runs a statement that changes rows. Returns the number of changed rows.
    #[cfg_attr(test, track_caller)]
    pub(crate) fn run(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        Ok(self.prepare(sql, &params)?.raw_execute()?)
    }

    /// Updates the engine's statistics of tables and indexes.
    pub(crate) fn optimize(&self) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch("PRAGMA optimize")?)
    }

    #[cfg_attr(test, track_caller)]
    fn prepare(&self, sql: &str, params: &impl Params) -> Result<CachedStatement<'_>, StoreError> {
        #[cfg(test)]
        crate::engine::plans::record(sql, std::panic::Location::caller());
        let mut statement = self.connection.prepare_cached(sql)?;
        bind(&mut statement, params.values())?;
        Ok(statement)
    }
}

fn bind(statement: &mut Statement<'_>, values: Values<'_>) -> Result<(), StoreError> {
    match values {
        Values::Numbered(values) => {
            let expected = statement.parameter_count();
            if values.len() != expected {
                return Err(rusqlite::Error::InvalidParameterCount(values.len(), expected).into());
            }
            for (index, value) in values.iter().enumerate() {
                statement.raw_bind_parameter(index + 1, value)?;
            }
        }
        Values::Named(values) => {
            for (name, value) in &values {
                let index = statement
                    .parameter_index(name)?
                    .ok_or_else(|| rusqlite::Error::InvalidParameterName((*name).to_owned()))?;
                statement.raw_bind_parameter(index, value)?;
            }
        }
    }
    Ok(())
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Integer((*value).into()),
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

/// A row of a query.
pub(crate) struct Row<'r>(&'r rusqlite::Row<'r>);

impl Row<'_> {
    /// Reads a column by its index, starting at 0.
    pub(crate) fn get<T: FromValue>(&self, column: usize) -> Result<T, StoreError> {
        value_of(self.0.get_ref(column)?)
    }

    /// Returns the text of a column by its index.
    pub(crate) fn text(&self, column: usize) -> Result<&str, StoreError> {
        text(self.0.get_ref(column)?.as_bytes().unwrap_or_default())
    }

    /// Reads a column by its name.
    pub(crate) fn named<T: FromValue>(&self, column: &str) -> Result<T, StoreError> {
        value_of(self.0.get_ref(column)?)
    }
}

fn value_of<T: FromValue>(value: ValueRef<'_>) -> Result<T, StoreError> {
    let value = match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(bytes) => Value::Text(text(bytes)?.into()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.into()),
    };
    T::from_value(value)
}

fn text(bytes: &[u8]) -> Result<&str, StoreError> {
    std::str::from_utf8(bytes)
        .map_err(|_| StoreError::Corrupt("a column has text that is not UTF-8".to_owned()))
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::Full,
            // Interrupted by the progress handler of a reader.
            Some(ErrorCode::OperationInterrupted) => Self::TooSlow,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Other(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow::{Break, Continue};

    use super::*;
    use crate::engine::testing;
    use crate::engine::value::{named_params, params};

    fn database() -> Db {
        Db::new(Connection::open_in_memory().unwrap())
    }

    #[test]
    fn values_are_read_back_as_they_were_bound() {
        let db = database();
        let (text, bytes) = ("täxt".to_owned(), vec![0_u8, 255]);
        let values = params![true, -7_i64, u64::MAX, 0.5_f64, text, bytes, None::<String>];
        let read = db.one("SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7", values, |row| {
            assert!(row.get::<bool>(0)?);
            assert_eq!(row.get::<i64>(1)?, -7);
            assert_eq!(row.get::<u64>(2)?, i64::MAX as u64, "cut");
            assert!((row.get::<f64>(3)? - 0.5).abs() < f64::EPSILON);
            assert_eq!(
                (row.get::<String>(4)?, row.text(4)?),
                (text.clone(), "täxt")
            );
            assert_eq!(row.get::<Vec<u8>>(5)?, bytes);
            row.get::<Option<String>>(6)
        });
        assert_eq!(read, Ok(None));
        let named = named_params! { ":a": 3_i64, ":b": "x" };
        let read = db.one("SELECT :b, :a", &named, |row| {
            Ok((row.get::<String>(0)?, row.get::<i64>(1)?))
        });
        assert_eq!(read, Ok(("x".to_owned(), 3)));
    }

    #[test]
    fn a_column_of_another_type_is_corrupt() {
        let db = database();
        let read = db.one("SELECT 'x'", (), |row| row.get::<i64>(0));
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
        let read = db.one("SELECT NULL", (), |row| row.get::<String>(0));
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
        let read = db.one("SELECT 'no job state'", (), |row| {
            row.get::<crate::JobState>(0)
        });
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
    }

    #[test]
    fn a_statement_takes_exactly_its_parameters() {
        let db = database();
        assert!(db.one("SELECT ?1", (), |row| row.get::<i64>(0)).is_err());
        assert!(db.run("SELECT ?1", [1_i64, 2]).is_err());
        let unknown = named_params! { ":no": 1_i64 };
        assert!(
            db.one("SELECT :yes", unknown, |row| row.get::<i64>(0))
                .is_err()
        );
    }

    #[test]
    fn rows_are_read_one_by_one_until_the_callback_stops() {
        let db = database();
        testing::run_all(
            &db,
            "CREATE TABLE t (x); INSERT INTO t VALUES (1), (2), (3)",
        );
        let mut seen = Vec::new();
        db.each("SELECT x FROM t", (), |row| {
            let x: i64 = row.get(0)?;
            seen.push(x);
            Ok(if x == 2 { Break(()) } else { Continue(()) })
        })
        .unwrap();
        assert_eq!(seen, [1, 2]);
        assert_eq!(
            db.all("SELECT x FROM t", (), |row| row.get::<i64>(0)),
            Ok(vec![1, 2, 3])
        );
        let none = db.optional("SELECT x FROM t WHERE x > 3", (), |row| row.get::<i64>(0));
        assert_eq!(none, Ok(None));
        assert_eq!(db.run("DELETE FROM t WHERE x < ?1", [3_i64]), Ok(2));
    }

    #[test]
    fn all_statements_of_a_read_see_one_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let (reads, writes) = (testing::open(&path), testing::open(&path));
        testing::run_all(&writes, "PRAGMA journal_mode = WAL; CREATE TABLE t (x)");
        let count = |db: &Db| db.one("SELECT count(*) FROM t", (), |row| row.get::<i64>(0));
        let seen = reads.snapshot(|db| {
            let before = count(db)?;
            writes.run("INSERT INTO t VALUES (1)", ())?;
            Ok((before, count(db)?))
        });
        assert_eq!(seen, Ok((0, 0)));
        assert_eq!(reads.snapshot(count), Ok(1), "and the next sees the next");
    }
}
