//! A local folder as the storage (`STORAGE_FOLDER`): for a mounted share, and
//! for tests.
//!
//! The file system provides the guarantees of [`Storage`]: write and sync a
//! temporary file, rename it, then sync its folder. A network file system
//! provides them as far as its server honours fsync and rename.

mod disk;

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::task::spawn_blocking;

use crate::error::{ChangeError, StorageError};
use crate::path::{FileName, RemotePath};
use crate::storage::{
    Connections, Entry, Features, Guard, Meta, NewFile, NewFolder, Placed, ProbeStep, SmallFile,
    Space, Storage,
};
use crate::stream::{Listing, Reading};
use disk::Disk;

/// Maximum concurrent operations; a share is mostly bound by its network.
const CAPACITY: usize = 8;

/// Content of the file that a probe writes.
const PROBE: &[u8] = b"refity looks whether it can write here\n";

/// A folder as the storage. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FolderStorage {
    root: Arc<PathBuf>,
}

impl FolderStorage {
    /// Creates a storage in this folder. Does not access the folder before it
    /// is used and never creates it: a share may not be mounted yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            root: Arc::new(folder.to_owned()),
        }
    }

    async fn run<T, E>(
        &self,
        work: impl FnOnce(Disk) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StorageError> + Send + 'static,
    {
        let disk = Disk::new(Arc::clone(&self.root));
        match spawn_blocking(move || work(disk)).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(interrupted(&error).into()),
            },
        }
    }
}

fn interrupted(error: &tokio::task::JoinError) -> StorageError {
    StorageError::operation(format!("the operation was interrupted: {error}"))
}

#[async_trait]
impl Storage for FolderStorage {
    fn place(&self) -> String {
        self.root.display().to_string()
    }

    fn locate(&self, path: &RemotePath) -> String {
        self.root.join(path.as_str()).display().to_string()
    }

    fn capacity(&self) -> usize {
        CAPACITY
    }

    fn connections(&self) -> Option<Connections> {
        None
    }

    async fn reserve(&self, _wait: Duration) -> Result<Arc<dyn Storage>, StorageError> {
        self.run(|disk| disk.require_root()).await?;
        Ok(Arc::new(self.clone()))
    }

    async fn stat(&self, path: &RemotePath) -> Result<Option<Meta>, StorageError> {
        let path = path.clone();
        self.run(move |disk| disk.stat(&disk.full(&path))).await
    }

    async fn list(&self, folder: &RemotePath) -> Result<Listing, StorageError> {
        let (listing, mut entries) = Listing::new(self.locate(folder));
        let folder = folder.clone();
        let opened = self.run(move |disk| {
            let found = disk.open_folder(&disk.full(&folder))?;
            Ok::<_, StorageError>((disk, found))
        });
        let (disk, found) = opened.await?;
        spawn_blocking(move || {
            for entry in found.into_iter().flatten() {
                match disk.entry(entry) {
                    Ok(Some(entry)) => {
                        if !entries.add(entry) {
                            return;
                        }
                    }
                    Ok(None) => {}
                    Err(error) => return entries.end(Err(error)),
                }
            }
            entries.end(Ok(()));
        });
        Ok(listing)
    }

    async fn read(&self, file: &RemotePath, range: Range<u64>) -> Result<Reading, StorageError> {
        let path = file.clone();
        let start = range.start;
        let (disk, file, path, size) = self
            .run(move |disk| {
                let path = disk.full(&path);
                let (mut file, size) = disk.open_file(&path)?;
                let sought = file.seek(SeekFrom::Start(start));
                sought.map_err(|error| disk.error(&error, "reading", &path))?;
                Ok::<_, StorageError>((disk, file, path, size))
            })
            .await?;
        let (reading, pieces) = Reading::new(size);
        spawn_blocking(move || {
            let mut file = file;
            pieces.pump(range.end.saturating_sub(start), |buffer| {
                loop {
                    match file.read(buffer) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        read => return read.map_err(|error| disk.error(&error, "reading", &path)),
                    }
                }
            });
        });
        Ok(reading)
    }

    async fn write_new(&self, file: NewFile) -> Result<(), ChangeError> {
        self.run(move |disk| disk.write_new(file)).await
    }

    async fn replace_small(&self, file: SmallFile, guard: &Guard) -> Result<(), ChangeError> {
        let guard = guard.clone();
        self.run(move |disk| {
            let (tmp, target) = (disk.full(&file.tmp), disk.full(&file.target));
            let written = disk
                .write_small(&tmp, &file.bytes)
                .map_err(ChangeError::from)
                .and_then(|()| {
                    disk.make_parent(&target)?;
                    guard.check()?;
                    Ok(disk.rename(&tmp, &target)?)
                });
            disk.sweep_failed(&tmp, written)
        })
        .await
    }

    async fn create_small(&self, file: SmallFile) -> Result<Placed, StorageError> {
        self.run(move |disk| {
            let (tmp, target) = (disk.full(&file.tmp), disk.full(&file.target));
            let placed = disk.write_small(&tmp, &file.bytes).and_then(|()| {
                disk.make_parent(&target)?;
                disk.place(&tmp, &target)
            });
            disk.sweep_failed(&tmp, placed)
        })
        .await
    }

    async fn publish_folder(&self, folder: NewFolder) -> Result<Placed, StorageError> {
        self.run(move |disk| {
            let (tmp, target) = (disk.full(&folder.tmp), disk.full(&folder.target));
            let placed = disk.build_folder(&tmp, &folder.files).and_then(|()| {
                disk.make_parent(&target)?;
                disk.place(&tmp, &target)
            });
            if !matches!(placed, Ok(Placed::New)) {
                // The sweep deletes the remaining files.
                let _ = disk.remove_tree(&tmp);
            }
            placed
        })
        .await
    }

    async fn make_folder(&self, folder: &RemotePath) -> Result<(), StorageError> {
        let folder = folder.clone();
        self.run(move |disk| disk.make_folder(&disk.full(&folder)))
            .await
    }

    async fn rename(
        &self,
        from: &RemotePath,
        to: &RemotePath,
        guard: &Guard,
    ) -> Result<(), ChangeError> {
        let (from, to, guard) = (from.clone(), to.clone(), guard.clone());
        self.run(move |disk| {
            let (from, to) = (disk.full(&from), disk.full(&to));
            disk.make_parent(&to)?;
            guard.check()?;
            Ok(disk.rename(&from, &to)?)
        })
        .await
    }

    async fn remove(&self, file: &RemotePath, guard: &Guard) -> Result<(), ChangeError> {
        let (file, guard) = (file.clone(), guard.clone());
        self.run(move |disk| {
            guard.check()?;
            Ok(disk.remove_file(&disk.full(&file))?)
        })
        .await
    }

    async fn remove_tree(&self, path: &RemotePath) -> Result<(), StorageError> {
        let path = path.clone();
        self.run(move |disk| disk.remove_tree(&disk.full(&path)))
            .await
    }

    async fn remove_if_empty(&self, folder: &RemotePath) -> Result<(), StorageError> {
        let folder = folder.clone();
        self.run(move |disk| {
            // Ignore the error: the folder may not be empty, or another process
            // may have removed it.
            let _ = disk.remove_folder(&disk.full(&folder));
            disk.require_root()
        })
        .await
    }

    async fn space(&self) -> Result<Option<Space>, StorageError> {
        self.run(|disk| disk.space().map(Some)).await
    }

    async fn features(&self) -> Result<Features, StorageError> {
        let asked = Instant::now();
        self.run(|disk| disk.require_root()).await?;
        Ok(Features {
            latency: asked.elapsed(),
            host_key: None,
            extensions: Vec::new(),
        })
    }

    async fn probe(&self, files: [RemotePath; 2], _wait: Duration) -> Vec<ProbeStep> {
        let disk = Disk::new(Arc::clone(&self.root));
        let probed = spawn_blocking(move || disk.probe(&files));
        probed.await.unwrap_or_else(|error| {
            vec![ProbeStep {
                name: "connect",
                took: Duration::ZERO,
                outcome: Err(interrupted(&error)),
            }]
        })
    }
}

/// A step of a probe.
type Try<'a> = &'a dyn Fn() -> Result<String, StorageError>;

impl Disk {
    fn probe(&self, files: &[RemotePath; 2]) -> Vec<ProbeStep> {
        let [first, second] = [self.full(&files[0]), self.full(&files[1])];
        let found = || -> Result<String, StorageError> {
            let words = format!("the folder {} is there", self.root().display());
            self.require_root().map(|()| words)
        };
        let write = || -> Result<String, StorageError> {
            self.write_small(&first, PROBE)?;
            Ok(format!(
                "wrote {} bytes to {}",
                PROBE.len(),
                first.display()
            ))
        };
        let rename = || {
            self.rename(&first, &second)
                .map(|()| "renamed it".to_owned())
        };
        let remove = || self.remove_file(&second).map(|()| "removed it".to_owned());
        let space = || -> Result<String, StorageError> {
            let space = self.space()?;
            if space.read_only {
                let root = self.root().display();
                return Err(StorageError::permission(format!(
                    "the file system at {root} is read-only"
                )));
            }
            let [free, total] = [space.free, space.total].map(|bytes| bytes / 1_000_000);
            Ok(format!("{free} of {total} MB are free"))
        };
        let tries: [(&'static str, Try<'_>); 5] = [
            ("connect", &found),
            ("write", &write),
            ("rename", &rename),
            ("remove", &remove),
            ("disk", &space),
        ];
        let mut steps = Vec::new();
        for (name, attempt) in tries {
            let begun = Instant::now();
            let outcome = attempt();
            let failed = outcome.is_err();
            steps.push(ProbeStep {
                name,
                took: begun.elapsed(),
                outcome,
            });
            if failed {
                // The file may be at either path.
                let _ = self.remove_file(&first);
                let _ = self.remove_file(&second);
                break;
            }
        }
        steps
    }
}
