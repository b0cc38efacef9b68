//! The uploader program: parses the command line and runs the service or a
//! subcommand.

use std::process::ExitCode;
use std::time::Duration;

use refity_config as config;
use refity_uploader::commands::{gc, rebuild_index};
use refity_uploader::config::{Command, CommandLine};
use refity_uploader::service::{self, Failure};
use tokio::runtime::Runtime;

/// How long blocking work may continue at shutdown. A call to a server that
/// does not respond would block the exit.
const LAST_WORK: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let line: CommandLine = config::parse_args();
    let ended = Runtime::new().map_err(Failure::System).and_then(|runtime| {
        let ended = runtime.block_on(run(line));
        match ended {
            // The operating system frees resources of stuck threads.
            Err(Failure::PartEnded(_)) => runtime.shutdown_background(),
            _ => runtime.shutdown_timeout(LAST_WORK),
        }
        ended
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            config::exit_code(error.needs_person())
        }
    }
}

async fn run(line: CommandLine) -> Result<(), Failure> {
    match line.command {
        None => service::run(line.service).await,
        Some(Command::Gc(args)) => gc::run(args).await,
        Some(Command::RebuildIndex(args)) => rebuild_index::run(*args).await,
    }
}
