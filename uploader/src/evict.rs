//! Keeps the cache within its limits: evicts files from the spool whose blobs
//! the storage verifiably holds, least recently used first.

use std::time::Duration;

use refity_config::clock::millis;
use refity_storage::layout;
use refity_store::{EvictionCandidate, HealthState};

use crate::service::{Failure, Uploader};

/// How often to check the size of the cache.
const INTERVAL: Duration = Duration::from_secs(10);

/// Minimum time that the storage must have held a blob before its eviction.
const STORED_FOR: Duration = Duration::from_secs(10 * 60);

/// Maximum number of blobs per round.
const ROUND: u32 = 100;

/// Evicts until the service ends.
pub(crate) async fn run(uploader: Uploader) {
    uploader
        .every("eviction", INTERVAL, || evict(&uploader))
        .await;
}

/// Returns the number of bytes by which the cache exceeds its limits.
async fn excess(uploader: &Uploader) -> Result<u64, Failure> {
    let cached = uploader.node.store.cached_bytes().await?;
    let over = cached.saturating_sub(uploader.spool.cache_max_bytes);
    let free = uploader.node.spool.space()?.free;
    Ok(over.max(uploader.spool.spool_min_free.saturating_sub(free)))
}

async fn evict(uploader: &Uploader) -> Result<(), Failure> {
    let store = &uploader.node.store;
    let mut excess = excess(uploader).await?;
    if excess == 0 || store.health().await?.state != HealthState::Up {
        return Ok(());
    }
    let stored_before = store.clock().wall_ms() - millis(STORED_FOR);
    for candidate in store.eviction_candidates(stored_before, ROUND).await? {
        if excess == 0 {
            break;
        }
        match evict_one(uploader, &candidate, stored_before).await {
            Ok(true) => excess = excess.saturating_sub(candidate.size),
            Ok(false) => {}
            // Skip a blob that cannot be checked.
            Err(Failure::Storage(error)) if !error.is_connection() => {
                tracing::warn!(digest = %candidate.digest, "cannot be evicted: {error}");
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// Verifies the blob on the storage, then detaches and removes the file.
async fn evict_one(
    uploader: &Uploader,
    candidate: &EvictionCandidate,
    stored_before: i64,
) -> Result<bool, Failure> {
    let store = &uploader.node.store;
    let path = layout::blob(&candidate.digest);
    let found = uploader.storage.stat(&path).await?;
    if !found.is_some_and(|meta| meta.is_file_of(candidate.size)) {
        tracing::warn!(
            digest = %candidate.digest,
            "the storage does not hold a blob that it held: it is stored again from the spool"
        );
        let why = format!("{} is not whole on the storage", candidate.digest);
        store.blob_lost_on_remote(candidate.blob, why).await?;
        uploader.wake.notify_one();
        return Ok(false);
    }
    if !store.detach_file(candidate, stored_before).await? {
        return Ok(false);
    }
    // No row references the file any more: if removing it fails, the sweep
    // removes it.
    if let Err(error) = uploader.node.spool.remove_file(candidate.file).await {
        tracing::warn!(digest = %candidate.digest, "an evicted file stays for now: {error}");
    }
    tracing::debug!(digest = %candidate.digest, bytes = candidate.size, "evicted");
    Ok(true)
}
