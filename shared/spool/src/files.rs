//! Opening, listing and removing files.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use refity_types::digest::{Algorithm, Digest, Hasher};
use refity_types::name::FileId;

use super::{Spool, SpoolError, blocking};

/// Bytes read at a time for hashing.
const HASH_CHUNK: usize = 1024 * 1024;

/// A file found by the sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFound {
    /// The file's name.
    pub file: FileId,
    /// Size in bytes.
    pub size: u64,
    /// Time of the last write.
    pub modified: SystemTime,
}

impl Spool {
    /// Returns the path of a file.
    #[must_use]
    pub fn path(&self, file: FileId) -> PathBuf {
        let name = file.to_string();
        self.files().join(&name[..2]).join(name)
    }

    /// Opens a file for reading. `None` if the file does not exist.
    ///
    /// # Errors
    /// If the file system fails, or the folder is missing: an unmounted disk
    /// has not lost the file.
    pub fn open_file(&self, file: FileId) -> Result<Option<File>, SpoolError> {
        self.open_with(OpenOptions::new().read(true), file)
    }

    /// [`Spool::open_file`] with other options.
    pub(crate) fn open_with(
        &self,
        options: &OpenOptions,
        file: FileId,
    ) -> Result<Option<File>, SpoolError> {
        let path = self.path(file);
        match options.open(&path) {
            Ok(opened) => Ok(Some(opened)),
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && path.parent().is_some_and(std::path::Path::exists) =>
            {
                Ok(None)
            }
            Err(error) => Err(SpoolError::io("cannot open", &path, error)),
        }
    }

    /// Removes a file if it exists.
    ///
    /// # Errors
    /// If the file system fails.
    pub async fn remove_file(&self, file: FileId) -> Result<(), SpoolError> {
        let path = self.path(file);
        blocking(move || match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(SpoolError::io("cannot remove", &path, error))
            }
            _ => Ok(()),
        })
        .await
    }

    /// Removes a file unless a writer holds its lock. Returns whether the file
    /// was removed.
    ///
    /// # Errors
    /// If the file system fails.
    pub async fn remove_unlocked(&self, file: FileId) -> Result<bool, SpoolError> {
        let spool = self.clone();
        blocking(move || {
            let path = spool.path(file);
            let Some(opened) = spool.open_file(file)? else {
                return Ok(false);
            };
            if opened.try_lock().is_err() {
                return Ok(false);
            }
            std::fs::remove_file(&path)
                .map_err(|error| SpoolError::io("cannot remove", &path, error))?;
            Ok(true)
        })
        .await
    }

    /// Lists all files.
    ///
    /// # Errors
    /// If the file system fails.
    pub async fn list_files(&self) -> Result<Vec<FileFound>, SpoolError> {
        let files = self.files();
        blocking(move || {
            let mut found = Vec::new();
            let failed = |error| SpoolError::io("cannot list", &files, error);
            for fan in std::fs::read_dir(&files).map_err(failed)? {
                let fan = fan.map_err(failed)?.path();
                for entry in std::fs::read_dir(&fan).map_err(failed)? {
                    let entry = entry.map_err(failed)?;
                    let id = entry
                        .file_name()
                        .to_str()
                        .and_then(|name| name.parse().ok());
                    // Skip files that were removed meanwhile.
                    let (Some(file), Ok(meta)) = (id, entry.metadata()) else {
                        continue;
                    };
                    found.push(FileFound {
                        file,
                        size: meta.len(),
                        modified: meta.modified().unwrap_or_else(|_| SystemTime::now()),
                    });
                }
            }
            Ok(found)
        })
        .await
    }

    /// Returns whether there is any file or intent, that is, data that a lost
    /// database would have referenced.
    #[must_use]
    pub fn holds_data(&self) -> bool {
        let any = |folder: PathBuf| {
            std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
        };
        any(self.intents()) || (0..=255).any(|fan| any(self.files().join(format!("{fan:02x}"))))
    }

    /// Hashes a file.
    ///
    /// # Errors
    /// If the file is missing or cannot be read.
    pub async fn hash_file(
        &self,
        file: FileId,
        algorithm: Algorithm,
    ) -> Result<Digest, SpoolError> {
        let [digest] = self.hash_file_by(file, [algorithm]).await?;
        Ok(digest)
    }

    /// Hashes a file with several algorithms in one pass.
    ///
    /// # Errors
    /// If the file is missing or cannot be read.
    pub async fn hash_file_by<const N: usize>(
        &self,
        file: FileId,
        algorithms: [Algorithm; N],
    ) -> Result<[Digest; N], SpoolError> {
        let path = self.path(file);
        blocking(move || {
            let failed = |error| SpoolError::io("cannot read", &path, error);
            let mut opened = File::open(&path).map_err(failed)?;
            let mut hashers = algorithms.map(Hasher::new);
            let mut chunk = vec![0; HASH_CHUNK];
            loop {
                let read = io::Read::read(&mut opened, &mut chunk).map_err(failed)?;
                if read == 0 {
                    return Ok(hashers.map(Hasher::finish));
                }
                for hasher in &mut hashers {
                    hasher.update(&chunk[..read]);
                }
            }
        })
        .await
    }
}
