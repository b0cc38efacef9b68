//! Two clocks: wall-clock time for display, and time since boot for leases and
//! retries.
//!
//! `CLOCK_BOOTTIME` is the same for all processes of a machine, does not jump
//! when the wall clock is set, and includes time spent in suspend. It is only
//! comparable within one boot, so it is stored together with the boot id.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// File in which the kernel publishes the boot id.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Environment variable that names a file with milliseconds to add to both
/// clocks. For tests only: lets hours pass instantly.
pub const OFFSET_FILE_VARIABLE: &str = "REFITY_TEST_CLOCK_OFFSET_FILE";

/// Reads both clocks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock {
    boot_id: Arc<str>,
    offset_file: Option<Arc<PathBuf>>,
}

impl Clock {
    /// Returns the machine's clocks.
    ///
    /// # Errors
    /// If the boot id cannot be read.
    pub fn system() -> std::io::Result<Self> {
        let boot_id = std::fs::read_to_string(BOOT_ID)?;
        let offset_file = std::env::var_os(OFFSET_FILE_VARIABLE).filter(|path| !path.is_empty());
        Ok(Self {
            boot_id: boot_id.trim().into(),
            offset_file: offset_file.map(|path| Arc::new(path.into())),
        })
    }

    /// The machine's clocks, offset by the milliseconds in the file.
    ///
    /// # Errors
    /// As [`Clock::system`].
    pub fn with_offset_file(path: &Path) -> std::io::Result<Self> {
        Ok(Self {
            offset_file: Some(Arc::new(path.to_owned())),
            ..Self::system()?
        })
    }

    /// The id of this boot of the machine.
    #[must_use]
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// Milliseconds since this boot.
    #[must_use]
    pub fn boot_ms(&self) -> i64 {
        let now = clock_gettime(ClockId::Boottime);
        now.tv_sec * 1000 + now.tv_nsec / 1_000_000 + self.offset_ms()
    }

    /// Milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn wall_ms(&self) -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        millis(since) + self.offset_ms()
    }

    fn offset_ms(&self) -> i64 {
        self.offset_file
            .as_deref()
            .and_then(|path| std::fs::read_to_string(path).ok())
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0)
    }
}

/// Converts a duration to whole milliseconds, as stored in the database.
#[must_use]
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_moves_both_clocks() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "3600000").unwrap();
        let system = Clock::system().unwrap();
        let moved = Clock::with_offset_file(file.path()).unwrap();
        // The moved clock is read second, so that it can only be further ahead.
        let (boot, wall) = (system.boot_ms(), system.wall_ms());
        assert!(moved.boot_ms() - boot >= 3_600_000);
        // The wall clock may be set back while the test runs.
        assert!(moved.wall_ms() - wall >= 3_590_000);
        assert_eq!(moved.boot_id(), system.boot_id());
    }
}
