//! Releases the jobs of dead or silent processes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use refity_spool::is_alive;
use tokio::task::spawn_blocking;

use crate::service::{Failure, SHORT_STEP_MAX, Uploader};

/// How often to check.
const INTERVAL: Duration = Duration::from_secs(1);

/// Checks until the service ends.
pub(crate) async fn run(uploader: Uploader, data_dir: PathBuf) {
    uploader
        .every_within("leases", INTERVAL, SHORT_STEP_MAX, || {
            check(&uploader, &data_dir)
        })
        .await;
}

async fn check(uploader: &Uploader, data_dir: &Path) -> Result<(), Failure> {
    let store = &uploader.node.store;
    let mut back = 0;
    let mut owners = store.owners().await?;
    owners.retain(|owner| owner != uploader.node.owner.id());
    for owner in dead(owners, data_dir).await? {
        tracing::info!(owner, "a process has died: its jobs go back");
        back += store.release_jobs_of_dead(&owner).await?;
    }
    if back > 0 {
        uploader.wake.notify_one();
    }
    if store.has_expired_lease().await? && store.end_expired_leases().await? > 0 {
        uploader.wake.notify_one();
    }
    Ok(())
}

/// Returns the owners whose process is dead.
async fn dead(mut owners: Vec<String>, data_dir: &Path) -> Result<Vec<String>, Failure> {
    if owners.is_empty() {
        return Ok(owners);
    }
    let data_dir = data_dir.to_owned();
    // Tries to lock files.
    let looked = spawn_blocking(move || {
        owners.retain(|owner| !is_alive(&data_dir, owner));
        owners
    });
    looked
        .await
        .map_err(|error| Failure::Other(error.to_string()))
}
