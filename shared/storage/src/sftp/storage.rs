//! Implements [`Storage`] on an SFTP server.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::task::spawn_blocking;

use super::config::{Role, SftpConfig};
use super::pool::Pool;
use super::pooled_session::PooledSession;
use super::read;
use super::session::Session;
use super::write::{self, Upload};
use crate::error::{ChangeError, StorageError};
use crate::path::RemotePath;
use crate::source::Source;
use crate::storage::{
    Connections, Features, Guard, Meta, NewFile, NewFolder, Placed, ProbeStep, SmallFile, Space,
    Storage,
};
use crate::stream::{Listing, Reading};

/// An SFTP server as the storage. Cheap to clone.
#[derive(Clone)]
pub struct SftpStorage {
    pub(super) pool: Pool,
    /// The session of a reserved storage.
    reserved: Option<Arc<Mutex<PooledSession>>>,
}

/// The session that one operation uses.
pub(super) enum InUse {
    Pooled(PooledSession),
    Reserved(OwnedMutexGuard<PooledSession>),
}

impl InUse {
    pub(super) fn session(&mut self) -> &mut PooledSession {
        match self {
            Self::Pooled(session) => session,
            Self::Reserved(session) => session,
        }
    }
}

impl SftpStorage {
    /// Creates a storage on this server. Does not connect before the first use.
    ///
    /// # Errors
    /// If the pool cannot be created.
    pub fn new(config: SftpConfig, role: Role) -> Result<Self, StorageError> {
        Ok(Self {
            pool: Pool::new(config, role)?,
            reserved: None,
        })
    }

    /// Returns the pool of sessions.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Returns the root as sent to the server; `.` is the login folder.
    pub(super) fn root(&self) -> &str {
        &self.pool.config().root
    }

    async fn session(&self) -> Result<InUse, StorageError> {
        match &self.reserved {
            Some(session) => Ok(InUse::Reserved(Arc::clone(session).lock_owned().await)),
            None => Ok(InUse::Pooled(self.pool.session().await?)),
        }
    }

    async fn run<T, E>(
        &self,
        work: impl FnOnce(&mut Session) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StorageError> + Send + 'static,
    {
        self.session().await?.session().run(work).await
    }
}

/// Prefixes a path with `FTP_ROOT`. A relative root starts at the login folder,
/// since a chrooted account has no other.
fn below(root: &str, path: &RemotePath) -> String {
    let mut kept = root.trim_end_matches('/');
    while let Some(rest) = kept.strip_prefix("./") {
        kept = rest;
    }
    match kept {
        "" if root.starts_with('/') => format!("/{path}"),
        "" | "." => path.to_string(),
        folder => format!("{folder}/{path}"),
    }
}

#[async_trait]
impl Storage for SftpStorage {
    fn place(&self) -> String {
        let config = self.pool.config();
        format!("{}:{}", config.host, config.port)
    }

    fn locate(&self, path: &RemotePath) -> String {
        below(self.root(), path)
    }

    fn capacity(&self) -> usize {
        self.pool.capacity()
    }

    fn connections(&self) -> Option<Connections> {
        Some(self.pool.stats())
    }

    async fn reserve(&self, wait: Duration) -> Result<Arc<dyn Storage>, StorageError> {
        let session = self.pool.session_within(wait).await?;
        Ok(Arc::new(Self {
            pool: self.pool.clone(),
            reserved: Some(Arc::new(Mutex::new(session))),
        }))
    }

    async fn stat(&self, path: &RemotePath) -> Result<Option<Meta>, StorageError> {
        let path = self.locate(path);
        self.run(move |session| session.stat(&path)).await
    }

    async fn list(&self, folder: &RemotePath) -> Result<Listing, StorageError> {
        let folder = self.locate(folder);
        let (listing, mut entries) = Listing::new(folder.clone());
        let mut in_use = self.session().await?;
        spawn_blocking(move || {
            let mut session = in_use.session().blocking();
            match session.list_each(&folder, |entry| entries.add(entry)) {
                Err(error) if error.is_missing() => entries.end(Ok(())),
                listed => entries.end(listed),
            }
        });
        Ok(listing)
    }

    async fn read(&self, file: &RemotePath, range: Range<u64>) -> Result<Reading, StorageError> {
        let path = self.locate(file);
        let mut in_use = self.session().await?;
        let (opened, is_open) = oneshot::channel();
        spawn_blocking(move || {
            let mut session = in_use.session().blocking();
            let begun = read::open(&mut session, &path).and_then(|mut reader| {
                if range.start > 0 {
                    reader.seek(range.start)?;
                }
                Ok(reader)
            });
            match begun {
                Ok(mut reader) => {
                    let (reading, pieces) = Reading::new(reader.size());
                    // If the caller has gone, sending the first chunk fails.
                    drop(opened.send(Ok(reading)));
                    let length = range.end.saturating_sub(range.start);
                    pieces.pump(length, |buffer| reader.read(buffer));
                }
                Err(error) => drop(opened.send(Err(error))),
            }
        });
        is_open.await.unwrap_or_else(|_| {
            let words = "the reading was interrupted";
            Err(StorageError::operation(words))
        })
    }

    async fn write_new(&self, file: NewFile) -> Result<(), ChangeError> {
        let (tmp, target) = (self.locate(&file.tmp), self.locate(&file.target));
        self.run(move |session| {
            let NewFile {
                size,
                digest,
                mut progress,
                guard,
                source,
                ..
            } = file;
            let mut source = Source::new(source, size, digest.clone());
            let upload = Upload {
                tmp: &tmp,
                target: &target,
                size,
                digest: &digest,
            };
            write::store(session, &upload, &mut source, &mut progress, &guard)
        })
        .await
    }

    async fn replace_small(&self, file: SmallFile, guard: &Guard) -> Result<(), ChangeError> {
        let (tmp, target) = (self.locate(&file.tmp), self.locate(&file.target));
        let guard = guard.clone();
        self.run(move |session| write::store_small(session, &tmp, &target, &file.bytes, &guard))
            .await
    }

    async fn create_small(&self, file: SmallFile) -> Result<Placed, StorageError> {
        let (tmp, target) = (self.locate(&file.tmp), self.locate(&file.target));
        self.run(move |session| write::create_small(session, &tmp, &target, &file.bytes))
            .await
    }

    async fn publish_folder(&self, folder: NewFolder) -> Result<Placed, StorageError> {
        let (tmp, target) = (self.locate(&folder.tmp), self.locate(&folder.target));
        let files = folder.files.into_iter();
        let files: Vec<_> = files
            .map(|(path, bytes)| (path.to_string(), bytes))
            .collect();
        self.run(move |session| write::place_folder(session, &tmp, &files, &target))
            .await
    }

    async fn make_folder(&self, folder: &RemotePath) -> Result<(), StorageError> {
        let folder = self.locate(folder);
        self.run(move |session| session.mkdir_all(&folder)).await
    }

    async fn rename(
        &self,
        from: &RemotePath,
        to: &RemotePath,
        guard: &Guard,
    ) -> Result<(), ChangeError> {
        let (from, to, guard) = (self.locate(from), self.locate(to), guard.clone());
        self.run(move |session| {
            write::make_parent(session, &to)?;
            guard.check()?;
            Ok(session.rename_over(&from, &to)?)
        })
        .await
    }

    async fn remove(&self, file: &RemotePath, guard: &Guard) -> Result<(), ChangeError> {
        let (file, guard) = (self.locate(file), guard.clone());
        self.run(move |session| {
            guard.check()?;
            match session.remove_file(&file) {
                Err(StorageError::Missing { .. }) => Ok(()),
                removed => Ok(removed?),
            }
        })
        .await
    }

    async fn remove_tree(&self, path: &RemotePath) -> Result<(), StorageError> {
        let path = self.locate(path);
        self.run(move |session| session.remove_tree(&path)).await
    }

    async fn remove_if_empty(&self, folder: &RemotePath) -> Result<(), StorageError> {
        let folder = self.locate(folder);
        self.run(move |session| match session.remove_dir(&folder) {
            Err(error) if error.is_connection() => Err(error),
            _ => Ok(()),
        })
        .await
    }

    async fn space(&self) -> Result<Option<Space>, StorageError> {
        let root = self.root().to_owned();
        self.run(move |session| session.statvfs(&root)).await
    }

    async fn features(&self) -> Result<Features, StorageError> {
        let root = self.root().to_owned();
        self.run(move |session| {
            // The first call opens the channel for extended requests.
            let extensions = session.extensions()?.names();
            let asked = Instant::now();
            session.stat(&root)?;
            Ok(Features {
                latency: asked.elapsed(),
                host_key: session.host_key_fingerprint(),
                extensions,
            })
        })
        .await
    }

    async fn probe(&self, files: [RemotePath; 2], wait: Duration) -> Vec<ProbeStep> {
        super::probe::run(self, files, wait).await
    }

    async fn read_small(&self, file: &RemotePath, limit: usize) -> Result<Vec<u8>, StorageError> {
        let path = self.locate(file);
        self.run(move |session| session.read_small(&path, limit))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_relative_or_absolute() {
        let path = RemotePath::parse("docker/x").unwrap();
        for (root, expected) in [
            ("", "docker/x"),
            (".", "docker/x"),
            ("./", "docker/x"),
            ("./a/", "a/docker/x"),
            ("/", "/docker/x"),
            ("/srv/x", "/srv/x/docker/x"),
        ] {
            assert_eq!(below(root, &path), expected, "{root}");
        }
    }
}
