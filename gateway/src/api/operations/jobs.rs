//! Transfers to SFTP: list and retry.

use axum::Json as Answer;
use refity_config::clock::millis;
use refity_store::{AuditAction, Backlog, Job, JobFilter, JobId, JobState, Order, Readable};
use refity_types::name::RepositoryName;
use refity_types::rights::Right;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Identity, rights};
use crate::api::ApiError;
use crate::api::extract::{Caller, Guarded, Named, Query};
use crate::api::list::{List, ListQuery};
use crate::api::openapi::{ErrorBody, SignedIn};
use crate::api::operations::transfer::{Audience, Transfer, pushes};
use crate::client::ClientAddress;
use crate::job_events::UPLOADER_SILENCE_MAX;
use crate::state::AppState;

/// The maximum number of a blob's repositories to check for push permission.
const REPOSITORIES_MAX: u32 = 64;

/// The transfers to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// `waiting`, `pending`, `running`, `done` or `failed`.
    #[param(value_type = Option<String>, example = "failed")]
    state: Option<JobState>,
    /// Only return transfers of this repository, including those of its blobs.
    #[param(value_type = Option<String>, example = "team/app")]
    repo: Option<RepositoryName>,
}

/// Whether an uploader is running.
#[derive(Serialize, ToSchema)]
struct UploaderState {
    /// Whether an uploader has sent a heartbeat within the last 30 seconds.
    /// Without an uploader, pushed content stays on the registry's own disk.
    runs: bool,
    /// The number of seconds since the last heartbeat; `null` if there was
    /// none.
    #[schema(example = 2)]
    heartbeat_age_s: Option<i64>,
}

/// The number of transfers by state, and the amount of data to upload.
#[derive(Serialize, ToSchema)]
pub(super) struct Summary {
    /// Transfers that wait for other transfers.
    waiting: i64,
    /// Transfers that are ready, or that wait before a retry.
    pending: i64,
    running: i64,
    /// Transfers that finished in the last 30 days.
    done: i64,
    /// Transfers that failed and need attention.
    failed: i64,
    /// The bytes that are not stored on SFTP yet.
    bytes_waiting: i64,
    /// The transfer rate in bytes per second.
    rate_bps: i64,
    /// The number of seconds until everything is uploaded at this rate.
    eta_s: Option<i64>,
    uploader: UploaderState,
}

/// The number of transfers that are retried.
#[derive(Serialize, ToSchema)]
pub(super) struct Retried {
    #[schema(example = 3)]
    retried: usize,
}

/// The routes for transfers.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(summary))
        .routes(routes!(retry_failed))
        .routes(routes!(one))
        .routes(routes!(retry))
}

/// Lists transfers, newest first.
///
/// Administrators see all transfers, other users those of repositories that
/// they may read. The transfers of one push have the same `push_id`.
#[utoipa::path(get, path = "/jobs", tag = "transfers", params(Filter, ListQuery),
    responses((status = 200, description = "A page of transfers", body = List<Transfer>), SignedIn))]
pub(super) async fn list(
    Caller { state, caller }: Caller,
    Query(filter): Query<Filter>,
    Query(query): Query<ListQuery>,
) -> Result<Answer<List<Transfer>>, ApiError> {
    let store = &state.node.store;
    let filter = JobFilter {
        readable: rights::readable(&caller),
        state: filter.state,
        repository: filter.repo.map(|name| name.to_string()),
        text: query.search()?,
    };
    let page = store.jobs(filter, query.page(Order::Desc)?).await?;
    let pushes = pushes(store, page.items.iter()).await?;
    let to = audience(&state, &caller);
    Ok(Answer(List::of(page, |job| {
        let push = pushes.get(&job.push);
        Transfer::new(job, push, to)
    })))
}

/// Returns a transfer.
#[utoipa::path(get, path = "/jobs/{id}", tag = "transfers",
    params(("id" = i64, Path, description = "Its id", example = 17)),
    responses(
        (status = 200, description = "The transfer", body = Transfer),
        (status = 404, description = "It does not exist, or you may not see it", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn one(
    Caller { state, caller }: Caller,
    Named(id): Named<String>,
) -> Result<Answer<Transfer>, ApiError> {
    let job = find(&state, &caller, &id).await?;
    Ok(Answer(shown(&state, &caller, job).await?))
}

/// Returns the number of transfers by state, and the amount of data to upload.
///
/// Includes only the transfers that you may see.
#[utoipa::path(get, path = "/jobs/summary", tag = "transfers",
    responses((status = 200, description = "The counts", body = Summary), SignedIn))]
pub(super) async fn summary(Caller { state, caller }: Caller) -> Result<Answer<Summary>, ApiError> {
    let store = &state.node.store;
    let Backlog {
        counts,
        bytes_waiting,
        rate,
    } = store.backlog(rights::readable(&caller)).await?;
    let silence = store.uploader_silence().await?;
    let seconds = |rate: i64| bytes_waiting.div_euclid(rate) + i64::from(bytes_waiting % rate != 0);
    Ok(Answer(Summary {
        waiting: counts.waiting,
        pending: counts.pending,
        running: counts.running,
        done: counts.done,
        failed: counts.failed,
        bytes_waiting,
        rate_bps: rate,
        eta_s: (rate > 0).then(|| seconds(rate)),
        uploader: UploaderState {
            runs: silence.is_some_and(|ms| ms <= millis(UPLOADER_SILENCE_MAX)),
            heartbeat_age_s: silence.map(|ms| ms / 1000),
        },
    }))
}

/// Retries a transfer that failed, or that waits before a retry, now.
///
/// Requires push permission on the transfer's repository.
#[utoipa::path(post, path = "/jobs/{id}/retry", tag = "transfers",
    params(("id" = i64, Path, description = "Its id", example = 17)),
    responses(
        (status = 200, description = "The transfer will be retried now", body = Transfer),
        (status = 404, description = "It does not exist, or you may not see it", body = ErrorBody),
        (status = 409, description = "The transfer has neither failed nor is it paused", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn retry(
    Caller { state, caller }: Caller,
    client: ClientAddress,
    Named(id): Named<String>,
) -> Result<Answer<Transfer>, ApiError> {
    let store = &state.node.store;
    let job = find(&state, &caller, &id).await?;
    let readable = rights::readable(&caller);
    let names = store.repositories_of_job(job.id, readable, REPOSITORIES_MAX);
    let names = names.await?;
    if !may_retry(&state, &caller, &names).await? {
        return Err(ApiError::Denied(match names.first() {
            Some(name) => format!(
                "you may not push to {name}: ask an administrator, or who manages its group"
            ),
            None => "only administrators may do this".to_owned(),
        }));
    }
    if store.retry_now(vec![job.id]).await? == 0 {
        return Err(ApiError::Conflict(format!(
            "transfer {} is {}: only one that failed, or that rests after a failure, can be \
             tried again",
            job.id,
            job.state.name()
        )));
    }
    let target = job.repository.as_deref().unwrap_or(&job.kind).to_owned();
    let detail = Some(format!("transfer {}", job.id));
    hurry(&state, &caller).await?;
    state
        .audit
        .record(&caller, client, AuditAction::Retry, target, detail)
        .await;
    let job = find(&state, &caller, &id).await?;
    Ok(Answer(shown(&state, &caller, job).await?))
}

/// Retries all transfers that failed, or that wait before a retry, now.
///
/// Includes the transfers of repositories to which you may push.
#[utoipa::path(post, path = "/jobs/retry-failed", tag = "transfers",
    responses((status = 200, description = "The transfers will be retried now", body = Retried), SignedIn))]
pub(super) async fn retry_failed(
    Caller { state, caller }: Caller,
    client: ClientAddress,
) -> Result<Answer<Retried>, ApiError> {
    let store = &state.node.store;
    let mut jobs = Vec::new();
    let mut known = std::collections::HashMap::new();
    for (job, names) in store.retryable_jobs(rights::readable(&caller)).await? {
        let may = match known.get(&names) {
            Some(may) => *may,
            None => {
                let may = may_retry(&state, &caller, &names).await?;
                known.insert(names, may);
                may
            }
        };
        if may {
            jobs.push(job);
        }
    }
    let retried = store.retry_now(jobs).await?;
    hurry(&state, &caller).await?;
    if retried > 0 {
        let (action, target) = (AuditAction::Retry, "all that failed");
        let detail = Some(format!("{retried} transfers"));
        state
            .audit
            .record(&caller, client, action, target, detail)
            .await;
    }
    Ok(Answer(Retried { retried }))
}

/// Wakes the uploaders. For an administrator, they also retry a storage that is
/// unavailable. Other users must not trigger this, since repeated sign-ins
/// could get the SFTP account banned.
async fn hurry(state: &AppState, caller: &Identity) -> Result<(), ApiError> {
    if rights::may_administer(caller) {
        state.node.store.probe_soon().await?;
    }
    state.node.wake_uploaders();
    Ok(())
}

/// Whether the caller may push to any of these repositories. Jobs without a
/// repository require an administrator.
async fn may_retry(
    state: &AppState,
    caller: &Identity,
    names: &[String],
) -> Result<bool, ApiError> {
    if rights::may_administer(caller) {
        return Ok(true);
    }
    for name in names {
        let Ok(name) = name.parse::<RepositoryName>() else {
            continue;
        };
        let grant = state
            .node
            .store
            .permissions_for(caller.user_id(), &name)
            .await?;
        if rights::effective_permissions(caller, grant, &name).has(Right::Push) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn find(state: &AppState, caller: &Identity, id: &str) -> Result<Job, ApiError> {
    let missing = || ApiError::Missing(format!("there is no transfer {id:.32}"));
    let number: JobId = id.parse().map_err(|_| missing())?;
    let readable: Readable = rights::readable(caller);
    let job = state.node.store.job(number, readable).await?;
    job.ok_or_else(missing)
}

async fn shown(state: &AppState, caller: &Identity, job: Job) -> Result<Transfer, ApiError> {
    let pushes = pushes(&state.node.store, std::iter::once(&job)).await?;
    let push = pushes.get(&job.push);
    Ok(Transfer::new(job, push, audience(state, caller)))
}

fn audience(state: &AppState, caller: &Identity) -> Audience {
    Audience {
        admin: rights::may_administer(caller),
        now: state.node.store.clock().wall_ms(),
    }
}
