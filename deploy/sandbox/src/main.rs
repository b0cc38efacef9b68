//! The sandbox program.

use std::process::ExitCode;

use clap::Parser as _;
use refity_sandbox::Args;

#[tokio::main]
async fn main() -> ExitCode {
    match refity_sandbox::run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
