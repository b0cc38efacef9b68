//! Blobs: the repositories that have them, and the location of their bytes.

use refity_config::clock::Clock;
use refity_types::digest::Digest;
use refity_types::name::{FileId, RepositoryName};

use crate::accounts::readable::READABLE;
use crate::content::repositories::{ensure_repository, repository_id};
use crate::content::sums::{change_blob, change_holding};
use crate::engine::db::Db;
use crate::engine::sql::file_from;
use crate::engine::value::{named_params, params};
use crate::queue::dependencies::{add_dependency, update_readiness};
use crate::queue::generation::next_generation;
use crate::queue::jobs::{NewJob, enqueue_or_join, place_in, unfinished};
use crate::{BlobId, JobId, JobKind, PushTarget, Readable, Store, StoreError};

/// Minimum interval between updates of the time of last use, so that a pull
/// costs no write.
const USED_AT_STEP_MS: i64 = 10 * 60 * 1000;

/// Minimum interval between renewals of the grace period.
const TOUCHED_AT_STEP_MS: i64 = 60 * 60 * 1000;

/// A blob of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Id of the row.
    pub id: BlobId,
    /// Digest.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// The spool file with the blob's bytes.
    pub file: Option<FileId>,
    /// Whether SFTP is known to hold the blob.
    pub stored: bool,
    used_at: i64,
    membership: i64,
    touched_at: i64,
}

/// The source of a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountSource {
    /// This repository, which must be readable.
    Repository(RepositoryName),
    /// Any readable repository.
    Any(Readable),
}

/// The result of a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mounted {
    /// The repository now has the blob.
    Yes,
    /// The source, or every readable repository, lacks the blob.
    NotFound,
    /// The repository cannot be pushed to.
    Refused(PushTarget),
}

/// Creates or renews a blob's row for a full upload: desired, undamaged, and
/// with a new generation.
pub(crate) fn upsert_blob(
    db: &Db,
    clock: &Clock,
    digest: &Digest,
    size: u64,
) -> Result<i64, StoreError> {
    let now = clock.wall_ms();
    let generation = next_generation(db, now)?;
    let known = db.optional(
        "SELECT id FROM blobs WHERE digest = ?1",
        [digest.as_str()],
        |row| row.get(0),
    )?;
    let upsert = || {
        db.one(
            "INSERT INTO blobs (digest, size, desired, generation, used_at)
             VALUES (?1, ?2, 1, ?3, ?4)
             ON CONFLICT (digest) DO UPDATE SET
                 size = excluded.size, desired = 1, generation = excluded.generation,
                 used_at = excluded.used_at, damaged = NULL
             RETURNING id",
            params![digest.as_str(), size, generation, now],
            |row| row.get(0),
        )
    };
    match known {
        Some(blob) => change_blob(db, blob, upsert),
        None => upsert(),
    }
}

/// Enqueues the `store_blob` job of a blob that was just uploaded, or joins it.
pub(crate) fn ensure_stored(
    db: &Db,
    clock: &Clock,
    blob: i64,
    size: u64,
) -> Result<JobId, StoreError> {
    enqueue_or_join(
        db,
        clock,
        &NewJob::new(JobKind::StoreBlob, blob).bytes(size),
    )
}

/// Adds the blob to the repository and enqueues the job for its layer link,
/// which waits for the blob. Returns the link's job.
pub(crate) fn ensure_linked(
    db: &Db,
    clock: &Clock,
    repository: i64,
    blob: i64,
) -> Result<JobId, StoreError> {
    let generation = next_generation(db, clock.wall_ms())?;
    ensure_linked_as_of(db, clock, repository, blob, generation)
}

/// Like [`ensure_linked`], with a generation that may be old. A newer desired
/// state is kept.
pub(crate) fn ensure_linked_as_of(
    db: &Db,
    clock: &Clock,
    repository: i64,
    blob: i64,
    generation: i64,
) -> Result<JobId, StoreError> {
    let (target, wanted): (i64, bool) = change_holding(db, repository, blob, || {
        db.one(
            "INSERT INTO repository_blobs
                 (repository_id, blob_id, desired, generation, touched_at)
             VALUES (?1, ?2, 1, ?3, ?4)
             ON CONFLICT (repository_id, blob_id) DO UPDATE SET
                 desired = CASE WHEN excluded.generation >= generation
                                THEN TRUE ELSE desired END,
                 generation = CASE WHEN excluded.generation >= generation
                                   THEN excluded.generation ELSE generation END,
                 touched_at = excluded.touched_at
             RETURNING id, desired",
            [repository, blob, generation, clock.wall_ms()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    })?;
    let link = NewJob::new(JobKind::LinkBlob, target).removes(!wanted);
    let link = enqueue_or_join(db, clock, &link)?;
    if let Some(stores) = unfinished(db, JobKind::StoreBlob, blob)? {
        place_in(db, stores, repository)?;
        add_dependency(db, link, stores)?;
    }
    update_readiness(db, link)?;
    Ok(link)
}

/// Returns the blob with this digest in the repository, if it is desired and
/// undamaged.
pub(crate) fn blob_in(
    db: &Db,
    repository: i64,
    digest: &Digest,
) -> Result<Option<Blob>, StoreError> {
    let found = db.optional(
        "SELECT b.id, b.size, b.file, b.stored_at IS NOT NULL, b.used_at, rb.id,
                    rb.touched_at
             FROM repository_blobs rb JOIN blobs b ON b.id = rb.blob_id
             WHERE rb.repository_id = ?1 AND b.digest = ?2
               AND rb.desired AND b.desired AND b.damaged IS NULL",
        params![repository, digest.as_str()],
        |row| {
            Ok(Blob {
                id: row.get(0)?,
                digest: digest.clone(),
                size: row.get(1)?,
                file: file_from(row.get(2)?),
                stored: row.get(3)?,
                used_at: row.get(4)?,
                membership: row.get(5)?,
                touched_at: row.get(6)?,
            })
        },
    )?;
    Ok(found)
}

/// Enqueues the `store_blob` job of a blob whose bytes are available locally.
pub(crate) fn store_again(db: &Db, clock: &Clock, blob: i64) -> Result<JobId, StoreError> {
    let generation = crate::queue::generation::next_generation(db, clock.wall_ms())?;
    let size: u64 = change_blob(db, blob, || {
        db.one(
            "UPDATE blobs SET generation = ?2, stored_at = NULL, confirmed_at = NULL
             WHERE id = ?1 RETURNING size",
            [blob, generation],
            |row| row.get(0),
        )
    })?;
    enqueue_or_join(
        db,
        clock,
        &NewJob::new(JobKind::StoreBlob, blob).bytes(size),
    )
}

/// Handles a blob that is missing on SFTP. If its bytes are available locally,
/// stores it again and returns that job. Otherwise marks it as damaged.
pub(crate) fn lost_on_remote(
    db: &Db,
    clock: &Clock,
    blob: BlobId,
    why: &str,
) -> Result<Option<JobId>, StoreError> {
    let at_hand: Option<bool> = db.optional(
        "SELECT b.file IS NOT NULL OR m.blob_id IS NOT NULL FROM blobs b
             LEFT JOIN manifests m ON m.blob_id = b.id WHERE b.id = ?1 AND b.desired",
        [blob.0],
        |row| row.get(0),
    )?;
    match at_hand {
        Some(true) => return store_again(db, clock, blob.0).map(Some),
        Some(false) => {}
        // It was removed meanwhile, as desired.
        None => return Ok(None),
    }
    change_blob(db, blob.0, || {
        db.run(
            "UPDATE blobs SET damaged = ?2, stored_at = NULL, confirmed_at = NULL WHERE id = ?1",
            params![blob.0, why],
        )?;
        Ok(None)
    })
}

impl Store {
    /// Returns the blob with this digest, if this repository has it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Blob>, StoreError> {
        let (repository, digest) = (repository.clone(), digest.clone());
        self.read(move |db| match repository_id(db, &repository)? {
            Some(repository) => blob_in(db, repository, &digest),
            None => Ok(None),
        })
        .await
    }

    /// Records that the blob's cached bytes were used now, for the order of
    /// eviction. Writes at most every 10 minutes per blob.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn touch_blob(&self, blob: &Blob) -> Result<(), StoreError> {
        let (id, now) = (blob.id, self.clock.wall_ms());
        if now - blob.used_at < USED_AT_STEP_MS {
            return Ok(());
        }
        self.write_relaxed(move |db| {
            db.run("UPDATE blobs SET used_at = ?2 WHERE id = ?1", [id.0, now])?;
            Ok(())
        })
        .await
    }

    /// Renews the grace period of a blob that a client learns about: the blob
    /// will not be collected for a day. Writes at most once an hour per blob.
    /// Returns `false` if the repository no longer has the blob.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn renew_blob(&self, blob: &Blob) -> Result<bool, StoreError> {
        let update = "UPDATE repository_blobs SET touched_at = ?2 WHERE id = ?1 AND desired";
        self.renew(update, blob.membership, blob.touched_at).await
    }

    /// Runs `update` on a row, unless it was touched within the last hour.
    /// Returns `false` if the row is no longer desired.
    pub(crate) async fn renew(
        &self,
        update: &'static str,
        target: i64,
        touched_at: i64,
    ) -> Result<bool, StoreError> {
        let now = self.clock.wall_ms();
        if now - touched_at < TOUCHED_AT_STEP_MS {
            return Ok(true);
        }
        self.write_relaxed(move |db| Ok(db.run(update, [target, now])? == 1))
            .await
    }

    /// Adds a blob of `source` to `repository`.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn mount(
        &self,
        repository: &RepositoryName,
        source: MountSource,
        digest: &Digest,
    ) -> Result<Mounted, StoreError> {
        let (repository, digest, clock) = (repository.clone(), digest.clone(), self.clock.clone());
        self.write(move |db| {
            let (from, readable) = match &source {
                MountSource::Repository(from) => (Some(from.as_str()), &Readable::All),
                MountSource::Any(readable) => (None, readable),
            };
            let (all, user, within) = readable.values();
            let blob: Option<i64> = db.optional(
                &format!(
                    "SELECT b.id FROM blobs b
                     JOIN repository_blobs rb ON rb.blob_id = b.id AND rb.desired
                     JOIN repositories r ON r.id = rb.repository_id AND r.removed_at IS NULL
                     JOIN groups g ON g.id = r.group_id
                     WHERE b.digest = :digest AND b.desired AND b.damaged IS NULL
                       AND (:from IS NULL OR r.name = :from) AND {READABLE} LIMIT 1"
                ),
                named_params! {
                    ":digest": digest.as_str(), ":from": from, ":all": all, ":user": user,
                    ":within": within,
                },
                |row| row.get(0),
            )?;
            let Some(blob) = blob else {
                return Ok(Mounted::NotFound);
            };
            match ensure_repository(db, &repository, clock.wall_ms())? {
                Ok(repository) => {
                    ensure_linked(db, &clock, repository, blob)?;
                    Ok(Mounted::Yes)
                }
                Err(refused) => Ok(Mounted::Refused(refused)),
            }
        })
        .await
    }

    /// Records that the blob's spool file is missing, and detaches it from the
    /// row. The blob is damaged unless SFTP holds it. Returns `false`, without
    /// a change, if the row no longer refers to this file.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn file_lost(&self, blob: BlobId, file: FileId) -> Result<bool, StoreError> {
        self.write(move |db| {
            change_blob(db, blob.0, || {
                let lost = db.run(
                    "UPDATE blobs SET file = NULL, damaged = CASE WHEN stored_at IS NULL
                         THEN 'its file is missing from the spool, and SFTP does not hold it yet'
                         ELSE damaged END
                     WHERE id = ?1 AND file = ?2",
                    params![blob.0, file.to_string()],
                )?;
                Ok(lost == 1)
            })
        })
        .await
    }

    /// Makes a file, whose bytes were just verified, the cache of a blob on
    /// SFTP. Returns `false`, without a change, if the blob already has a file.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn cache_blob(&self, blob: BlobId, file: FileId) -> Result<bool, StoreError> {
        let now = self.clock.wall_ms();
        self.write(move |db| {
            change_blob(db, blob.0, || {
                let cached = db.run(
                    "UPDATE blobs SET file = ?2, used_at = ?3
                     WHERE id = ?1 AND file IS NULL AND stored_at IS NOT NULL AND desired",
                    params![blob.0, file.to_string(), now],
                )?;
                Ok(cached == 1)
            })
        })
        .await
    }

    /// Records that a blob's bytes are lost, with the reason. HEAD requests
    /// then return 404, so that clients push the blob again. If the spool still
    /// has a file, the blob is not damaged but stored again from that file.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn blob_lost_on_remote(&self, blob: BlobId, why: String) -> Result<(), StoreError> {
        let clock = self.clock.clone();
        self.write(move |db| {
            lost_on_remote(db, &clock, blob, &why)?;
            Ok(())
        })
        .await
    }
}
