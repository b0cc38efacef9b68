//! Filling the cache: a blob from SFTP is written to a new file, which gets a
//! row only after its hash has been verified.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use refity_types::name::FileId;

use super::{Spool, SpoolError};

/// A cache file that is being written. Blocking; used on the thread that reads
/// from SFTP. Deletes the file on drop unless [`CacheWriter::keep`] was called.
#[derive(Debug)]
pub struct CacheWriter {
    id: FileId,
    file: File,
    path: PathBuf,
    kept: bool,
}

impl Spool {
    /// Creates a cache file and locks it, so that the sweep ignores it.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn cache_writer(&self) -> Result<CacheWriter, SpoolError> {
        let id = FileId::random();
        let path = self.path(id);
        let file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .open(&path)
            .map_err(|error| SpoolError::io("cannot create", &path, error))?;
        file.try_lock().map_err(|_| SpoolError::Locked)?;
        Ok(CacheWriter {
            id,
            file,
            path,
            kept: false,
        })
    }
}

impl CacheWriter {
    /// Returns the file's name.
    #[must_use]
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.file
            .write_all(bytes)
            .map_err(|error| SpoolError::io("cannot write", &self.path, error))
    }

    /// Opens another handle for reading concurrently.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn reader(&self) -> Result<File, SpoolError> {
        File::open(&self.path).map_err(|error| SpoolError::io("cannot open", &self.path, error))
    }

    /// Keeps the file. A cache need not be durable, but its row must only refer
    /// to complete bytes, even after a power cut.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn keep(mut self) -> Result<FileId, SpoolError> {
        self.file
            .sync_data()
            .map_err(|error| SpoolError::io("cannot sync", &self.path, error))?;
        self.kept = true;
        Ok(self.id)
    }
}

impl Drop for CacheWriter {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
