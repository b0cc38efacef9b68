//! Reachability: what holds a manifest or a blob, and what nothing holds any
//! more after a removal. Used by deletes, previews and garbage collection.
//!
//! A manifest is held in its repository by its tags, by indexes there that
//! refer to it, and by its subject there. A blob is held by the manifests there
//! that refer to it. Bytes are needed as long as a repository has them.

use refity_types::digest::Digest;
use std::collections::HashSet;
use std::ops::ControlFlow::{Break, Continue};

use crate::StoreError;
use crate::engine::db::{Db, Row};
use crate::engine::value::{Params, params};

/// Holders of the manifest ?2 of the repository ?1: tags (as their negated
/// ids), and manifests (as their ids in `repository_manifests`).
///
/// The inner queries start from this manifest, so that they never scan
/// everything that the repository has.
const HOLDERS: &str = "
    SELECT -t.id FROM tags t WHERE t.repository_id = ?1 AND t.manifest_id = ?2
    UNION ALL
    SELECT h.id FROM repository_manifests h
    WHERE h.repository_id = ?1 AND h.desired AND h.manifest_id IN (
        SELECT x.manifest_id FROM manifest_references x
        WHERE x.blob_id = ?2 AND x.is_manifest)
    UNION ALL
    SELECT h.id FROM repository_manifests h
    WHERE h.repository_id = ?1 AND h.desired AND h.manifest_id IN (
        SELECT s.id FROM referrers f JOIN blobs s ON s.digest = f.subject
        WHERE f.manifest_id = ?2)";

/// The manifests of the repository ?1 that refer to the blob ?2 or, if ?3, to
/// the manifest ?2.
const NAMED_BY: &str = "
    SELECT h.id, h.manifest_id FROM repository_manifests h
    WHERE h.repository_id = ?1 AND h.desired AND h.manifest_id IN (
        SELECT x.manifest_id FROM manifest_references x
        WHERE x.blob_id = ?2 AND x.is_manifest = ?3)";

/// The manifests that the manifest ?2 holds in the repository ?1.
const HELD: &str = "
    SELECT c.id, c.repository_id, c.manifest_id, c.touched_at FROM repository_manifests c
    WHERE c.repository_id = ?1 AND c.desired AND c.manifest_id IN (
        SELECT x.blob_id FROM manifest_references x
        WHERE x.manifest_id = ?2 AND x.is_manifest)
    UNION ALL
    SELECT c.id, c.repository_id, c.manifest_id, c.touched_at FROM repository_manifests c
    WHERE c.repository_id = ?1 AND c.desired AND c.manifest_id IN (
        SELECT f.manifest_id FROM blobs s JOIN referrers f ON f.subject = s.digest
        WHERE s.id = ?2)";

/// The manifests that need the bytes ?1, with their repositories: those that
/// refer to them in a repository that has them, and the manifest with these
/// bytes.
const NEEDED_BY: &str = "
    SELECT h.repository_id, h.id FROM manifest_references x
    JOIN repository_manifests h ON h.manifest_id = x.manifest_id AND h.desired
    WHERE x.blob_id = ?1 AND NOT x.is_manifest AND EXISTS (
        SELECT 1 FROM repository_blobs l
        WHERE l.repository_id = h.repository_id AND l.blob_id = ?1 AND l.desired)
    UNION ALL
    SELECT repository_id, id FROM repository_manifests WHERE manifest_id = ?1 AND desired
    LIMIT ?2";

/// The rows that have the bytes ?1, now or since ?2: in `repository_blobs`
/// (FALSE) and in `repository_manifests` (TRUE).
const HAD_BY: &str = "
    SELECT id, FALSE FROM repository_blobs WHERE blob_id = ?1 AND (desired OR touched_at >= ?2)
    UNION ALL
    SELECT id, TRUE FROM repository_manifests
    WHERE manifest_id = ?1 AND (desired OR touched_at >= ?2)";

/// The queries with the number of their parameters, for tests of their plans.
#[cfg(test)]
pub(crate) const QUERIES: [&str; 5] = [HOLDERS, NAMED_BY, HELD, NEEDED_BY, HAD_BY];

/// A manifest of a repository.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// Id of the row in `repository_manifests`.
    pub(crate) id: i64,
    pub(crate) repository: i64,
    pub(crate) manifest: i64,
    /// When a client last pushed it or learned about it (milliseconds, UTC).
    pub(crate) touched_at: i64,
}

/// Rows that are treated as removed, by their ids.
#[derive(Clone, Default)]
pub(crate) struct Gone {
    /// Ids in `tags`.
    pub(crate) tags: HashSet<i64>,
    /// Ids in `repository_manifests`.
    pub(crate) manifests: HashSet<i64>,
    /// Ids in `repository_blobs`.
    pub(crate) links: HashSet<i64>,
}

impl Gone {
    /// Returns whether a manifest is held in its repository by a row that is
    /// not removed.
    pub(crate) fn is_held(
        &self,
        db: &Db,
        repository: i64,
        manifest: i64,
    ) -> Result<bool, StoreError> {
        any(db, HOLDERS, [repository, manifest], |row| {
            let holder: i64 = row.get(0)?;
            let gone = if holder < 0 {
                self.tags.contains(&-holder)
            } else {
                self.manifests.contains(&holder)
            };
            Ok(!gone)
        })
    }

    /// Returns whether a manifest of the repository that is not removed refers
    /// to a blob.
    pub(crate) fn is_named(&self, db: &Db, repository: i64, blob: i64) -> Result<bool, StoreError> {
        any(db, NAMED_BY, params![repository, blob, false], |row| {
            Ok(!self.manifests.contains(&row.get(0)?))
        })
    }

    /// Returns whether a repository has the bytes of a blob, or had them since
    /// `since` (milliseconds, UTC), by a row that is not removed.
    pub(crate) fn is_had(&self, db: &Db, blob: i64, since: i64) -> Result<bool, StoreError> {
        any(db, HAD_BY, [blob, since], |row| {
            let gone = if row.get(1)? {
                &self.manifests
            } else {
                &self.links
            };
            Ok(!gone.contains(&row.get(0)?))
        })
    }

    /// Adds the manifests, among these and those that only they hold, that
    /// nothing holds any more and that `may_go`. Returns the added ones, each
    /// after its former holders.
    pub(crate) fn add_unheld(
        &mut self,
        db: &Db,
        mut candidates: Vec<Member>,
        may_go: impl Fn(&Member) -> bool,
    ) -> Result<Vec<i64>, StoreError> {
        let mut added = Vec::new();
        while let Some(member) = candidates.pop() {
            if self.manifests.contains(&member.id)
                || self.is_held(db, member.repository, member.manifest)?
            {
                continue;
            }
            self.manifests.insert(member.id);
            added.push(member.id);
            let held = held_by(db, member.repository, member.manifest)?;
            candidates.extend(held.into_iter().filter(&may_go));
        }
        Ok(added)
    }
}

/// Returns whether any row of a query satisfies the condition.
fn any(
    db: &Db,
    query: &str,
    values: impl Params,
    mut is_it: impl FnMut(&Row<'_>) -> Result<bool, StoreError>,
) -> Result<bool, StoreError> {
    let mut found = false;
    db.each(query, values, |row| {
        found = is_it(row)?;
        Ok(if found { Break(()) } else { Continue(()) })
    })?;
    Ok(found)
}

/// Returns the manifests that a manifest holds in its repository.
pub(crate) fn held_by(db: &Db, repository: i64, manifest: i64) -> Result<Vec<Member>, StoreError> {
    members(db, HELD, [repository, manifest])
}

/// Returns the manifests of a query whose columns are the fields of [`Member`].
pub(crate) fn members(
    db: &Db,
    query: &str,
    values: impl Params,
) -> Result<Vec<Member>, StoreError> {
    db.all(query, values, |row| {
        Ok(Member {
            id: row.get(0)?,
            repository: row.get(1)?,
            manifest: row.get(2)?,
            touched_at: row.get(3)?,
        })
    })
}

/// Returns the digest of a manifest of the repository that refers to this blob
/// or manifest, if there is one.
pub(crate) fn named_by(
    db: &Db,
    repository: i64,
    blob: i64,
    is_manifest: bool,
) -> Result<Option<Digest>, StoreError> {
    db.optional(
        &format!(
            "SELECT b.digest FROM ({NAMED_BY}) h JOIN blobs b ON b.id = h.manifest_id LIMIT 1"
        ),
        params![repository, blob, is_manifest],
        |row| row.get(0),
    )
}

/// Returns the manifests that need a blob's bytes, as the ids of their
/// repositories and their ids in `repository_manifests`: at most `limit`.
pub(crate) fn needed_by(db: &Db, blob: i64, limit: i64) -> Result<Vec<(i64, i64)>, StoreError> {
    db.all(NEEDED_BY, [blob, limit], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}
