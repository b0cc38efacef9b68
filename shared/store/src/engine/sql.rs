//! How values are written in SQL and read back.

use refity_types::name::FileId;
use rusqlite::{Connection, OptionalExtension as _, ToSql};

use crate::{Readable, StoreError};

pub(crate) fn file_from(text: Option<String>) -> Option<FileId> {
    text.and_then(|text| text.parse().ok())
}

/// Sizes never come near 2^63; a larger one is cut to it.
pub(crate) fn to_sql(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

pub(crate) fn from_sql(size: i64) -> u64 {
    u64::try_from(size).unwrap_or(0)
}

/// Text of the database, which was well-formed when it was written.
pub(crate) fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, StoreError> {
    text.parse()
        .map_err(|_| StoreError::Corrupt(format!("not well-formed: {text}")))
}

/// The keys that a query gives.
pub(crate) fn keys(
    db: &Connection,
    query: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<i64>, StoreError> {
    let mut query = db.prepare_cached(query)?;
    let keys = query.query_map(values, |row| row.get(0))?;
    Ok(keys.collect::<Result<_, _>>()?)
}

/// The key that a query gives, if it gives one.
pub(crate) fn key(
    db: &Connection,
    query: &str,
    values: impl rusqlite::Params,
) -> Result<Option<i64>, StoreError> {
    Ok(db
        .prepare_cached(query)?
        .query_row(values, |row| row.get(0))
        .optional()?)
}

/// Named values of a query that is put together.
#[derive(Default)]
pub(crate) struct Values(Vec<(&'static str, Box<dyn ToSql>)>);

impl Values {
    pub(crate) fn push(&mut self, name: &'static str, value: impl ToSql + 'static) {
        self.0.push((name, Box::new(value)));
    }

    /// Those of [`crate::accounts::readable::READABLE`].
    pub(crate) fn readable(&mut self, readable: &Readable) {
        let (all, user, within) = readable.values();
        self.push(":all", all);
        self.push(":user", user);
        self.push(":within", within);
    }

    pub(crate) fn named(&self) -> Vec<(&str, &dyn ToSql)> {
        let named = self.0.iter();
        named.map(|(name, value)| (*name, &**value)).collect()
    }
}

/// The one row that a query gives, or nothing.
pub(crate) fn row<T>(
    db: &rusqlite::Connection,
    query: &str,
    values: impl rusqlite::Params,
    read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    Ok(db
        .prepare_cached(query)?
        .query_row(values, read)
        .optional()?)
}
