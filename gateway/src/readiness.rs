//! Checks whether the process can accept pushes. A check writes to the
//! database, so one check serves all requests within a second.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use refity_config::SpoolSettings;
use refity_spool::Spool;
use refity_store::{HealthState, Store, StoreError};
use rustix::fs::{Access, access};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The time limit for the database.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a report is reused for all requests.
const FRESH: Duration = Duration::from_secs(1);

/// The folders that pushes write into, below `DATA_DIR`.
const FOLDERS: [&str; 3] = ["spool/files", "spool/intents", "spool/wake"];

/// A reason why pushes are refused.
#[derive(Clone, Debug)]
pub(crate) struct Obstacle {
    /// The summary, for everyone.
    pub(crate) summary: &'static str,
    /// The details, for administrators: paths and numbers.
    pub(crate) detail: String,
}

/// The result of a check.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Empty if pushes are accepted.
    pub(crate) obstacles: Vec<Obstacle>,
    /// The storage's health. It does not affect readiness, because pushes wait
    /// in the spool.
    pub(crate) health: HealthState,
    /// The bytes on the spool's disk that pushes can still use; `None` if
    /// unknown.
    pub(crate) free: Option<u64>,
}

type Last = Option<(Instant, Report)>;

/// Checks readiness, at most once a second.
pub(crate) struct ReadinessProbe {
    parts: Checked,
    last: Arc<Mutex<Last>>,
}

/// The components that a check examines.
#[derive(Clone)]
struct Checked {
    store: Store,
    spool: Spool,
    settings: SpoolSettings,
}

impl ReadinessProbe {
    /// Creates a probe of this database and spool.
    pub(crate) fn new(store: Store, spool: Spool, settings: SpoolSettings) -> Self {
        let parts = Checked {
            store,
            spool,
            settings,
        };
        Self {
            parts,
            last: Arc::default(),
        }
    }

    /// Returns the last report, or a new one if it is older than a second.
    pub(crate) async fn report(&self) -> Report {
        let last = Arc::clone(&self.last).lock_owned().await;
        match &*last {
            Some((at, report)) if at.elapsed() < FRESH => report.clone(),
            // Spawned, because otherwise a client that disconnects would force
            // the next request to check again.
            _ => match tokio::spawn(check(self.parts.clone(), last)).await {
                Ok(report) => report,
                Err(error) => Report {
                    obstacles: vec![Obstacle {
                        summary: "the gateway failed",
                        detail: error.to_string(),
                    }],
                    health: HealthState::Unknown,
                    free: None,
                },
            },
        }
    }
}

async fn check(parts: Checked, mut last: OwnedMutexGuard<Last>) -> Report {
    let mut obstacles = Vec::new();
    let mut obstacle = |summary, detail| obstacles.push(Obstacle { summary, detail });
    let health = match tokio::time::timeout(DATABASE_TIMEOUT, database(&parts.store)).await {
        Ok(Ok(health)) => health,
        Ok(Err(error)) => {
            obstacle("the database cannot be used", error.to_string());
            HealthState::Unknown
        }
        Err(_) => {
            obstacle(
                "the database does not answer",
                format!("the database does not answer within {DATABASE_TIMEOUT:?}"),
            );
            HealthState::Unknown
        }
    };
    let free = tokio::task::spawn_blocking(move || spool(&parts.spool, &parts.settings)).await;
    let free = match free.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(free) => Some(free),
        Err(detail) => {
            obstacle("the spool cannot take pushes", detail);
            None
        }
    };
    let report = Report {
        obstacles,
        health,
        free,
    };
    *last = Some((Instant::now(), report.clone()));
    report
}

/// Writes to the database and reads from it.
async fn database(store: &Store) -> Result<HealthState, StoreError> {
    store.check_writable().await?;
    Ok(store.health().await?.state)
}

/// Returns the bytes that pushes can still use, or why they cannot be accepted.
/// Blocking.
fn spool(spool: &Spool, settings: &SpoolSettings) -> Result<u64, String> {
    for folder in FOLDERS {
        writable(&settings.data_dir.join(folder))?;
    }
    let free = spool.space().map_err(|error| error.to_string())?.free;
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
