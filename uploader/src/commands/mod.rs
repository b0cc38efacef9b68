//! The uploader's subcommands, one module each.

pub mod sandbox_sftp;
