//! Queries and paginated lists: `?n=&last=` and the `Link` to the next page (RFC 8288; OCI
//! distribution specification, "Listing Tags").

use axum::extract::Query;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use refity_store::Names;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::registry::error::RegistryError;

/// Parses a request's query.
///
/// # Errors
/// [`RegistryError::QueryInvalid`] if the query cannot be decoded.
pub(in crate::registry) fn query<T: DeserializeOwned>(parts: &Parts) -> Result<T, RegistryError> {
    let Query(query) = Query::try_from_uri(&parts.uri).map_err(|_| RegistryError::QueryInvalid)?;
    Ok(query)
}

/// The requested part of a list.
#[derive(Debug, Default, Deserialize)]
pub(in crate::registry) struct PageQuery {
    n: Option<String>,
    /// Return only entries after this one.
    pub(in crate::registry) last: Option<String>,
}

impl PageQuery {
    /// Returns the requested number of entries, if limited.
    ///
    /// # Errors
    /// [`RegistryError::PageInvalid`] if the value is not a number.
    pub(in crate::registry) fn limit(&self) -> Result<Option<u32>, RegistryError> {
        let Some(n) = self.n.as_deref() else {
            return Ok(None);
        };
        if n.is_empty() || !n.bytes().all(|b| b.is_ascii_digit()) {
            return Err(RegistryError::PageInvalid);
        }
        // A number that does not fit means all entries.
        Ok(n.parse().ok().filter(|&n: &u32| n < u32::MAX))
    }
}

/// Truncates a list to the page. The list was requested with one entry more
/// than the page has. Returns the last entry if there is a next page.
pub(in crate::registry) fn cut(entries: &mut Names, limit: u32) -> Option<String> {
    let limit = usize::try_from(limit).ok()?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    entries.last().filter(|_| more).map(str::to_owned)
}

/// Returns a JSON response: an object with the fields in `before`, and the names.
pub(in crate::registry) fn answer(before: &str, names: &Names) -> Response {
    let mut json = String::with_capacity(before.len() + names.json_len() + 2);
    json.push('{');
    json.push_str(before);
    names.write_json(&mut json);
    json.push('}');
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    (content_type, json).into_response()
}

/// Adds the link to the next page: the same path and query, relative to this
/// registry.
pub(in crate::registry) fn link(response: &mut Response, next: &str) {
    if let Ok(link) = format!("<{next}>; rel=\"next\"").parse() {
        response.headers_mut().insert(header::LINK, link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(n: &str) -> Result<Option<u32>, RegistryError> {
        PageQuery {
            n: Some(n.to_owned()),
            last: None,
        }
        .limit()
    }

    #[test]
    fn a_limit_is_a_whole_number() {
        assert_eq!(PageQuery::default().limit().unwrap(), None);
        assert_eq!(limit("0").unwrap(), Some(0));
        assert_eq!(limit("100").unwrap(), Some(100));
        assert_eq!(limit("99999999999").unwrap(), None);
        for n in ["", "-1", "+1", "x", "1.0"] {
            assert!(matches!(limit(n), Err(RegistryError::PageInvalid)), "{n}");
        }
    }

    #[test]
    fn only_pages_before_the_last_have_a_next_link() {
        let page = |limit| {
            let mut tags = Names::from_iter(["a", "b"]);
            let next = cut(&mut tags, limit);
            (tags.len(), next)
        };
        assert_eq!(page(1), (1, Some("a".to_owned())));
        assert_eq!(page(2), (2, None));
        assert_eq!(page(3), (2, None));
        assert_eq!(page(0), (0, None));
    }
}
