//! Running processes: each holds the lock of its own file, so that others
//! detect its death immediately.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use super::SpoolError;

/// Registration of this process, until the value is dropped.
#[derive(Debug)]
pub struct Owner {
    id: String,
    path: PathBuf,
    _lock: File,
}

impl Owner {
    /// Creates and locks a file in `data_dir/owners`. Removes files of dead
    /// processes.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn register(data_dir: &Path, role: &str) -> Result<Self, SpoolError> {
        let folder = data_dir.join("owners");
        std::fs::create_dir_all(&folder)
            .map_err(|error| SpoolError::io("cannot create the folder", &folder, error))?;
        remove_dead(&folder);
        let id = format!("{role}-{}-{}", std::process::id(), uuid::Uuid::new_v4());
        let path = folder.join(&id);
        // Lock the file before it gets its name, so that it is never visible
        // unlocked.
        let draft = folder.join(format!(".{id}"));
        let failed = |error| SpoolError::io("cannot create", &path, error);
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

    /// Returns the name in this process's claims.
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

/// Removes unlocked files; drafts belong to processes that are starting.
fn remove_dead(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let draft = entry.file_name().to_string_lossy().starts_with('.');
        if !draft && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// Returns whether the process of this name runs, that is, its file exists and
/// is locked.
#[must_use]
pub fn is_alive(data_dir: &Path, owner: &str) -> bool {
    let path = data_dir.join("owners").join(owner);
    File::open(&path).is_ok_and(|file| file.try_lock_shared().is_err())
}
