//! The gateway's configuration: variables, each also a flag.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use refity_config::{
    CheckArgs, CollectRules, CollectionArgs, DataArgs, HttpArgs, HttpSettings, LimitArgs,
    LimitSettings, LogArgs, SecretArgs, SecretSettings, StorageArgs, StorageSettings, SyncArgs,
    UsageArgs, UsageSettings, WebArgs, both,
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

/// What the command line asks for.
pub(crate) enum Command {
    /// Serve.
    Serve(Box<Config>),
    /// Manage accounts.
    Admin(admin::Args),
}

/// The gateway's configuration, validated.
#[derive(Debug)]
pub(crate) struct Config {
    /// The local folder, and how much of its disk may be used.
    pub(crate) data: DataArgs,
    /// Where the registry's tree is kept.
    pub(crate) storage: StorageSettings,
    /// Where to listen.
    pub(crate) http: HttpSettings,
    /// How much clients may take.
    pub(crate) limits: LimitSettings,
    /// `SFTP_SYNC_UPLOAD`: how long a push waits; `None` if it does not wait.
    pub(crate) sync: Option<Duration>,
    /// What is garbage.
    pub(crate) collection: CollectRules,
    /// What to ask Hetzner's API; `None` if there is no usage card.
    pub(crate) usage: Option<UsageSettings>,
    /// `UI_DIR`: the web interface to serve; `None` for the built-in one.
    pub(crate) ui_dir: Option<PathBuf>,
    /// Secrets that were set.
    pub(crate) secrets: SecretSettings,
    /// What is logged, and how.
    pub(crate) log: LogArgs,
}

/// Reads the command line and the environment. Ends the process where they
/// are wrong or only a check was asked for.
pub(crate) fn read() -> Command {
    let args: Args = refity_config::parse_args();
    if let Some(Subcommands::Admin(args)) = args.command {
        return Command::Admin(*args);
    }
    let settings = both(
        args.storage.settings(&args.data),
        both(
            both(args.http.settings(), args.limits.settings()),
            both(
                args.secrets.settings(),
                both(args.usage.settings(), args.web.settings()),
            ),
        ),
    );
    let (storage, ((http, limits), (secrets, (usage, ui_dir)))) = args.check.settle(settings);
    Command::Serve(Box::new(Config {
        storage,
        data: args.data,
        http,
        collection: args.collection.rules(),
        limits,
        sync: (args.sync.sftp_sync_upload).then_some(args.sync.sftp_sync_timeout),
        ui_dir,
        secrets,
        usage,
        log: args.log,
    }))
}
