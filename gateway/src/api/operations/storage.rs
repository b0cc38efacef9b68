//! How much room there is, on SFTP and on this machine, and what takes it.

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

/// For how many days the history can be asked.
const DAYS: [u32; 3] = [30, 90, 365];

/// How many of them are answered at most.
const ITEMS_MAX: usize = 100;

/// How many large repositories are named where the query does not say, and at
/// most.
const LARGEST: u32 = 10;
const LARGEST_MAX: u32 = 100;

/// The room on SFTP, in bytes.
#[derive(Serialize, ToSchema)]
struct Capacity {
    /// Who tells it: `hetzner` (its API), `statvfs` (the SFTP server), or
    /// `unknown`.
    #[schema(example = "statvfs")]
    source: &'static str,
    total: Option<u64>,
    used: Option<u64>,
    free: Option<u64>,
    /// When it was told.
    at: Option<String>,
    /// Why it is not known, in words.
    reason: Option<String>,
}

/// The disk of this machine, where pushes are kept until SFTP has them.
#[derive(Serialize, ToSchema)]
struct Staging {
    /// Bytes of the disk; `null` if unknown.
    total: Option<u64>,
    free: Option<u64>,
    /// Bytes that pushes leave free (`SPOOL_MIN_FREE`).
    floor: u64,
    /// Bytes of blobs that SFTP has too: they yield to pushes.
    cache: i64,
    /// Bytes that copies of blobs may take (`CACHE_MAX_BYTES`).
    cache_max: u64,
    /// Bytes that only this machine has yet.
    pending: i64,
}

/// How much is stored.
#[derive(Serialize, ToSchema)]
struct Stored {
    /// Bytes on SFTP: each blob once.
    unique: i64,
    /// Bytes as each repository counts them.
    logical: i64,
    /// Blobs on SFTP, manifests among them.
    blobs: i64,
}

/// How much room there is, and what takes it.
#[derive(Serialize, ToSchema)]
pub(super) struct Room {
    capacity: Capacity,
    staging: Staging,
    stored: Stored,
}

/// For how long.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Span {
    /// 30, 90 or 365; 30 where it is not given.
    #[param(example = 90)]
    days: Option<u32>,
}

/// A day of the history.
#[derive(Serialize, ToSchema)]
struct Day {
    /// In UTC.
    #[schema(example = "2026-01-31")]
    day: String,
    /// Bytes on SFTP: each blob once.
    unique: i64,
    /// Bytes as each repository counts them.
    logical: i64,
    blobs: i64,
    /// The storage's own numbers, where it tells them.
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
            capacity_total: it.capacity.map(|room| room.total),
            capacity_used: it.capacity.map(|room| room.total - room.free),
        }
    }
}

/// How it was, and how it may go on.
#[derive(Serialize, ToSchema)]
pub(super) struct History {
    /// The earliest first, a hundred at most: of a year each fourth day, the last among them.
    /// Days on which no uploader ran are missing.
    items: Vec<Day>,
    forecast: Forecast,
}

/// Which repositories.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Largest {
    /// `unique` (bytes that no other repository holds) or `logical` (all of
    /// them); `unique` where it is not given.
    #[param(value_type = Option<String>, example = "unique")]
    by: Option<LargestBy>,
    /// 1 to 100; 10 where it is not given.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// A repository and what it holds.
#[derive(Serialize, ToSchema)]
struct Large {
    #[schema(example = "team/app")]
    repo: String,
    /// Bytes that no other repository holds: what is freed when it goes.
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

/// The paths of the storage.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new()
        .routes(routes!(room))
        .routes(routes!(history))
        .routes(routes!(top))
}

/// How much room there is, and what takes it.
#[utoipa::path(get, path = "/storage", tag = "storage",
    responses((status = 200, description = "Room and bytes", body = Room), SignedIn))]
pub(super) async fn room(Caller { state, .. }: Caller) -> Result<Answer<Room>, ApiError> {
    let store = &state.node.store;
    let bytes = store.stored_bytes().await?;
    let spool = state.node.spool.clone();
    let disk = tokio::task::spawn_blocking(move || spool.space().ok()).await;
    let disk = disk.ok().flatten();
    Ok(Answer(Room {
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

/// Hetzner's own word first: a server need not know of the account's limit.
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
    let room = seen.as_ref().and_then(|seen| seen.capacity);
    let unsigned = |bytes: i64| u64::try_from(bytes).ok();
    Ok(Capacity {
        source: if room.is_some() { "statvfs" } else { "unknown" },
        total: room.and_then(|room| unsigned(room.total)),
        used: room.and_then(|room| unsigned(room.total - room.free)),
        free: room.and_then(|room| unsigned(room.free)),
        at: seen.as_ref().map(|seen| rfc3339(seen.at)),
        reason: room.is_none().then(|| unknown(seen.as_ref())),
    })
}

fn unknown(seen: Option<&StorageSeen>) -> String {
    match seen {
        None => "no uploader has reached the storage yet".to_owned(),
        Some(seen) if seen.extensions.iter().any(|it| it.starts_with("statvfs")) => {
            "the SFTP server offers to tell its room, and does not".to_owned()
        }
        Some(_) => "the SFTP server does not tell its room (statvfs@openssh.com)".to_owned(),
    }
}

/// How much there was on each day, and when the storage may be full.
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

/// Of many days some, at the same distance, which show the same course.
fn thinned(days: &[StorageDay]) -> Vec<Day> {
    let step = days.len().div_ceil(ITEMS_MAX).max(1);
    let mut items: Vec<_> = days.iter().rev().step_by(step).map(Day::from).collect();
    items.reverse();
    items
}

/// The repositories that take the most room, of those that you may read.
#[utoipa::path(get, path = "/storage/top", tag = "storage", params(Largest),
    responses((status = 200, description = "The largest first", body = Top), SignedIn))]
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
    fn of_many_days_some_are_told_and_always_the_last() {
        for (count, told) in [(0, 0), (1, 1), (90, 90), (100, 100), (101, 51), (365, 92)] {
            let items = thinned(&days(count));
            assert_eq!(items.len(), told, "{count}");
            assert_eq!(items.last().map_or(0, |it| it.unique), count);
            assert!(items.is_sorted_by_key(|it| it.unique), "{count}");
        }
    }
}
