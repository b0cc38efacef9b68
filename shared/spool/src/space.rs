//! Free space on the spool's disk.

use super::{Spool, SpoolError};

/// Space on a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Total space.
    pub total: u64,
    /// Space available to this process.
    pub free: u64,
}

impl Spool {
    /// Free space on the spool's disk.
    ///
    /// # Errors
    /// If `statvfs` fails, for instance if the folder is missing.
    pub fn space(&self) -> Result<Space, SpoolError> {
        let stat = rustix::fs::statvfs(self.root.as_path()).map_err(|error| {
            SpoolError::io("cannot read the free space of", &self.root, error.into())
        })?;
        Ok(Space {
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
        })
    }
}
