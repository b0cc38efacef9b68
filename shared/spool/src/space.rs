//! Room on the spool's disk.

use super::{Spool, SpoolError};

/// Room on a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// In all.
    pub total: u64,
    /// Free for us.
    pub free: u64,
}

impl Spool {
    /// Room on the spool's disk.
    ///
    /// # Errors
    /// When the system does not tell, as where the folder is gone.
    pub fn space(&self) -> Result<Space, SpoolError> {
        let stat = rustix::fs::statvfs(self.root.as_path()).map_err(|error| {
            SpoolError::io("cannot ask for the free space of", &self.root, error.into())
        })?;
        Ok(Space {
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
        })
    }
}
