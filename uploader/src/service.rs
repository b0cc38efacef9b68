//! The service: its parts, their start and their shutdown.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use refity_config::clock::{Clock, millis};
use refity_config::telemetry;
use refity_config::{SpoolSettings, StorageSettings};
use refity_node::supervise::{PartEnded, Parts, Supervisor};
use refity_node::{Node, NodeError, watchdog};
use refity_spool::SpoolError;
use refity_storage::{ChangeError, Role, Storage, StorageError};
use refity_store::StoreError;
use refity_types::name::IntentId;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::config::{CommandLine, PlaceArgs, ServiceArgs};
use crate::progress::Progress;
use crate::{
    collect, evict, health, heartbeat, leases, progress, storage_stats, sweep, watch as wake_watch,
    worker,
};

/// How often a sleeping part checks the clock: its sleep may be over after the
/// machine was suspended.
const CLOCK_CHECK: Duration = Duration::from_secs(1);

/// How long running transfers may continue after a shutdown request. Unfinished
/// ones are released then.
const DRAIN: Duration = Duration::from_secs(20);

/// Maximum duration of one step of a part that scans the whole index or
/// storage.
const STEP_MAX: Duration = Duration::from_secs(60 * 60);

/// Maximum duration of one step of a part that jobs depend on. It writes a row
/// or two, and another process may hold the database for 10 s each time.
pub(crate) const SHORT_STEP_MAX: Duration = Duration::from_secs(2 * 60);

/// State shared by all parts of the service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Uploader {
    /// Database, spool and name of this process.
    pub(crate) node: Node,
    /// The storage of the registry's tree.
    pub(crate) storage: Arc<dyn Storage>,
    /// Progress of the running jobs.
    pub(crate) progress: Progress,
    /// Notified when there may be a job to claim.
    pub(crate) wake: Arc<Notify>,
    /// Limits of the spool's disk usage.
    pub(crate) spool: Arc<SpoolSettings>,
    /// Whether to take over the tree from another installation.
    pub(crate) take_over: bool,
    /// Handle for beginning parts.
    pub(crate) parts: Parts,
    stop: watch::Sender<Stop>,
}

/// Whether, and why, the service stops.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stop {
    No,
    Asked,
    /// The tree on SFTP belongs to another installation.
    NotOurs(String),
}

/// The reason why the program ended.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The data folder could not be opened.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The spool failed.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The storage failed.
    #[error("{}", with_hint(.0))]
    Storage(#[from] StorageError),
    /// The tree on SFTP belongs to another installation.
    #[error("{0}")]
    NotOurs(String),
    /// A part of the service ended unexpectedly.
    #[error(transparent)]
    PartEnded(#[from] PartEnded),
    /// An error of the operating system.
    #[error("{0}")]
    System(#[from] std::io::Error),
    /// Any other error.
    #[error("{0}")]
    Other(String),
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        Self::Storage(error.into_storage())
    }
}

impl Failure {
    /// Returns whether a person must act before another start can succeed.
    #[must_use]
    pub fn needs_person(&self) -> bool {
        match self {
            Self::NotOurs(_) => true,
            Self::Node(error) => error.needs_person(),
            Self::Store(error) => error.needs_person(),
            Self::PartEnded(_)
            | Self::Spool(_)
            | Self::Storage(_)
            | Self::System(_)
            | Self::Other(_) => false,
        }
    }
}

fn with_hint(error: &StorageError) -> String {
    match error.hint() {
        Some(hint) => format!("{error}. {hint}"),
        None => error.to_string(),
    }
}

impl Uploader {
    /// Creates the state for the service and the subcommands.
    pub(crate) fn new(
        node: Node,
        place: &PlaceArgs,
        storage: StorageSettings,
        take_over: bool,
    ) -> Result<Self, Failure> {
        Ok(Self {
            parts: Parts::unsupervised(node.store.clock().clone()),
            node,
            storage: refity_storage::open(storage, &place.data.data_dir, Role::Uploader)?,
            progress: Progress::default(),
            wake: Arc::default(),
            spool: Arc::new(place.data.spool_settings()?),
            take_over,
            stop: watch::Sender::new(Stop::No),
        })
    }

    /// Stops the service because another installation owns the tree.
    pub(crate) fn stop_not_ours(&self, words: &str) {
        self.stop.send_replace(Stop::NotOurs(words.to_owned()));
    }

    /// Removes completed intents: first the files, then the rows.
    pub(crate) async fn forget_intents(&self, completed: Vec<IntentId>) -> Result<(), Failure> {
        for intent in &completed {
            self.node.spool.remove_intent(*intent).await?;
        }
        if !completed.is_empty() {
            self.node.store.forget_intents(completed).await?;
        }
        Ok(())
    }

    /// Returns when the service is to stop.
    pub(crate) async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // The sender lives as long as `self`.
        let _ = stop.wait_for(|stop| *stop != Stop::No).await;
    }

    /// Runs `step` repeatedly, with a pause in between, until shutdown. Logs
    /// failures, but not the same message twice in a row.
    pub(crate) async fn every<F>(&self, name: &'static str, rest: Duration, step: impl FnMut() -> F)
    where
        F: Future<Output = Result<(), Failure>>,
    {
        self.every_within(name, rest, STEP_MAX, step).await;
    }

    /// Like [`Uploader::every`], for steps that count as stuck after
    /// `patience`.
    pub(crate) async fn every_within<F>(
        &self,
        name: &'static str,
        rest: Duration,
        patience: Duration,
        mut step: impl FnMut() -> F,
    ) where
        F: Future<Output = Result<(), Failure>>,
    {
        let part = self.parts.begin(name, patience);
        let mut last = String::new();
        loop {
            let words = match part.step(step()).await {
                Ok(()) => String::new(),
                Err(failure) => failure.to_string(),
            };
            if words != last && !words.is_empty() {
                tracing::warn!(part = name, "{words}");
            }
            last = words;
            tokio::select! {
                () = sleep(self.node.store.clock(), rest) => {}
                () = self.stopped() => return,
            }
        }
    }
}

/// Sleeps until the duration is over by `clock` or by tokio's timer. Only the
/// clock includes the time that the machine was suspended: the sleep ends at
/// most [`CLOCK_CHECK`] after that.
async fn sleep(clock: &Clock, duration: Duration) {
    let end = clock.boot_ms().saturating_add(millis(duration));
    let by_clock = async {
        while clock.boot_ms() < end {
            tokio::time::sleep(CLOCK_CHECK).await;
        }
    };
    // Its error is the end of the time.
    let _ = tokio::time::timeout(duration, by_clock).await;
}

/// Runs the service until SIGTERM or SIGINT.
///
/// # Errors
/// If the service cannot start or must stop.
pub async fn run(args: ServiceArgs) -> Result<(), Failure> {
    let storage = args.check.unwrap_or_exit(args.place.storage_settings());
    telemetry::init(&args.place.log.log_level, args.place.log.log_format)
        .map_err(|error| Failure::Other(error.to_string()))?;
    run_service(args, storage, Clock::system()?, signals()).await
}

/// Runs the service inside another program, as tests do: with these variables
/// in place of the environment, until `stop` is done. Logs to the other
/// program's subscriber.
///
/// # Errors
/// Why it cannot start or continue.
pub async fn run_until(
    variables: &[(String, String)],
    clock: Clock,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), String> {
    let line: Result<CommandLine, _> = refity_config::parse_variables(variables);
    let args = line.map_err(|error| error.to_string())?.service;
    let storage = args.place.storage_settings();
    let storage = storage.map_err(|problems| problems.to_string())?;
    let ended = run_service(args, storage, clock, stop).await;
    ended.map_err(|failure| failure.to_string())
}

async fn run_service(
    args: ServiceArgs,
    storage: StorageSettings,
    clock: Clock,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    let data_dir = args.place.data.data_dir.as_path();
    let node = Node::open_at(data_dir, "uploader", clock).await?;
    let mut uploader = Uploader::new(node, &args.place, storage, args.take_over)?;
    let supervisor = Supervisor::new(&uploader.node.store);
    uploader.parts = supervisor.parts().clone();
    let (schedule, rules) = (args.schedule.gc_schedule, args.collection.rules());
    let beside = Beside {
        collects: collect::run(uploader.clone(), schedule, rules),
        sweeps: sweep::run(uploader.clone(), args.audit.kept()),
    };
    serve(uploader, supervisor, data_dir, beside, stop).await
}

/// The parts that have settings of their own.
struct Beside<C, S> {
    collects: C,
    sweeps: S,
}

async fn serve(
    uploader: Uploader,
    mut supervisor: Supervisor,
    data_dir: &Path,
    beside: Beside<
        impl Future<Output = ()> + Send + 'static,
        impl Future<Output = ()> + Send + 'static,
    >,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    let watcher = wake_watch::start(&uploader);
    uploader.node.store.probe_now().await?;
    let mut parts = JoinSet::new();
    parts.spawn(health::run(uploader.clone()));
    parts.spawn(leases::run(uploader.clone(), data_dir.to_owned()));
    parts.spawn(progress::run(uploader.clone()));
    parts.spawn(evict::run(uploader.clone()));
    parts.spawn(heartbeat::run(uploader.clone()));
    parts.spawn(storage_stats::run(uploader.clone()));
    parts.spawn(beside.sweeps);
    parts.spawn(beside.collects);
    parts.spawn(stop_after(uploader.clone(), stop));
    tracing::info!(
        owner = uploader.node.owner.id(),
        installation = %uploader.node.installation,
        "uploader started"
    );
    // The worker ends last, since it waits for its jobs.
    let mut worker = tokio::spawn(worker::run(uploader.clone()));
    parts.spawn(watchdog::run(
        uploader.node.store.clone(),
        uploader.parts.clone(),
    ));
    watchdog::ready();
    tokio::select! {
        () = uploader.stopped() => {}
        ended = supervisor.ended() => {
            // After a shutdown request, which may have just arrived, all parts
            // end. Otherwise other processes release the jobs when they detect
            // that this process is dead.
            if *uploader.stop.borrow() == Stop::No {
                return Err(ended.into());
            }
        }
    }
    watchdog::stopping();
    if tokio::time::timeout(DRAIN, &mut worker).await.is_err() {
        tracing::info!("transfers are still running: they are given back");
        worker.abort();
    }
    drop(watcher);
    parts.shutdown().await;
    let (store, owner) = (&uploader.node.store, uploader.node.owner.id());
    store.release_jobs(owner).await?;
    store.uploader_ended(owner).await?;
    let stop = uploader.stop.borrow().clone();
    match stop {
        Stop::NotOurs(words) => Err(Failure::NotOurs(words)),
        Stop::No | Stop::Asked => Ok(()),
    }
}

/// Returns when SIGTERM or SIGINT comes, or where no signal can be heard.
async fn signals() {
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        tracing::error!("the system does not let this process listen for signals");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Ends the service after `asked_to_end`.
async fn stop_after(uploader: Uploader, asked_to_end: impl Future<Output = ()>) {
    let part = uploader.parts.begin("signals", SHORT_STEP_MAX);
    // Only this is timed: the request to stop may never come.
    part.step(std::future::ready(())).await;
    asked_to_end.await;
    tracing::info!("ending");
    uploader.stop.send_if_modified(|stop| {
        let first = *stop == Stop::No;
        if first {
            *stop = Stop::Asked;
        }
        first
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleep_ends_soon_after_the_clock_passed_its_end() {
        let hour = Duration::from_secs(60 * 60);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "0").unwrap();
        let clock = Clock::with_offset_file(file.path()).unwrap();
        let sleeper = tokio::spawn(async move { sleep(&clock, hour).await });
        // The sleep begins before the clock is moved.
        tokio::task::yield_now().await;
        std::fs::write(file.path(), (millis(hour) + 1000).to_string()).unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(60), sleeper).await;
        ended.expect("an end of the sleep").unwrap();
    }

    #[tokio::test]
    async fn a_sleep_ends_in_time_though_the_clock_is_set_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "0").unwrap();
        let clock = Clock::with_offset_file(file.path()).unwrap();
        let sleeper = tokio::spawn(async move { sleep(&clock, Duration::from_millis(50)).await });
        tokio::task::yield_now().await;
        std::fs::write(file.path(), "-3600000").unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(60), sleeper).await;
        ended.expect("an end of the sleep").unwrap();
    }
}
