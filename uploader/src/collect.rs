//! Collects garbage by the schedule. Of several uploaders one does.

use std::time::Duration;

use refity_shared::config::Schedule;
use refity_shared::store::{CollectRules, HealthState};

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
            uploader.wake.notify_one();
            uploader.local.wake_uploaders();
        }
    }
    Ok(())
}
