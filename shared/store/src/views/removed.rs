//! Emptying a repository, and deleting the rows of removed ones.

use refity_types::digest::Digest;
use refity_types::name::RepositoryName;

use crate::content::repositories::repository_id;
use crate::engine::value::params;
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
    /// Returns manifests of a repository that none of its indexes references,
    /// after this position in a stable order: at most `limit`, each with its
    /// position.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn outer_manifests(
        &self,
        repository: &RepositoryName,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Digest)>, StoreError> {
        let query = "SELECT rm.manifest_id, b.digest FROM repository_manifests rm
             JOIN blobs b ON b.id = rm.manifest_id
             WHERE rm.repository_id = ?1 AND rm.manifest_id > ?2 AND rm.desired
               AND NOT EXISTS (
                   SELECT 1 FROM repository_manifests h
                   WHERE h.repository_id = ?1 AND h.desired AND h.manifest_id IN (
                       SELECT x.manifest_id FROM manifest_references x
                       WHERE x.blob_id = rm.manifest_id AND x.is_manifest))
             ORDER BY rm.manifest_id LIMIT ?3";
        self.contents(repository, query, after, limit).await
    }

    /// Returns blobs of a repository, in the same way as
    /// [`Store::outer_manifests`].
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn linked_blobs(
        &self,
        repository: &RepositoryName,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Digest)>, StoreError> {
        let query = "SELECT l.blob_id, b.digest FROM repository_blobs l
             JOIN blobs b ON b.id = l.blob_id
             WHERE l.repository_id = ?1 AND l.blob_id > ?2 AND l.desired
             ORDER BY l.blob_id LIMIT ?3";
        self.contents(repository, query, after, limit).await
    }

    async fn contents(
        &self,
        repository: &RepositoryName,
        query: &'static str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Digest)>, StoreError> {
        let repository = repository.clone();
        self.read_in_background(move |db| {
            let Some(repository) = repository_id(db, &repository)? else {
                return Ok(Vec::new());
            };
            let all = db.all(query, params![repository, after, limit], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            Ok(all)
        })
        .await
    }

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
                 WHERE r.removed_at IS NOT NULL AND NOT r.folders_removed AND {CLEARED} LIMIT ?1"
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
