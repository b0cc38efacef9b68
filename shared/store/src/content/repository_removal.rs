//! Removes a repository with all its contents: one transaction hides it from
//! clients, and further ones mark its contents for removal, a page at a time.
//!
//! Until everything is marked nothing can be pushed to the name, so everything
//! that a later push brings is newer than the removal.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Instant;

use refity_config::clock::Clock;
use refity_types::deletion::{Deletion, TaggedManifest};
use refity_types::name::{IntentId, RepositoryName, Tag};

use crate::content::removal::{remove_tag, unlink, withdraw};
use crate::content::repositories::repository_id;
use crate::content::sums::forget_pulls;
use crate::engine::db::Db;
use crate::engine::sql::parsed;
use crate::engine::value::params;
use crate::gc::collect::is_index_partial;
use crate::queue::generation::{catch_up, known};
use crate::queue::intents::link_intent;
use crate::{JobId, Store, StoreError};

/// The number of targets to mark in one transaction. All other writes wait
/// meanwhile.
const PAGE: u32 = 100;

/// The pause after each page, as a multiple of the time the page took.
const PAUSE: u32 = 1;

/// A repository to remove.
#[derive(Clone, Debug)]
pub struct RepositoryRemoval {
    /// The name of the repository.
    pub repository: RepositoryName,
    /// Its contents, from [`Store::repository_contents`].
    pub contents: Deletion,
    /// The generation of the removal, from there too. The intent has it as well.
    pub generation: i64,
    /// The prepared intent in the spool.
    pub intent: IntentId,
}

/// The result of removing a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepositoryRemoved {
    /// The repository was removed: clients no longer see it.
    Yes,
    /// There is no such repository.
    Unknown,
    /// Its contents are not those listed. Nothing has changed: list them again,
    /// and retry.
    ContentsChanged,
    /// The repository is kept: the index is incomplete, and images that it lacks
    /// may need these contents.
    PartialIndex,
}

/// A removal whose contents are not all marked yet.
struct Marking {
    repository: i64,
    generation: i64,
    intent: IntentId,
}

/// Returns the contents of a repository and their largest generation.
fn contents(db: &Db, repository: i64) -> Result<(Deletion, i64), StoreError> {
    let mut newest: i64 = 0;
    let mut tags: HashMap<i64, Vec<Tag>> = HashMap::new();
    let query = "SELECT manifest_id, name, generation FROM tags
         WHERE repository_id = ?1 AND manifest_id IS NOT NULL ORDER BY name";
    db.each(query, [repository], |row| {
        tags.entry(row.get(0)?).or_default().push(row.get(1)?);
        newest = newest.max(row.get(2)?);
        Ok(ControlFlow::Continue(()))
    })?;
    let query = "SELECT rm.manifest_id, b.digest, rm.generation FROM repository_manifests rm
         JOIN blobs b ON b.id = rm.manifest_id
         WHERE rm.repository_id = ?1 AND rm.desired ORDER BY rm.manifest_id DESC";
    let manifests = db.all(query, [repository], |row| {
        newest = newest.max(row.get(2)?);
        Ok(TaggedManifest {
            digest: row.get(1)?,
            tags: tags.remove(&row.get(0)?).unwrap_or_default(),
        })
    })?;
    let query = "SELECT b.digest, rb.generation FROM repository_blobs rb
         JOIN blobs b ON b.id = rb.blob_id
         WHERE rb.repository_id = ?1 AND rb.desired ORDER BY rb.blob_id";
    let blobs = db.all(query, [repository], |row| {
        newest = newest.max(row.get(1)?);
        row.get(0)
    })?;
    Ok((Deletion::Repository { manifests, blobs }, newest))
}

fn remove(
    db: &Db,
    clock: &Clock,
    removal: &RepositoryRemoval,
) -> Result<RepositoryRemoved, StoreError> {
    let Some(repository) = repository_id(db, &removal.repository)? else {
        return Ok(RepositoryRemoved::Unknown);
    };
    let (contents, newest) = contents(db, repository)?;
    if contents != removal.contents || newest >= removal.generation {
        return Ok(RepositoryRemoved::ContentsChanged);
    }
    if newest > 0 && is_index_partial(db)? {
        return Ok(RepositoryRemoved::PartialIndex);
    }
    catch_up(db, removal.generation)?;
    forget_pulls(db, repository)?;
    let intent = removal.intent.to_string();
    db.run(
        "UPDATE repositories SET removed_at = ?2, folders_removed = FALSE, removal_intent = ?3,
                removal_generation = ?4 WHERE id = ?1",
        params![repository, clock.wall_ms(), intent, removal.generation],
    )?;
    let marking = Marking {
        repository,
        generation: removal.generation,
        intent: removal.intent,
    };
    mark_page(db, clock, &marking)?;
    Ok(RepositoryRemoved::Yes)
}

/// Returns a removal whose contents are not all marked yet.
fn next_marking(db: &Db) -> Result<Option<Marking>, StoreError> {
    db.optional(
        "SELECT id, removal_generation, removal_intent FROM repositories
         WHERE removal_intent IS NOT NULL LIMIT 1",
        (),
        |row| {
            Ok(Marking {
                repository: row.get(0)?,
                generation: row.get(1)?,
                intent: parsed::<IntentId>(row.text(2)?)?,
            })
        },
    )
}

/// Marks a page of the remaining contents. If none remain, ends the removal.
fn mark_page(db: &Db, clock: &Clock, marking: &Marking) -> Result<(), StoreError> {
    let mut jobs: Vec<JobId> = Vec::new();
    while jobs.len() < PAGE as usize {
        let marked = mark_some(db, clock, marking)?;
        if marked.is_empty() {
            db.run(
                "UPDATE repositories SET removal_intent = NULL, removal_generation = NULL
                 WHERE id = ?1",
                [marking.repository],
            )?;
            break;
        }
        jobs.extend(marked);
    }
    link_intent(db, &jobs, marking.intent, marking.generation)
}

/// Marks targets of one kind: tags, then manifests that no index references,
/// then blobs. Returns their jobs.
fn mark_some(db: &Db, clock: &Clock, marking: &Marking) -> Result<Vec<JobId>, StoreError> {
    let (repository, generation) = (marking.repository, marking.generation);
    let now = clock.wall_ms();
    let page = |query| db.all(query, params![repository, PAGE], |row| row.get::<i64>(0));
    let tags =
        page("SELECT id FROM tags WHERE repository_id = ?1 AND manifest_id IS NOT NULL LIMIT ?2")?;
    if !tags.is_empty() {
        let removed = tags.into_iter().map(|tag| {
            let job = remove_tag(db, clock, tag, generation)?;
            job.ok_or_else(|| StoreError::Corrupt("a tag is newer than its removal".to_owned()))
        });
        return removed.collect();
    }
    let manifests = page(
        "SELECT rm.id FROM repository_manifests rm
         WHERE rm.repository_id = ?1 AND rm.desired
           AND NOT EXISTS (
               SELECT 1 FROM repository_manifests h
               WHERE h.repository_id = ?1 AND h.desired AND h.manifest_id IN (
                   SELECT x.manifest_id FROM manifest_references x
                   WHERE x.blob_id = rm.manifest_id AND x.is_manifest))
         LIMIT ?2",
    )?;
    if !manifests.is_empty() {
        let withdrawn = manifests.into_iter().map(|manifest| {
            db.run(
                "UPDATE repository_manifests SET touched_at = ?2 WHERE id = ?1",
                [manifest, now],
            )?;
            withdraw(db, clock, manifest, Some(generation), now)
        });
        return withdrawn.collect();
    }
    let blobs =
        page("SELECT id FROM repository_blobs WHERE repository_id = ?1 AND desired LIMIT ?2")?;
    let unlinked = blobs.into_iter().map(|blob| {
        db.run(
            "UPDATE repository_blobs SET touched_at = ?2 WHERE id = ?1",
            [blob, now],
        )?;
        unlink(db, clock, blob, Some(generation))
    });
    unlinked.collect()
}

impl Store {
    /// Returns the contents of a repository and a generation for its removal, or
    /// `None` if there is no such repository.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn repository_contents(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<(Deletion, i64)>, StoreError> {
        let (repository, store) = (repository.clone(), self.clone());
        self.read_for_people(move |db| {
            let Some(repository) = repository_id(db, &repository)? else {
                return Ok(None);
            };
            let (contents, _) = contents(db, repository)?;
            let known = known(db)?;
            let generation = store.generations.draw(store.clock.wall_ms(), known);
            Ok(Some((contents, generation)))
        })
        .await
    }

    /// Removes a repository: clients no longer see it. [`Store::mark_removals`]
    /// marks its contents, also after a crash.
    ///
    /// # Errors
    /// If the database cannot be written. Nothing has changed then.
    pub async fn remove_repository(
        &self,
        removal: RepositoryRemoval,
    ) -> Result<RepositoryRemoved, StoreError> {
        let clock = self.clock.clone();
        self.write(move |db| remove(db, &clock, &removal)).await
    }

    /// Marks the remaining contents of removed repositories, a page at a time.
    /// Several processes may do so at once.
    ///
    /// # Errors
    /// If the database cannot be written. Marked contents stay marked.
    pub async fn mark_removals(&self) -> Result<(), StoreError> {
        loop {
            let next = self.read_in_background(next_marking).await?;
            if next.is_none() {
                return Ok(());
            }
            let clock = self.clock.clone();
            let marked = self.write(move |db| {
                let begun = Instant::now();
                if let Some(marking) = next_marking(db)? {
                    mark_page(db, &clock, &marking)?;
                }
                Ok(begun.elapsed())
            });
            tokio::time::sleep(PAUSE * marked.await?).await;
        }
    }

    /// Removes a repository if it exists and is empty.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn remove_if_empty(&self, repository: &RepositoryName) -> Result<(), StoreError> {
        let (repository, now) = (repository.clone(), self.clock.wall_ms());
        self.write(move |db| {
            if let Some(id) = repository_id(db, &repository)?
                && contents(db, id)?.1 == 0
            {
                db.run(
                    "UPDATE repositories SET removed_at = ?2, folders_removed = FALSE WHERE id = ?1",
                    [id, now],
                )?;
            }
            Ok(())
        })
        .await
    }
}
