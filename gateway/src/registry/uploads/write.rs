//! Writes to an upload session. Only one request at a time holds the lock of
//! its file, from before it reads the row until it has updated the row.

use std::io::ErrorKind;

use axum::http::request::Parts;
use refity_spool::{SpoolError, UploadWriter};
use refity_store::{Committed, PushTarget, UploadState, UserId};
use refity_types::digest::{Algorithm, Digest, Hasher};
use refity_types::name::{FileId, RepositoryName, UploadId};

use crate::registry::body::RequestBody;
use crate::registry::error::RegistryError;
use crate::registry::headers::{content_length, upload_location};
use crate::registry::uploads::blob_answer;
use crate::registry::uploads::content_range::ContentRange;
use crate::registry::{Written, disk_space, push_target};
use crate::state::AppState;

/// The result of [`Session::open`].
pub(in crate::registry) enum Opened<'a> {
    /// A session that accepts bytes.
    Open(Box<Session<'a>>),
    /// A session that was committed as this blob.
    Committed(Digest),
    /// The repository has no such session.
    Unknown,
}

impl<'a> Opened<'a> {
    /// Returns the session if it accepts bytes.
    ///
    /// # Errors
    /// [`RegistryError::UploadUnknown`] if it does not.
    pub(in crate::registry) fn writable(self) -> Result<Session<'a>, RegistryError> {
        match self {
            Self::Open(session) => Ok(*session),
            Self::Committed(_) | Self::Unknown => Err(RegistryError::UploadUnknown),
        }
    }
}

/// An open session, to which only this request can write.
pub(in crate::registry) struct Session<'a> {
    state: &'a AppState,
    repository: RepositoryName,
    id: UploadId,
    writer: UploadWriter,
    hash: Hasher,
}

impl<'a> Session<'a> {
    /// Starts a session: creates its file and its row.
    ///
    /// # Errors
    /// [`RegistryError::Denied`] if the repository cannot be pushed to.
    pub(in crate::registry) async fn begin(
        state: &'a AppState,
        repository: RepositoryName,
        algorithm: Algorithm,
        user: Option<UserId>,
        parts: &Parts,
    ) -> Result<Self, RegistryError> {
        let (id, hash, node) = (UploadId::random(), Hasher::new(algorithm), &state.node);
        let (writer, target) = tokio::join!(
            node.spool.create_upload(id),
            node.store.begin_upload(id, &repository, &hash, user),
        );
        let writer = writer?;
        match target {
            Ok(PushTarget::Open) => Ok(Self {
                state,
                repository,
                id,
                writer,
                hash,
            }),
            refused => {
                writer.discard().await?;
                Err(push_target::refusal(refused?, &repository, parts))
            }
        }
    }

    /// Locks the session, reads its row and continues at the row's offset. No
    /// file is created for an id without a session.
    ///
    /// # Errors
    /// [`SpoolError::Locked`] if another request holds the lock for too long.
    pub(in crate::registry) async fn open(
        state: &'a AppState,
        repository: RepositoryName,
        id: UploadId,
    ) -> Result<Opened<'a>, RegistryError> {
        let store = &state.node.store;
        let locked = state.node.spool.lock_upload(id).await?;
        // Read under the lock, so that no other request can change the session
        // now.
        let Some(upload) = store.upload(id, &repository).await? else {
            return Ok(Opened::Unknown);
        };
        let hash = match upload.state {
            UploadState::Open(hash) => hash,
            UploadState::Committed(digest) => return Ok(Opened::Committed(digest)),
        };
        let writer = match locked {
            Some(writer) => match writer.continue_at(upload.offset).await {
                Err(SpoolError::Io { source, .. }) if source.kind() == ErrorKind::UnexpectedEof => {
                    None
                }
                writer => Some(writer?),
            },
            None => None,
        };
        let Some(writer) = writer else {
            tracing::error!(upload = %id, "an upload lost its bytes and is given up");
            store.cancel_upload(id).await?;
            return Ok(Opened::Unknown);
        };
        Ok(Opened::Open(Box::new(Self {
            state,
            repository,
            id,
            writer,
            hash,
        })))
    }

    /// Returns the session's id.
    pub(in crate::registry) fn id(&self) -> UploadId {
        self.id
    }

    /// Returns the number of bytes in the session.
    pub(in crate::registry) fn offset(&self) -> u64 {
        self.writer.offset()
    }

    /// Appends the request's body. If the body ends early, the received bytes
    /// are kept.
    ///
    /// # Errors
    /// If the body is out of order, has the wrong length, or ends early. The
    /// session stays open.
    pub(in crate::registry) async fn append(
        mut self,
        parts: &Parts,
        body: &mut RequestBody,
    ) -> Result<Self, RegistryError> {
        let range = ContentRange::of(&parts.headers)?;
        let offset = self.offset();
        if range.is_some_and(|range| range.start != offset) {
            return Err(RegistryError::ChunkOutOfOrder {
                offset,
                location: upload_location(&self.repository, self.id),
            });
        }
        let length = content_length(&parts.headers);
        if length == Some(0) && range.is_none() {
            return Ok(self);
        }
        disk_space::require(self.state, length.unwrap_or(0))?;
        let mut checked = disk_space::SpaceCheckedBody::new(self.state, body);
        let (writer, finished) = self.writer.append(self.hash, &mut checked).await?;
        if let Some(error) = checked.refused() {
            // The row keeps its offset, and the space is freed immediately.
            writer.continue_at(offset).await?;
            return Err(error);
        }
        (self.writer, self.hash) = (writer, finished.hash);
        if let Some(why) = body.broken() {
            tracing::info!(upload = %self.id, received = body.received(), why, "a body broke off");
            self.save().await?;
            return Err(RegistryError::UploadInvalid(
                "the request broke off; ask with a GET how far the upload is, and go on there"
                    .to_owned(),
            ));
        }
        match range {
            // The row keeps its offset, so these bytes are discarded.
            Some(range) if range.length != body.received() => {
                Err(range.does_not_fit(body.received()))
            }
            _ => Ok(self),
        }
    }

    /// Saves the session's offset and releases its lock.
    ///
    /// # Errors
    /// [`RegistryError::UploadUnknown`] if the session was cancelled meanwhile.
    pub(in crate::registry) async fn save(self) -> Result<(), RegistryError> {
        let store = &self.state.node.store;
        let offset = self.writer.offset();
        if store.advance_upload(self.id, offset, &self.hash).await? {
            Ok(())
        } else {
            Err(RegistryError::UploadUnknown)
        }
    }

    /// Cancels the session and discards its bytes.
    ///
    /// # Errors
    /// If the database or the spool fails.
    pub(in crate::registry) async fn cancel(self) -> Result<(), RegistryError> {
        self.state.node.store.cancel_upload(self.id).await?;
        Ok(self.writer.discard().await?)
    }

    /// Commits the session as a blob, if its bytes have this digest. They are
    /// on disk before any row refers to them.
    ///
    /// # Errors
    /// [`RegistryError::DigestMismatch`] if they do not; the session is then
    /// cancelled.
    pub(in crate::registry) async fn commit(
        self,
        digest: Digest,
        parts: &Parts,
    ) -> Result<Written, RegistryError> {
        let size = self.offset();
        let actual = self.digest(&digest).await?;
        if actual != digest {
            self.cancel().await?;
            let named = digest;
            return Err(RegistryError::DigestMismatch { named, actual });
        }
        let node = &self.state.node;
        // Locked until the row marks the session as committed.
        let _writer = self.writer.sync().await?;
        let committed = node
            .store
            .commit_upload(self.id, &self.repository, &digest, size)
            .await?;
        match committed {
            Committed::Blob { jobs, replaced } => {
                node.wake_uploaders();
                if let Some(file) = replaced
                    && let Err(error) = node.spool.remove_file(file).await
                {
                    tracing::warn!(%file, %error, "a replaced file is left to the sweep");
                }
                let response = blob_answer(&self.repository, &digest);
                Ok(Written { response, jobs })
            }
            Committed::NoSession => Err(RegistryError::UploadUnknown),
            Committed::Refused(target) => {
                Err(push_target::refusal(target, &self.repository, parts))
            }
        }
    }

    /// Computes the digest of the session's bytes, with the algorithm of
    /// `named`.
    async fn digest(&self, named: &Digest) -> Result<Digest, RegistryError> {
        let algorithm = named.algorithm();
        if self.hash.algorithm() == algorithm {
            return Ok(self.hash.clone().finish());
        }
        let file = FileId::from(self.id);
        Ok(self.state.node.spool.hash_file(file, algorithm).await?)
    }
}
