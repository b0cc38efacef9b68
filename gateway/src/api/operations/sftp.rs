//! The state of the SFTP server, and a check of all the operations that the
//! registry needs.

use std::sync::Arc;
use std::time::Duration;

use axum::Json as Answer;
use refity_storage::{ProbeStep, layout};
use refity_store::StorageSeen;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::rights;
use crate::api::ApiError;
use crate::api::extract::{Admin, Caller, Guarded};
use crate::api::openapi::{ErrorBody, SignedIn};
use crate::api::operations::events::describe;
use crate::api::operations::usage::Problem;
use crate::state::AppState;
use crate::timestamp::rfc3339;

/// How long a check waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// This gateway's connections to the SFTP server.
#[derive(Serialize, ToSchema)]
struct Connections {
    open: usize,
    idle: usize,
    /// The number of requests that wait for a connection.
    waiting: usize,
    /// The number of connections opened since the start.
    opened: u64,
    /// The maximum number of connections of this gateway. `FTP_CONNECTIONS` is
    /// shared by all processes.
    limit: usize,
}

/// The state of the SFTP server. Some fields are `null` unless you are an
/// administrator.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `unknown`, `up`, `down` or `needs_person`.
    #[schema(example = "up")]
    state: &'static str,
    since: String,
    /// What is wrong.
    error: Option<Problem>,
    /// The duration of a small request, in milliseconds.
    #[schema(example = 0.4)]
    latency_ms: Option<f64>,
    /// When the latency and the following fields were measured.
    seen_at: Option<String>,
    /// The host and port, or the folder.
    server: Option<String>,
    /// The fingerprint of the server's key, as OpenSSH prints it.
    #[schema(example = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU")]
    host_key: Option<String>,
    /// The server's SFTP extensions.
    #[schema(example = json!(["posix-rename@openssh.com", "fsync@openssh.com"]))]
    extensions: Vec<String>,
    connections: Option<Connections>,
}

/// A step of a check.
#[derive(Serialize, ToSchema)]
#[schema(as = CheckStep)]
struct Step {
    /// `connect`, `sign_in`, `write`, `rename`, `remove` or `disk`.
    #[schema(example = "sign_in")]
    name: &'static str,
    ok: bool,
    /// The duration of the step, in milliseconds.
    #[schema(example = 12.5)]
    ms: f64,
    /// The result of the step, or what went wrong.
    words: String,
    /// What to do.
    hint: Option<String>,
}

/// A check of the SFTP server. It stops at the first step that fails.
#[derive(Serialize, ToSchema)]
pub(super) struct Check {
    ok: bool,
    steps: Vec<Step>,
}

/// The routes for the SFTP server.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(check))
}

/// Returns the state of the SFTP server.
#[utoipa::path(get, path = "/sftp/health", tag = "storage",
    responses((status = 200, description = "The state of the storage", body = Health), SignedIn))]
pub(super) async fn health(Caller { state, caller }: Caller) -> Result<Answer<Health>, ApiError> {
    let store = &state.node.store;
    let (health, seen) = (store.health().await?, store.storage_seen().await?);
    let (word, trouble) = describe(&health.state);
    let admin = rights::may_administer(&caller);
    let latency = |seen: &StorageSeen| in_ms(Duration::from_micros(unsigned(seen.latency_us)));
    let seen = seen.as_ref();
    Ok(Answer(Health {
        state: word,
        since: rfc3339(health.since),
        error: trouble.cloned().filter(|_| admin).map(Problem::from),
        latency_ms: seen.map(latency),
        seen_at: seen.map(|seen| rfc3339(seen.at)),
        server: admin.then(|| state.storage.place()),
        host_key: seen
            .and_then(|seen| seen.host_key.clone())
            .filter(|_| admin),
        extensions: seen.map(|seen| seen.extensions.clone()).unwrap_or_default(),
        connections: state
            .storage
            .connections()
            .filter(|_| admin)
            .map(|now| Connections {
                open: now.open,
                idle: now.idle,
                waiting: now.waiting,
                opened: now.dialed,
                limit: state.storage.capacity(),
            }),
    }))
}

/// Checks, step by step, whether the SFTP server supports all the operations
/// that the registry needs.
///
/// The check connects, signs in, writes a small file, renames and removes it,
/// and queries the free space. It does not touch any other files.
#[utoipa::path(post, path = "/sftp/check", tag = "storage",
    responses(
        (status = 200, description = "The result of each step", body = Check),
        (status = 409, description = "A check is already running", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn check(Admin { state, .. }: Admin) -> Result<Answer<Check>, ApiError> {
    let running = || ApiError::Conflict("a check runs already: wait for its end".to_owned());
    let turn = Arc::clone(&state.storage_check).try_lock_owned();
    let turn = turn.map_err(|_| running())?;
    // Spawned, so that the check removes its file even if the client
    // disconnects.
    let task = tokio::spawn(async move {
        let _turn = turn;
        run(&state).await
    });
    let steps = task.await.map_err(|error| {
        tracing::error!(%error, "a check of the storage died");
        ApiError::Internal
    })?;
    let ok = steps.iter().all(|step| step.ok);
    Ok(Answer(Check { ok, steps }))
}

async fn run(state: &AppState) -> Vec<Step> {
    // No job has the id 0, and the random number makes the name unique.
    let number = i64::from(getrandom::u32().unwrap_or(0)) * 2;
    let name = |n| layout::tmp_name(state.node.installation, 0, number + n);
    let steps = state.storage.probe([name(0), name(1)], PATIENCE).await;
    steps.into_iter().map(Step::from).collect()
}

impl From<ProbeStep> for Step {
    fn from(step: ProbeStep) -> Self {
        let ok = step.outcome.is_ok();
        let (words, hint) = match step.outcome {
            Ok(words) => (words, None),
            Err(error) => (error.to_string(), error.hint().map(str::to_owned)),
        };
        Self {
            name: step.name,
            ok,
            ms: in_ms(step.took),
            words,
            hint,
        }
    }
}

fn in_ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
