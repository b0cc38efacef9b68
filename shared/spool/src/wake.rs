//! Waking the uploaders: a gateway touches a file after a commit. This is only
//! a hint; the rows are the truth.

use std::path::Path;
use std::time::SystemTime;

use super::Spool;

/// The touched file, the same for all gateways.
const WAKE_FILE: &str = "committed";

impl Spool {
    /// Notifies the uploaders of new work. A failure only delays them, since
    /// they also poll.
    pub fn wake(&self) {
        let path = self.wake_folder().join(WAKE_FILE);
        if let Err(error) = touch(&path) {
            tracing::debug!(path = %path.display(), %error, "cannot wake the uploaders");
        }
    }
}

fn touch(path: &Path) -> std::io::Result<()> {
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    file.set_modified(SystemTime::now())
}
