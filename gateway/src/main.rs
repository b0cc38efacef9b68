//! The gateway's executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    refity_gateway::main()
}
