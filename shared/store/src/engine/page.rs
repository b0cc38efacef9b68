//! Pages of lists, located by a key rather than by an offset: a page deep in a
//! list costs no more than the first one.

use crate::StoreError;
use crate::engine::db::{Db, Row};
use crate::engine::value::{FromValue, Named, ToValue, Value};

/// The sort order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Ascending.
    #[default]
    Asc,
    /// Descending.
    Desc,
}

/// A position in a list: next to the row with this key and id.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cursor {
    /// The sort key.
    pub key: CursorKey,
    /// Distinguishes rows with equal keys.
    pub id: i64,
    /// Whether the page ends here instead of beginning here.
    pub backwards: bool,
}

/// A sort key: a number or a text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum CursorKey {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

/// A request for a page of a list.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// The sort order.
    pub order: Order,
    /// Where the page begins or ends; `None` for the first page.
    pub cursor: Option<Cursor>,
    /// Maximum number of rows.
    pub limit: u32,
}

impl PageRequest {
    /// Requests a single page with all rows.
    #[must_use]
    pub fn everything(order: Order) -> Self {
        Self {
            order,
            cursor: None,
            limit: u32::MAX,
        }
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Total number of rows of all pages.
    pub total: i64,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
    /// Where the previous page ends, if there is one.
    pub prev: Option<Cursor>,
}

/// A list in SQL: `SELECT {columns} FROM {from}`, sorted by `key` (an
/// expression that is never NULL) and `id`. The named parameters `:key`, `:id`
/// and `:limit` are reserved for the page.
pub(crate) struct List<'a> {
    pub(crate) columns: &'a str,
    /// Tables, joins and the WHERE clause, which is required.
    pub(crate) from: &'a str,
    pub(crate) key: &'a str,
    pub(crate) id: &'a str,
}

impl List<'_> {
    /// Reads a page.
    #[cfg_attr(test, track_caller)]
    pub(crate) fn page<T>(
        &self,
        db: &Db,
        request: &PageRequest,
        values: &Named<'_>,
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Page<T>, StoreError> {
        let count = format!("SELECT count(*) FROM {}", self.from);
        let total = db.one(&count, values, |row| row.get(0))?;
        self.page_of(db, request, values, total, read)
    }

    /// Reads a page of a list whose length is known.
    #[cfg_attr(test, track_caller)]
    pub(crate) fn page_of<T>(
        &self,
        db: &Db,
        request: &PageRequest,
        values: &Named<'_>,
        total: i64,
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Page<T>, StoreError> {
        let Self {
            columns,
            from,
            key,
            id,
        } = self;
        let backwards = request.cursor.as_ref().is_some_and(|it| it.backwards);
        let rising = (request.order == Order::Asc) != backwards;
        let (than, direction) = if rising { (">", "ASC") } else { ("<", "DESC") };
        let limit = i64::from(request.limit) + 1;
        // Query two ranges: SQLite seeks in an index by a key, but not by a key
        // together with the id of a row.
        let parts = match &request.cursor {
            None => vec![String::new()],
            Some(_) => vec![
                format!("AND {key} = :key AND {id} {than} :id"),
                format!("AND {key} {than} :key"),
            ],
        };
        let mut items = Vec::new();
        for beside in parts {
            let left = limit - i64::try_from(items.len()).unwrap_or(limit);
            if left <= 0 {
                break;
            }
            let mut all = values.clone();
            all.push(":limit", left);
            if let Some(cursor) = &request.cursor {
                all.push(":key", &cursor.key);
                if beside.contains(":id") {
                    all.push(":id", cursor.id);
                }
            }
            let query = format!(
                "SELECT {columns}, {key} AS page_key, {id} AS page_id FROM {from} {beside}
                 ORDER BY {key} {direction}, {id} {direction} LIMIT :limit"
            );
            items.extend(db.all(&query, all, |row| {
                let place = (row.named("page_key")?, row.named("page_id")?);
                Ok((place, read(row)?))
            })?);
        }
        Ok(Page::assemble(items, request, total))
    }
}

impl<T> Page<T> {
    /// Builds a page from rows with their positions, in the order of the query:
    /// at most one more than requested.
    pub(crate) fn assemble(
        mut items: Vec<((CursorKey, i64), T)>,
        request: &PageRequest,
        total: i64,
    ) -> Self {
        let backwards = request.cursor.as_ref().is_some_and(|it| it.backwards);
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        if backwards {
            items.reverse();
        }
        let cursor = |place: Option<&((CursorKey, i64), T)>, backwards| {
            place.map(|((key, id), _)| Cursor {
                key: key.clone(),
                id: *id,
                backwards,
            })
        };
        let after = if backwards { true } else { more };
        let before = if backwards {
            more
        } else {
            request.cursor.is_some()
        };
        let next = cursor(items.last(), false).filter(|_| after);
        let prev = cursor(items.first(), true).filter(|_| before);
        Self {
            items: items.into_iter().map(|(_, item)| item).collect(),
            total,
            next,
            prev,
        }
    }
}

impl ToValue for CursorKey {
    fn to_value(&self) -> Value<'_> {
        match self {
            Self::Number(number) => number.to_value(),
            Self::Text(text) => text.to_value(),
        }
    }
}

impl FromValue for CursorKey {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        match value {
            Value::Integer(number) => Ok(Self::Number(number)),
            Value::Text(text) => Ok(Self::Text(text.into_owned())),
            other => Err(StoreError::Other(format!(
                "a list cannot be sorted by {other:?}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::value::named_params;

    const LIST: List<'_> = List {
        columns: "name",
        from: "things WHERE weight >= :least",
        key: "weight",
        id: "rowid",
    };

    fn database() -> Db {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE things (name TEXT, weight INTEGER);
             INSERT INTO things VALUES ('a', 1), ('b', 2), ('c', 2), ('d', 2), ('e', 3), ('z', 0);",
            )
            .unwrap();
        Db::new(connection)
    }

    fn page(db: &Db, order: Order, cursor: Option<Cursor>, limit: u32) -> Page<String> {
        let request = PageRequest {
            order,
            cursor,
            limit,
        };
        let read = |row: &Row<'_>| row.get(0);
        let values = named_params! { ":least": 1_i64 };
        LIST.page(db, &request, &values, read).unwrap()
    }

    #[test]
    fn pages_join_in_every_order_and_direction() {
        let db = database();
        for (order, expected) in [(Order::Asc, "abcde"), (Order::Desc, "edcba")] {
            for limit in 1..=6 {
                let (mut cursor, mut there, mut pages) = (None, String::new(), Vec::new());
                loop {
                    let page = page(&db, order, cursor, limit);
                    assert_eq!(page.total, 5);
                    there.extend(page.items.iter().map(String::as_str));
                    cursor = page.next.clone();
                    pages.push(page);
                    if cursor.is_none() {
                        break;
                    }
                }
                assert_eq!(there, expected);
                assert!(pages[0].prev.is_none());
                // Go back over the same pages.
                while let Some(last) = pages.pop() {
                    let before = last
                        .prev
                        .map(|cursor| page(&db, order, Some(cursor), limit));
                    let before = before.map(|page| page.items);
                    assert_eq!(before, pages.last().map(|page| page.items.clone()));
                }
            }
        }
    }

    #[test]
    fn an_empty_list_has_one_empty_page() {
        let db = database();
        db.run("DELETE FROM things", ()).unwrap();
        let page = page(&db, Order::Asc, None, 3);
        assert_eq!((page.items.len(), page.total), (0, 0));
        assert_eq!((page.next, page.prev), (None, None));
    }
}
