//! Previews how much space a deletion frees, using only the index and the rules
//! of garbage collection: everything that no content needs, except content that
//! is itself being removed.

use refity_types::digest::Digest;
use refity_types::name::{RepositoryName, Tag};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow::Continue;

use crate::accounts::readable::READABLE;
use crate::content::derived::NEEDS;
use crate::content::repositories::repository_id;
use crate::engine::db::Db;
use crate::engine::value::{named_params, params};
use crate::gc::reachability::{Gone, Member, held_by, members, named_by, needed_by};
use crate::{Readable, Store, StoreError};

/// Maximum number of repositories listed that share content.
const SHARED_SHOWN: usize = 100;

/// Maximum number of manifests checked that need one blob, so that a base layer
/// of a thousand images does not take a second.
const KEEPERS: i64 = 10_000;

/// The content to delete from a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Previewed {
    /// These tags. An image is deleted together with its last tag.
    Tags(Vec<Tag>),
    /// This manifest, with all its tags.
    Manifest(Digest),
    /// The whole repository.
    Repository,
}

/// The effects of a deletion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// The deleted tags. Those of a whole repository are only counted.
    pub tags: Vec<Tag>,
    /// Number of deleted tags.
    pub tag_count: i64,
    /// Requested tags that do not exist.
    pub missing: Vec<Tag>,
    /// Other tags of the same images, which keep those images.
    pub also_tagged: Vec<Tag>,
    /// Number of deleted manifests.
    pub manifests: i64,
    /// Bytes that nothing needs any more.
    pub frees_bytes: u64,
    /// Bytes of the deleted content that other images of the repository need.
    pub kept_here_bytes: u64,
    /// Bytes of the deleted content that only other repositories need.
    pub kept_shared_bytes: u64,
    /// The first few of those repositories that are readable.
    pub shared_with: Vec<RepositoryName>,
    /// An index that references the manifest and must be deleted first.
    pub named_by: Option<Digest>,
}

/// Returns the manifests of a repository that deletes released already, with
/// everything that only they hold.
fn already_gone(db: &Db, repository: i64) -> Result<Gone, StoreError> {
    let released = members(
        db,
        "SELECT id, repository_id, manifest_id, touched_at FROM repository_manifests
         WHERE repository_id = ?1 AND desired AND released_at IS NOT NULL",
        [repository],
    )?;
    let mut gone = Gone::default();
    gone.add_unheld(db, released, |_| true)?;
    Ok(gone)
}

struct Lookup<'a> {
    db: &'a Db,
    repository: i64,
    readable: &'a Readable,
    /// Content that is already being removed, by repository.
    gone: HashMap<i64, Gone>,
    preview: Preview,
}

impl Lookup<'_> {
    fn gone(&mut self, repository: i64) -> Result<&Gone, StoreError> {
        if !self.gone.contains_key(&repository) {
            let already = already_gone(self.db, repository)?;
            self.gone.insert(repository, already);
        }
        Ok(self.gone.entry(repository).or_default())
    }

    /// Returns the tags' rows and manifests, and records which tags exist.
    fn tags(&mut self, names: Vec<Tag>) -> Result<(HashSet<i64>, Vec<i64>), StoreError> {
        let (mut rows, mut manifests) = (HashSet::new(), Vec::new());
        for name in names {
            let found = self.db.optional(
                "SELECT id, manifest_id FROM tags
                 WHERE repository_id = ?1 AND name = ?2 AND manifest_id IS NOT NULL",
                params![self.repository, name.as_str()],
                |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)),
            )?;
            match found {
                None => self.preview.missing.push(name),
                // A tag that is listed twice is deleted once.
                Some((id, manifest)) => {
                    if rows.insert(id) {
                        self.preview.tags.push(name);
                        manifests.push(manifest);
                    }
                }
            }
        }
        manifests.sort_unstable();
        manifests.dedup();
        Ok((rows, manifests))
    }

    /// Returns other tags that point to these manifests.
    fn also_tagged(
        &self,
        without: &HashSet<i64>,
        manifests: &[i64],
    ) -> Result<Vec<Tag>, StoreError> {
        let mut tags = Vec::new();
        for manifest in manifests {
            self.db.each(
                "SELECT id, name FROM tags
                 WHERE repository_id = ?1 AND manifest_id = ?2 ORDER BY name",
                [self.repository, *manifest],
                |row| {
                    if !without.contains(&row.get(0)?) {
                        tags.push(row.get(1)?);
                    }
                    Ok(Continue(()))
                },
            )?;
        }
        Ok(tags)
    }

    fn member(&self, manifest: i64) -> Result<Option<Member>, StoreError> {
        let found = members(
            self.db,
            "SELECT id, repository_id, manifest_id, touched_at FROM repository_manifests
             WHERE repository_id = ?1 AND manifest_id = ?2 AND desired",
            [self.repository, manifest],
        )?;
        Ok(found.first().copied())
    }

    fn delete_tags(mut self, names: Vec<Tag>) -> Result<Preview, StoreError> {
        let (rows, manifests) = self.tags(names)?;
        self.preview.also_tagged = self.also_tagged(&rows, &manifests)?;
        let mut deleted = Vec::new();
        for manifest in &manifests {
            deleted.extend(self.member(*manifest)?);
        }
        let before = self.gone(self.repository)?.clone();
        let mut after = before.clone();
        after.tags.extend(rows);
        after.add_unheld(self.db, deleted.clone(), |_| true)?;
        self.measure(&before, after, deleted)
    }

    fn delete_manifest(mut self, digest: &Digest) -> Result<Option<Preview>, StoreError> {
        let manifest = crate::content::manifests::manifest_in(self.db, self.repository, digest)?;
        let Some(manifest) = manifest else {
            return Ok(None);
        };
        let Some(member) = self.member(manifest)? else {
            return Ok(None);
        };
        self.preview.named_by = named_by(self.db, self.repository, manifest, true)?;
        let rows = self.db.all(
            "SELECT id FROM tags WHERE repository_id = ?1 AND manifest_id = ?2",
            [self.repository, manifest],
            |row| row.get::<i64>(0),
        )?;
        self.preview.tags = self.also_tagged(&HashSet::new(), &[manifest])?;
        let before = self.gone(self.repository)?.clone();
        let mut after = before.clone();
        after.tags.extend(rows);
        // Deleted even if a tag or an index holds it.
        after.manifests.insert(member.id);
        let held = held_by(self.db, self.repository, manifest)?;
        after.add_unheld(self.db, held, |_| true)?;
        self.measure(&before, after, vec![member]).map(Some)
    }

    /// Sums up the content that nothing else needs after deleting these
    /// manifests, and determines what needs the rest.
    fn measure(
        mut self,
        before: &Gone,
        after: Gone,
        deleted: Vec<Member>,
    ) -> Result<Preview, StoreError> {
        let db = self.db;
        let gone: Vec<i64> = after
            .manifests
            .difference(&before.manifests)
            .copied()
            .collect();
        self.preview.tag_count = i64::try_from(self.preview.tags.len()).unwrap_or(i64::MAX);
        self.preview.manifests = i64::try_from(gone.len()).unwrap_or(i64::MAX);
        self.gone.insert(self.repository, after);
        let mut blobs: BTreeSet<i64> = BTreeSet::new();
        let deleted = deleted.into_iter().map(|member| member.id);
        for target in gone.into_iter().chain(deleted) {
            let manifest: i64 = db.one(
                "SELECT manifest_id FROM repository_manifests WHERE id = ?1",
                [target],
                |row| row.get(0),
            )?;
            let needed = db.all(
                &format!("{NEEDS} SELECT id FROM needs"),
                named_params! { ":manifest": manifest },
                |row| row.get::<i64>(0),
            )?;
            blobs.extend(needed);
        }
        let mut sharing = BTreeSet::new();
        for blob in blobs {
            let size: u64 = db.one("SELECT size FROM blobs WHERE id = ?1", [blob], |row| {
                row.get(0)
            })?;
            let (here, elsewhere) = self.needed_by(blob)?;
            if here {
                self.preview.kept_here_bytes += size;
            } else if !elsewhere.is_empty() {
                self.preview.kept_shared_bytes += size;
                sharing.extend(elsewhere);
            } else {
                self.preview.frees_bytes += size;
            }
        }
        self.preview.shared_with = self.names(sharing)?;
        Ok(self.preview)
    }

    /// Returns whether the repository still needs a blob, and which other
    /// repositories do.
    fn needed_by(&mut self, blob: i64) -> Result<(bool, BTreeSet<i64>), StoreError> {
        let mut elsewhere = BTreeSet::new();
        for (repository, target) in needed_by(self.db, blob, KEEPERS)? {
            if self.gone(repository)?.manifests.contains(&target) {
                continue;
            }
            if repository == self.repository {
                return Ok((true, elsewhere));
            }
            elsewhere.insert(repository);
        }
        Ok((false, elsewhere))
    }

    /// Returns the names of the readable ones.
    fn names(&self, repositories: BTreeSet<i64>) -> Result<Vec<RepositoryName>, StoreError> {
        let (all, user, within) = self.readable.values();
        let query = format!(
            "SELECT r.name FROM repositories r JOIN groups g ON g.id = r.group_id
             WHERE r.id = :id AND {READABLE}"
        );
        let mut names = Vec::new();
        for id in repositories {
            let values = named_params! {
                ":id": id, ":all": all, ":user": user, ":within": within,
            };
            names.extend(self.db.optional(&query, values, |row| row.get(0))?);
            if names.len() == SHARED_SHOWN {
                break;
            }
        }
        names.sort();
        Ok(names)
    }

    /// Deletes the whole repository: content that no other repository has is
    /// freed.
    fn delete_repository(mut self) -> Result<Preview, StoreError> {
        let db = self.db;
        let (tags, manifests, own, all): (i64, i64, u64, u64) = db.one(
            "SELECT tags, (SELECT count(*) FROM repository_manifests m
                               WHERE m.repository_id = r.id AND m.desired),
                        unique_bytes, logical_bytes
                 FROM repositories r WHERE id = ?1",
            [self.repository],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )?;
        self.preview.tag_count = tags;
        self.preview.manifests = manifests;
        self.preview.frees_bytes = own;
        self.preview.kept_shared_bytes = all.saturating_sub(own);
        if all > own {
            let others = db.all(
                "SELECT DISTINCT o.repository_id FROM repository_blobs l
                 JOIN repository_blobs o ON o.blob_id = l.blob_id AND o.desired
                  AND o.repository_id <> l.repository_id
                 WHERE l.repository_id = ?1 AND l.desired LIMIT ?2",
                [self.repository, KEEPERS],
                |row| row.get(0),
            )?;
            self.preview.shared_with = self.names(others.into_iter().collect())?;
        }
        Ok(self.preview)
    }
}

impl Store {
    /// Returns the effects of this deletion from a repository, or `None` if
    /// there is no such repository or manifest.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn preview(
        &self,
        repository: &RepositoryName,
        what: Previewed,
        readable: Readable,
    ) -> Result<Option<Preview>, StoreError> {
        let repository = repository.clone();
        self.read_for_people(move |db| {
            let Some(repository) = repository_id(db, &repository)? else {
                return Ok(None);
            };
            let look = Lookup {
                db,
                repository,
                readable: &readable,
                gone: HashMap::new(),
                preview: Preview::default(),
            };
            match what {
                Previewed::Tags(tags) => look.delete_tags(tags).map(Some),
                Previewed::Manifest(digest) => look.delete_manifest(&digest),
                Previewed::Repository => look.delete_repository().map(Some),
            }
        })
        .await
    }
}
