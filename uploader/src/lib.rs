//! The uploader: claims jobs, moves bytes to SFTP, and reports through the
//! database. Its subcommands do what needs SFTP.

mod collect;
pub mod commands;
pub mod config;
mod evict;
mod health;
mod jobs;
mod leases;
mod observe;
mod presence;
mod progress;
mod removed;
pub mod service;
mod sweep;
mod watch;
mod worker;
