//! Reading a remote file, from any offset.

use std::io::{self, Read, Seek as _, SeekFrom};

use ssh2::OpenFlags;

use super::error::RemoteError;
use super::session::Session;

/// The most that one call asks the server for: libssh2 reads ahead up to
/// four times as much, which is what bounds a reader's memory.
pub const READ_BUFFER_BYTES: usize = 1 << 20;

/// An open remote file. It is closed when dropped; its session is usable
/// again then, also where not all was read.
///
/// As an `io::Read` it gives errors that [`RemoteError::from_io`] turns back.
pub struct Reader<'a> {
    file: ssh2::File,
    session: &'a mut Session,
    path: String,
    size: u64,
}

/// Opens a file for reading.
///
/// # Errors
/// [`RemoteError::Missing`] when there is none; a folder is
/// [`RemoteError::NeedsPerson`].
pub fn open<'a>(session: &'a mut Session, path: &str) -> Result<Reader<'a>, RemoteError> {
    let mut file = session.open_file(path, OpenFlags::READ, "reading")?;
    let stat = file.stat();
    let stat = stat.map_err(|error| session.failed(&error, "reading", path))?;
    if stat.is_dir() {
        return Err(RemoteError::person(
            super::Reason::Other,
            format!("{path} should be a file on the storage and is a folder"),
            "Move the folder away; a new push writes the file again.",
        ));
    }
    Ok(Reader {
        file,
        session,
        path: path.to_owned(),
        size: stat.size.unwrap_or(0),
    })
}

impl Reader<'_> {
    /// The file's size in bytes when it was opened.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Goes on reading at an offset from the file's start.
    ///
    /// # Errors
    /// When the session is gone.
    pub fn seek(&mut self, offset: u64) -> Result<(), RemoteError> {
        match self.file.seek(SeekFrom::Start(offset)) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.session.stream_failed(&error, "reading", &self.path)),
        }
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(READ_BUFFER_BYTES);
        self.file.read(&mut buffer[..length]).map_err(|error| {
            self.session
                .stream_failed(&error, "reading", &self.path)
                .into()
        })
    }
}
