//! Upload sessions, and the commit that turns one into a blob.

use refity_types::digest::{Digest, Hasher};
use refity_types::name::{FileId, RepositoryName, UploadId};

use crate::content::blobs::{ensure_linked, ensure_stored, upsert_blob};
use crate::content::repositories::{ensure_repository, push_target};
use crate::content::sums::change_blob;
use crate::engine::sql::file_from;
use crate::engine::value::params;
use crate::{JobId, PushTarget, Store, StoreError, UserId};

/// Maximum number of sessions deleted per transaction, which blocks all other
/// writes.
const PURGED_AT_ONCE: u32 = 200;

/// An upload session of the current boot.
#[derive(Clone, Debug)]
pub struct Upload {
    /// State of the session.
    pub state: UploadState,
    /// Number of bytes received and hashed.
    pub offset: u64,
}

/// The state of an upload session.
#[derive(Clone, Debug)]
pub enum UploadState {
    /// Open, with the hash of the bytes received so far.
    Open(Hasher),
    /// Committed as this blob.
    Committed(Digest),
}

/// The result of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The repository has the blob.
    Blob {
        /// The jobs that transfer the blob to SFTP.
        jobs: Vec<JobId>,
        /// The previous file of the blob, to be removed.
        replaced: Option<FileId>,
    },
    /// The session is not open.
    NoSession,
    /// The repository cannot be pushed to.
    Refused(PushTarget),
}

impl Store {
    /// Opens an upload session, if the repository can be pushed to.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn begin_upload(
        &self,
        id: UploadId,
        repository: &RepositoryName,
        hash: &Hasher,
        user: Option<UserId>,
    ) -> Result<PushTarget, StoreError> {
        let (repository, state, clock) = (repository.clone(), hash.save(), self.clock.clone());
        self.write_relaxed(move |db| {
            let target = push_target(db, &repository)?;
            if target != PushTarget::Open {
                return Ok(target);
            }
            db.run(
                "INSERT INTO uploads (id, repository, offset, hash_state, boot_id, state,
                                      user_id, created_at, updated_at)
                 VALUES (?1, ?2, 0, ?3, ?4, 'open', ?5, ?6, ?6)",
                params![
                    id.to_string(),
                    repository.as_str(),
                    state,
                    clock.boot_id(),
                    user.map(|user| user.0),
                    clock.wall_ms(),
                ],
            )?;
            Ok(target)
        })
        .await
    }

    /// Returns the upload session of this repository. A session opened in an
    /// earlier boot has ended, since its bytes may not have reached the disk.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn upload(
        &self,
        id: UploadId,
        repository: &RepositoryName,
    ) -> Result<Option<Upload>, StoreError> {
        let (repository, clock) = (repository.clone(), self.clock.clone());
        self.read(move |db| {
            let row = db.optional(
                "SELECT u.offset, u.hash_state, b.digest FROM uploads u
                     LEFT JOIN blobs b ON b.id = u.blob_id
                     WHERE u.id = ?1 AND u.repository = ?2
                       AND (u.state = 'committed' OR u.boot_id = ?3)",
                params![id.to_string(), repository.as_str(), clock.boot_id()],
                |row| {
                    Ok((
                        row.get(0)?,
                        row.get::<Vec<u8>>(1)?,
                        row.get::<Option<String>>(2)?,
                    ))
                },
            )?;
            let Some((offset, hash_state, digest)) = row else {
                return Ok(None);
            };
            let state = match digest {
                Some(digest) => UploadState::Committed(
                    digest
                        .parse()
                        .map_err(|_| StoreError::Corrupt(format!("{digest} is no digest")))?,
                ),
                None => match Hasher::resume(&hash_state) {
                    Ok(hash) => UploadState::Open(hash),
                    // Saved by another version of the program: the client has
                    // to start over.
                    Err(_) => return Ok(None),
                },
            };
            Ok(Some(Upload { state, offset }))
        })
        .await
    }

    /// Records the offset of an open session. Returns `false` if it is not
    /// open. A power failure may undo this, and ends the session anyway.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn advance_upload(
        &self,
        id: UploadId,
        offset: u64,
        hash: &Hasher,
    ) -> Result<bool, StoreError> {
        let (state, now) = (hash.save(), self.clock.wall_ms());
        self.write_relaxed(move |db| {
            let moved = db.run(
                "UPDATE uploads SET offset = ?2, hash_state = ?3, updated_at = ?4
                     WHERE id = ?1 AND state = 'open'",
                params![id.to_string(), offset, state, now],
            )?;
            Ok(moved == 1)
        })
        .await
    }

    /// Commits an open session, in one transaction: the blob refers to the
    /// session's file, the repository gets the blob, its jobs are enqueued, and
    /// the session is marked as committed. The file must be on disk before.
    ///
    /// Replaces the previous file of the blob, which was verified longer ago
    /// and may be damaged or missing.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing changes.
    pub async fn commit_upload(
        &self,
        id: UploadId,
        repository: &RepositoryName,
        digest: &Digest,
        size: u64,
    ) -> Result<Committed, StoreError> {
        let (repository, digest, clock) = (repository.clone(), digest.clone(), self.clock.clone());
        self.write(move |db| {
            let now = clock.wall_ms();
            let open: bool = db.one(
                "SELECT EXISTS (SELECT 1 FROM uploads
                     WHERE id = ?1 AND repository = ?2 AND state = 'open')",
                params![id.to_string(), repository.as_str()],
                |r| r.get(0),
            )?;
            if !open {
                return Ok(Committed::NoSession);
            }
            let repository = match ensure_repository(db, &repository, now)? {
                Ok(repository) => repository,
                Err(refused) => return Ok(Committed::Refused(refused)),
            };
            let blob = upsert_blob(db, &clock, &digest, size)?;
            let replaced = db.one("SELECT file FROM blobs WHERE id = ?1", [blob], |row| {
                row.get(0)
            })?;
            let file = FileId::from(id).to_string();
            change_blob(db, blob, || {
                db.run(
                    "UPDATE blobs SET file = ?2 WHERE id = ?1",
                    params![blob, file],
                )?;
                Ok(())
            })?;
            let stores = ensure_stored(db, &clock, blob, size)?;
            let links = ensure_linked(db, &clock, repository, blob)?;
            db.run(
                "UPDATE uploads SET state = 'committed', blob_id = ?2, updated_at = ?3
                 WHERE id = ?1",
                params![id.to_string(), blob, now],
            )?;
            Ok(Committed::Blob {
                jobs: vec![stores, links],
                replaced: file_from(replaced),
            })
        })
        .await
    }

    /// Ends an open session. Returns `false` if it is not open.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn cancel_upload(&self, id: UploadId) -> Result<bool, StoreError> {
        self.write_relaxed(move |db| {
            let ended = db.run(
                "DELETE FROM uploads WHERE id = ?1 AND state = 'open'",
                [id.to_string()],
            )?;
            Ok(ended == 1)
        })
        .await
    }

    /// Deletes sessions without activity since `before` (milliseconds, UTC).
    /// The sweep removes their files.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn purge_uploads(&self, before: i64) -> Result<usize, StoreError> {
        let mut all = 0;
        loop {
            let purged = self
                .write_relaxed(move |db| {
                    db.run(
                        "DELETE FROM uploads WHERE id IN (
                                 SELECT id FROM uploads WHERE updated_at < ?1 LIMIT ?2)",
                        params![before, PURGED_AT_ONCE],
                    )
                })
                .await?;
            all += purged;
            if purged < PURGED_AT_ONCE as usize {
                return Ok(all);
            }
        }
    }
}
