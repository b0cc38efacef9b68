//! The gateway: the registry protocol under `/v2`, the API under `/api` and the
//! web interface. It is stateless: all persistent state is in the database and
//! the spool, so any gateway can continue the work of another.

mod access;
mod admin;
mod api;
mod audit;
mod client;
mod cold;
mod config;
mod job_events;
mod limit;
mod middleware;
mod readiness;
mod registry;
pub mod route;
mod router;
mod serve;
mod start;
mod state;
mod sync_waits;
mod timestamp;
mod ui;
mod usage;
#[cfg(test)]
mod walls;
mod web;

use std::process::ExitCode;
use std::time::Duration;

use refity_config::clock::Clock;
use refity_config::telemetry;
use refity_node::watchdog;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use config::{Command, Config};
use serve::Server;
use start::StartError;

/// How long blocking work may still take at the end of the process.
const LAST_WORK: Duration = Duration::from_secs(3);

/// Parses the command line and the environment, and runs the command.
pub fn main() -> ExitCode {
    match config::read() {
        Command::Serve(config) => serve(*config),
        Command::Admin(args) => admin::main(args),
    }
}

fn serve(config: Config) -> ExitCode {
    let ended = runtime(&config).and_then(|runtime| {
        let ended = runtime.block_on(run_until_signal(config));
        match ended {
            // Blocked threads are left to the operating system.
            Err(StartError::PartEnded(_)) => runtime.shutdown_background(),
            _ => runtime.shutdown_timeout(LAST_WORK),
        }
        ended
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            refity_config::exit_code(error.needs_person())
        }
    }
}

fn runtime(config: &Config) -> Result<Runtime, StartError> {
    telemetry::init(&config.log.log_level, config.log.log_format)?;
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(StartError::Runtime)
}

async fn run_until_signal(config: Config) -> Result<(), StartError> {
    // First, so that an early signal is not lost.
    let signals = serve::Signals::listen().map_err(StartError::Runtime)?;
    let clock = Clock::system().map_err(StartError::Runtime)?;
    run(config, clock, signals.received()).await
}

/// Runs a gateway inside another program, as tests do: with these variables in
/// place of the environment, until `stop` is done. Logs to the other program's
/// subscriber.
///
/// # Errors
/// Why it cannot start or continue.
pub async fn run_until(
    variables: &[(String, String)],
    clock: Clock,
    stop: impl Future<Output = ()>,
) -> Result<(), String> {
    let config = config::from_variables(variables)?;
    let ended = run(config, clock, stop).await;
    ended.map_err(|error| error.to_string())
}

async fn run(
    config: Config,
    clock: Clock,
    asked_to_end: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let (stop, shutdown) = watch::channel(false);
    let (state, mut supervisor) = start::open(&config, clock, shutdown).await?;
    let listeners = serve::bind(&config.http).await?;
    let server = Server::new(router::router(&state), &config.limits, config.http.proxies);
    let parts = supervisor.parts().clone();
    tokio::spawn(watchdog::run(state.node.store.clone(), parts.clone()));
    watchdog::ready();
    tokio::select! {
        biased;
        ended = supervisor.ended() => return Err(ended.into()),
        () = serve::serve(listeners, server, asked_to_end, stop, &parts) => {}
    }
    state.audit.close().await;
    Ok(())
}
