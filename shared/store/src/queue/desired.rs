//! The desired state of a job's target, read when the job starts.

use refity_types::digest::Digest;
use refity_types::name::{FileId, GroupName, RepositoryName, Tag};

use crate::engine::db::Db;
use crate::engine::sql::file_from;
use crate::{BlobId, Claim, JobId, JobKind, Store, StoreError};

/// The local source of a blob's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobSource {
    /// A spool file.
    Spool(FileId),
    /// The database, for a manifest.
    Manifest(Vec<u8>),
    /// None; SFTP may have the bytes.
    Nowhere,
}

/// The desired state of a target. `generation` is passed on to
/// [`Store::finish`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DesiredState {
    /// The state of a blob.
    StoreBlob {
        /// Id of the row.
        blob: BlobId,
        /// Digest.
        digest: Digest,
        /// Size in bytes.
        size: u64,
        /// Whether it should exist.
        present: bool,
        /// The local source of its bytes.
        source: BlobSource,
        /// Generation of the desired state.
        generation: i64,
    },
    /// The state of a blob in a repository.
    LinkBlob {
        /// The repository.
        repository: RepositoryName,
        /// The blob.
        digest: Digest,
        /// Whether it should exist.
        present: bool,
        /// Generation of the desired state.
        generation: i64,
    },
    /// The state of a manifest in a repository.
    PublishManifest {
        /// The repository.
        repository: RepositoryName,
        /// The manifest.
        digest: Digest,
        /// Whether it should exist.
        present: bool,
        /// Generation of the desired state.
        generation: i64,
    },
    /// The state of a tag.
    PublishTag {
        /// The repository.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
        /// The manifest that the tag should point to; `None` if the tag should
        /// not exist.
        manifest: Option<Digest>,
        /// Generation of the desired state.
        generation: i64,
    },
    /// The state of a group.
    MarkGroup {
        /// The group.
        group: GroupName,
        /// Whether it should exist.
        present: bool,
        /// Generation of the desired state.
        generation: i64,
    },
}

impl DesiredState {
    /// Returns the generation of the desired state.
    #[must_use]
    pub fn generation(&self) -> i64 {
        match self {
            Self::StoreBlob { generation, .. }
            | Self::LinkBlob { generation, .. }
            | Self::PublishManifest { generation, .. }
            | Self::PublishTag { generation, .. }
            | Self::MarkGroup { generation, .. } => *generation,
        }
    }
}

/// What a job should do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Desired {
    /// Reconcile the target with this state.
    State(DesiredState),
    /// Wait: a newer desired state has unfinished dependencies.
    NotYet,
    /// Do nothing: the target no longer has a row.
    NoTarget,
}

/// A blob that must be on SFTP before a manifest may be published there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedBlob {
    /// Id of the row.
    pub blob: BlobId,
    /// Digest.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// When SFTP was last seen to have the blob with the right size
    /// (milliseconds, UTC).
    pub confirmed_at: Option<i64>,
}

fn store_blob(db: &Db, target: i64) -> Result<Option<DesiredState>, StoreError> {
    db.optional(
        "SELECT b.digest, b.size, b.desired, b.generation, b.file, m.bytes
         FROM blobs b LEFT JOIN manifests m ON m.blob_id = b.id WHERE b.id = ?1",
        [target],
        |row| {
            let source = match (file_from(row.get(4)?), row.get(5)?) {
                (_, Some(bytes)) => BlobSource::Manifest(bytes),
                (Some(file), None) => BlobSource::Spool(file),
                (None, None) => BlobSource::Nowhere,
            };
            Ok(DesiredState::StoreBlob {
                blob: BlobId(target),
                digest: row.get(0)?,
                size: row.get(1)?,
                present: row.get(2)?,
                source,
                generation: row.get(3)?,
            })
        },
    )
}

/// Reads a row with a repository, a digest, whether it is desired, and a
/// generation.
fn membership(
    db: &Db,
    query: &str,
    target: i64,
) -> Result<Option<(RepositoryName, Digest, bool, i64)>, StoreError> {
    db.optional(query, [target], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })
}

fn publish_tag(db: &Db, target: i64) -> Result<Option<DesiredState>, StoreError> {
    db.optional(
        "SELECT r.name, t.name, b.digest, t.generation FROM tags t
         JOIN repositories r ON r.id = t.repository_id
         LEFT JOIN blobs b ON b.id = t.manifest_id WHERE t.id = ?1",
        [target],
        |row| {
            Ok(DesiredState::PublishTag {
                repository: row.get(0)?,
                tag: row.get(1)?,
                manifest: row.get(2)?,
                generation: row.get(3)?,
            })
        },
    )
}

fn mark_group(db: &Db, target: i64) -> Result<Option<DesiredState>, StoreError> {
    db.optional(
        "SELECT name, desired, generation FROM groups WHERE id = ?1",
        [target],
        |row| {
            Ok(DesiredState::MarkGroup {
                group: row.get(0)?,
                present: row.get(1)?,
                generation: row.get(2)?,
            })
        },
    )
}

fn needs_something(db: &Db, job: JobId) -> Result<bool, StoreError> {
    db.one(
        "SELECT EXISTS (SELECT 1 FROM job_dependencies n JOIN jobs j ON j.id = n.depends_on_id
                            WHERE n.job_id = ?1 AND j.state <> 'done')",
        [job.0],
        |row| row.get(0),
    )
}

fn desired(db: &Db, kind: JobKind, target: i64) -> Result<Option<DesiredState>, StoreError> {
    match kind {
        JobKind::StoreBlob => store_blob(db, target),
        JobKind::LinkBlob => {
            let query = "SELECT r.name, b.digest, t.desired, t.generation FROM repository_blobs t
                         JOIN repositories r ON r.id = t.repository_id
                         JOIN blobs b ON b.id = t.blob_id WHERE t.id = ?1";
            let found = membership(db, query, target)?;
            Ok(found.map(
                |(repository, digest, present, generation)| DesiredState::LinkBlob {
                    repository,
                    digest,
                    present,
                    generation,
                },
            ))
        }
        JobKind::PublishManifest => {
            let query = "SELECT r.name, b.digest, t.desired, t.generation
                         FROM repository_manifests t
                         JOIN repositories r ON r.id = t.repository_id
                         JOIN blobs b ON b.id = t.manifest_id WHERE t.id = ?1";
            let found = membership(db, query, target)?;
            Ok(found.map(|(repository, digest, present, generation)| {
                DesiredState::PublishManifest {
                    repository,
                    digest,
                    present,
                    generation,
                }
            }))
        }
        JobKind::PublishTag => publish_tag(db, target),
        JobKind::MarkGroup => mark_group(db, target),
    }
}

impl Store {
    /// Returns the current desired state of the job's target.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn desired(&self, claim: &Claim) -> Result<Desired, StoreError> {
        let (job, kind, target) = (claim.job, claim.kind, claim.target);
        self.read(move |db| {
            // Read both in one snapshot: a newer desired state may have
            // dependencies.
            if needs_something(db, job)? {
                return Ok(Desired::NotYet);
            }
            Ok(desired(db, kind, target)?.map_or(Desired::NoTarget, Desired::State))
        })
        .await
    }

    /// Returns the blobs that must be on SFTP before a `publish_manifest` job
    /// may continue: the manifest's own bytes and all its references that the
    /// repository has. (The repository may lack layers that clients fetch from
    /// elsewhere.)
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn named_blobs(&self, claim: &Claim) -> Result<Vec<NamedBlob>, StoreError> {
        let target = claim.target;
        self.read(move |db| {
            let named = db.all(
                "SELECT b.id, b.digest, b.size, CASE WHEN b.stored_at IS NULL THEN NULL ELSE b.confirmed_at END
                 FROM repository_manifests rm
                 JOIN blobs b ON b.id = rm.manifest_id OR b.id IN (
                     SELECT m.blob_id FROM manifest_references m
                     WHERE m.manifest_id = rm.manifest_id
                       AND (m.is_manifest OR EXISTS (
                           SELECT 1 FROM repository_blobs rb
                           WHERE rb.repository_id = rm.repository_id
                             AND rb.blob_id = m.blob_id AND rb.desired)))
                 WHERE rm.id = ?1",
                [target],
                |row| {
                    Ok(NamedBlob {
                        blob: row.get(0)?,
                        digest: row.get(1)?,
                        size: row.get(2)?,
                        confirmed_at: row.get(3)?,
                    })
                },
            )?;
            Ok(named)
        })
        .await
    }
}
