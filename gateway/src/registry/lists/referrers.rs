//! `referrers` (OCI distribution specification, "Listing Referrers").

use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use refity_store::ReferrersQuery;
use refity_types::digest::{Digest, DigestError};
use refity_types::manifest::{Descriptor, MANIFEST_MAX_BYTES};
use refity_types::media_type::{MediaType, OCI_INDEX};
use refity_types::name::RepositoryName;
use serde::{Deserialize, Serialize};

use crate::registry::error::RegistryError;
use crate::registry::headers::OCI_FILTERS_APPLIED;
use crate::registry::lists::page::{self, PageQuery};
use crate::state::AppState;

/// The response is an index, whose size is limited. Some bytes are reserved for
/// what surrounds the descriptors.
const PAGE_MAX_BYTES: usize = MANIFEST_MAX_BYTES - 1024;

#[derive(Deserialize)]
struct Filter {
    #[serde(rename = "artifactType")]
    artifact_type: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u8,
    media_type: MediaType,
    manifests: Vec<Descriptor>,
}

/// `GET referrers`: returns an index. The index is empty if nothing refers to
/// the subject, or if the subject or the repository does not exist.
pub(in crate::registry) async fn list(
    state: &AppState,
    repository: &RepositoryName,
    subject: &Result<Digest, DigestError>,
    parts: &Parts,
) -> Result<Response, RegistryError> {
    let subject = subject
        .as_ref()
        .map_err(|error| RegistryError::DigestInvalid(*error))?;
    let filter: Filter = page::query(parts)?;
    let artifact_type = filter
        .artifact_type
        .filter(|wanted| !wanted.is_empty())
        // A literal `+`, as in `…+json`, was decoded to a space. Media types
        // contain no spaces.
        .map(|wanted| wanted.replace(' ', "+"));
    let query: PageQuery = page::query(parts)?;
    let limit = query.limit()?;
    let after = match query.last.as_deref() {
        None => 0,
        Some(last) => last.parse().map_err(|_| RegistryError::LinkInvalid)?,
    };
    let asked = ReferrersQuery {
        subject: subject.clone(),
        artifact_type: artifact_type.clone(),
        after,
        limit,
        max_bytes: PAGE_MAX_BYTES,
    };
    let page = state.node.store.referrers(repository, asked).await?;
    let index = Index {
        schema_version: 2,
        media_type: OCI_INDEX,
        manifests: page.descriptors,
    };
    let content_type = [(header::CONTENT_TYPE, OCI_INDEX.to_string())];
    let mut response = (content_type, axum::Json(index)).into_response();
    if artifact_type.is_some() {
        let filters = header::HeaderValue::from_static("artifactType");
        response.headers_mut().insert(OCI_FILTERS_APPLIED, filters);
    }
    if let Some(next) = page.next {
        let mut link = format!("/v2/{repository}/referrers/{subject}?last={next}");
        if let Some(limit) = limit {
            link += &format!("&n={limit}");
        }
        if let Some(wanted) = artifact_type {
            link += &format!(
                "&artifactType={}",
                utf8_percent_encode(&wanted, NON_ALPHANUMERIC)
            );
        }
        page::link(&mut response, &link);
    }
    Ok(response)
}
