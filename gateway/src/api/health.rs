//! Whether the process serves, and whether it can take pushes.
//!
//! Anybody may ask, so the answer is found once a second at most, and says no
//! more than a monitor needs; an administrator is told everything.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode};
use refity_store::{HealthState, Store, StoreError, Trouble};
use rustix::fs::{Access, access};
use serde::Serialize;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::access::{self, rights};
use crate::state::AppState;

/// How long the database may take to answer.
const DATABASE_MAX: Duration = Duration::from_secs(5);

/// How long all are told what was found: finding it writes to the database.
const FRESH: Duration = Duration::from_secs(1);

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
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<u64>,
}

#[derive(Serialize)]
struct Storage {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<Trouble>,
}

/// What is in the way of pushes.
#[derive(Clone, Debug)]
struct Obstacle {
    /// For anybody.
    what: &'static str,
    /// For administrators: with paths and numbers.
    why: String,
}

/// What a look at the database and the spool found.
#[derive(Clone, Debug)]
struct Found {
    obstacles: Vec<Obstacle>,
    health: HealthState,
    room: Option<u64>,
}

/// What was found last. One look serves all who ask within a second.
#[derive(Default)]
pub(crate) struct Probe {
    last: Arc<Mutex<Option<(Instant, Found)>>>,
}

impl Probe {
    async fn found(&self, state: &AppState) -> Found {
        let last = Arc::clone(&self.last).lock_owned().await;
        match &*last {
            Some((at, found)) if at.elapsed() < FRESH => found.clone(),
            // A task of its own: who leaves before the answer would make the
            // next one look again.
            _ => match tokio::spawn(look(state.clone(), last)).await {
                Ok(found) => found,
                Err(error) => Found {
                    obstacles: vec![Obstacle {
                        what: "the gateway failed",
                        why: error.to_string(),
                    }],
                    health: HealthState::Unknown,
                    room: None,
                },
            },
        }
    }
}

async fn look(state: AppState, mut last: OwnedMutexGuard<Option<(Instant, Found)>>) -> Found {
    let mut obstacles = Vec::new();
    let mut obstacle = |what, why| obstacles.push(Obstacle { what, why });
    let database = tokio::time::timeout(DATABASE_MAX, database(&state.node.store));
    let health = match database.await {
        Ok(Ok(health)) => health,
        Ok(Err(error)) => {
            obstacle("the database cannot be used", error.to_string());
            HealthState::Unknown
        }
        Err(_) => {
            obstacle(
                "the database does not answer",
                format!("the database does not answer within {DATABASE_MAX:?}"),
            );
            HealthState::Unknown
        }
    };
    let for_spool = state.clone();
    let room = tokio::task::spawn_blocking(move || spool(&for_spool)).await;
    let room = match room.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(room) => Some(room),
        Err(why) => {
            obstacle("the spool cannot take pushes", why);
            None
        }
    };
    let found = Found {
        obstacles,
        health,
        room,
    };
    *last = Some((Instant::now(), found.clone()));
    found
}

/// `GET /readyz`: 200 where a push would be taken, else 503 with the reasons.
pub(crate) async fn ready(
    State(state): State<AppState>,
    headers: HeaderMap,
    extensions: Extensions,
) -> (StatusCode, Answer<Readiness>) {
    let found = state.probe.found(&state).await;
    let status = if found.obstacles.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    // Whoever cannot show who it is gets the same answer as anybody.
    let asker = access::authenticate(&state, &headers, &extensions).await;
    let all = asker.is_ok_and(|it| rights::may_administer(&it));
    (status, Answer(found.told(all)))
}

impl Found {
    fn told(self, all: bool) -> Readiness {
        let (storage, trouble) = match self.health {
            HealthState::Unknown => ("unknown", None),
            HealthState::Up => ("up", None),
            HealthState::Down(trouble) => ("down", Some(trouble)),
            HealthState::NeedsPerson(trouble) => ("needs_person", Some(trouble)),
        };
        let words = |it: Obstacle| if all { it.why } else { it.what.to_owned() };
        Readiness {
            ready: self.obstacles.is_empty(),
            reasons: self.obstacles.into_iter().map(words).collect(),
            storage: Storage {
                state: storage,
                trouble: trouble.filter(|_| all),
            },
            room: self.room.filter(|_| all),
        }
    }
}

/// Writes, and reads.
async fn database(store: &Store) -> Result<HealthState, StoreError> {
    store.check_writable().await?;
    Ok(store.health().await?.state)
}

/// The bytes that pushes may still fill, or why they cannot. Blocks.
fn spool(state: &AppState) -> Result<u64, String> {
    let settings = &state.settings.spool;
    for folder in FOLDERS {
        writable(&settings.data_dir.join(folder))?;
    }
    let free = state
        .node
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
