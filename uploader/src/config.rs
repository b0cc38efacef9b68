//! The uploader's command line and environment.

use clap::{Args, Parser, Subcommand};
use refity_config::{
    AuditArgs, CheckArgs, CollectionArgs, DataArgs, LogArgs, Problems, ScheduleArgs, StorageArgs,
    StorageSettings,
};

use crate::commands::{gc, rebuild_index};

/// The command line.
#[derive(Parser)]
#[command(
    name = "refity-uploader",
    version,
    about = "Transfers pushed images to the SFTP server"
)]
pub struct CommandLine {
    /// Arguments of the service, which runs without a subcommand.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// The subcommand, if any.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// A subcommand.
#[derive(Subcommand)]
pub enum Command {
    /// Collect garbage now: unreferenced data that was deleted at least a day ago
    Gc(gc::Args),
    /// Rebuild a lost database from the spool and SFTP
    RebuildIndex(Box<rebuild_index::Args>),
}

/// Arguments of the service.
#[derive(Args)]
pub struct ServiceArgs {
    /// Validate the configuration only.
    #[command(flatten)]
    pub check: CheckArgs,
    /// The storage and the data folder.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Take over the tree on SFTP from the installation that owns it
    #[arg(long)]
    pub take_over: bool,
    /// Garbage collection rules.
    #[command(flatten)]
    pub collection: CollectionArgs,
    /// Garbage collection schedule.
    #[command(flatten)]
    pub schedule: ScheduleArgs,
    /// Audit log retention.
    #[command(flatten)]
    pub audit: AuditArgs,
}

/// Data folder, storage and logging.
#[derive(Args)]
pub struct PlaceArgs {
    /// The data folder.
    #[command(flatten)]
    pub data: DataArgs,
    /// The storage.
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Logging.
    #[command(flatten)]
    pub log: LogArgs,
}

impl PlaceArgs {
    /// Returns the validated settings of the storage.
    ///
    /// # Errors
    /// All problems found.
    pub fn storage_settings(&self) -> Result<StorageSettings, Problems> {
        self.storage.settings(&self.data)
    }
}
