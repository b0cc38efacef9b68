//! Lists: the parameters and the response that all of them share
//! (`?q&sort&order&limit&cursor` → `{items,total,next_cursor,prev_cursor}`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use refity_store::{Cursor, Order, Page, PageRequest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiError;

/// The default number of rows per page.
const LIMIT: u32 = 50;

/// The maximum number of rows per page.
const LIMIT_MAX: u32 = 1000;

/// The maximum length of a search text, in characters.
const SEARCH_MAX: usize = 256;

/// The page of a list to return.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only return rows whose name contains this text.
    q: Option<String>,
    /// The sort order: `asc` or `desc`.
    #[param(value_type = Option<String>, example = "asc")]
    order: Option<Order>,
    /// The number of rows per page: 1 to 1000. Default: 50.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` or `prev_cursor` of another page. The other parameters
    /// must be the same as for that page.
    cursor: Option<String>,
}

impl ListQuery {
    /// Whether the query asks for a single page.
    pub(super) fn asks_for_page(&self) -> bool {
        self.limit.is_some() || self.cursor.is_some()
    }

    /// Returns the text to search for, if any.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] if the text is too long.
    pub(super) fn search(&self) -> Result<Option<String>, ApiError> {
        match self.q.as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some(q) if q.chars().count() > SEARCH_MAX => Err(ApiError::Invalid(format!(
                "q has more than {SEARCH_MAX} characters: search for less"
            ))),
            Some(q) => Ok(Some(q.to_owned())),
        }
    }

    /// Returns the requested page. `order` is the list's default order.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] if the limit or the cursor is invalid.
    pub(super) fn page(&self, order: Order) -> Result<PageRequest, ApiError> {
        let limit = self.limit.unwrap_or(LIMIT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(ApiError::Invalid(format!(
                "limit is {limit}: give a number from 1 to {LIMIT_MAX}"
            )));
        }
        Ok(PageRequest {
            order: self.order.unwrap_or(order),
            cursor: self.cursor.as_deref().map(read).transpose()?,
            limit,
        })
    }
}

fn read(cursor: &str) -> Result<Cursor, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let cursor = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    cursor.ok_or_else(|| {
        ApiError::Invalid("cursor is none: take next_cursor or prev_cursor of a page".to_owned())
    })
}

fn written(cursor: &Cursor) -> Option<String> {
    let bytes = serde_json::to_vec(cursor).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct List<T> {
    /// The rows of this page.
    items: Vec<T>,
    /// The number of rows on all pages.
    total: i64,
    /// The cursor of the next page, if any.
    next_cursor: Option<String>,
    /// The cursor of the previous page, if any.
    prev_cursor: Option<String>,
}

impl<T> List<T> {
    /// Converts a page of the store, row by row.
    pub(super) fn of<R>(page: Page<R>, show: impl FnMut(R) -> T) -> Self {
        Self {
            total: page.total,
            next_cursor: page.next.as_ref().and_then(written),
            prev_cursor: page.prev.as_ref().and_then(written),
            items: page.items.into_iter().map(show).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refity_store::CursorKey;

    #[test]
    fn cursors_round_trip() {
        for key in [
            CursorKey::Number(-3),
            CursorKey::Text("team/äpp".to_owned()),
        ] {
            let cursor = Cursor {
                key,
                id: 7,
                backwards: true,
            };
            assert_eq!(read(&written(&cursor).unwrap()).unwrap(), cursor);
        }
        for bad in ["", "x", "!!!", "e30"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_are_enforced() {
        let query = |limit| ListQuery {
            limit,
            ..ListQuery::default()
        };
        assert_eq!(query(None).page(Order::Asc).unwrap().limit, LIMIT);
        for limit in [0, LIMIT_MAX + 1] {
            assert!(query(Some(limit)).page(Order::Asc).is_err(), "{limit}");
        }
    }
}
