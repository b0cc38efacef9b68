//! Whether the process serves, and whether it can take pushes.

use std::path::Path;
use std::time::Duration;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use refity_shared::store::{HealthState, Store, StoreError, Trouble};
use rustix::fs::{Access, access};
use serde::Serialize;

use crate::state::AppState;

/// How long the database may take to answer.
const DATABASE_MAX: Duration = Duration::from_secs(5);

/// The folders that pushes write into, below `DATA_DIR`.
const FOLDERS: [&str; 3] = ["spool/files", "spool/intents", "spool/wake"];

/// `GET /healthz`: 200 as long as the process serves.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// What [`ready`] answers.
#[derive(Serialize)]
pub(crate) struct Readiness {
    /// Pushes are taken.
    ready: bool,
    /// Why not, in words.
    reasons: Vec<String>,
    /// SFTP. It does not count: what is pushed waits in the spool.
    storage: Storage,
    /// Bytes of the spool's disk that pushes may still fill.
    room: Option<u64>,
}

#[derive(Serialize)]
struct Storage {
    state: &'static str,
    trouble: Option<Trouble>,
}

impl From<Option<HealthState>> for Storage {
    fn from(state: Option<HealthState>) -> Self {
        let (state, trouble) = match state {
            None | Some(HealthState::Unknown) => ("unknown", None),
            Some(HealthState::Up) => ("up", None),
            Some(HealthState::Down(trouble)) => ("down", Some(trouble)),
            Some(HealthState::NeedsPerson(trouble)) => ("needs_person", Some(trouble)),
        };
        Self { state, trouble }
    }
}

/// `GET /readyz`: 200 where a push would be taken, else 503 with the reasons.
pub(crate) async fn ready(State(state): State<AppState>) -> (StatusCode, Answer<Readiness>) {
    let mut reasons = Vec::new();
    let health = match tokio::time::timeout(DATABASE_MAX, database(&state.local.store)).await {
        Ok(Ok(health)) => Some(health),
        Ok(Err(error)) => {
            reasons.push(error.to_string());
            None
        }
        Err(_) => {
            reasons.push(format!(
                "the database does not answer within {DATABASE_MAX:?}"
            ));
            None
        }
    };
    let for_spool = state.clone();
    let room = tokio::task::spawn_blocking(move || spool(&for_spool)).await;
    let room = match room.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(room) => Some(room),
        Err(reason) => {
            reasons.push(reason);
            None
        }
    };
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = Readiness {
        ready: reasons.is_empty(),
        reasons,
        storage: health.into(),
        room,
    };
    (status, Answer(body))
}

/// Reads, and writes: giving out a generation is the smallest write there is.
async fn database(store: &Store) -> Result<HealthState, StoreError> {
    store.next_generation().await?;
    Ok(store.health().await?.state)
}

/// The bytes that pushes may still fill, or why they cannot. Blocks.
fn spool(state: &AppState) -> Result<u64, String> {
    let settings = &state.settings.spool;
    for folder in FOLDERS {
        writable(&settings.data_dir.join(folder))?;
    }
    let free = state
        .local
        .spool
        .space()
        .map_err(|error| error.to_string())?
        .free;
    let least = settings.spool_min_free;
    if free < least {
        return Err(format!(
            "the spool's disk has {free} bytes free, and SPOOL_MIN_FREE leaves {least} to others"
        ));
    }
    Ok(free - least)
}

fn writable(folder: &Path) -> Result<(), String> {
    access(folder, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| format!("{} cannot be written: {error}", folder.display()))
}
