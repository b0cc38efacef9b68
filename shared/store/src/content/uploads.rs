//! Upload sessions, and the commit that makes a blob of one.

use refity_types::digest::{Digest, Hasher};
use refity_types::name::{FileId, RepositoryName, UploadId};

use crate::content::blobs::{ensure_linked, ensure_stored, upsert_blob};
use crate::content::repositories::{ensure_repository, push_target};
use crate::content::sums::change_blob;
use crate::engine::sql::file_from;
use crate::engine::value::params;
use crate::{JobId, PushTarget, Store, StoreError, UserId};

/// How many sessions are deleted in one transaction: it holds up every other
/// write.
const PURGED_AT_ONCE: u32 = 200;

/// An upload session of this boot.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Where it stands.
    pub state: UploadState,
    /// Bytes received and hashed.
    pub offset: u64,
}

/// Where an upload session stands.
#[derive(Clone, Debug)]
pub enum UploadState {
    /// It takes bytes; this is the hash of those that came.
    Open(Hasher),
    /// It became this blob.
    Committed(Digest),
}

/// The result of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The blob is the repository's.
    Blob {
        /// The jobs that carry it to SFTP.
        jobs: Vec<JobId>,
        /// The file that the blob had before: it is to be removed.
        replaced: Option<FileId>,
    },
    /// The session is not open (any more).
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

    /// The upload session of this repository. One that was open in another
    /// boot is gone: its bytes were not on disk yet.
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
                    // Of another version of the program: the client starts over.
                    Err(_) => return Ok(None),
                },
            };
            Ok(Some(Upload { state, offset }))
        })
        .await
    }

    /// Records the offset of an open session. Returns `false` if it is not open.
    /// A power cut may undo this, and ends the session anyway.
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

    /// Makes a blob of an open session, in one transaction: the blob names
    /// the session's file, the repository has the blob, its jobs exist, the
    /// session is committed. The file must be on disk before.
    ///
    /// The file that the blob had before is replaced: it was verified longer
    /// ago, and may be damaged or gone.
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

    /// Removes the rows of sessions that nothing happened to since `before`
    /// (milliseconds, UTC). Their files are the sweep's.
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
