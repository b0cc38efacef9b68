//! Configuration: environment variables, each also a flag.
//!
//! A binary flattens the groups of arguments it needs into one clap struct,
//! reads it with [`parse_args`], and turns each group into validated settings.
//! An invalid value aborts startup with exit status 2 and a message that names
//! the variable, its value (unless secret) and what would be valid.
//!
//! ```no_run
//! use refity_config::{CheckArgs, DataArgs, StorageArgs, SecretArgs};
//!
//! #[derive(clap::Parser)]
//! struct GatewayArgs {
//!     #[command(flatten)]
//!     check: CheckArgs,
//!     #[command(flatten)]
//!     data: DataArgs,
//!     #[command(flatten)]
//!     storage: StorageArgs,
//!     #[command(flatten)]
//!     secrets: SecretArgs,
//! }
//!
//! let args: GatewayArgs = refity_config::parse_args();
//! let settings = refity_config::both(args.storage.settings(&args.data), args.secrets.settings());
//! let (remote, secrets) = args.check.unwrap_or_exit(settings);
//! ```

pub mod clock;
pub mod fault;
pub mod installation;
pub mod panic;
pub mod telemetry;

mod audit;
mod collection;
mod data;
pub mod data_dir;
mod limits;
mod origins;
mod problems;
mod proxies;
mod secret;
mod server;
mod storage;
mod usage;
mod values;
mod web;

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{Command, Parser};

pub use audit::AuditArgs;
pub use collection::{CollectRules, CollectionArgs, Schedule, ScheduleArgs};
pub use data::{DataArgs, SpoolSettings};
pub use limits::{LimitArgs, LimitSettings};
pub use origins::Origins;
pub use problems::{CheckArgs, Problems, both};
pub use proxies::TrustedProxies;
pub use secret::{Secret, SecretArgs, SecretSettings};
pub use server::{HttpArgs, HttpSettings, LogArgs, SyncArgs};
pub use storage::{SftpSettings, StorageArgs, StorageSettings};
pub use usage::{UsageArgs, UsageSettings};
pub use web::WebArgs;

/// Exit status after an invalid configuration. A service manager should not
/// restart the program.
pub const EXIT_CONFIGURATION: i32 = 2;

/// The exit status of a program that failed: [`EXIT_CONFIGURATION`] where a
/// person must act before another start can succeed, else 1.
#[must_use]
pub fn exit_code(needs_person: bool) -> ExitCode {
    let status = if needs_person { EXIT_CONFIGURATION } else { 1 };
    ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX))
}

/// Parses the command line and the environment. An empty variable is treated as
/// unset.
///
/// Exits after `--help` and `--version`, and with [`EXIT_CONFIGURATION`] if an
/// argument or a variable is malformed.
#[must_use]
pub fn parse_args<T: Parser>() -> T {
    parse_from(std::env::args_os(), &|name| std::env::var_os(name))
        .unwrap_or_else(|error| error.exit())
}

/// Parses these variables, in place of the command line and the environment:
/// for a program that runs inside another one, as in tests. Ignores variables
/// that the program does not have; the last of several values counts.
///
/// # Errors
/// If a value is invalid.
pub fn parse_variables<T: Parser>(variables: &[(String, String)]) -> Result<T, clap::Error> {
    let command = T::command();
    let flags = command.get_arguments().filter_map(|argument| {
        let (name, long) = (argument.get_env()?, argument.get_long()?);
        let mut of_this_name = variables.iter().filter(|(variable, _)| name == &**variable);
        let (_, value) = of_this_name.next_back()?;
        (!value.is_empty()).then(|| format!("--{long}={value}").into())
    });
    let program = OsString::from(command.get_name());
    let arguments: Vec<_> = std::iter::once(program).chain(flags).collect();
    // As if each variable of the environment were empty, which is unset.
    parse_from(arguments, &|_| Some(OsString::new()))
}

fn parse_from<T: Parser>(
    arguments: impl IntoIterator<Item = OsString>,
    lookup: &dyn Fn(&OsStr) -> Option<OsString>,
) -> Result<T, clap::Error> {
    let mut command = without_empty_variables(T::command(), lookup);
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    T::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// Detaches each argument from its variable if that one is empty, and hides the
/// variables' values from `--help`, since some are secrets.
fn without_empty_variables(
    command: Command,
    lookup: &dyn Fn(&OsStr) -> Option<OsString>,
) -> Command {
    command
        .mut_args(|argument| {
            let empty = argument
                .get_env()
                .and_then(lookup)
                .is_some_and(|value| value.is_empty());
            let argument = argument.hide_env_values(true);
            if empty {
                argument.env(Resettable::<clap::builder::OsStr>::Reset)
            } else {
                argument
            }
        })
        .mut_subcommands(|subcommand| without_empty_variables(subcommand, lookup))
}

#[cfg(test)]
mod tests;
