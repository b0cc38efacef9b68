//! Running processes: each holds the lock of its own file, so that the others
//! see at once when it is dead.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use super::SpoolError;

/// This process, for as long as the value lives.
#[derive(Debug)]
pub struct Owner {
    id: String,
    path: PathBuf,
    _lock: File,
}

impl Owner {
    /// Makes and locks a file of its own in `data_dir/owners`. Files that
    /// dead processes left are removed on the way.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn register(data_dir: &Path, role: &str) -> Result<Self, SpoolError> {
        let folder = data_dir.join("owners");
        std::fs::create_dir_all(&folder)
            .map_err(|error| SpoolError::io("cannot make the folder", &folder, error))?;
        remove_dead(&folder);
        let id = format!("{role}-{}-{}", std::process::id(), uuid::Uuid::new_v4());
        let path = folder.join(&id);
        // Locked before it has its name: it is never seen unlocked.
        let draft = folder.join(format!(".{id}"));
        let failed = |error| SpoolError::io("cannot make", &path, error);
        let lock = OpenOptions::new()
            .create_new(true)
            .write(true)
            .open(&draft)
            .map_err(failed)?;
        lock.try_lock().map_err(|_| SpoolError::Locked)?;
        std::fs::rename(&draft, &path).map_err(failed)?;
        Ok(Self {
            id,
            path,
            _lock: lock,
        })
    }

    /// The name that this process's claims carry.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes the files that nobody holds; drafts are another start's.
fn remove_dead(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let draft = entry.file_name().to_string_lossy().starts_with('.');
        if !draft && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// Whether the process of this name runs: its file is there and locked.
#[must_use]
pub fn is_alive(data_dir: &Path, owner: &str) -> bool {
    let path = data_dir.join("owners").join(owner);
    File::open(&path).is_ok_and(|file| file.try_lock_shared().is_err())
}
