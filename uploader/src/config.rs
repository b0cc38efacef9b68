//! The uploader's command line and environment.

use clap::{Args, Parser, Subcommand};
use refity_config::{
    AuditArgs, CheckArgs, CollectionArgs, DataArgs, LogArgs, Problems, RemoteArgs, RemoteSettings,
    ScheduleArgs,
};

use crate::commands::{gc, rebuild_index};

/// What was asked for.
#[derive(Parser)]
#[command(
    name = "refity-uploader",
    version,
    about = "Moves what was pushed to Refity onto the SFTP server"
)]
pub struct CommandLine {
    /// Without a subcommand: the service itself.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Something else than the service.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// A subcommand.
#[derive(Subcommand)]
pub enum Command {
    /// Collect garbage now: what deletes left, and nothing needs any more
    Gc(gc::Args),
    /// Make a new index from the spool and SFTP, after the database was lost
    RebuildIndex(Box<rebuild_index::Args>),
}

/// What the service takes.
#[derive(Args)]
pub struct ServiceArgs {
    /// Whether to start at all.
    #[command(flatten)]
    pub check: CheckArgs,
    /// The storage and the data folder.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Take the tree on SFTP over from the installation that owns it
    #[arg(long)]
    pub take_over: bool,
    /// What is garbage.
    #[command(flatten)]
    pub collection: CollectionArgs,
    /// When it is collected.
    #[command(flatten)]
    pub schedule: ScheduleArgs,
    /// How long it is known who did what.
    #[command(flatten)]
    pub audit: AuditArgs,
}

/// Where the data is, here and there, and how to log.
#[derive(Args)]
pub struct PlaceArgs {
    /// The data folder.
    #[command(flatten)]
    pub data: DataArgs,
    /// The storage.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Logging.
    #[command(flatten)]
    pub log: LogArgs,
}

impl PlaceArgs {
    /// The storage's settings, checked.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn remote_settings(&self) -> Result<RemoteSettings, Problems> {
        self.remote.settings(&self.data)
    }
}
