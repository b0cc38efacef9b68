//! Measures the storage for display: its space, latency and features. Samples
//! once a day how much it holds.

use std::time::{Duration, Instant};

use refity_store::{Capacity, HealthState, StorageSeen};

use crate::service::{Failure, Uploader};

/// How often it checks whether a measurement is due.
const INTERVAL: Duration = Duration::from_secs(1);

/// Interval between two measurements.
const MEASURE_INTERVAL: Duration = Duration::from_secs(60);

/// Interval between two computations of all sums, which read the whole index.
const SUM: Duration = Duration::from_secs(10 * 60);

/// How long a measurement waits for a connection; transfers take precedence.
const PATIENCE: Duration = Duration::from_secs(5);

/// Times of the last measurement and sum.
#[derive(Default)]
struct Last {
    measured: Option<Instant>,
    /// The time, and whether the space was known then.
    summed: Option<(Instant, bool)>,
    space: Option<Capacity>,
}

/// Measures until the service ends.
pub(crate) async fn run(uploader: Uploader) {
    let last = tokio::sync::Mutex::new(Last::default());
    uploader
        .every("storage stats", INTERVAL, || async {
            update(&uploader, &mut *last.lock().await).await
        })
        .await;
}

async fn update(uploader: &Uploader, last: &mut Last) -> Result<(), Failure> {
    let due = |at: Option<Instant>, rest| at.is_none_or(|at| at.elapsed() >= rest);
    let store = &uploader.node.store;
    if due(last.measured, MEASURE_INTERVAL) && store.health().await?.state == HealthState::Up {
        // Record failed measurements too: if the storage is unavailable, the
        // jobs detect it.
        last.measured = Some(Instant::now());
        let stats = measure(uploader).await?;
        last.space = stats.capacity;
        store.note_storage(stats).await?;
    }
    // The first sum after a start is computed before the storage is measured.
    let better = last.space.is_some() && last.summed.is_some_and(|(_, known)| !known);
    if better || due(last.summed.map(|(at, _)| at), SUM) {
        last.summed = Some((Instant::now(), last.space.is_some()));
        store.sample_storage(last.space).await?;
    }
    Ok(())
}

async fn measure(uploader: &Uploader) -> Result<StorageSeen, Failure> {
    let storage = uploader.storage.reserve(PATIENCE).await?;
    let at = uploader.node.store.clock().wall_ms();
    let features = storage.features().await?;
    let space = match storage.space().await {
        Err(error) if error.is_connection() => return Err(error.into()),
        space => space.unwrap_or(None),
    };
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let extensions = features.extensions.into_iter();
    Ok(StorageSeen {
        at,
        latency_us: i64::try_from(features.latency.as_micros()).unwrap_or(i64::MAX),
        host_key: features.host_key,
        extensions: extensions.map(str::to_owned).collect(),
        capacity: space.map(|space| Capacity {
            total: signed(space.total),
            free: signed(space.free),
        }),
    })
}
