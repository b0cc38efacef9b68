//! Reads a remote file from any offset.

use std::io::{Read as _, Seek as _, SeekFrom};

use ssh2::OpenFlags;

use super::session::Session;
use crate::error::StorageError;

/// Maximum bytes requested by one call. libssh2 reads ahead up to four times as
/// much, so this bounds the memory of a reader.
const READ_BUFFER_BYTES: usize = 1 << 20;

/// An open remote file. Dropping it closes the file and makes the session
/// usable again, even if the file was not read to the end.
pub(super) struct Reader<'a> {
    file: ssh2::File,
    session: &'a mut Session,
    path: String,
    size: u64,
}

/// Opens a file for reading.
///
/// # Errors
/// [`StorageError::Missing`] if the file does not exist;
/// [`StorageError::NeedsPerson`] for a folder.
pub(super) fn open<'a>(session: &'a mut Session, path: &str) -> Result<Reader<'a>, StorageError> {
    let mut file = session.open_file(path, OpenFlags::READ, "reading")?;
    let stat = file.stat();
    let stat = stat.map_err(|error| session.failed(&error, "reading", path))?;
    if stat.is_dir() {
        return Err(StorageError::not_a_file(path));
    }
    Ok(Reader {
        file,
        session,
        path: path.to_owned(),
        size: stat.size.unwrap_or(0),
    })
}

impl Reader<'_> {
    /// Returns the file's size in bytes when it was opened.
    #[must_use]
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Continues reading at an offset from the file's start.
    ///
    /// # Errors
    /// If the session has ended.
    pub(super) fn seek(&mut self, offset: u64) -> Result<(), StorageError> {
        match self.file.seek(SeekFrom::Start(offset)) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.session.stream_failed(&error, "reading", &self.path)),
        }
    }

    /// Reads the next bytes. Returns 0 at the end.
    ///
    /// # Errors
    /// If the session breaks, or the server reports an error.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StorageError> {
        let length = buffer.len().min(READ_BUFFER_BYTES);
        match self.file.read(&mut buffer[..length]) {
            Ok(count) => Ok(count),
            Err(error) => Err(self.session.stream_failed(&error, "reading", &self.path)),
        }
    }
}
