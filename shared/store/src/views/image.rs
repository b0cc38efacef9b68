//! Details of one image: its manifest, the repositories that share its layers,
//! and its referrers.

use refity_types::digest::Digest;
use refity_types::name::{Reference, RepositoryName};

use crate::ImageDurability;
use crate::accounts::readable::READABLE;
use crate::content::manifests::manifest_in;
use crate::content::repositories::repository_id;
use crate::engine::db::Db;
use crate::engine::page::List;
use crate::engine::value::{Named, named_params, params};
use crate::views::durability::Needed;
use crate::views::tags::{job_state, platforms};
use crate::{Page, PageRequest, Readable, Store, StoreError};

/// Maximum number of repositories listed that share a layer.
const SHARED_SHOWN: u32 = 20;

/// Details of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFacts {
    /// Digest of the manifest.
    pub digest: Digest,
    /// Media type of the manifest.
    pub media_type: String,
    /// Bytes of the manifest as pushed.
    pub bytes: Vec<u8>,
    /// Size in bytes of the manifest and everything that it needs, each blob
    /// once.
    pub size: i64,
    /// Platforms; `None` if they are not known.
    pub platforms: Option<Vec<String>>,
    /// When the tag or digest was pushed (milliseconds, UTC).
    pub pushed_at: i64,
    /// Account that pushed it, if the account still exists.
    pub pushed_by: Option<String>,
    /// When the tag or digest was last pulled (milliseconds, UTC).
    pub pulled_at: Option<i64>,
    /// Number of pulls.
    pub pulls: i64,
    /// Durability on SFTP.
    pub durability: ImageDurability,
}

/// A child manifest of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFacts {
    /// Digest.
    pub digest: Digest,
    /// Media type.
    pub media_type: String,
    /// Size in bytes of the manifest and everything that it needs.
    pub size: i64,
}

/// The repositories that share a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerFacts {
    /// Other readable repositories that have the layer: the first few.
    pub repositories: Vec<RepositoryName>,
    /// Whether there are more.
    pub more: bool,
}

/// A manifest that refers to another as its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferrerRow {
    /// Digest.
    pub digest: Digest,
    /// Media type.
    pub media_type: String,
    /// Artifact type.
    pub artifact_type: Option<String>,
    /// Size in bytes of the manifest and everything that it needs.
    pub size: i64,
    /// Its annotations, as JSON.
    pub annotations: String,
    /// Time of the push (milliseconds, UTC).
    pub pushed_at: i64,
}

/// The tag or digest that points to a manifest.
struct Pointer {
    manifest: i64,
    pushed_at: i64,
    pushed_by: Option<String>,
    pulled_at: i64,
    pulls: i64,
    published: bool,
    job: Option<String>,
}

fn of_tag(db: &Db, repository: i64, name: &str) -> Result<Option<Pointer>, StoreError> {
    let found = db.optional(
        "SELECT id, manifest_id, pushed_at, (SELECT name FROM users WHERE id = pushed_by),
                pulled_at, pulls, published_manifest_id IS manifest_id
         FROM tags WHERE repository_id = ?1 AND name = ?2 AND manifest_id IS NOT NULL",
        params![repository, name],
        |row| {
            let pointer = Pointer {
                manifest: row.get(1)?,
                pushed_at: row.get(2)?,
                pushed_by: row.get(3)?,
                pulled_at: row.get(4)?,
                pulls: row.get(5)?,
                published: row.get(6)?,
                job: None,
            };
            Ok((row.get::<i64>(0)?, pointer))
        },
    )?;
    let Some((tag, mut pointer)) = found else {
        return Ok(None);
    };
    pointer.job = job_state(db, tag)?;
    Ok(Some(pointer))
}

fn of_digest(db: &Db, repository: i64, digest: &Digest) -> Result<Option<Pointer>, StoreError> {
    let Some(manifest) = manifest_in(db, repository, digest)? else {
        return Ok(None);
    };
    let pulled = db.optional(
        "SELECT coalesce(max(last_at), 0), coalesce(sum(count), 0) FROM pulls
         WHERE repository_id = ?1 AND reference = ?2",
        params![repository, digest.as_str()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let (pulled_at, pulls) = pulled.unwrap_or_default();
    db.optional(
        "SELECT pushed_at, (SELECT name FROM users WHERE id = pushed_by), published_at IS NOT NULL
         FROM repository_manifests WHERE repository_id = ?1 AND manifest_id = ?2",
        [repository, manifest],
        |row| {
            Ok(Pointer {
                manifest,
                pushed_at: row.get(0)?,
                pushed_by: row.get(1)?,
                pulled_at,
                pulls,
                published: row.get(2)?,
                job: None,
            })
        },
    )
}

fn image(
    db: &Db,
    repository: i64,
    reference: &Reference,
) -> Result<Option<ImageFacts>, StoreError> {
    let pointer = match reference {
        Reference::Tag(tag) => of_tag(db, repository, tag.as_str())?,
        Reference::Digest(digest) => of_digest(db, repository, digest)?,
    };
    let Some(pointer) = pointer else {
        return Ok(None);
    };
    let needed = Needed::of(db, repository, pointer.manifest)?;
    db.optional(
        "SELECT b.digest, m.media_type, m.bytes, m.size, m.platforms
         FROM manifests m JOIN blobs b ON b.id = m.blob_id WHERE m.blob_id = ?1",
        [pointer.manifest],
        |row| {
            Ok(ImageFacts {
                digest: row.get(0)?,
                media_type: row.get(1)?,
                bytes: row.get(2)?,
                size: row.get(3)?,
                platforms: platforms(row.get(4)?),
                pushed_at: pointer.pushed_at,
                pushed_by: pointer.pushed_by,
                pulled_at: Some(pointer.pulled_at).filter(|at| *at > 0),
                pulls: pointer.pulls,
                durability: needed.with(pointer.published, pointer.job.as_deref()),
            })
        },
    )
}

fn sharing(
    db: &Db,
    repository: i64,
    digest: &Digest,
    readable: &Readable,
) -> Result<LayerFacts, StoreError> {
    let (all, user, within) = readable.values();
    let mut repositories: Vec<RepositoryName> = db.all(
        &format!(
            "SELECT r.name FROM blobs b
         JOIN repository_blobs x ON x.blob_id = b.id AND x.desired
         JOIN repositories r ON r.id = x.repository_id
         JOIN groups g ON g.id = r.group_id
         WHERE b.digest = :digest AND r.id <> :repository AND r.removed_at IS NULL AND {READABLE}
         LIMIT :limit"
        ),
        named_params! {
            ":digest": digest.as_str(), ":repository": repository, ":all": all, ":user": user,
            ":within": within, ":limit": SHARED_SHOWN + 1,
        },
        |row| row.get(0),
    )?;
    let more = repositories.len() > SHARED_SHOWN as usize;
    repositories.truncate(SHARED_SHOWN as usize);
    repositories.sort();
    Ok(LayerFacts { repositories, more })
}

impl Store {
    /// Returns the details of the image with this tag or digest in a
    /// repository.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn image(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ImageFacts>, StoreError> {
        let (repository, reference) = (repository.clone(), reference.clone());
        self.read_for_people(move |db| match repository_id(db, &repository)? {
            Some(repository) => image(db, repository, &reference),
            None => Ok(None),
        })
        .await
    }

    /// Returns the child manifests of an index that the repository has.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn children(
        &self,
        repository: &RepositoryName,
        index: &Digest,
    ) -> Result<Vec<ManifestFacts>, StoreError> {
        let (repository, index) = (repository.clone(), index.clone());
        self.read_for_people(move |db| {
            let all = db.all(
                "SELECT b.digest, m.media_type, m.size FROM blobs i
                 JOIN repositories r ON r.name = ?1 AND r.removed_at IS NULL
                 JOIN manifest_references x ON x.manifest_id = i.id AND x.is_manifest
                 JOIN repository_manifests rm
                   ON rm.repository_id = r.id AND rm.manifest_id = x.blob_id AND rm.desired
                 JOIN manifests m ON m.blob_id = x.blob_id
                 JOIN blobs b ON b.id = x.blob_id
                 WHERE i.digest = ?2",
                params![repository.as_str(), index.as_str()],
                |row| {
                    Ok(ManifestFacts {
                        digest: row.get(0)?,
                        media_type: row.get(1)?,
                        size: row.get(2)?,
                    })
                },
            )?;
            Ok(all)
        })
        .await
    }

    /// Returns, for each of these layers, the other repositories that have it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn sharing(
        &self,
        repository: &RepositoryName,
        layers: Vec<Digest>,
        readable: Readable,
    ) -> Result<Vec<LayerFacts>, StoreError> {
        let repository = repository.clone();
        self.read_for_people(move |db| {
            let repository = repository_id(db, &repository)?.unwrap_or_default();
            let layers = layers.iter();
            layers
                .map(|layer| sharing(db, repository, layer, &readable))
                .collect()
        })
        .await
    }

    /// Returns a page of the manifests of a repository that refer to a subject.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn referrer_page(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        request: PageRequest,
    ) -> Result<Page<ReferrerRow>, StoreError> {
        let (repository, subject) = (repository.clone(), subject.to_string());
        self.read_for_people(move |db| {
            let mut values = Named::default();
            values.push(":repository", repository_id(db, &repository)?);
            values.push(":subject", subject);
            let list = List {
                columns: "b.digest, m.media_type, f.artifact_type, m.size, f.annotations,
                          rm.pushed_at",
                from: "referrers f
                       JOIN repository_manifests rm ON rm.repository_id = :repository
                        AND rm.manifest_id = f.manifest_id AND rm.desired
                       JOIN manifests m ON m.blob_id = f.manifest_id
                       JOIN blobs b ON b.id = f.manifest_id
                       WHERE f.subject = :subject",
                key: "f.manifest_id",
                id: "f.manifest_id",
            };
            list.page(db, &request, &values, |row| {
                Ok(ReferrerRow {
                    digest: row.get(0)?,
                    media_type: row.get(1)?,
                    artifact_type: row.get(2)?,
                    size: row.get(3)?,
                    annotations: row.get(4)?,
                    pushed_at: row.get(5)?,
                })
            })
        })
        .await
    }
}
