//! The uploader's program: reads the command line and starts what it names.

use std::process::ExitCode;

use refity_shared::config;
use refity_uploader::commands::{rebuild_index, sandbox_sftp};
use refity_uploader::config::{Command, CommandLine};
use refity_uploader::service;

#[tokio::main]
async fn main() -> ExitCode {
    let line: CommandLine = config::parse_args();
    let ended = match line.command {
        None => service::run(line.service).await,
        Some(Command::RebuildIndex(args)) => rebuild_index::run(*args).await,
        Some(Command::SandboxSftp(args)) => sandbox_sftp::run(args).await.map_err(Into::into),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
    }
}
