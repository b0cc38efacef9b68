//! Waking the uploaders: a gateway touches a file after a commit. It is a hint
//! only; the rows are the truth.

use std::path::Path;
use std::time::SystemTime;

use super::Spool;

/// The file that is touched. One for all gateways, so that none is left over.
const WAKE_FILE: &str = "committed";

impl Spool {
    /// Tells the uploaders that there may be work. A failure costs only time:
    /// they look by themselves too.
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
