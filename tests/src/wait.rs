//! Waiting for a condition, and ports to listen on.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::processes::Process;

/// How often a condition is looked at.
pub const POLL: Duration = Duration::from_millis(20);

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(30);

/// Looks again and again until there is a `Some`, or the time is over.
pub async fn until_some<T>(limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until the condition holds.
///
/// # Panics
/// When it does not within the time; the message says what was waited for.
pub async fn until(what: &str, limit: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let held = until_some(limit, async || holds().await.then_some(())).await;
    assert!(held.is_some(), "waited {limit:?} in vain: {what}");
}

/// Waits until the process listens on all these addresses.
///
/// # Panics
/// When it ends before, or does not within half a minute; with its log.
pub async fn until_listening(process: &Process, addresses: &[&str]) {
    let listening = until_some(START, async || {
        assert!(process.is_running(), "it ended:\n{}", process.log_tail());
        for address in addresses {
            tokio::net::TcpStream::connect(address).await.ok()?;
        }
        Some(())
    });
    assert!(listening.await.is_some(), "{}", process.log_tail());
}

/// The ports that servers of the tests get: below the range from which the
/// kernel takes the ports of outgoing connections, so that a server that is
/// stopped finds its port free when it starts again.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// A port of 127.0.0.1 on which nobody listens.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test programs that run side by side start at different places.
    let ports = u32::from(PORTS.end - PORTS.start);
    let start = std::process::id().wrapping_mul(613);
    for _ in 0..ports {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let place = start.wrapping_add(step) % ports;
        let port = PORTS.start + u16::try_from(place).expect("fewer than 65,536 ports");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free");
}
