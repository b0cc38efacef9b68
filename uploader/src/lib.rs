//! The uploader: claims jobs and moves bytes to SFTP. Its subcommands do what
//! needs SFTP.

pub mod commands;
