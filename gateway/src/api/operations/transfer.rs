//! A job as the API shows it: a transfer, part of a push.

use std::collections::HashMap;

use refity_store::{Job, JobId, JobState, Push, Store, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::timestamp::rfc3339;

/// Why the last attempt of a transfer failed.
#[derive(Clone, Serialize, ToSchema)]
struct Failure {
    /// The machine-readable error code.
    #[schema(example = "no_space")]
    code: String,
    /// What happened.
    message: String,
    /// What to do.
    hint: Option<String>,
}

/// The push that a transfer is part of.
#[derive(Clone, Serialize, ToSchema)]
struct OfPush {
    /// The name of the image; `null` if there is no manifest yet.
    #[schema(example = "team/app:1.2")]
    name: Option<String>,
    /// The account that pushed, if it still exists; `null` for a removal.
    pushed_by: Option<String>,
    /// The number of its blobs that are stored on SFTP.
    #[schema(example = 5)]
    blobs_done: i64,
    /// The number of its blobs that are known so far.
    #[schema(example = 7)]
    blobs_total: i64,
    /// The size of the stored blobs in bytes. Blobs that are being uploaded are not included; see
    /// their transfers.
    #[schema(example = 500)]
    bytes_stored: i64,
    /// The size of all blobs in bytes.
    #[schema(example = 700)]
    bytes_total: i64,
}

/// A transfer to SFTP, or a removal from there.
#[derive(Clone, Serialize, ToSchema)]
pub(super) struct Transfer {
    #[schema(value_type = i64, example = 17)]
    id: JobId,
    /// The same for all transfers of one push: the id of the last one.
    #[schema(value_type = i64, example = 19)]
    push_id: JobId,
    push: Option<OfPush>,
    /// `store_blob`, `link_blob`, `publish_manifest`, `publish_tag` or
    /// `mark_group`.
    #[schema(example = "store_blob")]
    kind: String,
    /// Whether the transfer removes something from SFTP.
    removes: bool,
    /// The repository. A blob may belong to several repositories; this is one
    /// that you may read.
    #[schema(example = "team/app")]
    repo: Option<String>,
    tag: Option<String>,
    digest: Option<String>,
    /// `waiting` (for other transfers), `pending`, `running`, `done`, or
    /// `failed` (needs attention; retried at longer intervals).
    #[schema(value_type = String, example = "running")]
    state: JobState,
    bytes_done: i64,
    bytes_total: i64,
    /// The transfer rate in bytes per second while the transfer is running.
    rate_bps: Option<i64>,
    /// The number of seconds until the transfer is complete at this rate.
    eta_s: Option<i64>,
    /// The number of failed attempts.
    attempt: i64,
    /// When a failed transfer is retried.
    next_retry_at: Option<String>,
    error: Option<Failure>,
    /// The uploader that runs the transfer; `null` unless you are an
    /// administrator.
    worker: Option<String>,
    created_at: String,
    finished_at: Option<String>,
}

/// The caller to show transfers to.
#[derive(Clone, Copy)]
pub(super) struct Audience {
    /// Whether to include the uploader's name.
    pub(super) admin: bool,
    /// The current time (milliseconds, UTC).
    pub(super) now: i64,
}

impl Transfer {
    pub(super) fn new(job: Job, push: Option<&Push>, to: Audience) -> Self {
        let error = job.error.map(|(code, message, hint)| Failure {
            code,
            message,
            hint,
        });
        // A job that never failed may also have a delay, until it is claimed.
        let retry = job.retry_in_ms.filter(|_| error.is_some());
        let left = (job.bytes_total - job.bytes_done).max(0);
        let rate = job.rate.filter(|rate| *rate > 0);
        Self {
            id: job.id,
            push_id: job.push,
            push: push.map(|push| OfPush {
                name: push.name.clone(),
                pushed_by: push.pushed_by.clone(),
                blobs_done: push.blobs_done,
                blobs_total: push.blobs_total,
                bytes_stored: push.bytes_stored,
                bytes_total: push.bytes_total,
            }),
            kind: job.kind,
            removes: job.removes,
            repo: job.repository,
            tag: job.tag,
            digest: job.digest,
            state: job.state,
            bytes_done: job.bytes_done,
            bytes_total: job.bytes_total,
            rate_bps: job.rate,
            eta_s: rate.map(|rate| left.div_euclid(rate) + i64::from(left % rate != 0)),
            attempt: job.attempt,
            next_retry_at: retry.map(|ms| rfc3339(to.now + ms)),
            error,
            worker: job.worker.filter(|_| to.admin),
            created_at: rfc3339(job.created_at),
            finished_at: job.finished_at.map(rfc3339),
        }
    }
}

/// Returns the pushes of these jobs, by id.
pub(super) async fn pushes(
    store: &Store,
    jobs: impl Iterator<Item = &Job>,
) -> Result<HashMap<JobId, Push>, StoreError> {
    let mut ids: Vec<JobId> = jobs.map(|job| job.push).collect();
    ids.sort_unstable();
    ids.dedup();
    let pushes = store.pushes(ids).await?;
    Ok(pushes.into_iter().map(|push| (push.id, push)).collect())
}
