//! One blocking SFTP session: an authenticated connection with the basic
//! operations. Never use it on the asynchronous runtime.

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

/// Timeout of a graceful disconnect.
const GOODBYE: Duration = Duration::from_secs(2);
/// Free space in bytes below which an unexplained failure is attributed to a
/// full disk.
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

/// The raw channel for extended requests.
pub(super) enum Extended {
    Untried,
    Absent,
    Open(Control<ssh2::Channel>),
}

/// A connection to the storage. Runs one operation at a time; concurrent
/// operations need several sessions.
pub struct Session {
    // Fields are dropped in order, those that depend on the connection first.
    pub(super) extended: Extended,
    pub(super) sftp: Option<Sftp>,
    pub(super) raw: Option<ssh2::Session>,
    pub(super) stream: Option<TcpStream>,
    /// Folders that this session found or created.
    pub(super) folders: HashSet<String>,
    pub(super) fsync_refused: bool,
    pub(super) broken: bool,
}

impl Session {
    /// Returns whether the transport reported an error or a timeout. The
    /// session must then be dropped, which is quick.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Sets the timeout of all later operations.
    pub fn set_timeout(&self, timeout: Duration) {
        if let Some(raw) = &self.raw {
            raw.set_timeout(in_millis(timeout));
        }
    }

    /// Returns the metadata of a path, or `None` if it does not exist. Follows
    /// symbolic links.
    ///
    /// # Errors
    /// Any error except [`StorageError::Missing`].
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

    /// Reads a whole file of at most `limit` bytes.
    ///
    /// # Errors
    /// [`StorageError::Missing`] if the file does not exist;
    /// [`StorageError::NeedsPerson`] if it is larger.
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

    /// Renames a file, replacing the target: atomically if the server supports
    /// it, else by removing the target first.
    ///
    /// # Errors
    /// [`StorageError::Missing`] if `from` or the target's folder does not
    /// exist.
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

    /// Renames a file or a folder to an unused name: SFTP never replaces an
    /// existing target.
    ///
    /// # Errors
    /// A transient error if the target exists; check before deciding.
    pub fn rename_new(&mut self, from: &str, to: &str) -> Result<(), StorageError> {
        let renamed = self.sftp()?.rename(Path::new(from), Path::new(to), None);
        renamed.map_err(|error| self.failed(&error, "renaming to", to))
    }

    /// Removes a file.
    ///
    /// # Errors
    /// [`StorageError::Missing`] if the file does not exist.
    pub fn remove_file(&mut self, path: &str) -> Result<(), StorageError> {
        let removed = self.sftp()?.unlink(Path::new(path));
        removed.map_err(|error| self.failed(&error, "removing", path))
    }

    /// Returns the disk space at a path, or `None` if the server does not
    /// report it.
    ///
    /// # Errors
    /// [`StorageError::Missing`], or a broken connection.
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

    /// Returns the server's extensions to SFTP version 3. The first call opens
    /// a second channel. If the server permits only one, no extensions are
    /// reported.
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

    /// Returns the fingerprint of the server's key in OpenSSH's format.
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
            // The server refused the channel or the subsystem; the session is
            // still usable.
            Err(error) if matches!(error.code(), ErrorCode::Session(-21 | -22)) => Ok(None),
            Err(error) => Err(self.failed(&error, "opening", "a second channel")),
        }
    }

    /// Forces a file to disk if the server supports it.
    pub(super) fn fsync(&mut self, file: &mut ssh2::File, path: &str) -> Result<(), StorageError> {
        if self.fsync_refused {
            return Ok(());
        }
        match file.fsync() {
            Ok(()) => Ok(()),
            Err(error) => {
                let refused = match error.code() {
                    ErrorCode::SFTP(status::UNSUPPORTED) => true,
                    // OpenSSH denies requests that its administrator disabled,
                    // and then does not advertise them either.
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

    /// Converts an error, and records whether it ends the session.
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

    /// Like [`Session::failed`], for an error of a file's `Read` or `Write`.
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

    /// Determines the cause of a failure that the server did not explain: a
    /// full or read-only file system. `needed` is the number of bytes to be
    /// written.
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

    /// Disconnects immediately, without waiting for responses.
    fn give_up(&mut self) {
        self.broken = true;
        // An error means that the connection has already ended.
        if let Some(stream) = &self.stream {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Moves the session out so that it can be closed elsewhere, leaving an
    /// ended one.
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

    /// Returns whether the connection appears alive, without sending a request,
    /// or `None` if only a request can tell.
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
    /// Disconnects gracefully and briefly waits for the server to close the
    /// connection, so that the server does not count it together with the next
    /// one.
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
    // 0 would mean no timeout.
    u32::try_from(timeout.as_millis())
        .unwrap_or(u32::MAX)
        .max(1)
}
