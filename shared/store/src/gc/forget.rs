//! Removes the rows of what was deleted or collected, when it is gone from
//! SFTP and no job that is still shown was about it.

use crate::engine::sql::keys;
use crate::{Store, StoreError};

/// Removed rows of tags, of repositories' blobs and of their manifests.
const MEMBERS: [&str; 3] = [
    "DELETE FROM tags WHERE id IN (
         SELECT t.id FROM tags t
         WHERE t.manifest_id IS NULL AND t.published_manifest_id IS NULL
           AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'publish_tag' AND j.target = t.id)
         LIMIT ?1)",
    "DELETE FROM repository_blobs WHERE id IN (
         SELECT t.id FROM repository_blobs t WHERE NOT t.desired AND t.linked_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'link_blob' AND j.target = t.id)
         LIMIT ?1)",
    "DELETE FROM repository_manifests WHERE id IN (
         SELECT t.id FROM repository_manifests t WHERE NOT t.desired AND t.published_at IS NULL
           AND NOT EXISTS (
               SELECT 1 FROM jobs j WHERE j.kind = 'publish_manifest' AND j.target = t.id)
         LIMIT ?1)",
];

/// Blobs that nothing of the index names any more.
const BLOBS: &str = "
    SELECT b.id FROM blobs b INDEXED BY blobs_removed
    WHERE NOT b.desired AND b.stored_at IS NULL AND b.file IS NULL
      AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'store_blob' AND j.target = b.id)
      AND NOT EXISTS (SELECT 1 FROM repository_blobs WHERE blob_id = b.id)
      AND NOT EXISTS (SELECT 1 FROM repository_manifests WHERE manifest_id = b.id)
      AND NOT EXISTS (SELECT 1 FROM manifest_references WHERE blob_id = b.id)
      AND NOT EXISTS (SELECT 1 FROM tags WHERE manifest_id = b.id)
      AND NOT EXISTS (SELECT 1 FROM tags WHERE published_manifest_id = b.id)
      AND NOT EXISTS (SELECT 1 FROM uploads WHERE blob_id = b.id)
    LIMIT ?1";

impl Store {
    /// Removes rows of what is gone, at most `limit` of each kind. Answers
    /// how many.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn forget_removed(&self, limit: u32) -> Result<usize, StoreError> {
        self.write_relaxed(move |db| {
            let mut forgotten = 0;
            for removed in MEMBERS {
                forgotten += db.prepare_cached(removed)?.execute([limit])?;
            }
            for blob in keys(db, BLOBS, [limit])? {
                db.prepare_cached("DELETE FROM manifests WHERE blob_id = ?1")?
                    .execute([blob])?;
                db.prepare_cached("DELETE FROM blobs WHERE id = ?1")?
                    .execute([blob])?;
                forgotten += 1;
            }
            Ok(forgotten)
        })
        .await
    }
}
