//! Progress of the running jobs, written to the database once a second together
//! with the renewal of their leases.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use refity_config::clock::{Clock, millis};
use refity_store::{Claim, JobId, LEASE, Lease};

use crate::service::{Failure, SHORT_STEP_MAX, Uploader};

/// Interval between writes.
const BEAT: Duration = Duration::from_secs(1);

/// A claim. Its progress counts only while the claim holds.
type Key = (JobId, Lease);

/// The running jobs of this process. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Progress {
    running: Arc<Mutex<HashMap<Key, Arc<Running>>>>,
}

/// A running job.
#[derive(Debug, Default)]
pub(crate) struct Running {
    sent: AtomicU64,
    lost: AtomicBool,
    /// Milliseconds since boot.
    lease_until: AtomicI64,
}

impl Running {
    /// Records the number of bytes sent so far.
    pub(crate) fn sent(&self, bytes: u64) {
        self.sent.store(bytes, Ordering::Relaxed);
    }

    /// Returns whether the job was taken by another process, so that continuing
    /// is pointless.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Returns whether this process certainly holds the job. Check right before
    /// overwriting anything, since the process may have been suspended for
    /// hours.
    pub(crate) fn is_held(&self, clock: &Clock) -> bool {
        !self.is_lost() && clock.boot_ms() < self.lease_until.load(Ordering::Relaxed)
    }
}

/// Removes a job from the list on drop.
pub(crate) struct Listed {
    progress: Progress,
    key: Key,
    /// The job's counters.
    pub(crate) running: Arc<Running>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        // Work that still runs on a blocking thread is obsolete.
        self.running.lost.store(true, Ordering::Relaxed);
        self.progress.lock().remove(&self.key);
    }
}

impl Progress {
    /// Adds a job that was just claimed.
    pub(crate) fn list(&self, claim: &Claim) -> Listed {
        let running = Arc::new(Running {
            lease_until: claim.lease_until.into(),
            ..Running::default()
        });
        let key = (claim.job, claim.lease);
        self.lock().insert(key, Arc::clone(&running));
        Listed {
            progress: self.clone(),
            key,
            running,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the progress until the service ends.
pub(crate) async fn run(uploader: Uploader) {
    uploader
        .every_within("progress", BEAT, SHORT_STEP_MAX, || beat(&uploader))
        .await;
}

async fn beat(uploader: &Uploader) -> Result<(), Failure> {
    let before: Vec<(Key, u64)> = uploader
        .progress
        .lock()
        .iter()
        .map(|(key, running)| (*key, running.sent.load(Ordering::Relaxed)))
        .collect();
    if before.is_empty() {
        return Ok(());
    }
    let sent = before
        .iter()
        .map(|((job, _), sent)| (*job, *sent))
        .collect();
    let owner = uploader.node.owner.id();
    let lease_until = uploader.node.store.clock().boot_ms() + millis(LEASE);
    let held = uploader.node.store.heartbeat(owner, sent).await?;
    let running = uploader.progress.lock();
    for (key, _) in before {
        let Some(running) = running.get(&key) else {
            continue;
        };
        if held.contains(&key) {
            running.lease_until.store(lease_until, Ordering::Relaxed);
        } else {
            running.lost.store(true, Ordering::Relaxed);
        }
    }
    Ok(())
}
