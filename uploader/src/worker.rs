//! Claims jobs and runs them, one per available session, or a batch of links.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use refity_storage::{Scope, Storage, StorageError};
use refity_store::{Claim, JobKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use crate::service::{Failure, SHORT_STEP_MAX, Uploader};
use crate::{health, jobs};

/// Polling interval of the worker, in case a wake-up was missed.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long to wait for a session that other processes hold.
const SESSION_WAIT: Duration = Duration::from_secs(5);

/// How long to wait for one claim before starting another concurrently.
const PATIENCE: Duration = Duration::from_secs(2);

/// Larger blobs never take the last session, so that small transfers are not
/// stuck behind them.
const LARGE: u64 = 64 * 1024 * 1024;

/// Runs jobs until the service ends, then waits for the running jobs.
pub(crate) async fn run(uploader: Uploader) {
    let capacity = uploader.storage.capacity();
    let places = Arc::new(Semaphore::new(capacity));
    let large = Large {
        running: Arc::default(),
        most: if capacity > 1 { capacity - 1 } else { 1 },
    };
    let mut running = JoinSet::new();
    let part = uploader.parts.begin("worker", SHORT_STEP_MAX);
    loop {
        while let Some(ended) = running.try_join_next() {
            end_with(ended);
        }
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        let (told, claimed) = oneshot::channel();
        running.spawn(work(uploader.clone(), large.clone(), place, told));
        let claimed = tokio::select! {
            claimed = part.step(timeout(PATIENCE, claimed)) => claimed,
            () = uploader.stopped() => break,
        };
        // Slow attempts to get a session, for example from a server that hangs,
        // do not block others.
        if matches!(claimed, Ok(Err(_))) {
            idle(&uploader).await;
        }
    }
    running.join_all().await;
}

/// Propagates a panic of a worker task. Panics of jobs are caught and counted;
/// this one occurred while claiming a job or recording its result.
fn end_with(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

/// Claims one job, or several links of one repository, reports the claim, and
/// runs them. Returns if there is none.
async fn work(
    uploader: Uploader,
    large: Large,
    place: OwnedSemaphorePermit,
    told: oneshot::Sender<()>,
) {
    let next = tokio::select! {
        next = claim(&uploader, &large) => next,
        () = uploader.stopped() => return,
    };
    match next {
        Ok(Some((claims, storage))) => {
            let large = large.take(&claims);
            let _ = told.send(());
            jobs::run(&uploader, storage, claims).await;
            drop((place, large));
            uploader.wake.notify_one();
        }
        Ok(None) => {}
        Err(failure) => tracing::warn!("no job can be claimed: {failure}"),
    }
}

async fn idle(uploader: &Uploader) {
    tokio::select! {
        () = uploader.wake.notified() => {}
        () = tokio::time::sleep(INTERVAL) => {}
        () = uploader.stopped() => {}
    }
}

/// Claims jobs and reserves a connection for them. Reserves the connection
/// first, so that no job is claimed that cannot run, but connects only if there
/// is work.
async fn claim(
    uploader: &Uploader,
    large: &Large,
) -> Result<Option<(Vec<Claim>, Arc<dyn Storage>)>, Failure> {
    let store = &uploader.node.store;
    if !store.has_ready_job(large.limit()).await? {
        return Ok(None);
    }
    let storage = match uploader.storage.reserve(SESSION_WAIT).await {
        Ok(storage) => storage,
        // All connections are busy.
        Err(StorageError::Transient {
            scope: Scope::Operation,
            ..
        }) => return Ok(None),
        Err(error) => {
            health::report(uploader, &error).await?;
            return Ok(None);
        }
    };
    // The limit may have changed while waiting for the session.
    let (owner, sessions) = (uploader.node.owner.id(), uploader.storage.capacity());
    let claims = store.claim(owner, large.limit(), sessions).await?;
    Ok((!claims.is_empty()).then_some((claims, storage)))
}

/// Counts the large blobs being transferred.
#[derive(Clone)]
struct Large {
    running: Arc<AtomicUsize>,
    most: usize,
}

/// Counted until dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Large {
    /// Returns the maximum size of a blob that may be claimed now, or `None` if
    /// there is no limit.
    fn limit(&self) -> Option<i64> {
        let full = self.running.load(Ordering::Relaxed) >= self.most;
        full.then(|| i64::try_from(LARGE).unwrap_or(i64::MAX))
    }

    fn take(&self, claims: &[Claim]) -> Option<Counted> {
        let is_large =
            |claim: &Claim| claim.kind == JobKind::StoreBlob && claim.bytes_total > LARGE;
        let large = claims.iter().any(is_large);
        large.then(|| {
            self.running.fetch_add(1, Ordering::Relaxed);
            Counted(Arc::clone(&self.running))
        })
    }
}
