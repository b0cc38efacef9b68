//! Intents record acknowledged manifest pushes and deletes outside the database
//! until their jobs are done, so that a lost database neither loses
//! acknowledged pushes nor restores deleted content.
//!
//! A refused delete must never be replayed, but only the database can refuse
//! it. So its intent is prepared under a temporary name and gets its final name
//! between the commit and the 202.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use refity_types::deletion::Deletion;
use refity_types::digest::Digest;
use refity_types::media_type::MediaType;
use refity_types::name::{IntentId, RepositoryName, Tag};

use super::{Spool, SpoolError, blocking, sync_folder};

/// Suffix of an intent that is only prepared.
const PREPARED: &str = ".prepared";

/// An intent. Its file has one line of JSON, then the unchanged bytes of the
/// manifest.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Intent {
    /// Orders the intents of a target.
    pub generation: i64,
    /// The repository.
    pub repository: RepositoryName,
    /// What to do.
    #[serde(flatten)]
    pub action: IntentAction,
}

/// The action of an intent. The name of the JSON tag is that of existing files.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "wish", rename_all = "snake_case")]
pub enum IntentAction {
    /// Publishes a manifest and points tags to it.
    Put {
        /// Media type of the manifest.
        media_type: MediaType,
        /// Digest with the client's algorithm.
        digest: Digest,
        /// The tags.
        tags: Vec<Tag>,
        /// Bytes of the manifest, after the JSON line.
        #[serde(skip)]
        manifest: Bytes,
    },
    /// Deletes something.
    Delete {
        /// The deletion.
        #[serde(flatten)]
        deletion: Deletion,
    },
}

impl Intent {
    /// Serializes the intent.
    ///
    /// # Errors
    /// If writing or serializing fails.
    pub(crate) fn write_to(&self, file: &mut impl io::Write) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        file.write_all(&line)?;
        if let IntentAction::Put { manifest, .. } = &self.action {
            file.write_all(manifest)?;
        }
        Ok(())
    }

    /// Parses a file. `None` if it is truncated or damaged.
    pub(crate) fn from_bytes(bytes: &Bytes) -> Option<Self> {
        let end = bytes.iter().position(|&byte| byte == b'\n')?;
        let mut intent: Self = serde_json::from_slice(&bytes[..end]).ok()?;
        let rest = bytes.slice(end + 1..);
        if let IntentAction::Put {
            digest, manifest, ..
        } = &mut intent.action
        {
            // In a torn file, the manifest does not hash to its digest.
            if Digest::of(digest.algorithm(), &rest) != *digest {
                return None;
            }
            *manifest = rest;
        } else if !rest.is_empty() {
            return None;
        }
        Some(intent)
    }
}

impl Spool {
    /// Writes an intent and makes it durable.
    ///
    /// # Errors
    /// If the disk fails; then there is no intent.
    pub async fn write_intent(&self, id: IntentId, intent: Intent) -> Result<(), SpoolError> {
        let folder = self.intents();
        blocking(move || {
            let path = folder.join(id.to_string());
            let written = write(&path, &intent).and_then(|()| sync_folder(&folder));
            if written.is_err() {
                let _ = std::fs::remove_file(&path);
            }
            written
        })
        .await
    }

    /// Writes an intent that is not replayed until [`Spool::confirm_intent`].
    /// Syncs the bytes but not the name, since nothing is acknowledged yet.
    ///
    /// # Errors
    /// If the disk fails; then there is no intent.
    pub async fn prepare_intent(&self, id: IntentId, intent: Intent) -> Result<(), SpoolError> {
        let path = self.prepared(id);
        blocking(move || {
            let written = write(&path, &intent);
            if written.is_err() {
                let _ = std::fs::remove_file(&path);
            }
            written
        })
        .await
    }

    /// Gives a prepared intent its final name, durably. A missing one was
    /// confirmed by another process or is already completed.
    ///
    /// # Errors
    /// If the disk fails.
    pub async fn confirm_intent(&self, id: IntentId) -> Result<(), SpoolError> {
        let (folder, from) = (self.intents(), self.prepared(id));
        blocking(move || {
            match std::fs::rename(&from, folder.join(id.to_string())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(SpoolError::io("cannot rename", &from, error));
                }
                _ => {}
            }
            sync_folder(&folder)
        })
        .await
    }

    /// Removes an intent, prepared or confirmed, if it exists.
    ///
    /// # Errors
    /// If the file system fails.
    pub async fn remove_intent(&self, id: IntentId) -> Result<(), SpoolError> {
        // In this order, an intent that is confirmed in between is removed too.
        let paths = [self.prepared(id), self.intents().join(id.to_string())];
        blocking(move || {
            for path in paths {
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(SpoolError::io("cannot remove", &path, error));
                    }
                    _ => {}
                }
            }
            Ok(())
        })
        .await
    }

    /// Lists all confirmed intents with the time of writing.
    ///
    /// # Errors
    /// If the file system fails.
    pub async fn list_intents(&self) -> Result<Vec<(IntentId, SystemTime)>, SpoolError> {
        self.list_named("").await
    }

    /// Lists all prepared intents with the time of writing.
    ///
    /// # Errors
    /// If the file system fails.
    pub async fn list_prepared_intents(&self) -> Result<Vec<(IntentId, SystemTime)>, SpoolError> {
        self.list_named(PREPARED).await
    }

    async fn list_named(
        &self,
        suffix: &'static str,
    ) -> Result<Vec<(IntentId, SystemTime)>, SpoolError> {
        let folder = self.intents();
        blocking(move || {
            let failed = |error| SpoolError::io("cannot list", &folder, error);
            let mut intents = Vec::new();
            for entry in std::fs::read_dir(&folder).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let name = entry.file_name();
                let id = name.to_str().and_then(|name| name.strip_suffix(suffix));
                let modified = entry.metadata().and_then(|meta| meta.modified());
                if let (Some(Ok(id)), Ok(modified)) = (id.map(str::parse), modified) {
                    intents.push((id, modified));
                }
            }
            Ok(intents)
        })
        .await
    }

    fn prepared(&self, id: IntentId) -> PathBuf {
        self.intents().join(format!("{id}{PREPARED}"))
    }

    /// Reads an intent. `None` if it does not exist, or was truncated before it
    /// was acknowledged.
    ///
    /// # Errors
    /// If the file system fails.
    pub async fn read_intent(&self, id: IntentId) -> Result<Option<Intent>, SpoolError> {
        let path = self.intents().join(id.to_string());
        blocking(move || match std::fs::read(&path) {
            Ok(bytes) => Ok(Intent::from_bytes(&bytes.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SpoolError::io("cannot read", &path, error)),
        })
        .await
    }
}

fn write(path: &Path, intent: &Intent) -> Result<(), SpoolError> {
    let failed = |error| SpoolError::io("cannot write", path, error);
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    intent.write_to(&mut file).map_err(failed)?;
    file.sync_data().map_err(failed)
}
