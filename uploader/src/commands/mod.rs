//! The uploader's subcommands, one module each.

pub mod rebuild_index;
pub mod sandbox_sftp;
