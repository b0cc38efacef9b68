//! The local data folder and its disk space limits.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::values;

/// Default share of the file system for the cache: one fifth.
const CACHE_SHARE: u64 = 5;

/// Default share of the file system that stays free: one twentieth.
const FREE_SHARE: u64 = 20;

/// Default minimum of free space in bytes: 2 GiB.
const FREE_MIN: u64 = 2 << 30;

/// The local folder.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Local data")]
pub struct DataArgs {
    /// Keep the database and the spool in this folder, on a local disk; all processes of
    /// an installation share it
    #[arg(long, env, default_value = "./data")]
    pub data_dir: PathBuf,
    /// Limit the cache of blobs that are already on SFTP to this size: 20G [default: 20 %
    /// of the file system]
    #[arg(long, env, value_parser = values::size)]
    pub cache_max_bytes: Option<u64>,
    /// Refuse pushes that would leave less than this free on the file system: 2G
    /// [default: 5 % of the file system, at least 2 GiB]
    #[arg(long, env, value_parser = values::size)]
    pub spool_min_free: Option<u64>,
}

/// [`DataArgs`] with defaults derived from the size of the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolSettings {
    /// The local folder.
    pub data_dir: PathBuf,
    /// Maximum bytes of cached blobs that are already on SFTP.
    pub cache_max_bytes: u64,
    /// Minimum bytes that pushes leave free on the file system.
    pub spool_min_free: u64,
}

impl DataArgs {
    /// Returns the limits. Reads the size of the file system for the defaults.
    /// The folder must exist (see [`prepare`](super::data_dir::prepare)).
    ///
    /// # Errors
    /// If `statvfs` fails.
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
