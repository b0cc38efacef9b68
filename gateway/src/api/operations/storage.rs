//! The free space on SFTP and on this machine, and what uses the space.

use axum::Json as Answer;
use refity_store::{LargeRepository, LargestBy, StorageDay, StorageSeen};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::rights;
use crate::api::ApiError;
use crate::api::extract::{Caller, Guarded, Query};
use crate::api::openapi::SignedIn;
use crate::api::operations::forecast::{Forecast, forecast};
use crate::state::AppState;
use crate::timestamp::{day, rfc3339};

/// The supported lengths of the history, in days.
const DAYS: [u32; 3] = [30, 90, 365];

/// The maximum number of days in a response.
const ITEMS_MAX: usize = 100;

/// The default number of largest repositories.
const LARGEST: u32 = 10;
const LARGEST_MAX: u32 = 100;

/// The capacity of SFTP, in bytes.
#[derive(Serialize, ToSchema)]
struct Capacity {
    /// The source of the numbers: `hetzner` (its API), `statvfs` (the SFTP
    /// server), or `unknown`.
    #[schema(example = "statvfs")]
    source: &'static str,
    total: Option<u64>,
    used: Option<u64>,
    free: Option<u64>,
    /// When the numbers were retrieved.
    at: Option<String>,
    /// Why the numbers are not known.
    reason: Option<String>,
}

/// The disk of this machine, which keeps pushes until they are stored on SFTP.
#[derive(Serialize, ToSchema)]
struct Staging {
    /// The size of the disk in bytes; `null` if unknown.
    total: Option<u64>,
    free: Option<u64>,
    /// The bytes that pushes must leave free (`SPOOL_MIN_FREE`).
    floor: u64,
    /// The bytes of blobs that are also on SFTP. They are evicted when pushes
    /// need the space.
    cache: i64,
    /// The maximum bytes of cached blobs (`CACHE_MAX_BYTES`).
    cache_max: u64,
    /// The bytes that are only on this machine.
    pending: i64,
}

/// The amount of stored data.
#[derive(Serialize, ToSchema)]
struct Stored {
    /// The bytes on SFTP; each blob is counted once.
    unique: i64,
    /// The total size of all repositories in bytes. Shared blobs are counted
    /// once per repository.
    logical: i64,
    /// The number of blobs on SFTP, including manifests.
    blobs: i64,
}

/// The free space, and what uses the space.
#[derive(Serialize, ToSchema)]
pub(super) struct StorageUse {
    capacity: Capacity,
    staging: Staging,
    stored: Stored,
}

/// The length of the history.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Span {
    /// 30, 90 or 365. Default: 30.
    #[param(example = 90)]
    days: Option<u32>,
}

/// A day of the history.
#[derive(Serialize, ToSchema)]
struct Day {
    /// The date in UTC.
    #[schema(example = "2026-01-31")]
    day: String,
    /// The bytes on SFTP; each blob is counted once.
    unique: i64,
    /// The total size of all repositories in bytes. Shared blobs are counted
    /// once per repository.
    logical: i64,
    blobs: i64,
    /// The storage's own numbers, if known.
    capacity_total: Option<i64>,
    capacity_used: Option<i64>,
}

impl From<&StorageDay> for Day {
    fn from(it: &StorageDay) -> Self {
        Self {
            day: day(it.day),
            unique: it.stored,
            logical: it.logical,
            blobs: it.blobs,
            capacity_total: it.capacity.map(|storage_use| storage_use.total),
            capacity_used: it
                .capacity
                .map(|storage_use| storage_use.total - storage_use.free),
        }
    }
}

/// The history of the storage, with a forecast.
#[derive(Serialize, ToSchema)]
pub(super) struct History {
    /// The days, earliest first: at most 100. For a year, every fourth day is included, and always
    /// the last. Days on which no uploader was running are missing.
    items: Vec<Day>,
    forecast: Forecast,
}

/// The repositories to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Largest {
    /// `unique` (bytes that no other repository has) or `logical` (all bytes).
    /// Default: `unique`.
    #[param(value_type = Option<String>, example = "unique")]
    by: Option<LargestBy>,
    /// 1 to 100. Default: 10.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// A repository and its size.
#[derive(Serialize, ToSchema)]
struct Large {
    #[schema(example = "team/app")]
    repo: String,
    /// The bytes that no other repository has: what deleting the repository
    /// would free.
    unique_bytes: i64,
    logical_bytes: i64,
}

impl From<LargeRepository> for Large {
    fn from(it: LargeRepository) -> Self {
        Self {
            repo: it.name,
            unique_bytes: it.unique,
            logical_bytes: it.logical,
        }
    }
}

/// The largest repositories.
#[derive(Serialize, ToSchema)]
pub(super) struct Top {
    items: Vec<Large>,
}

/// The routes for the storage.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new()
        .routes(routes!(storage_use))
        .routes(routes!(history))
        .routes(routes!(top))
}

/// Returns the free space, and what uses the space.
#[utoipa::path(get, path = "/storage", tag = "storage",
    responses((status = 200, description = "The storage's space and its use", body = StorageUse), SignedIn))]
pub(super) async fn storage_use(
    Caller { state, .. }: Caller,
) -> Result<Answer<StorageUse>, ApiError> {
    let store = &state.node.store;
    let bytes = store.stored_bytes().await?;
    let spool = state.node.spool.clone();
    let disk = tokio::task::spawn_blocking(move || spool.space().ok()).await;
    let disk = disk.ok().flatten();
    Ok(Answer(StorageUse {
        capacity: capacity(&state).await?,
        staging: Staging {
            total: disk.map(|disk| disk.total),
            free: disk.map(|disk| disk.free),
            floor: state.settings.spool.spool_min_free,
            cache: bytes.cached,
            cache_max: state.settings.spool.cache_max_bytes,
            pending: bytes.pending,
        },
        stored: Stored {
            unique: bytes.stored,
            logical: bytes.logical,
            blobs: bytes.blobs,
        },
    }))
}

/// Prefers the numbers of Hetzner's API, since the SFTP server may not know the
/// account's limit.
async fn capacity(state: &AppState) -> Result<Capacity, ApiError> {
    let store = &state.node.store;
    if let Some(usage) = &state.usage
        && let Some((numbers, age)) = usage.known().await.usage
    {
        let at = store.clock().wall_ms() - refity_config::clock::millis(age);
        return Ok(Capacity {
            source: "hetzner",
            total: Some(numbers.total),
            used: Some(numbers.used),
            free: Some(numbers.total.saturating_sub(numbers.used)),
            at: Some(rfc3339(at)),
            reason: None,
        });
    }
    let seen = store.storage_seen().await?;
    let storage_use = seen.as_ref().and_then(|seen| seen.capacity);
    let unsigned = |bytes: i64| u64::try_from(bytes).ok();
    Ok(Capacity {
        source: if storage_use.is_some() {
            "statvfs"
        } else {
            "unknown"
        },
        total: storage_use.and_then(|storage_use| unsigned(storage_use.total)),
        used: storage_use.and_then(|storage_use| unsigned(storage_use.total - storage_use.free)),
        free: storage_use.and_then(|storage_use| unsigned(storage_use.free)),
        at: seen.as_ref().map(|seen| rfc3339(seen.at)),
        reason: storage_use.is_none().then(|| unknown(seen.as_ref())),
    })
}

fn unknown(seen: Option<&StorageSeen>) -> String {
    match seen {
        None => "no uploader has reached the storage yet".to_owned(),
        Some(seen) if seen.extensions.iter().any(|it| it.starts_with("statvfs")) => {
            "the SFTP server offers to tell its storage_use, and does not".to_owned()
        }
        Some(_) => "the SFTP server does not tell its storage_use (statvfs@openssh.com)".to_owned(),
    }
}

/// Returns the storage's size on each day, and a forecast of when it will be
/// full.
#[utoipa::path(get, path = "/storage/history", tag = "storage", params(Span),
    responses((status = 200, description = "The days", body = History), SignedIn))]
pub(super) async fn history(
    Caller { state, .. }: Caller,
    Query(span): Query<Span>,
) -> Result<Answer<History>, ApiError> {
    let days = span.days.unwrap_or(DAYS[0]);
    if !DAYS.contains(&days) {
        return Err(ApiError::Invalid(format!(
            "days is {days}: give 30, 90 or 365"
        )));
    }
    let known = state.node.store.storage_days(days).await?;
    Ok(Answer(History {
        items: thinned(&known),
        forecast: forecast(&known),
    }))
}

/// Selects evenly spaced days if there are too many for a response.
fn thinned(days: &[StorageDay]) -> Vec<Day> {
    let step = days.len().div_ceil(ITEMS_MAX).max(1);
    let mut items: Vec<_> = days.iter().rev().step_by(step).map(Day::from).collect();
    items.reverse();
    items
}

/// Lists the largest repositories that you may read.
#[utoipa::path(get, path = "/storage/top", tag = "storage", params(Largest),
    responses((status = 200, description = "The repositories, the largest first", body = Top), SignedIn))]
pub(super) async fn top(
    Caller { state, caller }: Caller,
    Query(largest): Query<Largest>,
) -> Result<Answer<Top>, ApiError> {
    let limit = largest.limit.unwrap_or(LARGEST);
    if !(1..=LARGEST_MAX).contains(&limit) {
        return Err(ApiError::Invalid(format!(
            "limit is {limit}: give a number from 1 to {LARGEST_MAX}"
        )));
    }
    let by = largest.by.unwrap_or_default();
    let readable = rights::readable(&caller);
    let found = state.node.store.largest_repositories(readable, by, limit);
    Ok(Answer(Top {
        items: found.await?.into_iter().map(Large::from).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(count: i64) -> Vec<StorageDay> {
        let one = |day| StorageDay {
            day,
            stored: day,
            logical: 0,
            blobs: 0,
            capacity: None,
        };
        (1..=count).map(one).collect()
    }

    #[test]
    fn long_histories_are_thinned_and_keep_the_last_day() {
        for (count, told) in [(0, 0), (1, 1), (90, 90), (100, 100), (101, 51), (365, 92)] {
            let items = thinned(&days(count));
            assert_eq!(items.len(), told, "{count}");
            assert_eq!(items.last().map_or(0, |it| it.unique), count);
            assert!(items.is_sorted_by_key(|it| it.unique), "{count}");
        }
    }
}
