//! Looks at the storage for people: its room, how fast it answers, what it
//! offers; and writes down each day how much there is.

use std::time::{Duration, Instant};

use refity_storage::sftp::{PooledSession, RemoteError, Session};
use refity_store::{Capacity, HealthState, StorageSeen};

use crate::service::{Failure, Uploader};

/// How often it is seen whether a look is due.
const LOOK: Duration = Duration::from_secs(1);

/// Between two looks at the storage.
const AGAIN: Duration = Duration::from_secs(60);

/// Between two sums of all that there is: they read the whole index.
const SUM: Duration = Duration::from_secs(10 * 60);

/// How long a look waits for a connection: transfers go first.
const PATIENCE: Duration = Duration::from_secs(5);

/// When what was last done.
#[derive(Default)]
struct Last {
    seen: Option<Instant>,
    /// And whether the room was known then.
    summed: Option<(Instant, bool)>,
    room: Option<Capacity>,
}

/// Looks until the service ends.
pub(crate) async fn run(uploader: Uploader) {
    let last = tokio::sync::Mutex::new(Last::default());
    uploader
        .every("observation", LOOK, || async {
            look(&uploader, &mut *last.lock().await).await
        })
        .await;
}

async fn look(uploader: &Uploader, last: &mut Last) -> Result<(), Failure> {
    let due = |at: Option<Instant>, rest| at.is_none_or(|at| at.elapsed() >= rest);
    let store = &uploader.node.store;
    if due(last.seen, AGAIN) && store.health().await?.state == HealthState::Up {
        // Whether it works or not: one that is away is the jobs' to find.
        last.seen = Some(Instant::now());
        let seen = see(uploader).await?;
        last.room = seen.capacity;
        store.note_storage(seen).await?;
    }
    // The first sum of a start is made before the storage was seen.
    let better = last.room.is_some() && last.summed.is_some_and(|(_, known)| !known);
    if better || due(last.summed.map(|(at, _)| at), SUM) {
        last.summed = Some((Instant::now(), last.room.is_some()));
        store.sample_storage(last.room).await?;
    }
    Ok(())
}

async fn see(uploader: &Uploader) -> Result<StorageSeen, Failure> {
    let mut session: PooledSession = uploader.remote.session_within(PATIENCE).await?;
    let root = uploader.remote.config().root.clone();
    let at = uploader.node.store.clock().wall_ms();
    let look = move |session: &mut Session| {
        // The first opens what extended requests go through.
        let extensions = session.extensions()?;
        let asked = Instant::now();
        session.stat(&root)?;
        let latency = asked.elapsed();
        let room = match session.statvfs(&root) {
            Err(error) if error.is_connection() => return Err(error),
            room => room.unwrap_or(None),
        };
        let host_key = session.host_key_fingerprint();
        Ok::<_, RemoteError>((extensions, latency, room, host_key))
    };
    let (extensions, latency, room, host_key) = session.run(look).await?;
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    Ok(StorageSeen {
        at,
        latency_us: i64::try_from(latency.as_micros()).unwrap_or(i64::MAX),
        host_key,
        extensions: extensions.names().into_iter().map(str::to_owned).collect(),
        capacity: room.map(|room| Capacity {
            total: signed(room.total),
            free: signed(room.free),
        }),
    })
}
