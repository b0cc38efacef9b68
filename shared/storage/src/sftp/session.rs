//! One blocking SFTP session: a connection, signed in, with the operations
//! that the rest is made of. Never call it on the asynchronous runtime.

use std::collections::HashSet;
use std::io::{self, Read as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Duration;

use ssh2::{ErrorCode, FileStat, OpenFlags, OpenType, Sftp};

use super::error::{self, status};
use super::extensions::{Control, Extensions};
use super::known_hosts::fingerprint;
use super::parent;
use crate::error::{Scope, StorageError};
use crate::storage::{Meta, Space};

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);
/// Free space below which an unexplained failure is put down to a full disk.
const ALMOST_FULL: u64 = 1 << 20;

const FILE_MODE: i32 = 0o644;

impl From<&FileStat> for Meta {
    fn from(stat: &FileStat) -> Self {
        Self {
            size: stat.size.unwrap_or(0),
            is_dir: stat.is_dir(),
            mtime_secs: stat.mtime.unwrap_or(0),
        }
    }
}

/// The plain channel for extended requests.
pub(super) enum Extended {
    Untried,
    Absent,
    Open(Control<ssh2::Channel>),
}

/// A connection to the storage. Operations run one after another; several at
/// once take several sessions.
pub struct Session {
    // Dropped in this order: what hangs on the connection goes first.
    pub(super) extended: Extended,
    pub(super) sftp: Option<Sftp>,
    pub(super) raw: Option<ssh2::Session>,
    pub(super) stream: Option<TcpStream>,
    /// Folders that this session saw or made.
    pub(super) folders: HashSet<String>,
    pub(super) fsync_refused: bool,
    pub(super) broken: bool,
}

impl Session {
    /// Whether the session saw an error or a timeout of the transport. It is
    /// then good for nothing but being dropped, which is quick.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Bounds every later operation.
    pub fn set_timeout(&self, timeout: Duration) {
        if let Some(raw) = &self.raw {
            raw.set_timeout(in_millis(timeout));
        }
    }

    /// What is at a path; `None` for nothing. Symbolic links are followed.
    ///
    /// # Errors
    /// All but missing.
    pub fn stat(&mut self, path: &str) -> Result<Option<Meta>, StorageError> {
        let found = self.sftp()?.stat(Path::new(path));
        match found {
            Ok(stat) => Ok(Some(Meta::from(&stat))),
            Err(error) => match self.failed(&error, "looking at", path) {
                StorageError::Missing { .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    /// A whole file of at most `limit` bytes.
    ///
    /// # Errors
    /// Missing, or a person is needed where the file is larger.
    pub fn read_small(&mut self, path: &str, limit: usize) -> Result<Vec<u8>, StorageError> {
        let mut file = self.open_file(path, OpenFlags::READ, "reading")?;
        let mut bytes = Vec::new();
        let allowed = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let read = (&mut file).take(allowed).read_to_end(&mut bytes);
        read.map_err(|error| self.stream_failed(&error, "reading", path))?;
        if bytes.len() > limit {
            return Err(StorageError::too_large(path, limit));
        }
        Ok(bytes)
    }

    /// Renames a file, replacing the target: in one step where
    /// the server offers it, else by removing the target first.
    ///
    /// # Errors
    /// Missing when `from` or the target's folder is not there.
    pub fn rename_over(&mut self, from: &str, to: &str) -> Result<(), StorageError> {
        if self.extensions()?.posix_rename {
            return self.posix_rename(from, to);
        }
        match self.rename_new(from, to) {
            Ok(()) => Ok(()),
            Err(error) if self.broken || error.is_missing() => Err(error),
            Err(error) => match self.stat(to)? {
                None => Err(error),
                Some(_) => {
                    self.remove_file(to)?;
                    self.rename_new(from, to)
                }
            },
        }
    }

    fn posix_rename(&mut self, from: &str, to: &str) -> Result<(), StorageError> {
        let Extended::Open(control) = &mut self.extended else {
            return self.rename_new(from, to);
        };
        match control.posix_rename(from, to) {
            Ok(0) => Ok(()),
            Ok(code) => {
                let error = ssh2::Error::from_errno(ErrorCode::SFTP(code));
                let error = error::classify(&error, "renaming to", to);
                Err(self.explain(error, to, 0))
            }
            Err(error) => Err(self.control_failed(&error, "renaming to", to)),
        }
    }

    /// Renames a file or a folder to a name that is free: by SFTP's rules an
    /// existing target is never replaced.
    ///
    /// # Errors
    /// Transient when the target exists; look before deciding.
    pub fn rename_new(&mut self, from: &str, to: &str) -> Result<(), StorageError> {
        let renamed = self.sftp()?.rename(Path::new(from), Path::new(to), None);
        renamed.map_err(|error| self.failed(&error, "renaming to", to))
    }

    /// Removes a file.
    ///
    /// # Errors
    /// Missing when there is none.
    pub fn remove_file(&mut self, path: &str) -> Result<(), StorageError> {
        let removed = self.sftp()?.unlink(Path::new(path));
        removed.map_err(|error| self.failed(&error, "removing", path))
    }

    /// The space where a path is; `None` where the server does not tell.
    ///
    /// # Errors
    /// Missing, or a broken connection.
    pub fn statvfs(&mut self, path: &str) -> Result<Option<Space>, StorageError> {
        if !self.extensions()?.statvfs {
            return Ok(None);
        }
        let Extended::Open(control) = &mut self.extended else {
            return Ok(None);
        };
        match control.statvfs(path) {
            Ok(Ok(space)) => Ok(Some(space)),
            Ok(Err(status::UNSUPPORTED)) => Ok(None),
            Ok(Err(code)) => {
                let error = ssh2::Error::from_errno(ErrorCode::SFTP(code));
                Err(error::classify(&error, "asking the space of", path))
            }
            Err(error) => Err(self.control_failed(&error, "asking the space of", path)),
        }
    }

    /// What the server offers beyond SFTP version 3. The first call opens a
    /// second channel; a server that allows one only offers nothing.
    ///
    /// # Errors
    /// A broken connection.
    pub fn extensions(&mut self) -> Result<Extensions, StorageError> {
        if matches!(self.extended, Extended::Untried) {
            self.extended = match self.open_control()? {
                Some(control) => Extended::Open(control),
                None => Extended::Absent,
            };
        }
        Ok(match &self.extended {
            Extended::Open(control) => control.extensions(),
            Extended::Untried | Extended::Absent => Extensions::default(),
        })
    }

    /// The fingerprint of the server's key, as OpenSSH prints it.
    #[must_use]
    pub fn host_key_fingerprint(&self) -> Option<String> {
        let (key, _) = self.raw.as_ref()?.host_key()?;
        Some(fingerprint(key))
    }

    fn open_control(&mut self) -> Result<Option<Control<ssh2::Channel>>, StorageError> {
        let opened = self
            .raw()?
            .channel_session()
            .and_then(|mut channel| channel.subsystem("sftp").map(|()| channel));
        match opened {
            Ok(channel) => match Control::start(channel) {
                Ok(control) => Ok(Some(control)),
                Err(error) => Err(self.control_failed(&error, "greeting", "the SFTP service")),
            },
            // The channel or the subsystem was refused; the session lives.
            Err(error) if matches!(error.code(), ErrorCode::Session(-21 | -22)) => Ok(None),
            Err(error) => Err(self.failed(&error, "opening", "a second channel")),
        }
    }

    /// Forces a file to disk where the server can.
    pub(super) fn fsync(&mut self, file: &mut ssh2::File, path: &str) -> Result<(), StorageError> {
        if self.fsync_refused {
            return Ok(());
        }
        match file.fsync() {
            Ok(()) => Ok(()),
            Err(error) => {
                let refused = match error.code() {
                    ErrorCode::SFTP(status::UNSUPPORTED) => true,
                    // OpenSSH's answer to a request that its administrator
                    // denies; it is then not offered either.
                    ErrorCode::SFTP(status::PERMISSION_DENIED) => !self.extensions()?.fsync,
                    _ => false,
                };
                if refused {
                    self.fsync_refused = true;
                    return Ok(());
                }
                Err(self.failed(&error, "syncing", path))
            }
        }
    }

    /// Opens a file for the given use.
    pub(super) fn open_file(
        &mut self,
        path: &str,
        flags: OpenFlags,
        doing: &str,
    ) -> Result<ssh2::File, StorageError> {
        self.open(path, flags, OpenType::File, doing)
    }

    pub(super) fn open(
        &mut self,
        path: &str,
        flags: OpenFlags,
        kind: OpenType,
        doing: &str,
    ) -> Result<ssh2::File, StorageError> {
        let sftp = self.sftp()?;
        let opened = sftp.open_mode(Path::new(path), flags, FILE_MODE, kind);
        opened.map_err(|error| self.failed(&error, doing, path))
    }

    /// Sorts an error, and remembers if it ends the session.
    pub(super) fn failed(&mut self, error: &ssh2::Error, doing: &str, path: &str) -> StorageError {
        let sorted = error::classify(error, doing, path);
        if matches!(
            sorted,
            StorageError::Transient {
                scope: Scope::Storage,
                ..
            }
        ) {
            self.give_up();
        }
        sorted
    }

    /// [`Session::failed`] for an error of a file's `Read` or `Write`.
    pub(super) fn stream_failed(
        &mut self,
        error: &io::Error,
        doing: &str,
        path: &str,
    ) -> StorageError {
        let last = self.raw.as_ref().and_then(ssh2::Error::last_session_error);
        let error = error::from_stream(error, last.as_ref());
        self.failed(&error, doing, path)
    }

    fn control_failed(&mut self, error: &io::Error, doing: &str, path: &str) -> StorageError {
        self.give_up();
        StorageError::connection(format!(
            "the connection to the storage broke while {doing} {path}: {error}"
        ))
    }

    /// Looks for the cause behind a failure that the server did not explain:
    /// a full or a read-only file system. `needed` is what was to be written.
    pub(super) fn explain(&mut self, error: StorageError, path: &str, needed: u64) -> StorageError {
        if !matches!(error, StorageError::Transient { .. }) || self.broken {
            return error;
        }
        let mut place = path;
        while let Some(above) = parent(place) {
            place = above;
            match self.statvfs(place) {
                Ok(Some(space)) if space.read_only => {
                    return StorageError::permission(format!(
                        "{error}; the file system at {place} is read-only"
                    ));
                }
                Ok(Some(space)) if space.free < needed.max(ALMOST_FULL) => {
                    return StorageError::no_space(format!(
                        "{error}; {needed} bytes are needed and {} are free at {place}",
                        space.free
                    ));
                }
                Err(StorageError::Missing { .. }) => {}
                _ => return error,
            }
        }
        error
    }

    /// Ends the connection at once, so that nothing waits for its answers.
    fn give_up(&mut self) {
        self.broken = true;
        // An error means that it has ended already.
        if let Some(stream) = &self.stream {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// The session itself, to be closed elsewhere; a gone one stays here.
    pub(super) fn take(&mut self) -> Self {
        Self {
            extended: std::mem::replace(&mut self.extended, Extended::Absent),
            sftp: self.sftp.take(),
            raw: self.raw.take(),
            stream: self.stream.take(),
            folders: std::mem::take(&mut self.folders),
            fsync_refused: self.fsync_refused,
            broken: std::mem::replace(&mut self.broken, true),
        }
    }

    /// Whether the connection looks alive without asking the server; `None`
    /// when only asking can tell.
    pub(super) fn peek(&self) -> Option<bool> {
        // libssh2 made the socket non-blocking.
        match self.stream.as_ref()?.peek(&mut [0]) {
            Ok(0) => Some(false),
            Ok(_) => None,
            Err(error) => Some(error.kind() == io::ErrorKind::WouldBlock),
        }
    }

    fn raw(&self) -> Result<&ssh2::Session, StorageError> {
        self.raw.as_ref().filter(|_| !self.broken).ok_or_else(gone)
    }

    pub(super) fn sftp(&self) -> Result<&Sftp, StorageError> {
        self.sftp.as_ref().filter(|_| !self.broken).ok_or_else(gone)
    }
}

impl Drop for Session {
    /// Says goodbye and waits shortly until the server hangs up, so that the
    /// server does not count this connection beside the next one.
    fn drop(&mut self) {
        self.set_timeout(GOODBYE);
        self.extended = Extended::Absent;
        self.sftp = None;
        let Some(raw) = self.raw.take() else { return };
        if self.broken {
            return;
        }
        let _ = raw.disconnect(None, "done", None);
        drop(raw);
        let Some(mut stream) = self.stream.take() else {
            return;
        };
        let _ = stream.set_nonblocking(false);
        let _ = stream.set_read_timeout(Some(GOODBYE));
        let mut rest = [0; 1024];
        while matches!(stream.read(&mut rest), Ok(1..)) {}
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session(broken: {})", self.broken)
    }
}

fn gone() -> StorageError {
    StorageError::connection("the connection to the storage is gone".to_owned())
}

pub(super) fn in_millis(timeout: Duration) -> u32 {
    // 0 would be for ever.
    u32::try_from(timeout.as_millis())
        .unwrap_or(u32::MAX)
        .max(1)
}
