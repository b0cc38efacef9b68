//! A program of ours on a runtime of its own, in place of a process.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use refity_config::clock::Clock;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::Dispatch;

/// How long blocking work may go on after an end.
const LAST_WORK: Duration = Duration::from_secs(3);

type ProgramResult = Result<(), String>;

type Program = Box<
    dyn Fn(oneshot::Receiver<()>) -> Pin<Box<dyn Future<Output = ProgramResult> + Send>>
        + Send
        + Sync,
>;

/// A program that runs, or has ended and can be started again.
pub struct InProcess {
    program: Program,
    /// Gets what the program's threads log, and nothing of other programs.
    subscriber: Dispatch,
    running: Mutex<Option<Running>>,
}

struct Running {
    runtime: Runtime,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<ProgramResult>,
}

impl InProcess {
    /// Starts a gateway with these variables.
    pub(super) fn gateway(
        variables: Vec<(String, String)>,
        clock: Clock,
        subscriber: Dispatch,
    ) -> Self {
        let program: Program = Box::new(move |stop| {
            let (variables, clock) = (variables.clone(), clock.clone());
            Box::pin(async move {
                refity_gateway::run_until(&variables, clock, async {
                    // A dropped sender is an end too.
                    let _ = stop.await;
                })
                .await
            })
        });
        Self::start(program, subscriber)
    }

    /// Starts an uploader with these variables.
    pub(super) fn uploader(
        variables: Vec<(String, String)>,
        clock: Clock,
        subscriber: Dispatch,
    ) -> Self {
        let program: Program = Box::new(move |stop| {
            let (variables, clock) = (variables.clone(), clock.clone());
            Box::pin(async move {
                refity_uploader::service::run_until(&variables, clock, async {
                    let _ = stop.await;
                })
                .await
            })
        });
        Self::start(program, subscriber)
    }

    fn start(program: Program, subscriber: Dispatch) -> Self {
        let started = Self {
            program,
            subscriber,
            running: Mutex::default(),
        };
        started.restart();
        started
    }

    /// Starts the program again.
    ///
    /// # Panics
    /// If it runs.
    pub fn restart(&self) {
        let mut running = self.lock();
        assert!(running.is_none(), "it runs");
        let subscriber = self.subscriber.clone();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            // For as long as the thread lives.
            .on_thread_start(move || {
                std::mem::forget(tracing::dispatcher::set_default(&subscriber));
            })
            .build()
            .expect("a runtime");
        let (stop, stopped) = oneshot::channel();
        let ended = runtime.spawn((self.program)(stopped));
        *running = Some(Running {
            runtime,
            stop,
            ended,
        });
    }

    /// Ends the program as SIGTERM does, and waits for its end.
    ///
    /// # Panics
    /// If it does not run, or fails.
    pub async fn terminate(&self) {
        let running = self.lock().take().expect("a running program");
        let _ = running.stop.send(());
        let ended = running.ended.await.expect("no panic");
        shut_down(running.runtime);
        ended.expect("an end without an error");
    }

    /// Ends the program at once, if it runs.
    pub(super) fn kill(&self) {
        if let Some(running) = self.lock().take() {
            shut_down(running.runtime);
        }
    }

    /// Panics if the program has ended by itself, with its error.
    pub(super) async fn assert_running(&self) {
        let ended = {
            let mut running = self.lock();
            let has_ended = running.as_ref().is_some_and(|it| it.ended.is_finished());
            if has_ended { running.take() } else { None }
        };
        if let Some(running) = ended {
            let ended = running.ended.await;
            shut_down(running.runtime);
            panic!("it ended: {ended:?}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends all tasks, and waits for blocking work for a moment; on another thread,
/// since no runtime may block one of its own.
fn shut_down(runtime: Runtime) {
    let ending = std::thread::spawn(move || runtime.shutdown_timeout(LAST_WORK));
    let _ = ending.join();
}
