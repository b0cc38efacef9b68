//! Folders of a session: making, listing and removing them.

use std::path::Path;

use ssh2::{ErrorCode, OpenFlags, OpenType};

use super::error::{Reason, RemoteError};
use super::session::{Meta, Session};
use crate::layout::parent;

/// The most entries of one folder that are read.
pub const LIST_MAX: usize = 200_000;
/// How deep [`Session::remove_tree`] goes.
const TREE_DEPTH_MAX: usize = 16;
/// How many folders a session remembers as existing.
const FOLDERS_MAX: usize = 8192;
/// libssh2: no more entries in a folder.
const END_OF_LIST: ErrorCode = ErrorCode::Session(-16);
const FOLDER_MODE: i32 = 0o755;

/// One entry of a remote folder. A symbolic link is neither followed nor a
/// folder here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, one component.
    pub name: String,
    /// What it is.
    pub meta: Meta,
}

impl Session {
    /// Makes a folder and those above it; fine where they exist.
    ///
    /// # Errors
    /// [`Reason::Other`] where a file is in the way.
    pub fn mkdir_all(&mut self, path: &str) -> Result<(), RemoteError> {
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
            Some(_) => Err(RemoteError::person(
                Reason::Other,
                format!("{path} should be a folder on the storage and is a file"),
                "Move the file away.",
            )),
            None => Err(self.explain(failure, path, 0)),
        }
    }

    fn mkdir(&mut self, path: &str) -> Result<(), RemoteError> {
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

    /// What is in a folder.
    ///
    /// # Errors
    /// Missing; [`Reason::Other`] for more than [`LIST_MAX`] entries or a
    /// name that is no single component.
    pub fn list(&mut self, path: &str) -> Result<Vec<Entry>, RemoteError> {
        let mut folder = self.open(path, OpenFlags::READ, OpenType::Dir, "listing")?;
        let mut entries = Vec::new();
        loop {
            let (name, stat) = match folder.readdir() {
                Ok(entry) => entry,
                Err(error) if error.code() == END_OF_LIST => return Ok(entries),
                Err(error) => return Err(self.failed(&error, "listing", path)),
            };
            // What is not UTF-8 was not written by us.
            let Some(name) = name.to_str() else { continue };
            if matches!(name, "." | "..") {
                continue;
            }
            if name.is_empty() || name.contains(['/', '\0']) {
                return Err(RemoteError::person(
                    Reason::Other,
                    format!("the storage lists {name:?} in {path}, which is no file name"),
                    "Check the server; it may be broken or hostile.",
                ));
            }
            if entries.len() == LIST_MAX {
                return Err(RemoteError::person(
                    Reason::Other,
                    format!("{path} has more than {LIST_MAX} entries"),
                    "Check the folder on the storage.",
                ));
            }
            entries.push(Entry {
                name: name.to_owned(),
                meta: Meta::from(&stat),
            });
        }
    }

    /// What is in a folder; nothing where there is none.
    ///
    /// # Errors
    /// As [`Session::list`], but never missing.
    pub fn list_if_there(&mut self, path: &str) -> Result<Vec<Entry>, RemoteError> {
        match self.list(path) {
            Err(RemoteError::Missing { .. }) => Ok(Vec::new()),
            listed => listed,
        }
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    /// Missing when there is none; transient when it is not empty.
    pub fn remove_dir(&mut self, path: &str) -> Result<(), RemoteError> {
        self.folders.remove(path);
        let removed = self.sftp()?.rmdir(Path::new(path));
        removed.map_err(|error| self.failed(&error, "removing the folder", path))
    }

    /// Removes a folder with all that is in it, or a file; fine where there is
    /// neither. Symbolic links are removed, not followed.
    ///
    /// # Errors
    /// [`Reason::Other`] for a tree that is deeper or wider than any of ours.
    pub fn remove_tree(&mut self, path: &str) -> Result<(), RemoteError> {
        // Listing a file looks to some servers like listing nothing, so the
        // file comes first; what is a folder is not removed by this.
        match self.remove_file(path) {
            Err(RemoteError::Missing { .. }) | Ok(()) => Ok(()),
            Err(error) if self.is_broken() => Err(error),
            Err(_) => self.remove_below(path, TREE_DEPTH_MAX),
        }
    }

    fn remove_below(&mut self, path: &str, depth: usize) -> Result<(), RemoteError> {
        if depth == 0 {
            return Err(RemoteError::person(
                Reason::Other,
                format!("{path} is too deep to be removed"),
                "Check the folder on the storage.",
            ));
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

fn ignore_missing(result: Result<(), RemoteError>) -> Result<(), RemoteError> {
    match result {
        Err(RemoteError::Missing { .. }) => Ok(()),
        result => result,
    }
}
