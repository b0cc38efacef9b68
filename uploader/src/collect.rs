//! Collects garbage on schedule, in one uploader at a time.

use std::time::Duration;

use refity_config::CollectRules;
use refity_config::Schedule;
use refity_store::{AuditAction, AuditEntry, Collect, Collection, HealthState, Store, StoreError};

use crate::service::{Failure, Uploader};

/// How often to check whether a collection is due. A collection that was missed
/// while no uploader ran or the storage failed runs as soon as possible.
const INTERVAL: Duration = Duration::from_secs(30);

/// Collects until the service ends.
pub(crate) async fn run(uploader: Uploader, schedule: Schedule, rules: CollectRules) {
    uploader
        .every("garbage collection", INTERVAL, || {
            collect_when_due(&uploader, schedule, rules)
        })
        .await;
}

async fn collect_when_due(
    uploader: &Uploader,
    schedule: Schedule,
    rules: CollectRules,
) -> Result<(), Failure> {
    let (store, owner) = (&uploader.node.store, uploader.node.owner.id());
    let Some(due) = schedule.last_due(store.clock().wall_ms()) else {
        return Ok(());
    };
    if store.health().await?.state != HealthState::Up
        || !store.begin_scheduled_collection(due, owner).await?
    {
        return Ok(());
    }
    let collected = collect(uploader, rules).await;
    // A partial index does not become complete by retrying.
    let ended = matches!(collected, Ok(Collect::Done(_) | Collect::PartialIndex));
    store
        .end_scheduled_collection(ended.then_some(due), owner)
        .await?;
    collected.map(|_| ())
}

async fn collect(uploader: &Uploader, rules: CollectRules) -> Result<Collect, Failure> {
    let collected = uploader.node.store.collect(rules, false, |one| {
        tracing::debug!(?one, "collected");
    });
    let collected = collected.await?;
    match collected.done() {
        Err(words) => tracing::warn!("{words}"),
        Ok(all) => {
            tracing::info!(
                manifests = all.manifests,
                links = all.links,
                blobs = all.blobs,
                bytes = all.bytes,
                "garbage was collected"
            );
            note(&uploader.node.store, &all, "as scheduled").await?;
        }
    }
    uploader.wake.notify_one();
    uploader.node.wake_uploaders();
    Ok(collected)
}

/// Records a collection in the audit log.
pub(crate) async fn note(store: &Store, all: &Collection, why: &str) -> Result<(), StoreError> {
    let detail = format!(
        "{why}: {} manifests, {} links, {} blobs, {} bytes",
        all.manifests, all.links, all.blobs, all.bytes
    );
    let entry = AuditEntry {
        actor: "system".to_owned(),
        credential: "none",
        action: AuditAction::Collect,
        target: "garbage".to_owned(),
        repository: None,
        address: String::new(),
        refused: false,
        detail: Some(detail),
    };
    store.record(entry).await
}
