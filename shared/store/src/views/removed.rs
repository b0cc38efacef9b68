//! Deleting the rows of removed repositories.

use refity_types::name::RepositoryName;

use crate::{Store, StoreError};

/// A removed repository that has only empty folders on SFTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedRepository {
    /// Name.
    pub name: RepositoryName,
    id: i64,
    removed_at: i64,
}

/// Condition that the repository ?1 has no content on SFTP and no jobs that
/// store any.
const CLEARED: &str = "
    NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository_id = r.id
        AND (t.manifest_id IS NOT NULL OR t.published_manifest_id IS NOT NULL OR EXISTS (
            SELECT 1 FROM jobs j
            WHERE j.kind = 'publish_tag' AND j.target = t.id AND j.state <> 'done')))
    AND NOT EXISTS (SELECT 1 FROM repository_manifests t WHERE t.repository_id = r.id
        AND (t.desired OR t.published_at IS NOT NULL OR EXISTS (
            SELECT 1 FROM jobs j
            WHERE j.kind = 'publish_manifest' AND j.target = t.id AND j.state <> 'done')))
    AND NOT EXISTS (SELECT 1 FROM repository_blobs t WHERE t.repository_id = r.id
        AND (t.desired OR t.linked_at IS NOT NULL OR EXISTS (
            SELECT 1 FROM jobs j
            WHERE j.kind = 'link_blob' AND j.target = t.id AND j.state <> 'done')))";

impl Store {
    /// Returns removed repositories that have only empty folders on SFTP.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn emptied_repositories(
        &self,
        limit: u32,
    ) -> Result<Vec<RemovedRepository>, StoreError> {
        self.read_in_background(move |db| {
            let all = db.all(
                &format!(
                    "SELECT r.id, r.name, r.removed_at
                 FROM repositories r
                 WHERE r.removed_at IS NOT NULL AND NOT r.folders_removed
                   AND r.removal_intent IS NULL AND {CLEARED} LIMIT ?1"
                ),
                [limit],
                |row| {
                    Ok(RemovedRepository {
                        id: row.get(0)?,
                        name: row.get(1)?,
                        removed_at: row.get(2)?,
                    })
                },
            )?;
            Ok(all)
        })
        .await
    }

    /// Records that the folders of a removed repository are deleted from SFTP.
    /// Returns `false` if the repository exists again.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn note_cleared(&self, repository: &RemovedRepository) -> Result<bool, StoreError> {
        let (id, removed_at) = (repository.id, repository.removed_at);
        self.write_relaxed(move |db| {
            let cleared = db.optional(
                "UPDATE repositories SET folders_removed = TRUE
                 WHERE id = ?1 AND removed_at = ?2 RETURNING id",
                [id, removed_at],
                |_| Ok(()),
            )?;
            Ok(cleared.is_some())
        })
        .await
    }

    /// Deletes the rows of removed repositories and groups that no other row
    /// refers to, at most `limit` of each.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn forget_removed_repositories(&self, limit: u32) -> Result<usize, StoreError> {
        self.write_relaxed(move |db| {
            let repositories = db.run(
                "DELETE FROM repositories WHERE id IN (
                         SELECT r.id FROM repositories r
                         WHERE r.removed_at IS NOT NULL AND r.folders_removed
                           AND NOT EXISTS (SELECT 1 FROM tags WHERE repository_id = r.id)
                           AND NOT EXISTS (SELECT 1 FROM repository_blobs
                                           WHERE repository_id = r.id)
                           AND NOT EXISTS (SELECT 1 FROM repository_manifests
                                           WHERE repository_id = r.id)
                         LIMIT ?1)",
                [limit],
            )?;
            let groups = db.run(
                "DELETE FROM groups WHERE id IN (
                         SELECT g.id FROM groups g
                         WHERE NOT g.desired AND g.marked_at IS NULL
                           AND NOT EXISTS (SELECT 1 FROM repositories WHERE group_id = g.id)
                           AND NOT EXISTS (SELECT 1 FROM jobs j
                               WHERE j.kind = 'mark_group' AND j.target = g.id)
                         LIMIT ?1)",
                [limit],
            )?;
            Ok(repositories + groups)
        })
        .await
    }
}
