//! Garbage collection on demand, and its preview.

use std::collections::BTreeMap;

use axum::Json as Answer;
use refity_store::{AuditAction, Collected, Collection};
use refity_types::digest::Digest;
use refity_types::name::RepositoryName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::ApiError;
use crate::api::extract::{Admin, Guarded, Json};
use crate::api::openapi::SignedIn;
use crate::client::ClientAddress;

/// The maximum number of digests in a response. The counts include all.
const NAMED_MAX: usize = 10_000;

/// The request.
#[derive(Deserialize, ToSchema)]
#[schema(as = CollectionOrder)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// Only return what would be collected.
    #[serde(default)]
    dry_run: bool,
}

/// The items to collect from a repository.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = CollectedOfRepository)]
struct OfRepository {
    #[schema(value_type = Vec<String>)]
    manifests: Vec<Digest>,
    #[schema(value_type = Vec<String>)]
    blobs: Vec<Digest>,
}

#[derive(Serialize, ToSchema)]
struct Freed {
    #[schema(value_type = String)]
    digest: Digest,
    bytes: u64,
}

/// The counts, as the API description shows them.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
struct Counts {
    manifests: u64,
    links: u64,
    blobs: u64,
    bytes: u64,
}

/// The result or the preview of a garbage collection.
#[derive(Serialize, ToSchema)]
#[schema(as = CollectionReport)]
pub(super) struct Report {
    dry_run: bool,
    #[serde(flatten)]
    #[schema(value_type = Counts)]
    counts: Collection,
    /// The items that are removed from repositories.
    #[schema(value_type = BTreeMap<String, OfRepository>)]
    repositories: BTreeMap<RepositoryName, OfRepository>,
    /// The blobs that no repository references any more. They are moved to the
    /// trash, and the space is free when the trash is emptied.
    freed: Vec<Freed>,
    /// Whether there are more items than a response can list.
    truncated: bool,
}

/// The route for garbage collection.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new().routes(routes!(collect))
}

/// `POST /api/gc` `{"dry_run": bool}`: collects garbage, or previews the
/// collection.
#[utoipa::path(post, path = "/gc", tag = "storage", request_body = Order,
    responses((status = 200, description = "The result of the collection", body = Report), SignedIn))]
pub(super) async fn collect(
    Admin {
        state,
        caller: admin,
    }: Admin,
    client: ClientAddress,
    Json(order): Json<Order>,
) -> Result<Answer<Report>, ApiError> {
    let mut report = Report {
        dry_run: order.dry_run,
        counts: Collection::default(),
        repositories: BTreeMap::new(),
        freed: Vec::new(),
        truncated: false,
    };
    let mut named = 0;
    let rules = state.settings.collection;
    let collected = state.node.store.collect(rules, order.dry_run, |one| {
        named += 1;
        if named <= NAMED_MAX {
            report.name(one);
        }
    });
    let counts = collected.await?.done();
    report.counts = counts.map_err(|words| ApiError::Unavailable(words.to_owned()))?;
    report.truncated = named > NAMED_MAX;
    if !order.dry_run {
        let detail = format!(
            "by hand: {} manifests, {} links, {} blobs, {} bytes",
            report.counts.manifests, report.counts.links, report.counts.blobs, report.counts.bytes
        );
        let (action, detail) = (AuditAction::Collect, Some(detail));
        state
            .audit
            .record(&admin, client, action, "garbage", detail)
            .await;
        state.node.wake_uploaders();
    }
    Ok(Answer(report))
}

impl Report {
    fn name(&mut self, collected: Collected) {
        match collected {
            Collected::Manifest(name, digest) => self.repository(name).manifests.push(digest),
            Collected::Link(name, digest) => self.repository(name).blobs.push(digest),
            Collected::Bytes(digest, bytes) => self.freed.push(Freed { digest, bytes }),
        }
    }

    fn repository(&mut self, name: RepositoryName) -> &mut OfRepository {
        self.repositories.entry(name).or_default()
    }
}
