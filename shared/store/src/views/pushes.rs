//! A push as shown to users: its name, and how much of it is on SFTP.

use crate::engine::db::Db;
use crate::{JobId, Store, StoreError};

/// A push as shown to users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Id of its last job.
    pub id: JobId,
    /// `team/app:1.2`, `team/app@sha256:…`; `None` if there is no manifest yet.
    pub name: Option<String>,
    /// The account that pushed it, if it still exists; `None` for a removal.
    pub pushed_by: Option<String>,
    /// Number of its blobs on SFTP.
    pub blobs_done: i64,
    /// Number of its blobs, as far as they are known.
    pub blobs_total: i64,
    /// Bytes of the blobs on SFTP.
    pub bytes_stored: i64,
    /// Bytes of all blobs.
    pub bytes_total: i64,
}

fn push(db: &Db, id: JobId) -> Result<Option<Push>, StoreError> {
    let found = db.optional(
        "SELECT r.name || coalesce(':' || t.name, '@' || mb.digest),
                    coalesce(t.manifest_id, rm.manifest_id),
                    CASE WHEN j.removes THEN NULL ELSE (SELECT name FROM users WHERE id = coalesce(t.pushed_by, rm.pushed_by)) END
             FROM jobs j
             LEFT JOIN tags t ON j.kind = 'publish_tag' AND t.id = j.target
             LEFT JOIN repository_manifests rm ON j.kind = 'publish_manifest' AND rm.id = j.target
             LEFT JOIN blobs mb ON mb.id = rm.manifest_id
             LEFT JOIN repositories r ON r.id = coalesce(t.repository_id, rm.repository_id)
             WHERE j.id = ?1",
        [id.0],
        |row| {
            Ok((
                row.get::<Option<String>>(0)?,
                row.get::<Option<i64>>(1)?,
                row.get::<Option<String>>(2)?,
            ))
        },
    )?;
    let Some((name, manifest, pushed_by)) = found else {
        return Ok(None);
    };
    let push = db.one(
        match manifest {
            Some(_) => {
                "WITH RECURSIVE whole (id) AS (
                 SELECT ?1 UNION SELECT m.blob_id FROM manifest_references m
                 JOIN whole w ON w.id = m.manifest_id WHERE m.is_manifest)
             SELECT count(*) FILTER (WHERE stored_at IS NOT NULL), count(*),
                    coalesce(sum(size) FILTER (WHERE stored_at IS NOT NULL), 0),
                    coalesce(sum(size), 0)
             FROM blobs
             WHERE id IN (SELECT m.blob_id FROM manifest_references m
                          JOIN whole w ON w.id = m.manifest_id WHERE NOT m.is_manifest)"
            }
            None => {
                "SELECT count(*) FILTER (WHERE state = 'done'), count(*),
                    coalesce(sum(bytes_total) FILTER (WHERE state = 'done'), 0),
                    coalesce(sum(bytes_total), 0)
             FROM jobs
             WHERE kind = 'store_blob'
               AND (id = ?1 OR id IN (
                   SELECT depends_on_id FROM job_dependencies WHERE job_id = ?1))"
            }
        },
        [manifest.unwrap_or(id.0)],
        |row| {
            Ok(Push {
                id,
                name,
                pushed_by,
                blobs_done: row.get(0)?,
                blobs_total: row.get(1)?,
                bytes_stored: row.get(2)?,
                bytes_total: row.get(3)?,
            })
        },
    )?;
    Ok(Some(push))
}

impl Store {
    /// Returns those of the pushes with these last jobs that exist.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn pushes(&self, ids: Vec<JobId>) -> Result<Vec<Push>, StoreError> {
        self.read_for_people(move |db| {
            let pushes = ids.into_iter().filter_map(|id| push(db, id).transpose());
            pushes.collect()
        })
        .await
    }
}
