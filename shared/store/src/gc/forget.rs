//! Deletes the rows of deleted and collected content, once SFTP no longer has
//! it and no listed job refers to it.
//!
//! Candidates are found in a read, since most removed rows must be kept as long
//! as their jobs are listed. Each is checked again when it is deleted.

use crate::engine::db::Db;
use crate::{Store, StoreError};

/// Maximum number of rows deleted per transaction, which blocks all other
/// writes.
const AT_ONCE: usize = 200;

/// Removed rows of a table, as `t`, that nothing needs any more.
struct Removed {
    table: &'static str,
    condition: &'static str,
}

const REMOVED: [Removed; 4] = [
    Removed {
        table: "tags",
        condition: "t.manifest_id IS NULL AND t.published_manifest_id IS NULL
            AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'publish_tag' AND j.target = t.id)",
    },
    Removed {
        table: "repository_blobs",
        condition: "NOT t.desired AND t.linked_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'link_blob' AND j.target = t.id)",
    },
    Removed {
        table: "repository_manifests",
        condition: "NOT t.desired AND t.published_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM jobs j WHERE j.kind = 'publish_manifest' AND j.target = t.id)",
    },
    // Rows that nothing in the index refers to any more.
    Removed {
        table: "blobs",
        condition: "NOT t.desired AND t.stored_at IS NULL AND t.file IS NULL
            AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'store_blob' AND j.target = t.id)
            AND NOT EXISTS (SELECT 1 FROM repository_blobs WHERE blob_id = t.id)
            AND NOT EXISTS (SELECT 1 FROM repository_manifests WHERE manifest_id = t.id)
            AND NOT EXISTS (SELECT 1 FROM manifest_references WHERE blob_id = t.id)
            AND NOT EXISTS (SELECT 1 FROM tags WHERE manifest_id = t.id)
            AND NOT EXISTS (SELECT 1 FROM tags WHERE published_manifest_id = t.id)
            AND NOT EXISTS (SELECT 1 FROM uploads WHERE blob_id = t.id)",
    },
];

/// The queries that find removed rows, for tests of their plans.
#[cfg(test)]
pub(crate) fn queries() -> Vec<String> {
    REMOVED.iter().map(Removed::query).collect()
}

impl Removed {
    fn query(&self) -> String {
        let Self { table, condition } = self;
        format!("SELECT t.id FROM {table} t WHERE {condition} LIMIT ?1")
    }

    fn find(&self, db: &Db, limit: u32) -> Result<Vec<i64>, StoreError> {
        db.all(&self.query(), [limit], |row| row.get(0))
    }

    /// Deletes these rows, except those that are still needed.
    fn delete(&self, db: &Db, rows: &[i64]) -> Result<usize, StoreError> {
        let Self { table, condition } = self;
        let mut deleted = 0;
        for &id in rows {
            let query = format!("SELECT t.id FROM {table} t WHERE t.id = ?1 AND {condition}");
            if db
                .optional(&query, [id], |row| row.get::<i64>(0))?
                .is_none()
            {
                continue;
            }
            if *table == "blobs" {
                db.run("DELETE FROM manifests WHERE blob_id = ?1", [id])?;
            }
            db.run(&format!("DELETE FROM {table} WHERE id = ?1"), [id])?;
            deleted += 1;
        }
        Ok(deleted)
    }
}

impl Store {
    /// Deletes rows of removed content, at most `limit` of each kind. Returns
    /// the number of deleted rows.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn forget_removed(&self, limit: u32) -> Result<usize, StoreError> {
        let mut deleted = 0;
        for removed in &REMOVED {
            let found = self
                .read_in_background(move |db| removed.find(db, limit))
                .await?;
            for some in found.chunks(AT_ONCE) {
                let some = some.to_vec();
                deleted += self
                    .write_relaxed(move |db| removed.delete(db, &some))
                    .await?;
            }
        }
        Ok(deleted)
    }
}
