//! Stored sums for lists and the storage page. Each is updated only in this
//! module, in the transaction that changes its summands.
//!
//! | sum | of |
//! | --- | --- |
//! | `totals.*` | bytes and number of blobs, by location |
//! | `repositories.logical_bytes`, `unique_bytes` | contents of a repository |
//! | `repositories.tags`, `last_push_at`, `pulls` | its tags, pushes, pulls |
//! | `tags.size`, `pulls`, `pulled_at` | manifest and pulls of a tag |
//! | `totals.done_jobs`, `repositories.done_jobs` | finished jobs |
//!
//! A change runs inside a function of this module, which compares the rows
//! before and after it.

use crate::StoreError;
use crate::engine::db::Db;
use crate::engine::value::params;

/// A blob's contribution to `totals`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct BlobShare {
    size: i64,
    is_stored: bool,
    is_in_spool: bool,
}

impl BlobShare {
    fn read(db: &Db, blob: i64) -> Result<Self, StoreError> {
        let found = db.optional(
            "SELECT size, stored_at IS NOT NULL, file IS NOT NULL FROM blobs WHERE id = ?1",
            [blob],
            |row| {
                Ok(Self {
                    size: row.get(0)?,
                    is_stored: row.get(1)?,
                    is_in_spool: row.get(2)?,
                })
            },
        )?;
        Ok(found.unwrap_or_default())
    }

    fn stored(self) -> i64 {
        if self.is_stored { self.size } else { 0 }
    }

    fn pending(self) -> i64 {
        let counts = self.is_in_spool && !self.is_stored;
        if counts { self.size } else { 0 }
    }

    fn cached(self) -> i64 {
        let counts = self.is_in_spool && self.is_stored;
        if counts { self.size } else { 0 }
    }
}

/// Runs a change of a blob's row, which may also delete it.
pub(crate) fn change_blob<T>(
    db: &Db,
    blob: i64,
    change: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let before = BlobShare::read(db, blob)?;
    let result = change()?;
    let after = BlobShare::read(db, blob)?;
    if before != after {
        db.run(
            "UPDATE totals SET
                 stored_bytes = stored_bytes + ?1, stored_blobs = stored_blobs + ?2,
                 pending_bytes = pending_bytes + ?3, cached_bytes = cached_bytes + ?4",
            [
                after.stored() - before.stored(),
                i64::from(after.is_stored) - i64::from(before.is_stored),
                after.pending() - before.pending(),
                after.cached() - before.cached(),
            ],
        )?;
        if after.size != before.size {
            resize(db, blob, after.size - before.size)?;
        }
    }
    Ok(result)
}

/// Corrects the size of a blob in the sums of all repositories that have it.
/// (The size of a digest changes only when the index is rebuilt from SFTP.)
fn resize(db: &Db, blob: i64, by: i64) -> Result<(), StoreError> {
    let holders: Vec<i64> = db.all(
        "SELECT repository_id FROM repository_blobs WHERE blob_id = ?1 AND desired
         UNION
         SELECT repository_id FROM repository_manifests WHERE manifest_id = ?1 AND desired",
        [blob],
        |row| row.get(0),
    )?;
    let unique = if holders.len() == 1 { by } else { 0 };
    for repository in holders {
        add_bytes(db, repository, by, unique)?;
    }
    Ok(())
}

fn add_bytes(db: &Db, repository: i64, logical: i64, unique: i64) -> Result<(), StoreError> {
    db.run(
        "UPDATE repositories SET logical_bytes = logical_bytes + ?2,
                                 unique_bytes = unique_bytes + ?3 WHERE id = ?1",
        [repository, logical, unique],
    )?;
    db.run(
        "UPDATE totals SET logical_bytes = logical_bytes + ?1",
        [logical],
    )?;
    Ok(())
}

/// Runs a change of a repository's row for a blob, as a layer or as a manifest,
/// in `repository_blobs` or `repository_manifests`.
pub(crate) fn change_holding<T>(
    db: &Db,
    repository: i64,
    blob: i64,
    change: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let before = holds(db, repository, blob)?;
    let result = change()?;
    let sign = match (before, holds(db, repository, blob)?) {
        (false, true) => 1,
        (true, false) => -1,
        _ => return Ok(result),
    };
    let size = sign * BlobShare::read(db, blob)?.size;
    match other_holders(db, repository, blob)?.as_slice() {
        [] => add_bytes(db, repository, size, size)?,
        [other] => {
            add_bytes(db, repository, size, 0)?;
            // The blob was unique to the other repository, or is again.
            add_bytes(db, *other, 0, -size)?;
        }
        _ => add_bytes(db, repository, size, 0)?,
    }
    Ok(result)
}

fn holds(db: &Db, repository: i64, blob: i64) -> Result<bool, StoreError> {
    db.one(
        "SELECT EXISTS (SELECT 1 FROM repository_blobs
                            WHERE repository_id = ?1 AND blob_id = ?2 AND desired)
                 OR EXISTS (SELECT 1 FROM repository_manifests
                            WHERE repository_id = ?1 AND manifest_id = ?2 AND desired)",
        [repository, blob],
        |row| row.get(0),
    )
}

/// Returns other repositories that have the blob. The list is complete if it
/// has fewer than two entries.
fn other_holders(db: &Db, repository: i64, blob: i64) -> Result<Vec<i64>, StoreError> {
    // A repository has at most two rows for one blob, so three rows belong to
    // at least two repositories.
    let found = db.all(
        "SELECT repository_id FROM repository_blobs
         WHERE blob_id = ?1 AND desired AND repository_id <> ?2
         UNION ALL
         SELECT repository_id FROM repository_manifests
         WHERE manifest_id = ?1 AND desired AND repository_id <> ?2
         LIMIT 3",
        [blob, repository],
        |row| row.get(0),
    )?;
    let mut found: Vec<i64> = found;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Runs a change of a tag's target, and of nothing else about the tag.
pub(crate) fn change_tag<T>(
    db: &Db,
    repository: i64,
    tag: &str,
    change: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let before = points(db, repository, tag)?;
    let result = change()?;
    let after = points(db, repository, tag)?;
    if before != after {
        let by = i64::from(after.is_some()) - i64::from(before.is_some());
        db.run(
            "UPDATE repositories SET tags = tags + ?2 WHERE id = ?1",
            [repository, by],
        )?;
        db.run(
            "UPDATE tags SET size = coalesce(
                 (SELECT m.size FROM manifests m WHERE m.blob_id = tags.manifest_id), 0)
             WHERE repository_id = ?1 AND name = ?2",
            params![repository, tag],
        )?;
    }
    Ok(result)
}

fn points(db: &Db, repository: i64, tag: &str) -> Result<Option<i64>, StoreError> {
    let manifest = db.optional(
        "SELECT manifest_id FROM tags WHERE repository_id = ?1 AND name = ?2",
        params![repository, tag],
        |row| row.get(0),
    )?;
    Ok(manifest.flatten())
}

/// Sets the size in bytes of a manifest with everything that it needs, and the
/// size of its tags.
pub(crate) fn set_manifest_size(db: &Db, manifest: i64, size: i64) -> Result<(), StoreError> {
    let changed = db.run(
        "UPDATE manifests SET size = ?2 WHERE blob_id = ?1 AND size <> ?2",
        [manifest, size],
    )?;
    if changed > 0 {
        db.run(
            "UPDATE tags SET size = ?2 WHERE manifest_id = ?1",
            [manifest, size],
        )?;
    }
    Ok(())
}

/// Records the time of a push (milliseconds, UTC).
pub(crate) fn pushed(db: &Db, repository: i64, at: i64) -> Result<(), StoreError> {
    db.run(
        "UPDATE repositories SET last_push_at = ?2 WHERE id = ?1 AND last_push_at < ?2",
        [repository, at],
    )?;
    Ok(())
}

/// Adds pulls of a tag or a digest, the last of them at `at` (milliseconds,
/// UTC). The number is negative if old pulls are deleted.
pub(crate) fn add_pulls(
    db: &Db,
    repository: i64,
    reference: &str,
    count: i64,
    at: i64,
) -> Result<(), StoreError> {
    db.run(
        "UPDATE repositories SET pulls = pulls + ?2 WHERE id = ?1",
        [repository, count],
    )?;
    db.run(
        "UPDATE tags SET pulls = pulls + ?3,
                pulled_at = CASE WHEN pulled_at < ?4 THEN ?4 ELSE pulled_at END
         WHERE repository_id = ?1 AND name = ?2",
        params![repository, reference, count, at],
    )?;
    Ok(())
}

/// Deletes all pulls of a repository; its tags keep the time of their last
/// pull.
pub(crate) fn forget_pulls(db: &Db, repository: i64) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM pulls WHERE repository_id = ?1",
        "UPDATE repositories SET pulls = 0 WHERE id = ?1",
        "UPDATE tags SET pulls = 0 WHERE repository_id = ?1 AND pulls <> 0",
    ] {
        db.run(statement, [repository])?;
    }
    Ok(())
}

/// Counts a job that has just been finished (`by` 1), or is about to be deleted
/// (-1).
pub(crate) fn count_done(db: &Db, job: i64, by: i64) -> Result<(), StoreError> {
    db.run("UPDATE totals SET done_jobs = done_jobs + ?1", [by])?;
    db.run(
        "UPDATE repositories SET done_jobs = done_jobs + ?2
         WHERE id = (SELECT repository_id FROM job_repositories
                     WHERE job_id = ?1 AND NOT shared)",
        [job, by],
    )?;
    Ok(())
}
