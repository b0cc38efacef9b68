//! The uploader's program: reads the command line and starts what it names.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use refity_uploader::commands::sandbox_sftp;

#[derive(Parser)]
#[command(version, about = "Moves what was pushed to Refity onto SFTP")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    SandboxSftp(sandbox_sftp::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::SandboxSftp(args) => sandbox_sftp::run(args).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("refity-uploader: {error}");
            ExitCode::FAILURE
        }
    }
}
