//! Jobs as a person sees them: transfers to SFTP.

use axum::Json as Answer;
use axum::extract::State;
use refity_shared::name::RepositoryName;
use refity_shared::store::{Job, JobCounts, JobId, JobState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiError;
use super::extract::{Admin, Query};
use super::openapi::SignedIn;
use super::timestamp::rfc3339;
use crate::state::AppState;

/// How many are listed where the query does not say.
const LIMIT: u32 = 100;

/// How many are listed at most.
const LIMIT_MAX: u32 = 1000;

/// Which jobs to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    #[param(value_type = Option<String>, example = "failed")]
    state: Option<JobState>,
    #[param(value_type = Option<String>, example = "team/app")]
    repo: Option<RepositoryName>,
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
struct Failure {
    code: String,
    message: String,
    hint: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Item {
    #[schema(value_type = i64)]
    id: JobId,
    kind: String,
    repo: Option<String>,
    tag: Option<String>,
    digest: Option<String>,
    #[schema(value_type = String, example = "running")]
    state: JobState,
    bytes_done: i64,
    bytes_total: i64,
    attempt: i64,
    next_retry_at: Option<String>,
    error: Option<Failure>,
    worker: Option<String>,
    created_at: String,
    finished_at: Option<String>,
}

impl Item {
    fn new(job: Job, now_ms: i64) -> Self {
        let error = job.error.map(|(code, message, hint)| Failure {
            code,
            message,
            hint,
        });
        // A job that never failed rests too, until it is claimed.
        let retry = job.retry_in_ms.filter(|_| error.is_some());
        Self {
            id: job.id,
            kind: job.kind,
            repo: job.repository,
            tag: job.tag,
            digest: job.digest,
            state: job.state,
            bytes_done: job.bytes_done,
            bytes_total: job.bytes_total,
            attempt: job.attempt,
            next_retry_at: retry.map(|ms| rfc3339(now_ms + ms)),
            error,
            worker: job.worker,
            created_at: rfc3339(job.created_at),
            finished_at: job.finished_at.map(rfc3339),
        }
    }
}

/// How many jobs stand where, as the description shows it.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
struct Summary {
    waiting: i64,
    pending: i64,
    running: i64,
    done: i64,
    failed: i64,
}

/// A page of jobs.
#[derive(Serialize, ToSchema)]
pub(super) struct Jobs {
    items: Vec<Item>,
    total: i64,
    next_cursor: Option<String>,
    prev_cursor: Option<String>,
}

/// The paths of jobs.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(summary))
}

/// `GET /api/jobs?state=&repo=&limit=`: the newest first.
#[utoipa::path(get, path = "/jobs", tag = "transfers", params(Filter),
    responses((status = 200, description = "A page of jobs", body = Jobs), SignedIn))]
pub(super) async fn list(
    _: Admin,
    State(state): State<AppState>,
    Query(filter): Query<Filter>,
) -> Result<Answer<Jobs>, ApiError> {
    let limit = filter.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ApiError::Invalid(format!(
            "limit is {limit}: give a number from 1 to {LIMIT_MAX}"
        )));
    }
    let store = &state.local.store;
    let repository = filter.repo.map(|name| name.to_string());
    let total = store.jobs_total(filter.state, repository.clone()).await?;
    let jobs = store.jobs(filter.state, repository, limit).await?;
    let now = store.clock().wall_ms();
    Ok(Answer(Jobs {
        items: jobs.into_iter().map(|job| Item::new(job, now)).collect(),
        total,
        next_cursor: None,
        prev_cursor: None,
    }))
}

/// `GET /api/jobs/summary`: how many jobs stand where.
#[utoipa::path(get, path = "/jobs/summary", tag = "transfers",
    responses((status = 200, description = "The counts", body = Summary), SignedIn))]
pub(super) async fn summary(
    _: Admin,
    State(state): State<AppState>,
) -> Result<Answer<JobCounts>, ApiError> {
    Ok(Answer(state.local.store.job_counts().await?))
}
