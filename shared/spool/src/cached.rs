//! Filling the cache: a blob that comes from SFTP is written to a new file,
//! which a row names only after its hash was seen to be right.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use refity_types::name::FileId;

use super::{Spool, SpoolError};

/// A file that is being filled. Blocking: it lives on the thread that reads
/// from SFTP. It is removed when dropped, unless it was kept.
#[derive(Debug)]
pub struct CacheWriter {
    id: FileId,
    file: File,
    path: PathBuf,
    kept: bool,
}

impl Spool {
    /// Makes a file to fill, and holds its lock so that the sweep leaves it.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn cache_writer(&self) -> Result<CacheWriter, SpoolError> {
        let id = FileId::random();
        let path = self.path(id);
        let file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .open(&path)
            .map_err(|error| SpoolError::io("cannot make", &path, error))?;
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
    /// The file's name.
    #[must_use]
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Appends.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.file
            .write_all(bytes)
            .map_err(|error| SpoolError::io("cannot write", &self.path, error))
    }

    /// Another handle on the file, for reading along.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn reader(&self) -> Result<File, SpoolError> {
        File::open(&self.path).map_err(|error| SpoolError::io("cannot open", &self.path, error))
    }

    /// The file stays. It is a cache, so it need not be durable; but a row
    /// must name only whole bytes, also after a power cut.
    ///
    /// # Errors
    /// When the file system fails.
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
