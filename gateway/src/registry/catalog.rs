//! `_catalog`: the names of the repositories, from the index (Distribution's
//! HTTP API, "Catalog"; the OCI specification leaves it out).

use axum::http::request::Parts;
use axum::response::Response;
use refity_shared::store::Names;

use super::error::RegistryError;
use super::page::{self, PageQuery};
use crate::access::{Actor, rights};
use crate::state::AppState;

/// How many names a page has where the client does not say.
const PAGE_DEFAULT: u32 = 1000;

/// `GET _catalog`: what the reader may pull, in bytewise order, by pages.
pub(super) async fn list(state: &AppState, parts: &Parts) -> Result<Response, RegistryError> {
    let query: PageQuery = page::query(parts)?;
    let limit = query.limit()?.unwrap_or(PAGE_DEFAULT);
    // Without a table of rights one may read all of them or none.
    let reader = parts.extensions.get::<Actor>();
    let mut repositories = if reader.is_some_and(|actor| rights::may_administer(&actor.0)) {
        // One more tells whether there is a next page.
        let store = &state.local.store;
        store.repositories(query.last, limit + 1).await?
    } else {
        Names::default()
    };
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
