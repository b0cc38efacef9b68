//! How the SFTP server is, and whether it does all that is needed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json as Answer;
use axum::extract::State;
use refity_storage::Layout;
use refity_storage::sftp::{
    RemoteConfig, RemoteError, Session, WriteError, reach, write_temporary,
};
use refity_store::StorageSeen;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiError;
use super::events::words;
use super::extract::{Admin, Caller};
use super::openapi::{ErrorBody, SignedIn};
use super::timestamp::rfc3339;
use super::usage::Problem;
use crate::access::rights;
use crate::state::AppState;

/// How long a check waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a check writes.
const PROBE: &[u8] = b"refity looks whether it can write here\n";

/// The check that runs. Only one does: each signs in anew.
pub(crate) type Checking = Arc<Mutex<()>>;

/// The connections of this gateway to the SFTP server.
#[derive(Serialize, ToSchema)]
struct Connections {
    open: usize,
    idle: usize,
    /// Requests that wait for one.
    waiting: usize,
    /// That were opened since the start.
    opened: u64,
    /// How many this gateway may have (`FTP_CONNECTIONS` is shared by all).
    limit: usize,
}

/// How the SFTP server is. What is `null` to others is told to administrators.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `unknown`, `up`, `down` or `needs_person`.
    #[schema(example = "up")]
    state: &'static str,
    since: String,
    /// What is wrong.
    error: Option<Problem>,
    /// How long one small request took, in milliseconds.
    #[schema(example = 0.4)]
    latency_ms: Option<f64>,
    /// When that was, and the rest that was seen of the server.
    seen_at: Option<String>,
    /// Host and port.
    server: Option<String>,
    /// The fingerprint of its key, as OpenSSH prints it.
    #[schema(example = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU")]
    host_key: Option<String>,
    /// What it offers beyond plain SFTP.
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
    /// How long it took, in milliseconds.
    #[schema(example = 12.5)]
    ms: f64,
    /// What was found, or what went wrong.
    words: String,
    /// What to do.
    hint: Option<String>,
}

/// A check. After a step that failed there are no more.
#[derive(Serialize, ToSchema)]
pub(super) struct Check {
    ok: bool,
    steps: Vec<Step>,
}

/// The paths of the SFTP server.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(check))
}

/// How the SFTP server is.
#[utoipa::path(get, path = "/sftp/health", tag = "storage",
    responses((status = 200, description = "How it is", body = Health), SignedIn))]
pub(super) async fn health(
    Caller(caller): Caller,
    State(state): State<AppState>,
) -> Result<Answer<Health>, ApiError> {
    let store = &state.node.store;
    let (health, seen) = (store.health().await?, store.storage_seen().await?);
    let (word, trouble) = words(&health.state);
    let admin = rights::may_administer(&caller);
    let config = state.remote.config();
    let latency = |seen: &StorageSeen| in_ms(Duration::from_micros(unsigned(seen.latency_us)));
    let seen = seen.as_ref();
    Ok(Answer(Health {
        state: word,
        since: rfc3339(health.since),
        error: trouble.cloned().filter(|_| admin).map(Problem::from),
        latency_ms: seen.map(latency),
        seen_at: seen.map(|seen| rfc3339(seen.at)),
        server: admin.then(|| format!("{}:{}", config.host, config.port)),
        host_key: seen
            .and_then(|seen| seen.host_key.clone())
            .filter(|_| admin),
        extensions: seen.map(|seen| seen.extensions.clone()).unwrap_or_default(),
        connections: admin.then(|| {
            let stats = state.remote.stats();
            Connections {
                open: stats.open,
                idle: stats.idle,
                waiting: stats.waiting,
                opened: stats.dialed,
                limit: state.remote.capacity(),
            }
        }),
    }))
}

/// Looks whether the SFTP server does all that is needed, step by step.
///
/// It connects, signs in, writes a small file, renames and removes it, and asks
/// for the room. Nothing else there is touched.
#[utoipa::path(post, path = "/sftp/check", tag = "storage",
    responses(
        (status = 200, description = "What each step found", body = Check),
        (status = 409, description = "A check runs already", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn check(
    _: Admin,
    State(state): State<AppState>,
) -> Result<Answer<Check>, ApiError> {
    let running = || ApiError::Conflict("a check runs already: wait for its end".to_owned());
    let turn = Arc::clone(&state.checking).try_lock_owned();
    let turn = turn.map_err(|_| running())?;
    // A task of its own: who leaves does not leave a file behind.
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
    let mut steps = Vec::new();
    let config = state.remote.config().clone();
    let begun = Instant::now();
    let reached = tokio::task::spawn_blocking(move || reach(&config)).await;
    let reached = reached.unwrap_or_else(|error| Err(RemoteError::Transient(error.to_string())));
    if !note(&mut steps, "connect", begun, reached) {
        return steps;
    }
    // A session that is open already would say nothing about the password.
    state.remote.close_idle();
    let begun = Instant::now();
    let mut session = match state.remote.session_within(PATIENCE).await {
        Ok(session) => session,
        Err(error) => {
            note(&mut steps, "sign_in", begun, Err(error));
            return steps;
        }
    };
    let key = session.run(|session| session.host_key_fingerprint()).await;
    let config = state.remote.config();
    let words = format!(
        "signed in as {}; the server's key is {}",
        config.username,
        key.unwrap_or_else(|| "not known".to_owned())
    );
    note(&mut steps, "sign_in", begun, Ok(words));
    let (config, installation) = (config.clone(), state.node.installation.to_string());
    let rest = session.run(move |session| try_all(session, &config, &installation));
    steps.extend(rest.await);
    steps
}

/// The steps that need a session. Blocks.
fn try_all(session: &mut Session, config: &RemoteConfig, installation: &str) -> Vec<Step> {
    let layout = Layout::new(&config.root);
    // Job 0 is nobody's, and the number nobody else's.
    let number = i64::from(getrandom::u32().unwrap_or(0)) * 2;
    let name = |n| layout.tmp_name(installation, 0, number + n);
    let (written, renamed) = (name(0), name(1));
    let mut steps = Vec::new();
    let begun = Instant::now();
    let done = match write_temporary(session, &written, PROBE) {
        Ok(()) => Ok(format!("wrote {} bytes to {written}", PROBE.len())),
        Err(WriteError::Remote(error)) => Err(error),
        Err(error) => Err(RemoteError::Transient(error.to_string())),
    };
    if !note(&mut steps, "write", begun, done) {
        return steps;
    }
    let begun = Instant::now();
    let done = session.rename_over(&written, &renamed);
    let in_one_step = session.extensions().is_ok_and(|it| it.posix_rename);
    let done = done.map(|()| {
        if in_one_step {
            "renamed it; the server can replace a file in one step".to_owned()
        } else {
            "renamed it; the server cannot replace a file in one step (posix-rename), so that a \
             tag that moves is away for a moment"
                .to_owned()
        }
    });
    let moved = note(&mut steps, "rename", begun, done);
    let begun = Instant::now();
    let left = if moved { &renamed } else { &written };
    let done = session.remove_file(left).map(|()| "removed it".to_owned());
    if !note(&mut steps, "remove", begun, done) || !moved {
        return steps;
    }
    let begun = Instant::now();
    let done = session.statvfs(&config.root).and_then(|room| match room {
        None => Ok("the server does not tell its room (statvfs@openssh.com)".to_owned()),
        Some(room) if room.read_only => Err(RemoteError::Transient(format!(
            "the file system at {} is read-only",
            config.root
        ))),
        Some(room) => {
            let [free, total] = [room.free, room.total].map(|bytes| bytes / 1_000_000);
            Ok(format!("{free} of {total} MB are free"))
        }
    });
    note(&mut steps, "disk", begun, done);
    steps
}

/// Adds a step; answers whether it went well.
fn note(
    steps: &mut Vec<Step>,
    name: &'static str,
    begun: Instant,
    done: Result<String, RemoteError>,
) -> bool {
    let ok = done.is_ok();
    let (words, hint) = match done {
        Ok(words) => (words, None),
        Err(error) => (error.to_string(), error.hint().map(str::to_owned)),
    };
    steps.push(Step {
        name,
        ok,
        ms: in_ms(begun.elapsed()),
        words,
        hint,
    });
    ok
}

fn in_ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
