//! Waking the uploaders: a gateway touches a file of its own after a commit.
//! It is a hint only; the rows are the truth.

use std::path::Path;
use std::time::SystemTime;

use super::Spool;

impl Spool {
    /// Tells the uploaders that there may be work. A failure costs only time:
    /// they look by themselves too.
    pub fn wake(&self, owner: &str) {
        let path = self.wake_folder().join(owner);
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
