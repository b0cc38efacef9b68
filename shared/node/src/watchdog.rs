//! Notifies the service manager (`sd_notify(3)`) when the program is ready,
//! when it stops, and, while everything works, that it is alive.
//!
//! Does nothing if the program was not started by a service manager.

use std::time::Duration;

use refity_store::Store;
use sd_notify::NotifyState;

use crate::supervise::Parts;

/// Reports that the program is ready.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// Reports that the program is shutting down.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

/// Notifies the watchdog three times per watchdog period, but only while the
/// store responds and no part is stuck. Returns immediately if no watchdog is
/// configured.
pub async fn run(store: Store, parts: Parts) {
    let Some(period) = sd_notify::watchdog_enabled() else {
        return;
    };
    let pace = period / 3;
    let mut last: Option<&str> = None;
    loop {
        let stuck = stuck(&store, &parts, pace).await;
        if stuck.is_none() {
            tell(NotifyState::Watchdog);
        }
        if let Some(name) = stuck
            && last != stuck
        {
            tracing::error!(part = name, "a part is stuck: the watchdog is told nothing");
        }
        last = stuck;
        tokio::time::sleep(pace.min(PACE_MAX)).await;
    }
}

/// Maximum interval between two notifications.
const PACE_MAX: Duration = Duration::from_secs(20);

async fn stuck(store: &Store, parts: &Parts, limit: Duration) -> Option<&'static str> {
    match parts.stuck() {
        Some(name) => Some(name),
        None => store.responds(limit.max(RESPONSE_MIN)).await.err(),
    }
}

/// Minimum time that the store has to respond: another process may hold the
/// database for as long as a write waits.
const RESPONSE_MIN: Duration = Duration::from_secs(15);

fn tell(state: NotifyState<'_>) {
    // If the watchdog cannot be notified, it restarts the program.
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
