//! Keeps the cache within its bounds: removes files of the spool that the
//! storage certainly holds, the longest unused first.

use std::time::Duration;

use refity_config::clock::millis;
use refity_storage::layout;
use refity_store::{EvictionCandidate, HealthState};

use crate::service::{Failure, Uploader};

/// How often it looks.
const LOOK: Duration = Duration::from_secs(10);

/// A blob is evicted only when the storage has held it for this long.
const STORED_FOR: Duration = Duration::from_secs(10 * 60);

/// How many blobs are looked at in one round.
const ROUND: u32 = 100;

/// Evicts until the service ends.
pub(crate) async fn run(uploader: Uploader) {
    uploader.every("eviction", LOOK, || evict(&uploader)).await;
}

/// Bytes that the cache is over its bounds.
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
            // One that cannot be looked at does not hold up the others.
            Err(Failure::Storage(error)) if !error.is_connection() => {
                tracing::warn!(digest = %candidate.digest, "cannot be evicted: {error}");
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// Looks at the storage once more, then lets go of the file and removes it.
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
    // From here on no row names the file: if it stays, the sweep takes it.
    if let Err(error) = uploader.node.spool.remove_file(candidate.file).await {
        tracing::warn!(digest = %candidate.digest, "an evicted file stays for now: {error}");
    }
    tracing::debug!(digest = %candidate.digest, bytes = candidate.size, "evicted");
    Ok(true)
}
