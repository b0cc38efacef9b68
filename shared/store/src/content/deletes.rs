//! Deletes of tags, manifests and blobs of one repository by clients. The
//! object is invisible to all clients immediately; jobs remove it from SFTP.

use std::collections::HashSet;

use refity_config::clock::Clock;
use refity_types::deletion::Deletion;
use refity_types::digest::Digest;
use refity_types::name::{IntentId, RepositoryName, Tag};

use crate::content::removal::{remove_tag, unlink, withdraw};
use crate::content::repositories::repository_id;
use crate::engine::db::Db;
use crate::engine::value::params;
use crate::gc::collect::is_index_partial;
use crate::gc::reachability::named_by;
use crate::queue::dependencies::{add_dependency, update_readiness};
use crate::queue::generation::catch_up;
use crate::queue::intents::link_intent;
use crate::{JobId, Store, StoreError};

/// A delete to perform.
#[derive(Clone, Debug)]
pub struct NewDelete {
    /// The repository.
    pub repository: RepositoryName,
    /// The object to delete.
    pub deletion: Deletion,
    /// From [`Store::next_generation`]; recorded in the intent too.
    pub generation: i64,
    /// The intent in the spool for the same delete, already prepared.
    pub intent: IntentId,
}

/// The result of a delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// The object is deleted, and jobs remove it from SFTP.
    Yes,
    /// The object was deleted, but pushed again by a newer push.
    Overtaken,
    /// The repository has no such object.
    Unknown,
    /// Not deleted, since this manifest of the repository references it.
    NamedBy(Digest),
    /// Not deleted, since images that the index does not know may need it.
    PartialIndex,
    /// Not deleted: tags that the delete does not list point to the manifest.
    /// List them and delete again.
    TagsMoved,
}

/// The jobs of a delete, or the reason why nothing is deleted.
type Outcome = Result<Vec<JobId>, Deleted>;

fn delete_tag(
    db: &Db,
    clock: &Clock,
    repository: i64,
    tag: &Tag,
    generation: i64,
) -> Result<Outcome, StoreError> {
    let found = db.optional(
        "SELECT id FROM tags
         WHERE repository_id = ?1 AND name = ?2 AND manifest_id IS NOT NULL",
        params![repository, tag.as_str()],
        |row| row.get(0),
    )?;
    let Some(tag) = found else {
        return Ok(Err(Deleted::Unknown));
    };
    Ok(match remove_tag(db, clock, tag, generation)? {
        Some(job) => Ok(vec![job]),
        None => Err(Deleted::Overtaken),
    })
}

fn delete_manifest(
    db: &Db,
    clock: &Clock,
    repository: i64,
    digest: &Digest,
    listed: &[Tag],
    generation: i64,
) -> Result<Outcome, StoreError> {
    let query = "SELECT rm.id, rm.manifest_id, rm.generation FROM repository_manifests rm
                 JOIN blobs b ON b.id = rm.manifest_id
                 WHERE rm.repository_id = ?1 AND b.digest = ?2 AND rm.desired";
    let (target, manifest) = match check_deletable(db, query, repository, digest, generation)? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    if let Some(index) = named_by(db, repository, manifest, true)? {
        return Ok(Err(Deleted::NamedBy(index)));
    }
    let tags = tags_at(db, target)?;
    let listed: HashSet<&str> = listed.iter().map(Tag::as_str).collect();
    if tags
        .iter()
        .any(|tag| tag.generation >= generation || !listed.contains(tag.name.as_str()))
    {
        return Ok(Err(Deleted::TagsMoved));
    }
    let mut jobs = Vec::new();
    for tag in tags {
        jobs.extend(remove_tag(db, clock, tag.id, generation)?);
    }
    let now = clock.wall_ms();
    let withdraws = withdraw(db, clock, target, Some(generation), now)?;
    for &tag in &jobs {
        add_dependency(db, withdraws, tag)?;
    }
    update_readiness(db, withdraws)?;
    renew_grace(db, target, now)?;
    jobs.push(withdraws);
    Ok(Ok(jobs))
}

struct TagRow {
    id: i64,
    name: Tag,
    generation: i64,
}

/// Returns the tags that point to a manifest of a repository.
fn tags_at(db: &Db, target: i64) -> Result<Vec<TagRow>, StoreError> {
    let tags = db.all(
        "SELECT t.id, t.name, t.generation FROM repository_manifests rm
         JOIN tags t ON t.repository_id = rm.repository_id AND t.manifest_id = rm.manifest_id
         WHERE rm.id = ?1",
        [target],
        |row| {
            Ok(TagRow {
                id: row.get(0)?,
                name: row.get(1)?,
                generation: row.get(2)?,
            })
        },
    )?;
    Ok(tags)
}

/// Keeps the deleted manifest and its blobs for the grace period, since the
/// client that deleted the manifest may push it again.
fn renew_grace(db: &Db, target: i64, now: i64) -> Result<(), StoreError> {
    db.run(
        "UPDATE repository_manifests SET touched_at = ?2 WHERE id = ?1",
        [target, now],
    )?;
    let blobs = db.all(
        "SELECT rb.id FROM repository_manifests rm
         JOIN manifest_references x ON x.manifest_id = rm.manifest_id AND NOT x.is_manifest
         JOIN repository_blobs rb ON rb.repository_id = rm.repository_id
          AND rb.blob_id = x.blob_id WHERE rm.id = ?1",
        [target],
        |row| row.get(0),
    )?;
    for blob in blobs {
        db.run(
            "UPDATE repository_blobs SET touched_at = ?2 WHERE id = ?1",
            [blob, now],
        )?;
    }
    Ok(())
}

fn delete_blob(
    db: &Db,
    clock: &Clock,
    repository: i64,
    digest: &Digest,
    generation: i64,
) -> Result<Outcome, StoreError> {
    let query = "SELECT rb.id, rb.blob_id, rb.generation FROM repository_blobs rb
                 JOIN blobs b ON b.id = rb.blob_id
                 WHERE rb.repository_id = ?1 AND b.digest = ?2 AND rb.desired";
    let (target, blob) = match check_deletable(db, query, repository, digest, generation)? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    if let Some(manifest) = named_by(db, repository, blob, false)? {
        return Ok(Err(Deleted::NamedBy(manifest)));
    }
    db.run(
        "UPDATE repository_blobs SET touched_at = ?2 WHERE id = ?1",
        [target, clock.wall_ms()],
    )?;
    Ok(Ok(vec![unlink(db, clock, target, Some(generation))?]))
}

/// Returns the target row and blob that `query` finds together with a
/// generation, or the reason why it cannot be deleted: it does not exist, or
/// its desired state is newer.
fn check_deletable(
    db: &Db,
    query: &str,
    repository: i64,
    digest: &Digest,
    generation: i64,
) -> Result<Result<(i64, i64), Deleted>, StoreError> {
    let found = db.optional(query, params![repository, digest.as_str()], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<i64>(2)?))
    })?;
    Ok(match found {
        None => Err(Deleted::Unknown),
        Some((_, _, newer)) if newer >= generation => Err(Deleted::Overtaken),
        Some((target, blob, _)) => Ok((target, blob)),
    })
}

fn delete(db: &Db, clock: &Clock, new: &NewDelete) -> Result<Deleted, StoreError> {
    catch_up(db, new.generation)?;
    let Some(repository) = repository_id(db, &new.repository)? else {
        return Ok(Deleted::Unknown);
    };
    let generation = new.generation;
    if !matches!(new.deletion, Deletion::Tag { .. }) && is_index_partial(db)? {
        return Ok(Deleted::PartialIndex);
    }
    let outcome = match &new.deletion {
        Deletion::Tag { tag } => delete_tag(db, clock, repository, tag, generation)?,
        Deletion::Manifest { digest, tags } => {
            delete_manifest(db, clock, repository, digest, tags, generation)?
        }
        Deletion::Blob { digest } => delete_blob(db, clock, repository, digest, generation)?,
        // See `Store::remove_repository`.
        Deletion::Repository { .. } => Err(Deleted::Unknown),
    };
    match outcome {
        Ok(jobs) => {
            link_intent(db, &jobs, new.intent, generation)?;
            Ok(Deleted::Yes)
        }
        Err(deleted) => Ok(deleted),
    }
}

impl Store {
    /// Deletes from a repository and enqueues the jobs, in one transaction. The
    /// object is invisible to clients afterwards. The desired state of a newer
    /// generation is kept.
    ///
    /// # Errors
    /// If the database cannot be written; then nothing changes.
    pub async fn delete(&self, new: NewDelete) -> Result<Deleted, StoreError> {
        let clock = self.clock.clone();
        self.write(move |db| delete(db, &clock, &new)).await
    }

    /// Returns the tags that point to a manifest of a repository, or `None` if
    /// the repository has no such manifest.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn tags_of(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Vec<Tag>>, StoreError> {
        let (repository, digest) = (repository.clone(), digest.clone());
        self.read(move |db| {
            let target = db.optional(
                "SELECT rm.id FROM repository_manifests rm
                 JOIN blobs b ON b.id = rm.manifest_id
                 JOIN repositories r ON r.id = rm.repository_id
                 WHERE r.name = ?1 AND r.removed_at IS NULL AND b.digest = ?2 AND rm.desired",
                params![repository.as_str(), digest.as_str()],
                |row| row.get(0),
            )?;
            let Some(target) = target else {
                return Ok(None);
            };
            let tags = tags_at(db, target)?;
            Ok(Some(tags.into_iter().map(|tag| tag.name).collect()))
        })
        .await
    }
}
