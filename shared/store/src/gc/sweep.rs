//! Queries of the sweep and of eviction: files with a row, blobs that are only
//! cached, old history.

use refity_types::digest::Digest;
use refity_types::name::FileId;
use std::collections::HashSet;
use std::ops::ControlFlow::Continue;

use crate::content::sums::{change_blob, count_done};
use crate::engine::db::Db;
use crate::engine::sql::file_from;
use crate::engine::value::params;
use crate::{BlobId, JobId, Store, StoreError};

/// Maximum number of jobs deleted per transaction, which blocks all other
/// writes.
const AT_ONCE: u32 = 200;

/// A blob whose spool file may be only a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvictionCandidate {
    /// Id of the row.
    pub blob: BlobId,
    /// Digest.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// The spool file.
    pub file: FileId,
}

/// Condition for a blob that SFTP has held since before ?1, that no job stores
/// again, and that no unpublished manifest references.
const EVICTABLE: &str = "
    b.file IS NOT NULL AND b.stored_at <= ?1 AND b.desired
    AND NOT EXISTS (SELECT 1 FROM jobs j
                    WHERE j.kind = 'store_blob' AND j.target = b.id AND j.state <> 'done')
    AND NOT EXISTS (SELECT 1 FROM manifest_references m
                    JOIN repository_manifests rm ON rm.manifest_id = m.manifest_id
                    WHERE m.blob_id = b.id AND rm.desired AND rm.published_at IS NULL)";

impl Store {
    /// Returns those of these files that a blob or an upload refers to.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn named_files(&self, files: Vec<FileId>) -> Result<HashSet<FileId>, StoreError> {
        self.read_in_background(move |db| {
            let mut named = HashSet::new();
            for file in files {
                if db.one(
                    "SELECT EXISTS (SELECT 1 FROM blobs WHERE file = ?1)
                     OR EXISTS (SELECT 1 FROM uploads WHERE id = ?1 AND state = 'open')",
                    [file.to_string()],
                    |row| row.get(0),
                )? {
                    named.insert(file);
                }
            }
            Ok(named)
        })
        .await
    }

    /// Returns those of these jobs that are not done.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn unfinished_jobs(&self, jobs: Vec<i64>) -> Result<HashSet<JobId>, StoreError> {
        self.read_in_background(move |db| {
            let mut unfinished = HashSet::new();
            for job in jobs {
                if db.one(
                    "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?1 AND state <> 'done')",
                    [job],
                    |row| row.get(0),
                )? {
                    unfinished.insert(JobId(job));
                }
            }
            Ok(unfinished)
        })
        .await
    }

    /// Returns the size of the spool's files that SFTP holds too, in bytes.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn cached_bytes(&self) -> Result<u64, StoreError> {
        self.read_in_background(|db| {
            db.one("SELECT cached_bytes FROM totals", (), |row| row.get(0))
        })
        .await
    }

    /// Returns blobs that could be evicted, least recently used first. SFTP has
    /// held them since before `stored_before` (milliseconds, UTC).
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn eviction_candidates(
        &self,
        stored_before: i64,
        limit: u32,
    ) -> Result<Vec<EvictionCandidate>, StoreError> {
        self.read_in_background(move |db| {
            let mut candidates = Vec::new();
            db.each(
                &format!(
                    "SELECT b.id, b.digest, b.size, b.file FROM blobs b
                 WHERE {EVICTABLE} ORDER BY b.used_at LIMIT ?2"
                ),
                params![stored_before, limit],
                |row| {
                    let digest: String = row.get(1)?;
                    let (Ok(digest), Some(file)) = (digest.parse(), file_from(row.get(3)?)) else {
                        return Ok(Continue(()));
                    };
                    candidates.push(EvictionCandidate {
                        blob: row.get(0)?,
                        digest,
                        size: row.get(2)?,
                        file,
                    });
                    Ok(Continue(()))
                },
            )?;
            Ok(candidates)
        })
        .await
    }

    /// Detaches a blob from its file if the blob is still evictable and still
    /// has that file. The file may be removed only if this returns `true`.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing changes.
    pub async fn detach_file(
        &self,
        candidate: &EvictionCandidate,
        stored_before: i64,
    ) -> Result<bool, StoreError> {
        let (blob, file) = (candidate.blob, candidate.file);
        self.write(move |db| {
            change_blob(db, blob.0, || {
                let detached = db.run(
                    &format!(
                        "UPDATE blobs AS b SET file = NULL
                         WHERE b.id = ?2 AND b.file = ?3 AND {EVICTABLE}"
                    ),
                    params![stored_before, blob.0, file.to_string()],
                )?;
                Ok(detached == 1)
            })
        })
        .await
    }

    /// Deletes finished jobs older than `before` (milliseconds, UTC) without
    /// remaining intents: at most `limit`, a few per transaction.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn prune_jobs(&self, before: i64, limit: u32) -> Result<usize, StoreError> {
        let mut all = 0;
        for _ in 0..limit.div_ceil(AT_ONCE) {
            let pruned = self.write_relaxed(move |db| prune_some(db, before)).await?;
            all += pruned;
            if pruned < AT_ONCE as usize {
                break;
            }
        }
        Ok(all)
    }
}

/// Jobs that were finished before ?1 and have no remaining intents.
pub(crate) const OLD_JOBS: &str = "
    SELECT j.id FROM jobs j WHERE j.finished_at < ?1
      AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.job_id = j.id)
    ORDER BY j.finished_at LIMIT ?2";

fn prune_some(db: &Db, before: i64) -> Result<usize, StoreError> {
    let old = db.all(OLD_JOBS, params![before, AT_ONCE], |row| row.get::<i64>(0))?;
    for &job in &old {
        count_done(db, job, -1)?;
        db.run("DELETE FROM jobs WHERE id = ?1", [job])?;
    }
    Ok(old.len())
}
