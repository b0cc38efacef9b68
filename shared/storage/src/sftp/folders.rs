//! Creates, lists and removes folders.

use std::path::Path;

use ssh2::{ErrorCode, OpenFlags, OpenType};

use super::parent;
use super::session::Session;
use crate::error::{Reason, StorageError};
use crate::path::FileName;
use crate::storage::{Entry, Meta};
use crate::stream::LIST_MAX;

/// Maximum depth of [`Session::remove_tree`].
const TREE_DEPTH_MAX: usize = 16;
/// Maximum number of folders that a session remembers as existing.
const FOLDERS_MAX: usize = 8192;
/// libssh2 error code: no more entries in a folder.
const END_OF_LIST: ErrorCode = ErrorCode::Session(-16);
const FOLDER_MODE: i32 = 0o755;

impl Session {
    /// Creates a folder and its missing parents. Succeeds if they exist.
    ///
    /// # Errors
    /// [`Reason::Other`] if one of them is a file.
    pub fn mkdir_all(&mut self, path: &str) -> Result<(), StorageError> {
        if self.folders.contains(path) {
            return Ok(());
        }
        let mut made = self.mkdir(path);
        for remembers in [true, false] {
            let (Err(error), Some(above)) = (&made, parent(path)) else {
                break;
            };
            if !error.is_missing() {
                break;
            }
            // Another session may have removed a folder that this session
            // remembers.
            if !remembers {
                self.forget_folders();
            }
            self.mkdir_all(above)?;
            made = self.mkdir(path);
        }
        let Err(failure) = made else {
            return Ok(());
        };
        if self.broken {
            return Err(failure);
        }
        // The server reports the generic failure for an existing folder.
        match self.stat(path)? {
            Some(meta) if meta.is_dir => {
                self.know_folder(path);
                Ok(())
            }
            Some(_) => Err(StorageError::not_a_folder(path)),
            None => Err(self.explain(failure, path, 0)),
        }
    }

    fn mkdir(&mut self, path: &str) -> Result<(), StorageError> {
        let made = self.sftp()?.mkdir(Path::new(path), FOLDER_MODE);
        made.map_err(|error| self.failed(&error, "making the folder", path))?;
        self.know_folder(path);
        Ok(())
    }

    fn know_folder(&mut self, path: &str) {
        if self.folders.len() >= FOLDERS_MAX {
            self.folders.clear();
        }
        self.folders.insert(path.to_owned());
    }

    /// Forgets which folders exist, since one of them has vanished.
    pub(super) fn forget_folders(&mut self) {
        self.folders.clear();
    }

    /// Lists a folder, until `take` refuses an entry.
    ///
    /// # Errors
    /// [`StorageError::Missing`] if the folder does not exist;
    /// [`StorageError::NeedsPerson`] if a name is not a single component.
    pub fn list_each(
        &mut self,
        path: &str,
        mut take: impl FnMut(Entry) -> bool,
    ) -> Result<(), StorageError> {
        let mut folder = self.open(path, OpenFlags::READ, OpenType::Dir, "listing")?;
        loop {
            let (name, stat) = match folder.readdir() {
                Ok(entry) => entry,
                Err(error) if error.code() == END_OF_LIST => return Ok(()),
                Err(error) => return Err(self.failed(&error, "listing", path)),
            };
            // Skip names that are not UTF-8: the registry did not write them.
            let Some(name) = name.to_str() else { continue };
            if matches!(name, "." | "..") {
                continue;
            }
            let Ok(name) = FileName::parse(name) else {
                return Err(StorageError::person(
                    Reason::Other,
                    format!("the storage lists {name:?} in {path}, which is no file name"),
                    "Check the server; it may be broken or hostile.",
                ));
            };
            let meta = Meta::from(&stat);
            if !take(Entry { name, meta }) {
                return Ok(());
            }
        }
    }

    /// Returns all entries of a folder.
    ///
    /// # Errors
    /// Like [`Session::list_each`]; [`StorageError::NeedsPerson`] for more than
    /// [`LIST_MAX`] entries.
    pub fn list(&mut self, path: &str) -> Result<Vec<Entry>, StorageError> {
        let mut entries = Vec::new();
        self.list_each(path, |entry| {
            entries.push(entry);
            entries.len() <= LIST_MAX
        })?;
        if entries.len() > LIST_MAX {
            return Err(StorageError::too_many(path, LIST_MAX));
        }
        Ok(entries)
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    /// [`StorageError::Missing`] if it does not exist; a transient error if it
    /// is not empty.
    pub fn remove_dir(&mut self, path: &str) -> Result<(), StorageError> {
        self.folders.remove(path);
        let removed = self.sftp()?.rmdir(Path::new(path));
        removed.map_err(|error| self.failed(&error, "removing the folder", path))
    }

    /// Removes a file, or a folder with its contents, if it exists. Removes
    /// symbolic links instead of following them.
    ///
    /// # Errors
    /// [`Reason::Other`] for a tree that is deeper or wider than any tree the
    /// registry creates.
    pub fn remove_tree(&mut self, path: &str) -> Result<(), StorageError> {
        // Some servers list a file like an empty folder, so try to remove it as
        // a file first. This does not remove a folder.
        match self.remove_file(path) {
            Err(StorageError::Missing { .. }) | Ok(()) => Ok(()),
            Err(error) if self.is_broken() => Err(error),
            Err(_) => self.remove_below(path, TREE_DEPTH_MAX),
        }
    }

    fn remove_below(&mut self, path: &str, depth: usize) -> Result<(), StorageError> {
        if depth == 0 {
            return Err(StorageError::too_deep(path));
        }
        let entries = match self.list(path) {
            Err(error) if error.is_missing() => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let inner = format!("{path}/{}", entry.name);
            if entry.meta.is_dir {
                self.remove_below(&inner, depth - 1)?;
            } else {
                ignore_missing(self.remove_file(&inner))?;
            }
        }
        ignore_missing(self.remove_dir(path))
    }
}

fn ignore_missing(result: Result<(), StorageError>) -> Result<(), StorageError> {
    match result {
        Err(StorageError::Missing { .. }) => Ok(()),
        result => result,
    }
}
