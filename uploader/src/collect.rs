//! Collects garbage by the schedule. Of several uploaders one does.

use std::time::Duration;

use refity_shared::config::Schedule;
use refity_shared::store::{
    AuditAction, AuditEntry, CollectRules, Collection, HealthState, Store, StoreError,
};

use crate::service::{Failure, Uploader};

/// How often it looks whether it is time. What was due while no uploader ran,
/// or while the storage was unwell, is done as soon as it can be.
const LOOK: Duration = Duration::from_secs(30);

/// Collects until the service ends.
pub(crate) async fn run(uploader: Uploader, schedule: Schedule, rules: CollectRules) {
    uploader
        .every("garbage collection", LOOK, || {
            collect(&uploader, schedule, rules)
        })
        .await;
}

async fn collect(
    uploader: &Uploader,
    schedule: Schedule,
    rules: CollectRules,
) -> Result<(), Failure> {
    let store = &uploader.local.store;
    let Some(due) = schedule.last_due(store.clock().wall_ms()) else {
        return Ok(());
    };
    if store.health().await?.state != HealthState::Up
        || !store.begin_scheduled_collection(due).await?
    {
        return Ok(());
    }
    let collected = store.collect(rules, false, |one| {
        tracing::debug!(?one, "collected");
    });
    match collected.await?.done() {
        Err(words) => tracing::warn!("{words}"),
        Ok(all) => {
            tracing::info!(
                manifests = all.manifests,
                links = all.links,
                blobs = all.blobs,
                bytes = all.bytes,
                "garbage was collected"
            );
            note(store, &all, "as scheduled").await?;
            uploader.wake.notify_one();
            uploader.local.wake_uploaders();
        }
    }
    Ok(())
}

/// Writes into the audit log what was collected.
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
