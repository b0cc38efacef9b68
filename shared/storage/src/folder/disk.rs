//! File system calls, and the mapping of their errors to [`StorageError`].
//! Blocking.

use std::fs::{self, DirEntry, File, Metadata, OpenOptions, ReadDir};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, RenameFlags, StatVfsMountFlags, renameat_with, statvfs};
use rustix::io::Errno;

use super::{Entry, FileName, Meta, NewFile, Placed, RemotePath, Space, StorageError};
use crate::error::{ChangeError, Reason};
use crate::source::Source;

/// Maximum bytes read from a source at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Maximum depth of [`Disk::remove_tree`].
const TREE_DEPTH_MAX: usize = 16;

const FILE_MODE: u32 = 0o644;

/// The storage's root folder.
pub(super) struct Disk {
    root: Arc<PathBuf>,
}

impl Disk {
    pub(super) fn new(root: Arc<PathBuf>) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the full path. A [`RemotePath`] cannot leave the root.
    pub(super) fn full(&self, path: &RemotePath) -> PathBuf {
        self.root.join(path.as_str())
    }

    /// Checks that the root exists. The root is never created: nothing may be
    /// written to a mount point while its share is not mounted.
    pub(super) fn require_root(&self) -> Result<(), StorageError> {
        match fs::metadata(self.root()) {
            Ok(meta) if meta.is_dir() => Ok(()),
            Ok(_) => Err(self.no_root("is not a folder")),
            Err(error) if is_missing(&error) => Err(self.no_root("is missing")),
            Err(error) => Err(self.error(&error, "looking at", self.root())),
        }
    }

    fn no_root(&self, what: &str) -> StorageError {
        StorageError::person(
            Reason::Other,
            format!("the storage's folder {} {what}", self.root.display()),
            "Mount the share there, or make the folder, or set STORAGE_FOLDER to the right one.",
        )
    }

    /// Converts an error of an action (`writing`, `renaming to`, …) on a path.
    pub(super) fn error(&self, error: &io::Error, doing: &str, path: &Path) -> StorageError {
        let shown = path.display().to_string();
        match error.kind() {
            io::ErrorKind::NotFound if path != self.root() => match self.require_root() {
                Ok(()) => StorageError::Missing { path: shown },
                Err(error) => error,
            },
            io::ErrorKind::NotADirectory => {
                StorageError::not_a_folder(&self.file_above(path).display().to_string())
            }
            io::ErrorKind::IsADirectory => StorageError::not_a_file(&shown),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StorageError::permission(format!("{doing} {shown} is refused: {error}"))
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StorageError::no_space(format!("{doing} {shown} failed: {error}"))
            }
            // The server of the share does not respond.
            io::ErrorKind::StaleNetworkFileHandle
            | io::ErrorKind::TimedOut
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NotConnected => {
                StorageError::connection(format!("{doing} {shown} failed: {error}"))
            }
            _ => StorageError::operation(format!("{doing} {shown} failed: {error}")),
        }
    }

    /// Returns the metadata of a path, or `None` if it does not exist.
    pub(super) fn stat(&self, path: &Path) -> Result<Option<Meta>, StorageError> {
        match fs::metadata(path) {
            Ok(found) => Ok(Some(meta(&found))),
            Err(error) if is_missing(&error) => self.require_root().map(|()| None),
            Err(error) => Err(self.error(&error, "looking at", path)),
        }
    }

    /// Opens a folder for listing. Returns `None` if it is missing.
    pub(super) fn open_folder(&self, path: &Path) -> Result<Option<ReadDir>, StorageError> {
        match fs::read_dir(path) {
            Ok(entries) => Ok(Some(entries)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.require_root().map(|()| None)
            }
            Err(error) => Err(self.error(&error, "listing", path)),
        }
    }

    /// Converts an entry. Returns `None` if it has just vanished or was not
    /// written by a registry.
    pub(super) fn entry(&self, entry: io::Result<DirEntry>) -> Result<Option<Entry>, StorageError> {
        let entry = entry.map_err(|error| self.error(&error, "listing", self.root()))?;
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| FileName::parse(name).ok()) else {
            return Ok(None);
        };
        match entry.metadata() {
            Ok(found) => Ok(Some(Entry {
                name,
                meta: meta(&found),
            })),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.error(&error, "listing", &entry.path())),
        }
    }

    /// Opens a file and returns its size.
    pub(super) fn open_file(&self, path: &Path) -> Result<(File, u64), StorageError> {
        let file = File::open(path).map_err(|error| match is_missing(&error) {
            true => self.missing(path),
            false => self.error(&error, "reading", path),
        })?;
        let found = file.metadata();
        let found = found.map_err(|error| self.error(&error, "reading", path))?;
        if found.is_dir() {
            return Err(StorageError::not_a_file(&path.display().to_string()));
        }
        Ok((file, found.len()))
    }

    fn missing(&self, path: &Path) -> StorageError {
        let path = path.display().to_string();
        let root = self.require_root();
        root.err().unwrap_or(StorageError::Missing { path })
    }

    /// Creates a folder and its missing parents, up to the root, and syncs
    /// them.
    pub(super) fn make_folder(&self, path: &Path) -> Result<(), StorageError> {
        if path == self.root() {
            return self.require_root();
        }
        match fs::create_dir(path) {
            Ok(()) => self.sync_parent(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make_parent(path)?;
                match fs::create_dir(path) {
                    Ok(()) => self.sync_parent(path),
                    // Another process created it first.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                    Err(error) => Err(self.error(&error, "making the folder", path)),
                }
            }
            Err(_) if fs::metadata(path).is_ok_and(|meta| meta.is_dir()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(StorageError::not_a_folder(&path.display().to_string()))
            }
            Err(error) => Err(self.error(&error, "making the folder", path)),
        }
    }

    /// Creates the parent folder of a path.
    pub(super) fn make_parent(&self, path: &Path) -> Result<(), StorageError> {
        path.parent()
            .map_or(Ok(()), |above| self.make_folder(above))
    }

    fn sync_parent(&self, path: &Path) -> Result<(), StorageError> {
        let above = path.parent().unwrap_or(self.root());
        let synced = File::open(above).and_then(|folder| folder.sync_all());
        match synced {
            // The file system cannot sync folders.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            synced => synced.map_err(|error| self.error(&error, "syncing", above)),
        }
    }

    /// Writes, syncs and checks a small file under a temporary name.
    pub(super) fn write_small(&self, tmp: &Path, bytes: &[u8]) -> Result<(), StorageError> {
        let mut file = self.create(tmp)?;
        file.write_all(bytes)
            .map_err(|error| self.error(&error, "writing", tmp))?;
        self.finish(&file, tmp, bytes.len() as u64)
    }

    pub(super) fn write_new(&self, file: NewFile) -> Result<(), ChangeError> {
        let (tmp, target) = (self.full(&file.tmp), self.full(&file.target));
        let written = self.copy(file, &tmp).and_then(|guard| {
            self.make_parent(&target)?;
            guard.check()?;
            Ok(self.rename(&tmp, &target)?)
        });
        self.sweep_failed(&tmp, written)
    }

    fn copy(&self, file: NewFile, tmp: &Path) -> Result<super::Guard, ChangeError> {
        let NewFile {
            size,
            digest,
            source,
            mut progress,
            guard,
            ..
        } = file;
        let mut source = Source::new(source, size, digest);
        let mut out = self.create(tmp)?;
        let mut buffer = source.buffer(BUFFER_BYTES);
        let mut written = 0;
        loop {
            guard.check()?;
            let count = source.fill(&mut buffer)?;
            if count == 0 {
                break;
            }
            let piece = out.write_all(&buffer[..count]);
            piece.map_err(|error| self.error(&error, "writing", tmp))?;
            written += count as u64;
            progress(written);
        }
        self.finish(&out, tmp, size)?;
        Ok(guard)
    }

    fn create(&self, tmp: &Path) -> Result<File, StorageError> {
        self.make_parent(tmp)?;
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE);
        let created = options.open(tmp);
        created.map_err(|error| self.error(&error, "writing", tmp))
    }

    /// Forces a file to disk and checks its size.
    fn finish(&self, file: &File, tmp: &Path, size: u64) -> Result<(), StorageError> {
        // Quotas of network file systems often fail here.
        let synced = file.sync_all().and_then(|()| file.metadata());
        let found = synced.map_err(|error| self.error(&error, "syncing", tmp))?;
        if found.len() == size {
            Ok(())
        } else {
            let path = tmp.display().to_string();
            Err(StorageError::shorter(&path, size, found.len()))
        }
    }

    /// Removes the temporary file of a failed operation.
    pub(super) fn sweep_failed<T, E>(&self, tmp: &Path, done: Result<T, E>) -> Result<T, E> {
        if done.is_err() {
            // The sweep deletes the file if this fails.
            let _ = fs::remove_file(tmp);
        }
        done
    }

    /// Builds a folder of small files under a temporary name.
    pub(super) fn build_folder(
        &self,
        tmp: &Path,
        files: &[(RemotePath, Vec<u8>)],
    ) -> Result<(), StorageError> {
        // Remove the leftovers of an earlier attempt.
        self.remove_tree(tmp)?;
        self.make_folder(tmp)?;
        for (path, bytes) in files {
            let file = tmp.join(path.as_str());
            self.write_small(&file, bytes)?;
            self.sync_parent(&file)?;
        }
        Ok(())
    }

    /// Renames a file, replacing the target, and syncs the folder.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        fs::rename(from, to).map_err(|error| self.error(&error, "renaming to", to))?;
        self.sync_parent(to)
    }

    /// Renames to an unused name. If the name is taken, removes the file.
    pub(super) fn place(&self, from: &Path, to: &Path) -> Result<Placed, StorageError> {
        let placed = match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(()),
            // The file system does not support this flag. A hard link never
            // replaces a file, and a rename never replaces a folder that is not
            // empty.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if from.is_dir() => {
                match fs::symlink_metadata(to) {
                    Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                    Err(_) => fs::rename(from, to),
                }
            }
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                fs::hard_link(from, to).and_then(|()| fs::remove_file(from))
            }
            Err(error) => Err(error.into()),
        };
        match placed {
            Ok(()) => self.sync_parent(to).map(|()| Placed::New),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty
                ) =>
            {
                let _ = fs::remove_file(from);
                Ok(Placed::AlreadyThere)
            }
            Err(error) => Err(self.error(&error, "renaming to", to)),
        }
    }

    /// Removes a file if it exists.
    pub(super) fn remove_file(&self, path: &Path) -> Result<(), StorageError> {
        match fs::remove_file(path) {
            Ok(()) => Ok(()),
            Err(error) if is_missing(&error) => self.require_root(),
            Err(error) => Err(self.error(&error, "removing", path)),
        }
    }

    /// Removes an empty folder if it exists.
    pub(super) fn remove_folder(&self, path: &Path) -> Result<(), StorageError> {
        match fs::remove_dir(path) {
            Ok(()) => Ok(()),
            Err(error) if is_missing(&error) => self.require_root(),
            Err(error) => Err(self.error(&error, "removing the folder", path)),
        }
    }

    /// Removes a file or a whole folder if it exists.
    pub(super) fn remove_tree(&self, path: &Path) -> Result<(), StorageError> {
        self.remove_below(path, TREE_DEPTH_MAX)
    }

    fn remove_below(&self, path: &Path, depth: usize) -> Result<(), StorageError> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return self.remove_file(path),
            Err(error) if is_missing(&error) => return self.require_root(),
            Err(error) => return Err(self.error(&error, "removing", path)),
        }
        if depth == 0 {
            return Err(StorageError::too_deep(&path.display().to_string()));
        }
        for entry in self.open_folder(path)?.into_iter().flatten() {
            let entry = entry.map_err(|error| self.error(&error, "listing", path))?;
            self.remove_below(&entry.path(), depth - 1)?;
        }
        self.remove_folder(path)
    }

    /// Returns the ancestor of a path that is a file instead of a folder.
    fn file_above(&self, path: &Path) -> PathBuf {
        let above = path.ancestors().skip(1);
        let mut above = above.take_while(|it| it.starts_with(self.root()));
        let file = above.find(|it| fs::metadata(it).is_ok_and(|meta| !meta.is_dir()));
        file.unwrap_or(path).to_owned()
    }

    pub(super) fn space(&self) -> Result<Space, StorageError> {
        self.require_root()?;
        let found = statvfs(self.root())
            .map_err(|error| self.error(&error.into(), "asking the space of", self.root()))?;
        Ok(Space {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            total: found.f_blocks.saturating_mul(found.f_frsize),
            read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
        })
    }
}

fn is_missing(error: &io::Error) -> bool {
    // A path below a file does not exist either.
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn meta(found: &Metadata) -> Meta {
    Meta {
        size: found.len(),
        is_dir: found.is_dir(),
        mtime_secs: u64::try_from(found.mtime()).unwrap_or(0),
    }
}
