//! Writing to an upload session: one request at a time holds the lock of its
//! file, from before it reads the row until the row is written.

use std::io::ErrorKind;

use axum::http::request::Parts;
use refity_spool::{SpoolError, UploadWriter};
use refity_store::{Committed, UploadState};
use refity_types::digest::{Digest, Hasher};
use refity_types::name::{FileId, RepositoryName, UploadId};

use super::body::RequestBody;
use super::content_range::ContentRange;
use super::error::RegistryError;
use super::headers::{content_length, upload_location};
use super::uploads::blob_answer;
use super::{Written, push_target, room};
use crate::state::AppState;

/// An open session that this request alone writes to.
pub(super) struct Session<'a> {
    state: &'a AppState,
    repository: RepositoryName,
    id: UploadId,
    writer: UploadWriter,
    hash: Hasher,
}

impl<'a> Session<'a> {
    /// Takes the session's lock, and goes on where its row says.
    ///
    /// # Errors
    /// [`RegistryError::UploadUnknown`] where there is no open session.
    pub(super) async fn open(
        state: &'a AppState,
        repository: RepositoryName,
        id: UploadId,
    ) -> Result<Self, RegistryError> {
        let store = &state.node.store;
        // Looked at first, so that no file is made for an id that is not ours.
        match store.upload(id, &repository).await? {
            Some(upload) if matches!(upload.state, UploadState::Open(_)) => {}
            _ => return Err(RegistryError::UploadUnknown),
        }
        let writer = state.node.spool.lock_upload(id).await?;
        // Again: another request may have moved it while this one waited.
        let (hash, offset) = match store.upload(id, &repository).await? {
            Some(upload) => match upload.state {
                UploadState::Open(hash) => (hash, upload.offset),
                UploadState::Committed(_) => return Err(RegistryError::UploadUnknown),
            },
            None => {
                // Cancelled meanwhile: the file may be one that the lock made.
                let _ = writer.discard().await;
                return Err(RegistryError::UploadUnknown);
            }
        };
        let writer = match writer.continue_at(offset).await {
            Err(SpoolError::Io { source, context })
                if source.kind() == ErrorKind::UnexpectedEof =>
            {
                tracing::error!(upload = %id, context, "an upload lost its bytes and is given up");
                store.cancel_upload(id).await?;
                return Err(RegistryError::UploadUnknown);
            }
            writer => writer?,
        };
        Ok(Self {
            state,
            repository,
            id,
            writer,
            hash,
        })
    }

    /// Bytes that the session has.
    pub(super) fn offset(&self) -> u64 {
        self.writer.offset()
    }

    /// Appends the request's body. What came of one that breaks off is kept.
    ///
    /// # Errors
    /// When the body does not belong here, does not fit, or broke off. The
    /// session survives.
    pub(super) async fn append(
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
        room::require(self.state, length.unwrap_or(0))?;
        let mut fitting = room::Fitting::new(self.state, body);
        let (writer, finished) = self.writer.append(self.hash, &mut fitting).await?;
        if let Some(error) = fitting.refused() {
            // The row stays where it was, and the room goes back at once.
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
            // The row stays where it was, so these bytes never were.
            Some(range) if range.length != body.received() => {
                Err(range.does_not_fit(body.received()))
            }
            _ => Ok(self),
        }
    }

    /// Writes down how far the session is, and lets go of it.
    ///
    /// # Errors
    /// [`RegistryError::UploadUnknown`] where it was ended meanwhile.
    pub(super) async fn save(self) -> Result<(), RegistryError> {
        let store = &self.state.node.store;
        let offset = self.writer.offset();
        if store.advance_upload(self.id, offset, &self.hash).await? {
            Ok(())
        } else {
            Err(RegistryError::UploadUnknown)
        }
    }

    /// Ends the session and drops its bytes.
    ///
    /// # Errors
    /// When the database or the spool fails.
    pub(super) async fn cancel(self) -> Result<(), RegistryError> {
        self.state.node.store.cancel_upload(self.id).await?;
        Ok(self.writer.discard().await?)
    }

    /// Makes a blob of the session, if its bytes have this digest. They are
    /// on disk before any row says so.
    ///
    /// # Errors
    /// [`RegistryError::DigestMismatch`], after which the session is gone.
    pub(super) async fn commit(
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
        let (writer, missing) =
            tokio::join!(self.writer.sync(), missing_file(self.state, &digest, size));
        let (writer, missing) = (writer?, missing?);
        let committed = node
            .store
            .commit_upload(self.id, &self.repository, &digest, size, missing)
            .await?;
        match committed {
            Committed::Blob { jobs, surplus } => {
                if surplus && let Err(error) = writer.discard().await {
                    tracing::warn!(upload = %self.id, %error, "a spare file is left to the sweep");
                }
                node.wake_uploaders();
                let response = blob_answer(&self.repository, &digest);
                Ok(Written { response, jobs })
            }
            Committed::NoSession => Err(RegistryError::UploadUnknown),
            Committed::Refused(target) => {
                Err(push_target::refusal(target, &self.repository, parts))
            }
        }
    }

    /// The digest of the session's bytes, by the algorithm of `named`.
    async fn digest(&self, named: &Digest) -> Result<Digest, RegistryError> {
        let algorithm = named.algorithm();
        if self.hash.algorithm() == algorithm {
            return Ok(self.hash.clone().finish());
        }
        let file = FileId::from(self.id);
        Ok(self.state.node.spool.hash_file(file, algorithm).await?)
    }
}

/// The file that this digest's row names, if it is not there any more.
async fn missing_file(
    state: &AppState,
    digest: &Digest,
    size: u64,
) -> Result<Option<FileId>, RegistryError> {
    match state.node.store.file_of(digest).await? {
        Some(file) if !state.node.spool.has_file(file, size).await => Ok(Some(file)),
        _ => Ok(None),
    }
}
