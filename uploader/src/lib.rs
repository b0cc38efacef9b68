//! The uploader: claims jobs, transfers bytes to the storage, and reports
//! through the database. Its subcommands perform other tasks that need the
//! storage.

mod awaited;
mod collect;
pub mod commands;
pub mod config;
mod evict;
mod health;
mod heartbeat;
mod jobs;
mod leases;
mod progress;
mod prune_folders;
pub mod service;
mod storage_stats;
mod sweep;
mod watch;
mod worker;
