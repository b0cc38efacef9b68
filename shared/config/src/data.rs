//! The local folder, and how much of its file system may be used.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::values;

/// The share of the file system that the cache takes by default: one in five.
const CACHE_SHARE: u64 = 5;

/// The share of the file system that stays free by default: one in twenty.
const FREE_SHARE: u64 = 20;

/// What stays free by default on a small file system: 2 GiB.
const FREE_MIN: u64 = 2 << 30;

/// The local folder.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Local data")]
pub struct DataArgs {
    /// Folder for the database and the spool, on a local disk; shared by all processes
    /// of an installation
    #[arg(long, env, default_value = "./data")]
    pub data_dir: PathBuf,
    /// Bytes (20G) that blobs which SFTP already holds may take in the spool [default:
    /// 20 % of the file system]
    #[arg(long, env, value_parser = values::size)]
    pub cache_max_bytes: Option<u64>,
    /// Bytes (2G) of the file system that pushes leave free [default: 5 % of the file
    /// system, at least 2 GiB]
    #[arg(long, env, value_parser = values::size)]
    pub spool_min_free: Option<u64>,
}

/// [`DataArgs`], with the defaults that the file system gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolSettings {
    /// The local folder.
    pub data_dir: PathBuf,
    /// The most bytes that blobs which SFTP already holds may take.
    pub cache_max_bytes: u64,
    /// The bytes of the file system that pushes leave free.
    pub spool_min_free: u64,
}

impl DataArgs {
    /// Asks the file system for its size where a default needs it. The folder
    /// must exist (see [`prepare`](super::data_dir::prepare)).
    ///
    /// # Errors
    /// When the file system does not answer.
    pub fn spool_settings(&self) -> io::Result<SpoolSettings> {
        let file_system = rustix::fs::statvfs(&self.data_dir)?;
        let total = file_system.f_blocks.saturating_mul(file_system.f_frsize);
        Ok(self.spool_settings_on(total))
    }

    fn spool_settings_on(&self, total_bytes: u64) -> SpoolSettings {
        SpoolSettings {
            data_dir: self.data_dir.clone(),
            cache_max_bytes: self.cache_max_bytes.unwrap_or(total_bytes / CACHE_SHARE),
            spool_min_free: self
                .spool_min_free
                .unwrap_or_else(|| FREE_MIN.max(total_bytes / FREE_SHARE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_follow_the_file_system() {
        let mut args = DataArgs {
            data_dir: "/".into(),
            cache_max_bytes: None,
            spool_min_free: None,
        };
        let small = args.spool_settings_on(10 << 30);
        assert_eq!(
            (small.cache_max_bytes, small.spool_min_free),
            (2 << 30, 2 << 30)
        );
        let large = args.spool_settings_on(1000 << 30);
        assert_eq!(
            (large.cache_max_bytes, large.spool_min_free),
            (200 << 30, 50 << 30)
        );
        args.cache_max_bytes = Some(0);
        args.spool_min_free = Some(1);
        let set = args.spool_settings_on(1000 << 30);
        assert_eq!((set.cache_max_bytes, set.spool_min_free), (0, 1));
        assert_eq!(args.spool_settings().unwrap(), set);
    }
}
