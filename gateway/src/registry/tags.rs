//! `tags/list` (OCI distribution specification, "Listing Tags").

use axum::extract::Query;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use refity_shared::name::RepositoryName;
use serde::{Deserialize, Serialize};

use super::error::RegistryError;
use crate::state::AppState;

#[derive(Debug, Default, Deserialize)]
struct PageQuery {
    n: Option<String>,
    last: Option<String>,
}

impl PageQuery {
    /// How many entries are asked for, if it is limited.
    fn limit(&self) -> Result<Option<u32>, RegistryError> {
        let Some(n) = self.n.as_deref() else {
            return Ok(None);
        };
        if n.is_empty() || !n.bytes().all(|b| b.is_ascii_digit()) {
            return Err(RegistryError::PageInvalid);
        }
        // More than fit in a number are all that there are.
        Ok(n.parse().ok().filter(|&n: &u32| n < u32::MAX))
    }
}

#[derive(Serialize)]
struct TagList<'a> {
    name: &'a RepositoryName,
    tags: Vec<String>,
}

/// `GET tags/list`: in bytewise order, by pages where that is asked for.
pub(super) async fn list(
    state: &AppState,
    repository: &RepositoryName,
    parts: &Parts,
) -> Result<Response, RegistryError> {
    let Query(query): Query<PageQuery> =
        Query::try_from_uri(&parts.uri).map_err(|_| RegistryError::PageInvalid)?;
    let limit = query.limit()?;
    // One more tells whether there is a next page.
    let ask = limit.map(|limit| limit + 1);
    let mut tags = state
        .local
        .store
        .tags(repository, query.last, ask)
        .await?
        .ok_or_else(|| RegistryError::NameUnknown(repository.clone()))?;
    let next = limit.and_then(|limit| cut(&mut tags, limit));
    let mut response = axum::Json(TagList {
        name: repository,
        tags,
    })
    .into_response();
    if let (Some(limit), Some(last)) = (limit, next) {
        let link = format!("</v2/{repository}/tags/list?n={limit}&last={last}>; rel=\"next\"");
        if let Ok(link) = link.parse() {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    Ok(response)
}

/// Cuts the list to a page, and answers the last entry if there are more.
fn cut(tags: &mut Vec<String>, limit: u32) -> Option<String> {
    let limit = usize::try_from(limit).ok()?;
    let more = tags.len() > limit;
    tags.truncate(limit);
    tags.last().filter(|_| more).cloned()
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
    fn only_a_page_with_more_behind_it_has_a_next() {
        let page = |limit| {
            let mut tags = vec!["a".to_owned(), "b".to_owned()];
            let next = cut(&mut tags, limit);
            (tags.len(), next)
        };
        assert_eq!(page(1), (1, Some("a".to_owned())));
        assert_eq!(page(2), (2, None));
        assert_eq!(page(3), (2, None));
        assert_eq!(page(0), (0, None));
    }
}
