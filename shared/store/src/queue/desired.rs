//! Wishes: what the target of a job wants, read when the job starts.

use refity_types::digest::Digest;
use refity_types::name::{FileId, GroupName, RepositoryName, Tag};
use rusqlite::{Connection, OptionalExtension as _};

use crate::engine::sql::{file_from, from_sql, parsed};
use crate::{BlobId, Claim, JobId, JobKind, Store, StoreError};

/// Where the bytes of a blob are at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobSource {
    /// In a file of the spool.
    Spool(FileId),
    /// In the database: it is a manifest.
    Manifest(Vec<u8>),
    /// Nowhere but, perhaps, on SFTP.
    Nowhere,
}

/// What a target wants. `generation` goes into [`Store::finish`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Of a blob.
    StoreBlob {
        /// Its key.
        blob: BlobId,
        /// Its digest.
        digest: Digest,
        /// Bytes.
        size: u64,
        /// There, or gone.
        wanted: bool,
        /// Where its bytes are.
        source: BlobSource,
        /// Of the wish.
        generation: i64,
    },
    /// Of a repository and a blob.
    LinkBlob {
        /// The repository.
        repository: RepositoryName,
        /// The blob.
        digest: Digest,
        /// There, or gone.
        wanted: bool,
        /// Of the wish.
        generation: i64,
    },
    /// Of a repository and a manifest.
    PublishManifest {
        /// The repository.
        repository: RepositoryName,
        /// The manifest.
        digest: Digest,
        /// There, or gone.
        wanted: bool,
        /// Of the wish.
        generation: i64,
    },
    /// Of a tag.
    PublishTag {
        /// The repository.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
        /// Where it should point; nothing: it should be gone.
        manifest: Option<Digest>,
        /// Of the wish.
        generation: i64,
    },
    /// Of a group.
    MarkGroup {
        /// The group.
        group: GroupName,
        /// There, or gone.
        wanted: bool,
        /// Of the wish.
        generation: i64,
    },
}

impl Wish {
    /// The generation of the wish.
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

/// What a job is to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Make this true.
    Wish(Wish),
    /// Wait: a newer wish needs what is not done yet.
    NotYet,
    /// Nothing: the target's row is gone.
    NoTarget,
}

/// A blob that must be on SFTP before a manifest may be published there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedBlob {
    /// Its key.
    pub blob: BlobId,
    /// Its digest.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// When its size was last seen right on SFTP (milliseconds, UTC).
    pub confirmed_at: Option<i64>,
}

fn store_blob(db: &Connection, target: i64) -> Result<Option<Wish>, StoreError> {
    let row = db
        .prepare_cached(
            "SELECT b.digest, b.size, b.wanted, b.generation, b.file, m.bytes
             FROM blobs b LEFT JOIN manifests m ON m.blob_id = b.id WHERE b.id = ?1",
        )?
        .query_row([target], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get::<_, Option<Vec<u8>>>(5)?,
            ))
        })
        .optional()?;
    let Some((digest, size, wanted, generation, file, bytes)) = row else {
        return Ok(None);
    };
    let source = match (file_from(file), bytes) {
        (_, Some(bytes)) => BlobSource::Manifest(bytes),
        (Some(file), None) => BlobSource::Spool(file),
        (None, None) => BlobSource::Nowhere,
    };
    Ok(Some(Wish::StoreBlob {
        blob: BlobId(target),
        digest: parsed(&digest)?,
        size: from_sql(size),
        wanted,
        source,
        generation,
    }))
}

/// The wish of a row with a repository, a digest, wanted and a generation.
fn membership(
    db: &Connection,
    query: &str,
    target: i64,
) -> Result<Option<(RepositoryName, Digest, bool, i64)>, StoreError> {
    let row = db
        .prepare_cached(query)?
        .query_row([target], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get(2)?,
                row.get(3)?,
            ))
        })
        .optional()?;
    row.map(|(repository, digest, wanted, generation)| {
        Ok((parsed(&repository)?, parsed(&digest)?, wanted, generation))
    })
    .transpose()
}

fn publish_tag(db: &Connection, target: i64) -> Result<Option<Wish>, StoreError> {
    let row = db
        .prepare_cached(
            "SELECT r.name, t.name, b.digest, t.generation FROM tags t
             JOIN repositories r ON r.id = t.repository_id
             LEFT JOIN blobs b ON b.id = t.manifest_id WHERE t.id = ?1",
        )?
        .query_row([target], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, Option<String>>(2)?,
                row.get(3)?,
            ))
        })
        .optional()?;
    row.map(|(repository, tag, manifest, generation)| {
        Ok(Wish::PublishTag {
            repository: parsed(&repository)?,
            tag: parsed(&tag)?,
            manifest: manifest.as_deref().map(parsed).transpose()?,
            generation,
        })
    })
    .transpose()
}

fn mark_group(db: &Connection, target: i64) -> Result<Option<Wish>, StoreError> {
    let row = db
        .prepare_cached("SELECT name, wanted, generation FROM groups WHERE id = ?1")?
        .query_row([target], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    row.map(|(group, wanted, generation)| {
        Ok(Wish::MarkGroup {
            group: parsed(&group)?,
            wanted,
            generation,
        })
    })
    .transpose()
}

fn needs_something(db: &Connection, job: JobId) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM job_needs n JOIN jobs j ON j.id = n.needs_id
                            WHERE n.job_id = ?1 AND j.state <> 'done')",
        )?
        .query_row([job.0], |row| row.get(0))?)
}

fn wish(db: &Connection, kind: JobKind, target: i64) -> Result<Option<Wish>, StoreError> {
    match kind {
        JobKind::StoreBlob => store_blob(db, target),
        JobKind::LinkBlob => {
            let query = "SELECT r.name, b.digest, t.wanted, t.generation FROM repository_blobs t
                         JOIN repositories r ON r.id = t.repository_id
                         JOIN blobs b ON b.id = t.blob_id WHERE t.id = ?1";
            let found = membership(db, query, target)?;
            Ok(
                found.map(|(repository, digest, wanted, generation)| Wish::LinkBlob {
                    repository,
                    digest,
                    wanted,
                    generation,
                }),
            )
        }
        JobKind::PublishManifest => {
            let query = "SELECT r.name, b.digest, t.wanted, t.generation
                         FROM repository_manifests t
                         JOIN repositories r ON r.id = t.repository_id
                         JOIN blobs b ON b.id = t.manifest_id WHERE t.id = ?1";
            let found = membership(db, query, target)?;
            Ok(found.map(
                |(repository, digest, wanted, generation)| Wish::PublishManifest {
                    repository,
                    digest,
                    wanted,
                    generation,
                },
            ))
        }
        JobKind::PublishTag => publish_tag(db, target),
        JobKind::MarkGroup => mark_group(db, target),
    }
}

impl Store {
    /// What the job's target wants now.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn wish(&self, claim: &Claim) -> Result<Wanted, StoreError> {
        let (job, kind, target) = (claim.job, claim.kind, claim.target);
        self.read(move |db| {
            // One look at both: a newer wish may come with needs of its own.
            let snapshot = db.unchecked_transaction()?;
            if needs_something(&snapshot, job)? {
                return Ok(Wanted::NotYet);
            }
            Ok(wish(&snapshot, kind, target)?.map_or(Wanted::NoTarget, Wanted::Wish))
        })
        .await
    }

    /// All that must be on SFTP before a `publish_manifest` may go on: the
    /// manifest's own bytes and whatever it names and the repository has (which
    /// may lack layers that are fetched from elsewhere).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn named_blobs(&self, claim: &Claim) -> Result<Vec<NamedBlob>, StoreError> {
        let target = claim.target;
        self.read(move |db| {
            let mut query = db.prepare_cached(
                "SELECT b.id, b.digest, b.size, iif(b.stored_at IS NULL, NULL, b.confirmed_at)
                 FROM repository_manifests rm
                 JOIN blobs b ON b.id = rm.manifest_id OR b.id IN (
                     SELECT m.blob_id FROM manifest_references m
                     WHERE m.manifest_id = rm.manifest_id
                       AND (m.is_manifest OR EXISTS (
                           SELECT 1 FROM repository_blobs rb
                           WHERE rb.repository_id = rm.repository_id
                             AND rb.blob_id = m.blob_id AND rb.wanted)))
                 WHERE rm.id = ?1",
            )?;
            let mut rows = query.query([target])?;
            let mut named = Vec::new();
            while let Some(row) = rows.next()? {
                named.push(NamedBlob {
                    blob: BlobId(row.get(0)?),
                    digest: parsed(&row.get::<_, String>(1)?)?,
                    size: from_sql(row.get(2)?),
                    confirmed_at: row.get(3)?,
                });
            }
            Ok(named)
        })
        .await
    }
}
