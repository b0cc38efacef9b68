//! Manifests: their bytes, and the desired state of publishing them and
//! pointing tags to them.

use bytes::Bytes;
use refity_config::clock::Clock;
use refity_types::digest::Digest;
use refity_types::media_type::MediaType;
use refity_types::name::{IntentId, Reference, RepositoryName, Tag};
use refity_types::platform::Platform;
use refity_types::version::sort_key;

use crate::content::blobs::{blob_in, ensure_stored, upsert_blob};
use crate::content::derived::{derive, set_platform};
use crate::content::referrers;
use crate::content::repositories::{ensure_repository, find_any_state, repository_id, undo_create};
use crate::content::sums::{change_holding, change_tag, pushed};
use crate::engine::db::Db;
use crate::engine::value::params;
use crate::queue::dependencies::{add_dependency, update_readiness};
use crate::queue::generation::{catch_up, known};
use crate::queue::intents::link_intent;
use crate::queue::jobs::{NewJob, enqueue_or_join, unfinished};
use crate::{Blob, JobId, JobKind, PushTarget, Referral, Store, StoreError, UserId};

/// A manifest to store, parsed and verified.
#[derive(Clone, Debug)]
pub struct NewManifest {
    /// The repository.
    pub repository: RepositoryName,
    /// Digest of the bytes.
    pub digest: Digest,
    /// Media type.
    pub media_type: MediaType,
    /// The bytes as pushed.
    pub bytes: Bytes,
    /// Platform of the image, according to its configuration.
    pub platform: Option<Platform>,
    /// Blobs that the repository must have.
    pub blobs: Vec<Digest>,
    /// Blobs that the repository may lack.
    pub optional_blobs: Vec<Digest>,
    /// Manifests that the repository must have.
    pub manifests: Vec<Digest>,
    /// Referral to the subject, if the manifest has one.
    pub referral: Option<Referral>,
    /// Tags to point to the manifest.
    pub tags: Vec<Tag>,
    /// From [`Store::next_generation`]; recorded in the intent too.
    pub generation: i64,
    /// The intent in the spool for the same push, already on disk.
    pub intent: IntentId,
    /// Account that pushes.
    pub user: Option<UserId>,
}

/// A reference of a manifest that the repository lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingReference {
    /// A blob.
    Blob(Digest),
    /// A child manifest of an index.
    Manifest(Digest),
}

/// The result of storing a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutManifest {
    /// The repository has the manifest; these jobs publish it and its tags.
    Put {
        /// The last jobs of the push: when they are done, the whole push is.
        jobs: Vec<JobId>,
    },
    /// The repository lacks these references. Nothing changed.
    Missing(Vec<MissingReference>),
    /// The repository cannot be pushed to.
    Refused(PushTarget),
    /// Another process drew the same generation for the manifest or a tag.
    /// Nothing changed; draw another generation.
    GenerationTaken,
}

/// The result of checking a manifest before storing it.
#[derive(Clone, Debug)]
pub struct ManifestCheck {
    /// References that the repository lacks.
    pub missing: Vec<MissingReference>,
    /// The image's configuration, if the platform is not known yet.
    pub config: Option<Blob>,
    /// A generation for the push, as from [`Store::next_generation`].
    pub generation: i64,
}

/// A manifest as it was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredManifest {
    /// Everything except the bytes.
    pub head: ManifestHead,
    /// The bytes as pushed.
    pub bytes: Bytes,
}

/// The metadata of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestHead {
    /// Digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Size of the manifest in bytes.
    pub size: u64,
    /// Row in `repository_manifests` and the time when it was last touched, if
    /// the manifest was requested by digest.
    touched: Option<(i64, i64)>,
}

fn put(db: &Db, clock: &Clock, new: &NewManifest) -> Result<PutManifest, StoreError> {
    let before = find_any_state(db, &new.repository)?;
    let repository = match ensure_repository(db, &new.repository, clock.wall_ms())? {
        Ok(repository) => repository,
        Err(refused) => return Ok(PutManifest::Refused(refused)),
    };
    let (named, missing) = find_references(db, Some(repository), new)?;
    if !missing.is_empty() {
        undo_create(db, repository, before)?;
        return Ok(PutManifest::Missing(missing));
    }
    catch_up(db, new.generation)?;
    let manifest = upsert_manifest(db, clock, new)?;
    for &(blob, is_manifest) in &named {
        db.run(
            "INSERT INTO manifest_references (manifest_id, blob_id, is_manifest)
             VALUES (?1, ?2, ?3) ON CONFLICT (manifest_id, blob_id) DO NOTHING",
            params![manifest, blob, is_manifest],
        )?;
    }
    derive(db, manifest)?;
    if let Some(platform) = &new.platform {
        set_platform(db, manifest, platform)?;
    }
    let (target, wanted) = set_published(db, clock, repository, manifest, new)?;
    let publishes = NewJob::new(JobKind::PublishManifest, target).removes(!wanted);
    let publishes = enqueue_or_join(db, clock, &publishes)?;
    let stores = ensure_stored(db, clock, manifest, new.bytes.len() as u64)?;
    let mut jobs = vec![publishes];
    // A later delete has superseded the manifest and its tags.
    let (named, tags) = if wanted {
        add_dependency(db, publishes, stores)?;
        (named.as_slice(), new.tags.as_slice())
    } else {
        Default::default()
    };
    for &(blob, is_manifest) in named {
        for needed in unfinished_of(db, repository, blob, is_manifest)? {
            add_dependency(db, publishes, needed)?;
        }
    }
    update_readiness(db, publishes)?;
    for tag in tags {
        jobs.extend(set_tag(
            db, clock, repository, manifest, tag, new, publishes,
        )?);
    }
    link_intent(db, &jobs, new.intent, new.generation)?;
    Ok(PutManifest::Put { jobs })
}

type Named = Vec<(i64, bool)>;

/// Returns the references of the manifest that the repository has, and the
/// required ones that it lacks.
fn find_references(
    db: &Db,
    repository: Option<i64>,
    new: &NewManifest,
) -> Result<(Named, Vec<MissingReference>), StoreError> {
    let (mut named, mut missing) = (Vec::new(), Vec::new());
    let blob = |digest| match repository {
        Some(repository) => blob_in(db, repository, digest),
        None => Ok(None),
    };
    for digest in &new.blobs {
        match blob(digest)? {
            Some(blob) => named.push((blob.id.0, false)),
            None => missing.push(MissingReference::Blob(digest.clone())),
        }
    }
    for digest in &new.optional_blobs {
        if let Some(blob) = blob(digest)? {
            named.push((blob.id.0, false));
        }
    }
    for digest in &new.manifests {
        let found = match repository {
            Some(repository) => manifest_in(db, repository, digest)?,
            None => None,
        };
        match found {
            Some(manifest) => named.push((manifest, true)),
            None => missing.push(MissingReference::Manifest(digest.clone())),
        }
    }
    Ok((named, missing))
}

/// Returns whether the manifest, or one of its tags, already has a desired
/// state of the same generation, which another process drew.
fn is_generation_taken(db: &Db, new: &NewManifest) -> Result<bool, StoreError> {
    let Some((repository, _)) = find_any_state(db, &new.repository)? else {
        return Ok(false);
    };
    let of_manifest: bool = db.one(
        "SELECT EXISTS (SELECT 1 FROM repository_manifests rm
                 JOIN blobs b ON b.id = rm.manifest_id
                 WHERE rm.repository_id = ?1 AND b.digest = ?2 AND rm.generation = ?3)",
        params![repository, new.digest.as_str(), new.generation],
        |row| row.get(0),
    )?;
    if of_manifest {
        return Ok(true);
    }
    for tag in &new.tags {
        if db.one(
            "SELECT EXISTS (SELECT 1 FROM tags
             WHERE repository_id = ?1 AND name = ?2 AND generation = ?3)",
            params![repository, tag.as_str(), new.generation],
            |row| row.get(0),
        )? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the configuration of an image whose platform is not known yet.
fn config_to_read(
    db: &Db,
    repository: Option<i64>,
    new: &NewManifest,
    config: Option<&Digest>,
) -> Result<Option<Blob>, StoreError> {
    let (Some(repository), Some(config)) = (repository, config) else {
        return Ok(None);
    };
    let known: bool = db.one(
        "SELECT EXISTS (SELECT 1 FROM blobs b JOIN manifests m ON m.blob_id = b.id
                 WHERE b.digest = ?1 AND m.platforms IS NOT NULL)",
        [new.digest.as_str()],
        |row| row.get(0),
    )?;
    if known {
        return Ok(None);
    }
    blob_in(db, repository, config)
}

pub(crate) fn manifest_in(
    db: &Db,
    repository: i64,
    digest: &Digest,
) -> Result<Option<i64>, StoreError> {
    db.optional(
        "SELECT rm.manifest_id FROM repository_manifests rm
             JOIN blobs b ON b.id = rm.manifest_id
             WHERE rm.repository_id = ?1 AND b.digest = ?2 AND rm.desired",
        params![repository, digest.as_str()],
        |row| row.get(0),
    )
}

fn upsert_manifest(db: &Db, clock: &Clock, new: &NewManifest) -> Result<i64, StoreError> {
    let blob = upsert_blob(db, clock, &new.digest, new.bytes.len() as u64)?;
    db.run(
        "INSERT INTO manifests (blob_id, media_type, bytes) VALUES (?1, ?2, ?3)
         ON CONFLICT (blob_id) DO NOTHING",
        params![blob, new.media_type.as_str(), &*new.bytes],
    )?;
    if let Some(referral) = &new.referral {
        referrers::insert(db, blob, referral)?;
    }
    Ok(blob)
}

fn set_published(
    db: &Db,
    clock: &Clock,
    repository: i64,
    manifest: i64,
    new: &NewManifest,
) -> Result<(i64, bool), StoreError> {
    let now = clock.wall_ms();
    pushed(db, repository, now)?;
    change_holding(db, repository, manifest, || {
        db.one(
            "INSERT INTO repository_manifests
                 (repository_id, manifest_id, desired, generation, pushed_at, pushed_by, touched_at)
             VALUES (?1, ?2, TRUE, ?3, ?4, ?5, ?4)
             ON CONFLICT (repository_id, manifest_id) DO UPDATE SET
                 desired = CASE WHEN excluded.generation > generation THEN TRUE ELSE desired END,
                 generation = CASE WHEN excluded.generation > generation
                                   THEN excluded.generation ELSE generation END,
                 pushed_at = excluded.pushed_at, pushed_by = excluded.pushed_by,
                 touched_at = excluded.touched_at, released_at = NULL
             RETURNING id, desired",
            params![
                repository,
                manifest,
                new.generation,
                now,
                new.user.map(|user| user.0)
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    })
}

/// Points a tag to the manifest, unless the tag's desired state is newer.
/// Returns the tag's job, which waits for the manifest's.
fn set_tag(
    db: &Db,
    clock: &Clock,
    repository: i64,
    manifest: i64,
    tag: &Tag,
    new: &NewManifest,
    publishes: JobId,
) -> Result<Option<JobId>, StoreError> {
    db.run(
        "UPDATE repository_manifests SET untagged_at = ?4
         WHERE repository_id = ?1 AND manifest_id <> ?3 AND manifest_id = (
             SELECT manifest_id FROM tags
             WHERE repository_id = ?1 AND name = ?2 AND generation < ?5)",
        params![
            repository,
            tag.as_str(),
            manifest,
            clock.wall_ms(),
            new.generation
        ],
    )?;
    let target: Option<i64> = change_tag(db, repository, tag.as_str(), || {
        db.optional(
            "INSERT INTO tags
                 (repository_id, name, manifest_id, generation, pushed_at, pushed_by,
                  version_key, pulls, pulled_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7,
                    coalesce(sum(p.count), 0), coalesce(max(p.last_at), 0)
             FROM pulls p WHERE p.repository_id = ?1 AND p.reference = ?2
             ON CONFLICT (repository_id, name) DO UPDATE SET
                 manifest_id = excluded.manifest_id, generation = excluded.generation,
                 pushed_at = excluded.pushed_at, pushed_by = excluded.pushed_by
             WHERE excluded.generation > generation
             RETURNING id",
            params![
                repository,
                tag.as_str(),
                manifest,
                new.generation,
                clock.wall_ms(),
                new.user.map(|user| user.0),
                sort_key(tag.as_str()),
            ],
            |row| row.get(0),
        )
    })?;
    let Some(target) = target else {
        return Ok(None);
    };
    let job = enqueue_or_join(db, clock, &NewJob::new(JobKind::PublishTag, target))?;
    // The dependencies of this tag's older desired state no longer matter.
    db.run("DELETE FROM job_dependencies WHERE job_id = ?1", [job.0])?;
    add_dependency(db, job, publishes)?;
    update_readiness(db, job)?;
    Ok(Some(job))
}

/// Returns the unfinished jobs that store the referenced blobs and manifests on
/// SFTP. A manifest is published only after them.
pub(crate) fn unfinished_of(
    db: &Db,
    repository: i64,
    blob: i64,
    is_manifest: bool,
) -> Result<Vec<JobId>, StoreError> {
    let mut jobs: Vec<JobId> = Vec::new();
    jobs.extend(unfinished(db, JobKind::StoreBlob, blob)?);
    let (kind, target) = if is_manifest {
        (
            JobKind::PublishManifest,
            "SELECT id FROM repository_manifests WHERE repository_id = ?1 AND manifest_id = ?2",
        )
    } else {
        (
            JobKind::LinkBlob,
            "SELECT id FROM repository_blobs WHERE repository_id = ?1 AND blob_id = ?2",
        )
    };
    let target: Option<i64> = db.optional(target, [repository, blob], |row| row.get(0))?;
    if let Some(target) = target {
        jobs.extend(unfinished(db, kind, target)?);
    }
    Ok(jobs)
}

const BY_TAG: &str = "
    SELECT b.id, b.digest, m.media_type, b.size, NULL, NULL FROM tags t
    JOIN manifests m ON m.blob_id = t.manifest_id
    JOIN blobs b ON b.id = m.blob_id
    WHERE t.repository_id = ?1 AND t.name = ?2";

const BY_DIGEST: &str = "
    SELECT b.id, b.digest, m.media_type, b.size, rm.id, rm.touched_at FROM blobs b
    JOIN manifests m ON m.blob_id = b.id
    JOIN repository_manifests rm
      ON rm.manifest_id = b.id AND rm.repository_id = ?1 AND rm.desired
    WHERE b.digest = ?2";

/// Returns the manifest of a repository, and its row.
fn find(
    db: &Db,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<Option<(i64, ManifestHead)>, StoreError> {
    let Some(repository) = repository_id(db, repository)? else {
        return Ok(None);
    };
    let (by, name) = match reference {
        Reference::Tag(tag) => (BY_TAG, tag.as_str()),
        Reference::Digest(digest) => (BY_DIGEST, digest.as_str()),
    };
    db.optional(by, params![repository, name], |row| {
        let head = ManifestHead {
            digest: row.get(1)?,
            media_type: row.get(2)?,
            size: row.get(3)?,
            touched: row.get::<Option<_>>(4)?.zip(row.get(5)?),
        };
        Ok((row.get(0)?, head))
    })
}

impl Store {
    /// Checks a manifest before anything is written for it, so that it can be
    /// rejected early. `config` is the digest of an image's configuration.
    /// [`Store::put_manifest`] checks again.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn check_manifest(
        &self,
        new: &NewManifest,
        config: Option<Digest>,
    ) -> Result<ManifestCheck, StoreError> {
        let (new, store) = (new.clone(), self.clone());
        self.read(move |db| {
            let repository = repository_id(db, &new.repository)?;
            let (_, missing) = find_references(db, repository, &new)?;
            let config = config_to_read(db, repository, &new, config.as_ref())?;
            let generation = store.generations.draw(store.clock.wall_ms(), known(db)?);
            Ok(ManifestCheck {
                missing,
                config,
                generation,
            })
        })
        .await
    }

    /// Stores a manifest and points tags to it, in one transaction that checks
    /// its references, stores its bytes and enqueues its jobs. A tag that a
    /// newer generation moved is kept.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing changes.
    pub async fn put_manifest(&self, new: NewManifest) -> Result<PutManifest, StoreError> {
        let clock = self.clock.clone();
        self.write(move |db| {
            if is_generation_taken(db, &new)? {
                return Ok(PutManifest::GenerationTaken);
            }
            put(db, &clock, &new)
        })
        .await
    }

    /// Stores a manifest found in an intent or on SFTP, like
    /// [`Store::put_manifest`]. It may have the same generation as the object
    /// that references it.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing changes.
    pub async fn replay_manifest(&self, new: NewManifest) -> Result<PutManifest, StoreError> {
        let clock = self.clock.clone();
        self.write(move |db| put(db, &clock, &new)).await
    }

    /// Returns the manifest with this tag or digest in a repository.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<StoredManifest>, StoreError> {
        let (repository, reference) = (repository.clone(), reference.clone());
        self.read(move |db| {
            let Some((key, head)) = find(db, &repository, &reference)? else {
                return Ok(None);
            };
            let bytes: Vec<u8> = db.one(
                "SELECT bytes FROM manifests WHERE blob_id = ?1",
                [key],
                |row| row.get(0),
            )?;
            let bytes = bytes.into();
            Ok(Some(StoredManifest { head, bytes }))
        })
        .await
    }

    /// Like [`Store::manifest`], but returns only the metadata.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn manifest_head(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ManifestHead>, StoreError> {
        let (repository, reference) = (repository.clone(), reference.clone());
        self.read(move |db| Ok(find(db, &repository, &reference)?.map(|(_, head)| head)))
            .await
    }

    /// Renews the grace period of a manifest that a client learns about, like
    /// [`Store::renew_blob`]. A manifest requested by tag needs none.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn renew_manifest(&self, manifest: &ManifestHead) -> Result<bool, StoreError> {
        let Some((target, touched_at)) = manifest.touched else {
            return Ok(true);
        };
        let update = "UPDATE repository_manifests SET touched_at = ?2 WHERE id = ?1 AND desired";
        self.renew(update, target, touched_at).await
    }
}
