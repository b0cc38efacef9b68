//! `_catalog`: the names of the repositories, from the index (Distribution's
//! HTTP API, "Catalog"; the OCI specification leaves it out).

use axum::http::request::Parts;
use axum::response::Response;

use crate::access::{Actor, rights};
use crate::registry::error::RegistryError;
use crate::registry::lists::page::{self, PageQuery};
use crate::state::AppState;

/// The default number of names per page.
const PAGE_DEFAULT: u32 = 1000;

/// `GET _catalog`: lists the repositories that the caller may pull, in bytewise
/// order, in pages.
pub(in crate::registry) async fn list(
    state: &AppState,
    actor: &Actor,
    parts: &Parts,
) -> Result<Response, RegistryError> {
    let query: PageQuery = page::query(parts)?;
    let limit = query.limit()?.unwrap_or(PAGE_DEFAULT);
    let readable = rights::readable(&actor.identity);
    // One more entry shows whether there is a next page.
    let store = &state.node.store;
    let repositories = store.repositories(&readable, query.last, limit + 1);
    let mut repositories = repositories.await?;
    let next = page::cut(&mut repositories, limit);
    let mut response = page::answer("\"repositories\":", &repositories);
    if let Some(last) = next {
        page::link(
            &mut response,
            &format!("/v2/_catalog?n={limit}&last={last}"),
        );
    }
    Ok(response)
}
