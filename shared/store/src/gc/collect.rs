//! Garbage collection of what nothing needs any more, while pushes go on.
//!
//! Kept are: tagged manifests; what an index of the repository names; what
//! refers to a manifest that is there; untagged manifests, unless a delete
//! made them so (or [`CollectRules::untagged_after`] is over); all that a
//! manifest of the repository names; and content that a client was told of within
//! [`GRACE`].
//!
//! A plan is made from one look at the index. What it lists is then decided
//! once more, some at a time, in the transaction that marks it: a push that
//! came between has made it needed, and it stays.

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

/// How long all that a client pushed, mounted or was told of stays.
pub const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// How many are marked in one transaction: it holds up every other write.
const AT_ONCE: usize = 100;

/// How many times as long as it worked a collection rests after each part. On
/// two cores who pulls keeps most of both then.
const REST: u32 = 2;

/// How many rows one step of the plan looks at.
const STEP: usize = 1000;

/// Something that is collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collected {
    /// A repository's manifest.
    Manifest(RepositoryName, Digest),
    /// A repository's hold on a blob.
    Link(RepositoryName, Digest),
    /// The bytes of a blob or of a manifest, which no repository has any
    /// more, and how many they are.
    Bytes(Digest, u64),
}

/// How much was collected, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Collection {
    /// Manifests, counted in each repository.
    pub manifests: u64,
    /// Blobs, counted in each repository.
    pub links: u64,
    /// Blobs and manifests that no repository has any more.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The result of collecting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collect {
    /// It is done (or said).
    Done(Collection),
    /// Nothing is collected while the storage is failing. Before it was, this
    /// much was.
    StorageFailing(Collection),
    /// SFTP holds images that the index does not know: nothing is garbage
    /// that they may need.
    PartialIndex,
}

impl Collect {
    /// What was collected.
    ///
    /// # Errors
    /// In words, why nothing was, or not all.
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

/// Why nothing may be collected now, after this much.
fn refusal(db: &Db, before: Collection) -> Result<Option<Collect>, StoreError> {
    Ok(if is_index_partial(db)? {
        Some(Collect::PartialIndex)
    } else if !is_up(db)? {
        Some(Collect::StorageFailing(before))
    } else {
        None
    })
}

/// See [`Store::note_partial_index`].
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

/// Times before which something must have been, in milliseconds UTC.
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
    /// The key in `repository_manifests`.
    Manifest(i64),
    /// The key in `repository_blobs`.
    Link(i64),
    /// The key in `blobs`.
    Bytes(i64),
}

/// A manifest that may go when nothing holds it: the grace is over since ?1,
/// and a delete let go of it, or it has been untagged since before ?2.
const LEFT: &str = "rm.desired AND rm.touched_at < ?1
    AND coalesce(rm.released_at, 0) < ?1 AND coalesce(rm.untagged_at, 0) < ?1
    AND (rm.released_at IS NOT NULL
         OR (rm.touched_at < ?2 AND rm.pushed_at < ?2 AND coalesce(rm.untagged_at, 0) < ?2))";

/// What would be collected, each after what held it.
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

/// The keys of a table, in ranges of [`STEP`]: after the first, up to the
/// second.
fn steps(db: &Db, table: &str) -> Result<impl Iterator<Item = (i64, i64)>, StoreError> {
    let last = db.all(
        &format!("SELECT coalesce(max(id), 0) FROM {table}"),
        (),
        |row| row.get(0),
    )?;
    let starts = (0..=last.first().copied().unwrap_or(0)).step_by(STEP);
    Ok(starts.map(|after| (after, after + STEP as i64)))
}

/// Collects a target, if it still is garbage.
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
            // The query gives the time of its release in the place of touched_at.
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

/// What a target is called.
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
    /// Collects garbage, or (`dry_run`) tells what would be collected, one by
    /// one. Clients do not see it any more at once; jobs remove it from SFTP.
    /// What is pushed meanwhile stays, and it stops when the storage is failing.
    /// Rests longer than it works.
    ///
    /// # Errors
    /// If the database cannot be read or written; what was collected before
    /// stays so.
    pub async fn collect(
        &self,
        rules: CollectRules,
        dry_run: bool,
        mut found: impl FnMut(Collected),
    ) -> Result<Collect, StoreError> {
        // Each plan takes a connection for a while.
        let _one_at_a_time = self.collecting.lock().await;
        let refused = self
            .read_in_background(|db| refusal(db, Collection::default()))
            .await?;
        match refused {
            // What would be collected can be said all the same.
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

    /// Notes that SFTP holds images that the index does not know. What they
    /// need cannot be told from garbage.
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

/// Checks each target. Returns what was collected, and how long it took.
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
