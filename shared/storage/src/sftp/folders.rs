//! Folders of a session: making, listing and removing them.

use std::path::Path;

use ssh2::{ErrorCode, OpenFlags, OpenType};

use super::parent;
use super::session::Session;
use crate::error::{Reason, StorageError};
use crate::path::FileName;
use crate::storage::{Entry, Meta};
use crate::stream::LIST_MAX;

/// How deep [`Session::remove_tree`] goes.
const TREE_DEPTH_MAX: usize = 16;
/// How many folders a session remembers as existing.
const FOLDERS_MAX: usize = 8192;
/// libssh2: no more entries in a folder.
const END_OF_LIST: ErrorCode = ErrorCode::Session(-16);
const FOLDER_MODE: i32 = 0o755;

impl Session {
    /// Makes a folder and those above it; fine where they exist.
    ///
    /// # Errors
    /// [`Reason::Other`] where a file is in the way.
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
            // Another session may have removed one that this one remembers.
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
        // The answer for a folder that exists is the generic failure.
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

    /// Forgets which folders exist: one of them has vanished.
    pub(super) fn forget_folders(&mut self) {
        self.folders.clear();
    }

    /// Lists a folder, until `take` refuses an entry.
    ///
    /// # Errors
    /// Missing; a person is needed where a name is no single component.
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
            // What is not UTF-8 was not written by us.
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

    /// All entries of a folder.
    ///
    /// # Errors
    /// As [`Session::list_each`]; a person is needed for more than
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
    /// Missing when there is none; transient when it is not empty.
    pub fn remove_dir(&mut self, path: &str) -> Result<(), StorageError> {
        self.folders.remove(path);
        let removed = self.sftp()?.rmdir(Path::new(path));
        removed.map_err(|error| self.failed(&error, "removing the folder", path))
    }

    /// Removes a folder with all that is in it, or a file; fine where there is
    /// neither. Symbolic links are removed, not followed.
    ///
    /// # Errors
    /// [`Reason::Other`] for a tree that is deeper or wider than any of ours.
    pub fn remove_tree(&mut self, path: &str) -> Result<(), StorageError> {
        // Listing a file looks to some servers like listing nothing, so the
        // file comes first; what is a folder is not removed by this.
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
