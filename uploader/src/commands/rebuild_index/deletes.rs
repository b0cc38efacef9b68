//! Replays deletes that were acknowledged but not completed.
//!
//! The new index may not know the deleted objects, which may be on SFTP only.
//! Those are removed from SFTP immediately, in the order of the deletes and
//! pushes; the jobs of a later push store its objects again. Objects in the
//! index are removed by its jobs. An object that a tag on SFTP needs is not
//! removed until the index has moved the tag; if the tag stays, so does the
//! object.

use refity_storage::{Guard, layout, remove_link};
use refity_store::{Deleted, NewDelete};
use refity_types::deletion::{Deletion, TaggedManifest};
use refity_types::digest::Digest;
use refity_types::name::{IntentId, Reference, RepositoryName, Tag};

use super::{Failure, Rebuild};

/// Removes the objects of the intent from SFTP and from the new index.
pub(super) async fn replay(
    rebuild: &mut Rebuild,
    intent: IntentId,
    repository: RepositoryName,
    deletion: Deletion,
    generation: i64,
) -> Result<(), Failure> {
    let store = &rebuild.uploader.node.store;
    store.assume_earlier_runs_of_tags().await?;
    let replayed = Replayed {
        repository,
        generation,
        intent,
    };
    let has_jobs = match deletion {
        Deletion::Repository { manifests, blobs } => {
            replayed.repository(rebuild, manifests, blobs).await?
        }
        deletion => {
            replayed.remove_tags(rebuild, &deletion).await?;
            replayed.delete(rebuild, deletion).await? == Deleted::Yes
        }
    };
    // If no jobs remain, the intent is completed.
    if !has_jobs {
        rebuild.uploader.node.spool.remove_intent(intent).await?;
    }
    Ok(())
}

/// The intent of a delete that is replayed.
struct Replayed {
    repository: RepositoryName,
    generation: i64,
    intent: IntentId,
}

impl Replayed {
    async fn remove_tags(&self, rebuild: &mut Rebuild, deletion: &Deletion) -> Result<(), Failure> {
        for tag in tags_of(rebuild, &self.repository, deletion).await? {
            rebuild
                .remove_from_sftp(&self.repository, &tag, self.generation)
                .await?;
        }
        Ok(())
    }

    async fn delete(&self, rebuild: &mut Rebuild, deletion: Deletion) -> Result<Deleted, Failure> {
        let new = NewDelete {
            repository: self.repository.clone(),
            deletion,
            generation: self.generation,
            intent: self.intent,
        };
        delete(rebuild, new).await
    }

    /// Deletes all that a repository had. Returns whether jobs are left to do.
    async fn repository(
        &self,
        rebuild: &mut Rebuild,
        manifests: Vec<TaggedManifest>,
        blobs: Vec<Digest>,
    ) -> Result<bool, Failure> {
        let all = manifests.into_iter().map(|it| Deletion::Manifest {
            digest: it.digest,
            tags: it.tags,
        });
        let mut left: Vec<Deletion> = all.collect();
        for deletion in &left {
            self.remove_tags(rebuild, deletion).await?;
        }
        let mut has_jobs = false;
        // An index before what it names.
        loop {
            let (before, mut named) = (left.len(), Vec::new());
            for deletion in left {
                match self.delete(rebuild, deletion.clone()).await? {
                    Deleted::Yes => has_jobs = true,
                    Deleted::NamedBy(_) => named.push(deletion),
                    _ => {}
                }
            }
            if named.is_empty() || named.len() == before {
                break;
            }
            left = named;
        }
        for digest in blobs {
            let deleted = self.delete(rebuild, Deletion::Blob { digest }).await?;
            has_jobs |= deleted == Deleted::Yes;
        }
        let store = &rebuild.uploader.node.store;
        store.remove_if_empty(&self.repository).await?;
        Ok(has_jobs)
    }
}

/// Returns the tags that the delete removes from SFTP. Some of the listed tags
/// may have moved before the delete.
async fn tags_of(
    rebuild: &mut Rebuild,
    repository: &RepositoryName,
    deletion: &Deletion,
) -> Result<Vec<Tag>, Failure> {
    Ok(match deletion {
        Deletion::Tag { tag } => vec![tag.clone()],
        Deletion::Manifest { digest, tags } => {
            let on_sftp = rebuild.tags_on_sftp(repository).await?;
            let pointing = tags.iter().filter(|tag| on_sftp.get(tag) == Some(digest));
            pointing.cloned().collect()
        }
        Deletion::Blob { .. } | Deletion::Repository { .. } => Vec::new(),
    })
}

async fn delete(rebuild: &mut Rebuild, new: NewDelete) -> Result<Deleted, Failure> {
    let store = rebuild.uploader.node.store.clone();
    let repository = new.repository.clone();
    let (digest, link) = match &new.deletion {
        Deletion::Tag { .. } | Deletion::Repository { .. } => {
            return Ok(store.delete(new).await?);
        }
        Deletion::Manifest { digest, .. } => {
            (digest.clone(), layout::revision_link(&repository, digest))
        }
        Deletion::Blob { digest } => (digest.clone(), layout::layer_link(&repository, digest)),
    };
    let needed_by = rebuild.tags_that_need(&repository, &digest).await?;
    for tag in &needed_by {
        let reference = Reference::Tag(tag.clone());
        if store.manifest(&repository, &reference).await?.is_none() {
            println!("not deleted: {repository}@{digest}: the tag {tag} on SFTP needs it");
            return Ok(Deleted::Unknown);
        }
    }
    let known = (repository, digest);
    let deleted = store.delete(new.clone()).await?;
    if deleted == Deleted::Yes {
        rebuild.adopted.remove(&known);
    }
    if deleted != Deleted::Unknown {
        return Ok(deleted);
    }
    if needed_by.is_empty() {
        remove_link(&*rebuild.uploader.storage, &link, &Guard::always()).await?;
        return Ok(deleted);
    }
    // The index moves these tags; its job removes the link afterwards.
    let (repository, digest) = &known;
    match adopt(rebuild, &new, digest).await {
        Ok(()) => {}
        Err(Failure::Storage(error)) if !error.is_missing() => return Err(error.into()),
        Err(failure) => {
            println!("not deleted: {repository}@{digest}: {failure}");
            return Ok(deleted);
        }
    }
    rebuild.adopted.remove(&known);
    Ok(store.delete(new).await?)
}

/// Adds an object on SFTP to the index so that it can be deleted. Its
/// generation is older than the delete.
async fn adopt(rebuild: &mut Rebuild, new: &NewDelete, digest: &Digest) -> Result<(), Failure> {
    let (repository, before) = (&new.repository, new.generation - 1);
    if let Deletion::Manifest { .. } = new.deletion {
        return rebuild.adopt_published(repository, digest, before).await;
    }
    let found = rebuild.uploader.storage.stat(&layout::blob(digest)).await?;
    let size = found.map_or(0, |meta| meta.size);
    rebuild.adopt_blob(repository, digest, size, before).await
}
