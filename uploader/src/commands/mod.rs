//! The uploader's subcommands, one module each.

pub mod gc;
pub mod rebuild_index;
