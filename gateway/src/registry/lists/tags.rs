//! `tags/list` (OCI distribution specification, "Listing Tags").

use axum::http::request::Parts;
use axum::response::Response;
use refity_types::name::RepositoryName;

use crate::registry::error::RegistryError;
use crate::registry::lists::page::{self, PageQuery};
use crate::state::AppState;

/// `GET tags/list`: lists tags in bytewise order, in pages on request.
pub(in crate::registry) async fn list(
    state: &AppState,
    repository: &RepositoryName,
    parts: &Parts,
) -> Result<Response, RegistryError> {
    let query: PageQuery = page::query(parts)?;
    let limit = query.limit()?;
    // One more entry shows whether there is a next page.
    let ask = limit.map(|limit| limit + 1);
    let mut tags = state
        .node
        .store
        .tags(repository, query.last, ask)
        .await?
        .ok_or_else(|| RegistryError::NameUnknown(repository.clone()))?;
    let next = limit.and_then(|limit| page::cut(&mut tags, limit));
    let mut response = page::answer(&format!("\"name\":\"{repository}\",\"tags\":"), &tags);
    if let (Some(limit), Some(last)) = (limit, next) {
        let next = format!("/v2/{repository}/tags/list?n={limit}&last={last}");
        page::link(&mut response, &next);
    }
    Ok(response)
}
