//! The referrers of an image: signatures, SBOMs, and similar artifacts.

use std::collections::BTreeMap;

use axum::Json as Answer;
use refity_store::{Order, ReferrerRow};
use refity_types::digest::Digest;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::ApiError;
use crate::api::content::repository_access::{Reader, RepositoryQuery};
use crate::api::extract::{Guarded, Query};
use crate::api::list::{List, ListQuery};
use crate::api::openapi::{ErrorBody, SignedIn};
use crate::timestamp::rfc3339;

/// The image whose referrers are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReferrersQuery {
    /// The image's digest. The image does not have to exist.
    #[param(value_type = String)]
    digest: Digest,
}

/// A manifest that refers to the image.
#[derive(Serialize, ToSchema)]
#[schema(as = Referrer)]
pub(super) struct Item {
    #[schema(value_type = String)]
    digest: Digest,
    #[schema(example = "application/vnd.oci.image.manifest.v1+json")]
    media_type: String,
    #[schema(example = "application/spdx+json")]
    artifact_type: Option<String>,
    /// The size in bytes of the manifest and everything it references.
    size: i64,
    annotations: BTreeMap<String, String>,
    #[schema(example = "2026-01-31T12:00:00Z")]
    pushed_at: String,
}

impl From<ReferrerRow> for Item {
    fn from(row: ReferrerRow) -> Self {
        Self {
            digest: row.digest,
            media_type: row.media_type,
            artifact_type: row.artifact_type,
            size: row.size,
            annotations: serde_json::from_str(&row.annotations).unwrap_or_default(),
            pushed_at: rfc3339(row.pushed_at),
        }
    }
}

/// The route for referrers.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new().routes(routes!(list))
}

/// `GET /api/referrers?repo=&digest=`: lists the referrers of an image, in the
/// order in which they were pushed.
#[utoipa::path(get, path = "/referrers", tag = "images", params(RepositoryQuery, ReferrersQuery, ListQuery),
    responses(
        (status = 200, description = "A page of referrers", body = List<Item>),
        (status = 404, description = "The repository does not exist", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn list(
    Reader {
        state, repository, ..
    }: Reader,
    Query(referrers): Query<ReferrersQuery>,
    Query(query): Query<ListQuery>,
) -> Result<Answer<List<Item>>, ApiError> {
    let request = query.page(Order::Asc)?;
    let store = &state.node.store;
    let page = store.referrer_page(&repository, &referrers.digest, request);
    Ok(Answer(List::of(page.await?, Item::from)))
}
