//! Reachability: what holds a manifest or a blob, and what nothing holds any
//! more when something is removed. Deletes, previews and the collection all ask
//! here.
//!
//! A manifest is held in its repository by its tags, by indexes there that refer
//! to it, and by its subject there. A blob is held by the manifests there that
//! refer to it. Bytes are needed as long as a repository has them.

use refity_types::digest::Digest;
use std::collections::HashSet;
use std::ops::ControlFlow::{Break, Continue};

use crate::StoreError;
use crate::engine::db::{Db, Row};
use crate::engine::value::{Params, params};

/// What holds the manifest ?2 of the repository ?1: tags (as their negative
/// keys), and manifests (as their keys in `repository_manifests`).
///
/// The inner queries start from the one manifest that is asked about, and never
/// walk through all that a repository has.
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

/// The manifests of the repository ?1 that refer to the blob ?2 (if ?3, to the
/// manifest ?2).
const NAMED_BY: &str = "
    SELECT h.id, h.manifest_id FROM repository_manifests h
    WHERE h.repository_id = ?1 AND h.desired AND h.manifest_id IN (
        SELECT x.manifest_id FROM manifest_references x
        WHERE x.blob_id = ?2 AND x.is_manifest = ?3)";

/// The manifests that the manifest ?2 of the repository ?1 holds there.
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
/// refer to them where the repository has them, and the manifest that they are.
const NEEDED_BY: &str = "
    SELECT h.repository_id, h.id FROM manifest_references x
    JOIN repository_manifests h ON h.manifest_id = x.manifest_id AND h.desired
    WHERE x.blob_id = ?1 AND NOT x.is_manifest AND EXISTS (
        SELECT 1 FROM repository_blobs l
        WHERE l.repository_id = h.repository_id AND l.blob_id = ?1 AND l.desired)
    UNION ALL
    SELECT repository_id, id FROM repository_manifests WHERE manifest_id = ?1 AND desired
    LIMIT ?2";

/// The rows that have the bytes ?1, now or since ?2: of `repository_blobs`
/// (FALSE) and of `repository_manifests` (TRUE).
const HAD_BY: &str = "
    SELECT id, FALSE FROM repository_blobs WHERE blob_id = ?1 AND (desired OR touched_at >= ?2)
    UNION ALL
    SELECT id, TRUE FROM repository_manifests
    WHERE manifest_id = ?1 AND (desired OR touched_at >= ?2)";

/// The queries with the number of their values, to look at their plans.
#[cfg(test)]
pub(crate) const QUERIES: [&str; 5] = [HOLDERS, NAMED_BY, HELD, NEEDED_BY, HAD_BY];

/// A manifest of a repository.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// Its key in `repository_manifests`.
    pub(crate) id: i64,
    pub(crate) repository: i64,
    pub(crate) manifest: i64,
    /// When a client was last told of it (milliseconds, UTC).
    pub(crate) touched_at: i64,
}

/// What counts as removed already, by its keys.
#[derive(Clone, Default)]
pub(crate) struct Gone {
    /// In `tags`.
    pub(crate) tags: HashSet<i64>,
    /// In `repository_manifests`.
    pub(crate) manifests: HashSet<i64>,
    /// In `repository_blobs`.
    pub(crate) links: HashSet<i64>,
}

impl Gone {
    /// Whether a manifest is held in its repository by something that is not
    /// gone.
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

    /// Whether a manifest of the repository that is not gone refers to a blob.
    pub(crate) fn is_named(&self, db: &Db, repository: i64, blob: i64) -> Result<bool, StoreError> {
        any(db, NAMED_BY, params![repository, blob, false], |row| {
            Ok(!self.manifests.contains(&row.get(0)?))
        })
    }

    /// Whether a repository has the bytes of a blob, or had them since then
    /// (milliseconds, UTC), by a row that is not gone.
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

    /// Adds the manifests that nothing holds any more, of these and of those
    /// that only they hold, as far as they `may_go`. Returns the added ones,
    /// each after what held it.
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

/// Whether any row of a query is one that is looked for.
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

/// The manifests that a manifest holds in its repository.
pub(crate) fn held_by(db: &Db, repository: i64, manifest: i64) -> Result<Vec<Member>, StoreError> {
    members(db, HELD, [repository, manifest])
}

/// The manifests that a query gives, in the order of [`Member`]'s fields.
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

/// The digest of a manifest of the repository that refers to this blob, or to
/// this manifest.
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

/// The manifests that need a blob's bytes, as their repositories and their keys
/// in `repository_manifests`: at most `limit`.
pub(crate) fn needed_by(db: &Db, blob: i64, limit: i64) -> Result<Vec<(i64, i64)>, StoreError> {
    db.all(NEEDED_BY, [blob, limit], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}
