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

/// How many digests an answer names; the counts are of all.
const NAMED_MAX: usize = 10_000;

/// What to do.
#[derive(Deserialize, ToSchema)]
#[schema(as = CollectionOrder)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// Only say what would be collected.
    #[serde(default)]
    dry_run: bool,
}

/// What goes from one repository.
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

/// How much of each, as the description shows it.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
struct Counts {
    manifests: u64,
    links: u64,
    blobs: u64,
    bytes: u64,
}

/// What was collected, or would be.
#[derive(Serialize, ToSchema)]
#[schema(as = CollectionReport)]
pub(super) struct Report {
    dry_run: bool,
    #[serde(flatten)]
    #[schema(value_type = Counts)]
    counts: Collection,
    /// What repositories have no more.
    #[schema(value_type = BTreeMap<String, OfRepository>)]
    repositories: BTreeMap<RepositoryName, OfRepository>,
    /// What no repository has any more: its bytes go to the trash, and are
    /// free when that is emptied.
    freed: Vec<Freed>,
    /// There was more than an answer names.
    truncated: bool,
}

/// The path of the collection.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new().routes(routes!(collect))
}

/// `POST /api/gc` `{"dry_run": bool}`: collects garbage, or tells what it
/// would collect.
#[utoipa::path(post, path = "/gc", tag = "storage", request_body = Order,
    responses((status = 200, description = "What was collected", body = Report), SignedIn))]
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
