//! The gateway's configuration: environment variables, each of which is also a
//! flag.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use refity_config::{
    CheckArgs, CollectRules, CollectionArgs, DataArgs, HttpArgs, HttpSettings, LimitArgs,
    LimitSettings, LogArgs, Problems, SecretArgs, SecretSettings, StorageArgs, StorageSettings,
    SyncArgs, UsageArgs, UsageSettings, WebArgs, both,
};

use crate::admin;

/// Serve a Docker and OCI registry that stores everything on an SFTP server.
#[derive(Parser, Debug)]
#[command(name = "refity-gateway", version)]
struct Args {
    #[command(flatten)]
    check: CheckArgs,
    #[command(flatten)]
    storage: StorageArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    sync: SyncArgs,
    #[command(flatten)]
    collection: CollectionArgs,
    #[command(flatten)]
    secrets: SecretArgs,
    #[command(flatten)]
    usage: UsageArgs,
    #[command(flatten)]
    web: WebArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(subcommand)]
    command: Option<Subcommands>,
}

#[derive(Subcommand, Debug)]
enum Subcommands {
    /// Manage users; works whether the gateway runs or not
    Admin(Box<admin::Args>),
}

/// The command to run.
pub(crate) enum Command {
    /// Run the gateway.
    Serve(Box<Config>),
    /// Manage accounts.
    Admin(admin::Args),
}

/// The gateway's configuration, validated.
#[derive(Debug)]
pub(crate) struct Config {
    /// The data folder, and how much of its disk to use.
    pub(crate) data: DataArgs,
    /// The storage of the registry's tree.
    pub(crate) storage: StorageSettings,
    /// The addresses to listen on.
    pub(crate) http: HttpSettings,
    /// The limits for clients.
    pub(crate) limits: LimitSettings,
    /// `SFTP_SYNC_UPLOAD`: how long a push waits; `None` if it does not wait.
    pub(crate) sync: Option<Duration>,
    /// The rules for garbage collection.
    pub(crate) collection: CollectRules,
    /// The settings for Hetzner's API; `None` if there is no usage card.
    pub(crate) usage: Option<UsageSettings>,
    /// `UI_DIR`: the web interface to serve; `None` for the built-in one.
    pub(crate) ui_dir: Option<PathBuf>,
    /// The configured secrets.
    pub(crate) secrets: SecretSettings,
    /// The log settings.
    pub(crate) log: LogArgs,
}

/// Parses the command line and the environment. Exits the process if they are
/// invalid or if only a check was requested.
pub(crate) fn read() -> Command {
    let args: Args = refity_config::parse_args();
    if let Some(Subcommands::Admin(args)) = args.command {
        return Command::Admin(*args);
    }
    let settings = args.settings();
    let settings = args.check.unwrap_or_exit(settings);
    Command::Serve(Box::new(args.into_config(settings)))
}

/// Reads the configuration from these variables alone.
///
/// # Errors
/// All problems with them.
pub(crate) fn from_variables(variables: &[(String, String)]) -> Result<Config, String> {
    let args: Result<Args, _> = refity_config::parse_variables(variables);
    let args = args.map_err(|error| error.to_string())?;
    let settings = args.settings().map_err(|problems| problems.to_string())?;
    Ok(args.into_config(settings))
}

/// The settings that are validated, nested as [`both`] combines them.
type Settings = (
    StorageSettings,
    (
        (HttpSettings, LimitSettings),
        (SecretSettings, (Option<UsageSettings>, Option<PathBuf>)),
    ),
);

impl Args {
    fn settings(&self) -> Result<Settings, Problems> {
        both(
            self.storage.settings(&self.data),
            both(
                both(self.http.settings(), self.limits.settings()),
                both(
                    self.secrets.settings(),
                    both(self.usage.settings(), self.web.settings()),
                ),
            ),
        )
    }

    fn into_config(self, settings: Settings) -> Config {
        let (storage, ((http, limits), (secrets, (usage, ui_dir)))) = settings;
        Config {
            storage,
            data: self.data,
            http,
            collection: self.collection.rules(),
            limits,
            sync: (self.sync.sftp_sync_upload).then_some(self.sync.sftp_sync_timeout),
            ui_dir,
            secrets,
            usage,
            log: self.log,
        }
    }
}
