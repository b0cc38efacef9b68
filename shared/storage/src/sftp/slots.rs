//! The account's connection limit, shared by all processes. A session holds the
//! lock of one file in `sftp-slots`; the kernel releases it when the process
//! dies.
//!
//! A pool that finds no free slot holds the lock of its own file,
//! `waiting-<lowest slot it may use>-<id>`, so that other pools yield a slot.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::config::Role;
use crate::error::{Reason, StorageError};

const WAITING: &str = "waiting-";
/// Age at which an unlocked waiter's file is attributed to a dead process. A
/// younger one may be about to be locked.
const STALE: Duration = Duration::from_secs(60);

/// A locked slot. Dropping it frees the slot.
#[derive(Debug)]
pub(super) struct Slot {
    number: usize,
    _lock: File,
}

impl Slot {
    pub(super) fn number(&self) -> usize {
        self.number
    }
}

/// One pool's view of the folder of slots.
#[derive(Debug)]
pub(super) struct Slots {
    folder: PathBuf,
    order: Vec<usize>,
    waiters: Mutex<Waiters>,
}

#[derive(Debug)]
struct Waiters {
    name: String,
    count: usize,
    lock: Option<File>,
}

impl Slots {
    /// Creates the view of the slots that a role may use. If there are at least
    /// two slots, slot 0 is reserved for gateways, which take it first.
    pub(super) fn new(folder: &Path, connections: usize, role: Role) -> Self {
        let connections = connections.max(1);
        let first = match role {
            Role::Uploader if connections > 1 => 1,
            Role::Uploader | Role::Gateway => 0,
        };
        Self {
            folder: folder.to_owned(),
            order: (first..connections).collect(),
            waiters: Mutex::new(Waiters {
                name: format!("{WAITING}{first}-{}", uuid::Uuid::new_v4()),
                count: 0,
                lock: None,
            }),
        }
    }

    /// Returns the maximum number of sessions of this pool.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Takes a free slot, if there is one.
    pub(super) fn try_take(&self) -> Result<Option<Slot>, StorageError> {
        fs::create_dir_all(&self.folder).map_err(|error| self.unusable(&error))?;
        for number in &self.order {
            let file = open(&self.folder.join(number.to_string()))
                .map_err(|error| self.unusable(&error))?;
            match file.try_lock() {
                Ok(()) => {
                    return Ok(Some(Slot {
                        number: *number,
                        _lock: file,
                    }));
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(self.unusable(&error)),
            }
        }
        Ok(None)
    }

    /// Signals to other pools that this pool waits, until the guard is dropped.
    pub(super) fn wait(&self) -> Waiting<'_> {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        waiters.count += 1;
        if waiters.lock.is_none() {
            // If this fails, the wait still ends: slots become free by
            // themselves.
            waiters.lock = open(&self.folder.join(&waiters.name))
                .ok()
                .filter(|file| file.try_lock().is_ok());
        }
        Waiting { slots: self }
    }

    /// Returns the lowest slot that any other waiting pool may use.
    pub(super) fn awaited_from(&self) -> Option<usize> {
        let own = {
            let waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
            waiters.name.clone()
        };
        let entries = fs::read_dir(&self.folder).ok()?;
        let foreign = entries.flatten().filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (first, _) = name.strip_prefix(WAITING)?.split_once('-')?;
            let first = first.parse().ok()?;
            (name != own && is_held(&entry.path())).then_some(first)
        });
        foreign.min()
    }

    /// Returns whether a caller of this pool waits for a slot.
    pub(super) fn we_wait(&self) -> bool {
        let waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        waiters.count > 0
    }

    fn unusable(&self, error: &io::Error) -> StorageError {
        StorageError::person(
            Reason::Other,
            format!(
                "connections cannot be counted in {}: {error}",
                self.folder.display()
            ),
            "Make the folder writable; it is on this machine, below DATA_DIR.",
        )
    }
}

/// Signals that a pool waits, until dropped.
pub(super) struct Waiting<'a> {
    slots: &'a Slots,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waiters = &self.slots.waiters;
        let mut waiters = waiters.lock().unwrap_or_else(PoisonError::into_inner);
        waiters.count -= 1;
        if waiters.count == 0 && waiters.lock.take().is_some() {
            let _ = fs::remove_file(self.slots.folder.join(&waiters.name));
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
}

/// Returns whether the owner of the file is alive. Removes the file of a dead
/// process.
fn is_held(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(_)) => false,
        Ok(()) => {
            let age = file
                .metadata()
                .and_then(|meta| meta.modified())
                .ok()
                .and_then(|made| SystemTime::now().duration_since(made).ok());
            if age.is_some_and(|age| age > STALE) {
                let _ = fs::remove_file(path);
            }
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slot_is_kept_for_gateways() {
        let dir = tempfile::tempdir().unwrap();
        let uploader = Slots::new(dir.path(), 2, Role::Uploader);
        let gateway = Slots::new(dir.path(), 2, Role::Gateway);
        assert_eq!((uploader.len(), gateway.len()), (1, 2));
        let taken = uploader.try_take().unwrap().unwrap();
        assert!(uploader.try_take().unwrap().is_none());
        let kept = gateway.try_take().unwrap().unwrap();
        assert!(gateway.try_take().unwrap().is_none());
        drop(kept);
        assert!(uploader.try_take().unwrap().is_none());
        drop(taken);
        assert!(uploader.try_take().unwrap().is_some());
    }

    #[test]
    fn a_single_slot_is_for_all() {
        let dir = tempfile::tempdir().unwrap();
        let uploader = Slots::new(dir.path(), 1, Role::Uploader);
        let gateway = Slots::new(dir.path(), 1, Role::Gateway);
        let taken = uploader.try_take().unwrap().unwrap();
        assert!(gateway.try_take().unwrap().is_none());
        drop(taken);
        assert!(gateway.try_take().unwrap().is_some());
    }

    #[test]
    fn only_other_pools_see_a_waiting_pool() {
        let dir = tempfile::tempdir().unwrap();
        let a = Slots::new(dir.path(), 1, Role::Gateway);
        let b = Slots::new(dir.path(), 1, Role::Gateway);
        let first = a.wait();
        let second = a.wait();
        assert!(b.awaited_from() == Some(0) && a.awaited_from().is_none() && a.we_wait());
        drop(first);
        assert_eq!(b.awaited_from(), Some(0));
        drop(second);
        assert!(b.awaited_from().is_none() && !a.we_wait());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn dead_waiters_are_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("waiting-0-dead");
        File::create(&path).unwrap();
        let slots = Slots::new(dir.path(), 1, Role::Gateway);
        assert!(slots.awaited_from().is_none() && path.exists());
        let old = SystemTime::now() - 2 * STALE;
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(old)
            .unwrap();
        assert!(slots.awaited_from().is_none() && !path.exists());
    }
}
