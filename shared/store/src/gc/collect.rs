//! Garbage collection of unreferenced content, concurrently with pushes.
//!
//! Kept are: tagged manifests; children of an index in the repository;
//! referrers of an existing manifest; untagged manifests, unless a delete
//! untagged them or [`CollectRules::untagged_after`] has passed; everything
//! that a manifest of the repository references; and content that a client
//! pushed or learned about within [`GRACE`].
//!
//! The plan is made from one snapshot of the index. Its entries are then
//! checked again, a few at a time, in the transaction that marks them: content
//! that a concurrent push needs again is kept.

use std::ops::ControlFlow::Continue;
use std::time::{Duration, Instant};

use refity_config::CollectRules;
use refity_config::clock::{Clock, millis};
use refity_types::digest::Digest;
use refity_types::name::RepositoryName;

use crate::content::removal::{discard, unlink, withdraw};
use crate::engine::db::Db;
use crate::engine::sql::parsed;
use crate::engine::value::params;
use crate::gc::reachability::{Gone, Member, members};
use crate::queue::health::is_up;
use crate::{Store, StoreError};

/// How long content is kept after a client pushed, mounted or learned about it.
pub const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// Maximum number of targets marked per transaction, which blocks all other
/// writes.
const AT_ONCE: usize = 100;

/// How many times as long as its last step a collection pauses. This leaves
/// most of two cores to pulls and pushes.
const REST: u32 = 2;

/// Number of rows that one step of the plan reads.
const STEP: usize = 1000;

/// A collected object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collected {
    /// A manifest of a repository.
    Manifest(RepositoryName, Digest),
    /// A repository's link to a blob.
    Link(RepositoryName, Digest),
    /// The bytes of a blob or manifest that no repository has any more, with
    /// their size.
    Bytes(Digest, u64),
}

/// The amount of collected content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Collection {
    /// Number of manifests, counted in each repository.
    pub manifests: u64,
    /// Number of blobs, counted in each repository.
    pub links: u64,
    /// Number of blobs and manifests that no repository has any more.
    pub blobs: u64,
    /// Size of these in bytes.
    pub bytes: u64,
}

/// The result of collecting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collect {
    /// The collection is complete (or, in a dry run, reported).
    Done(Collection),
    /// The collection stopped because the storage is failing. This much was
    /// collected before.
    StorageFailing(Collection),
    /// SFTP holds images that the index does not know, so content that they may
    /// need is not garbage.
    PartialIndex,
}

impl Collect {
    /// Returns what was collected.
    ///
    /// # Errors
    /// A description of why nothing, or not everything, was collected.
    pub fn done(self) -> Result<Collection, &'static str> {
        match self {
            Self::Done(collection) => Ok(collection),
            Self::StorageFailing(before) if before == Collection::default() => {
                Err("nothing is collected while the storage is failing")
            }
            Self::StorageFailing(_) => Err(
                "the collection stopped because the storage is failing; files collected before \
                 that are deleted when it works again, the rest with the next collection",
            ),
            Self::PartialIndex => Err(
                "nothing is collected: the index was rebuilt or the folder adopted, so the \
                 storage holds images that the index does not know, and their blobs would be \
                 deleted too",
            ),
        }
    }
}

/// Returns why collecting must stop now, after this much.
fn refusal(db: &Db, before: Collection) -> Result<Option<Collect>, StoreError> {
    Ok(if is_index_partial(db)? {
        Some(Collect::PartialIndex)
    } else if !is_up(db)? {
        Some(Collect::StorageFailing(before))
    } else {
        None
    })
}

/// Returns whether the index is partial; see [`Store::note_partial_index`].
pub(crate) fn is_index_partial(db: &Db) -> Result<bool, StoreError> {
    db.one("SELECT partial_index FROM collection", (), |row| row.get(0))
}

impl Collection {
    fn add(&mut self, collected: &Collected) {
        match collected {
            Collected::Manifest(..) => self.manifests += 1,
            Collected::Link(..) => self.links += 1,
            Collected::Bytes(_, size) => {
                self.blobs += 1;
                self.bytes += size;
            }
        }
    }
}

/// Content must be older than these times to be collected, in milliseconds UTC.
#[derive(Clone, Copy)]
struct Before {
    touched: i64,
    untagged: Option<i64>,
}

impl Before {
    fn now(clock: &Clock, rules: CollectRules) -> Self {
        let now = clock.wall_ms();
        Self {
            touched: now - millis(GRACE),
            untagged: rules.untagged_after.map(|after| now - millis(after)),
        }
    }
}

/// A target that may be collected.
#[derive(Clone, Copy)]
enum Target {
    /// Id of the row in `repository_manifests`.
    Manifest(i64),
    /// Id of the row in `repository_blobs`.
    Link(i64),
    /// Id of the row in `blobs`.
    Bytes(i64),
}

/// Condition for a manifest that may be collected if nothing holds it: its
/// grace period ended before ?1, and a delete released it or it has been
/// untagged since before ?2.
const LEFT: &str = "rm.desired AND rm.touched_at < ?1
    AND coalesce(rm.released_at, 0) < ?1 AND coalesce(rm.untagged_at, 0) < ?1
    AND (rm.released_at IS NOT NULL
         OR (rm.touched_at < ?2 AND rm.pushed_at < ?2 AND coalesce(rm.untagged_at, 0) < ?2))";

/// The targets to collect, each after the targets that held it.
#[derive(Default)]
struct Plan {
    targets: Vec<Target>,
    gone: Gone,
}

impl Plan {
    fn make(db: &Db, before: Before) -> Result<Self, StoreError> {
        let mut plan = Self::default();
        plan.add_manifests(db, before)?;
        plan.add_links(db, before)?;
        plan.add_bytes(db, before)?;
        Ok(plan)
    }

    fn add_manifests(&mut self, db: &Db, before: Before) -> Result<(), StoreError> {
        let left = format!(
            "SELECT rm.id, rm.repository_id, rm.manifest_id, rm.touched_at
             FROM repository_manifests rm WHERE {LEFT}"
        );
        let left = members(db, &left, params![before.touched, before.untagged])?;
        let may_go = |held: &Member| held.touched_at < before.touched;
        let added = self.gone.add_unheld(db, left, may_go)?;
        self.targets.extend(added.into_iter().map(Target::Manifest));
        Ok(())
    }

    fn add_links(&mut self, db: &Db, before: Before) -> Result<(), StoreError> {
        for (after, until) in steps(db, "repository_blobs")? {
            db.each(
                "SELECT id, repository_id, blob_id FROM repository_blobs
             WHERE id > ?1 AND id <= ?2 AND desired AND touched_at < ?3",
                params![after, until, before.touched],
                |row| {
                    let link = row.get(0)?;
                    if !self.gone.is_named(db, row.get(1)?, row.get(2)?)? {
                        self.gone.links.insert(link);
                        self.targets.push(Target::Link(link));
                    }
                    Ok(Continue(()))
                },
            )?;
        }
        Ok(())
    }

    fn add_bytes(&mut self, db: &Db, before: Before) -> Result<(), StoreError> {
        let step = "SELECT id FROM blobs WHERE id > ?1 AND id <= ?2 AND desired";
        for (after, until) in steps(db, "blobs")? {
            for blob in db.all(step, [after, until], |row| row.get(0))? {
                if !self.gone.is_had(db, blob, before.touched)? {
                    self.targets.push(Target::Bytes(blob));
                }
            }
        }
        Ok(())
    }
}

/// Splits the ids of a table into ranges of [`STEP`]: after the first, up to
/// and including the second.
fn steps(db: &Db, table: &str) -> Result<impl Iterator<Item = (i64, i64)>, StoreError> {
    let last = db.all(
        &format!("SELECT coalesce(max(id), 0) FROM {table}"),
        (),
        |row| row.get(0),
    )?;
    let starts = (0..=last.first().copied().unwrap_or(0)).step_by(STEP);
    Ok(starts.map(|after| (after, after + STEP as i64)))
}

/// Collects a target if it is still garbage.
fn mark(
    db: &Db,
    clock: &Clock,
    before: Before,
    target: Target,
) -> Result<Option<Collected>, StoreError> {
    let nothing = Gone::default();
    match target {
        Target::Manifest(id) => {
            let left = format!(
                "SELECT rm.id, rm.repository_id, rm.manifest_id,
                        coalesce(rm.released_at, rm.untagged_at, rm.touched_at)
                 FROM repository_manifests rm WHERE rm.id = ?3 AND {LEFT}"
            );
            let found = members(db, &left, params![before.touched, before.untagged, id])?;
            let Some(found) = found.first() else {
                return Ok(None);
            };
            if nothing.is_held(db, found.repository, found.manifest)? {
                return Ok(None);
            }
            // The query returns the time of the release in the column of
            // touched_at.
            withdraw(db, clock, id, None, found.touched_at)?;
        }
        Target::Link(id) => {
            let found = db.optional(
                "SELECT repository_id, blob_id FROM repository_blobs
                 WHERE id = ?1 AND desired AND touched_at < ?2",
                [id, before.touched],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            let Some((repository, blob)) = found else {
                return Ok(None);
            };
            if nothing.is_named(db, repository, blob)? {
                return Ok(None);
            }
            unlink(db, clock, id, None)?;
        }
        Target::Bytes(id) => {
            let desired = db.optional(
                "SELECT id FROM blobs WHERE id = ?1 AND desired",
                [id],
                |row| row.get::<i64>(0),
            )?;
            if desired.is_none() || nothing.is_had(db, id, before.touched)? {
                return Ok(None);
            }
            discard(db, clock, id)?;
        }
    }
    describe(db, target)
}

/// Describes a target.
fn describe(db: &Db, target: Target) -> Result<Option<Collected>, StoreError> {
    let (query, id) = match target {
        Target::Manifest(id) => (
            "SELECT r.name, b.digest, b.size FROM repository_manifests t
             JOIN repositories r ON r.id = t.repository_id
             JOIN blobs b ON b.id = t.manifest_id WHERE t.id = ?1",
            id,
        ),
        Target::Link(id) => (
            "SELECT r.name, b.digest, b.size FROM repository_blobs t
             JOIN repositories r ON r.id = t.repository_id
             JOIN blobs b ON b.id = t.blob_id WHERE t.id = ?1",
            id,
        ),
        Target::Bytes(id) => ("SELECT '', digest, size FROM blobs WHERE id = ?1", id),
    };
    let found = db.optional(query, [id], |row| {
        Ok((row.get::<String>(0)?, row.get(1)?, row.get(2)?))
    })?;
    let Some((repository, digest, size)) = found else {
        return Ok(None);
    };
    Ok(Some(match target {
        Target::Manifest(_) => Collected::Manifest(parsed(&repository)?, digest),
        Target::Link(_) => Collected::Link(parsed(&repository)?, digest),
        Target::Bytes(_) => Collected::Bytes(digest, size),
    }))
}

impl Store {
    /// Collects garbage or, with `dry_run`, only reports it, one object at a
    /// time. Collected content is invisible to clients immediately; jobs remove
    /// it from SFTP. Keeps content that is pushed meanwhile, and stops if the
    /// storage fails. Pauses for longer than it works.
    ///
    /// # Errors
    /// If the database cannot be read or written; content collected before that
    /// stays collected.
    pub async fn collect(
        &self,
        rules: CollectRules,
        dry_run: bool,
        mut found: impl FnMut(Collected),
    ) -> Result<Collect, StoreError> {
        // Each plan occupies a connection for a while.
        let _one_at_a_time = self.collecting.lock().await;
        let refused = self
            .read_in_background(|db| refusal(db, Collection::default()))
            .await?;
        match refused {
            // A dry run is possible even if the storage is failing.
            Some(Collect::StorageFailing(_)) if dry_run => {}
            Some(refused) => return Ok(refused),
            None => {}
        }
        let before = Before::now(&self.clock, rules);
        let plan = self
            .read_in_background(move |db| Plan::make(db, before))
            .await?;
        let mut collection = Collection::default();
        for some in plan.targets.chunks(AT_ONCE) {
            let (some, clock) = (some.to_vec(), self.clock.clone());
            let part = if dry_run {
                self.read_in_background(move |db| each(some, |target| describe(db, target)).map(Ok))
                    .await?
            } else {
                self.write(move |db| match refusal(db, collection)? {
                    Some(refused) => Ok(Err(refused)),
                    None => each(some, |target| mark(db, &clock, before, target)).map(Ok),
                })
                .await?
            };
            let (collected, worked) = match part {
                Ok(part) => part,
                Err(refused) => return Ok(refused),
            };
            for one in collected {
                collection.add(&one);
                found(one);
            }
            tokio::time::sleep(REST * worked).await;
        }
        Ok(Collect::Done(collection))
    }

    /// Records that SFTP holds images that the index does not know. What they
    /// need cannot be distinguished from garbage.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn note_partial_index(&self) -> Result<(), StoreError> {
        self.write(|db| {
            db.run("UPDATE collection SET partial_index = 1", ())?;
            Ok(())
        })
        .await
    }
}

/// Checks and marks each target. Returns what was collected, and how long it
/// took.
fn each(
    targets: Vec<Target>,
    mut look: impl FnMut(Target) -> Result<Option<Collected>, StoreError>,
) -> Result<(Vec<Collected>, Duration), StoreError> {
    let (begun, mut all) = (Instant::now(), Vec::new());
    for target in targets {
        all.extend(look(target)?);
    }
    Ok((all, begun.elapsed()))
}
