//! What a service manager is told (`sd_notify(3)`): that the program is ready,
//! that it ends, and, while everything goes on, that it is alive.
//!
//! A program that no service manager has started tells nobody.

use std::time::Duration;

use refity_store::Store;
use sd_notify::NotifyState;

use crate::supervise::Parts;

/// The program serves.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// The program was asked to end, and does.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

/// Tells the watchdog three times in each of its periods that the program is
/// alive, but only while the store responds and no part is stuck. Returns at
/// once where nobody watches.
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

/// The longest rest between two messages to the watchdog.
const PACE_MAX: Duration = Duration::from_secs(20);

async fn stuck(store: &Store, parts: &Parts, limit: Duration) -> Option<&'static str> {
    match parts.stuck() {
        Some(name) => Some(name),
        None => store.responds(limit.max(RESPONSE_MIN)).await.err(),
    }
}

/// How long the store may take to respond at least: another process may hold
/// the database for as long as a write waits.
const RESPONSE_MIN: Duration = Duration::from_secs(15);

fn tell(state: NotifyState<'_>) {
    // Who watches and cannot be told starts us again.
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
