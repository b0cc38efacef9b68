//! Determines what the tags on SFTP need. The new index does not know all tags,
//! and a replayed delete must not remove anything that one of them needs.

use std::collections::{BTreeMap, HashMap, HashSet};

use refity_storage::{Guard, layout, remove_tag};
use refity_types::digest::Digest;
use refity_types::manifest::{MANIFEST_MAX_BYTES, Manifest};
use refity_types::name::{RepositoryName, Tag};

use super::{Failure, Rebuild, digests};

/// Maximum size of a link in bytes; links are smaller.
const LINK_MAX_BYTES: usize = 1024;

/// The parts of the tree read so far. No other process changes the tree
/// meanwhile.
#[derive(Default)]
pub(super) struct OnSftp {
    tags: HashMap<RepositoryName, BTreeMap<Tag, Digest>>,
    manifests: HashMap<Digest, Content>,
}

/// The references of a manifest.
#[derive(Clone, Default)]
struct Content {
    manifests: Vec<Digest>,
    blobs: Vec<Digest>,
}

impl Rebuild {
    /// Returns the targets of the repository's tags on SFTP.
    pub(super) async fn tags_on_sftp(
        &mut self,
        repository: &RepositoryName,
    ) -> Result<BTreeMap<Tag, Digest>, Failure> {
        if let Some(known) = self.on_sftp.tags.get(repository) {
            return Ok(known.clone());
        }
        let storage = &self.uploader.storage;
        let mut tags = BTreeMap::new();
        let entries = storage.list(&layout::tags(repository)).await?.all().await?;
        for entry in entries {
            let Ok(tag) = entry.name.as_str().parse::<Tag>() else {
                continue;
            };
            let current = layout::tag_current(repository, &tag);
            match storage.read_small(&current, LINK_MAX_BYTES).await {
                Ok(link) => {
                    let link = String::from_utf8_lossy(&link);
                    tags.extend(link.trim().parse().ok().map(|digest| (tag, digest)));
                }
                // The tag has no target.
                Err(error) if error.is_missing() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let cached = self.on_sftp.tags.entry(repository.clone());
        Ok(cached.or_insert(tags).clone())
    }

    /// Returns the repository's tags on SFTP that cannot be pulled completely
    /// without this manifest or blob.
    pub(super) async fn tags_that_need(
        &mut self,
        repository: &RepositoryName,
        target: &Digest,
    ) -> Result<Vec<Tag>, Failure> {
        let mut tags = Vec::new();
        for (tag, manifest) in self.tags_on_sftp(repository).await? {
            if self.needs(manifest, target).await? {
                tags.push(tag);
            }
        }
        Ok(tags)
    }

    async fn needs(&mut self, manifest: Digest, target: &Digest) -> Result<bool, Failure> {
        let (mut look, mut seen) = (vec![manifest], HashSet::new());
        while let Some(manifest) = look.pop() {
            if manifest == *target {
                return Ok(true);
            }
            if seen.insert(manifest.clone()) {
                let content = self.content_of(manifest).await?;
                if content.blobs.contains(target) {
                    return Ok(true);
                }
                look.extend(content.manifests);
            }
        }
        Ok(false)
    }

    /// Returns what a manifest on SFTP references, or `None` if it is missing
    /// or damaged.
    async fn content_of(&mut self, digest: Digest) -> Result<Content, Failure> {
        if let Some(known) = self.on_sftp.manifests.get(&digest) {
            return Ok(known.clone());
        }
        let (storage, path) = (&self.uploader.storage, layout::blob(&digest));
        let content = match storage.read_small(&path, MANIFEST_MAX_BYTES).await {
            Ok(bytes) if Digest::of(digest.algorithm(), &bytes) == digest => {
                Manifest::parse(&bytes, None).map_or_else(
                    |_| Content::default(),
                    |manifest| Content {
                        manifests: digests(&manifest.required_manifests()),
                        blobs: [manifest.required_blobs(), manifest.optional_blobs()]
                            .iter()
                            .flat_map(|blobs| digests(blobs))
                            .collect(),
                    },
                )
            }
            Ok(_) => Content::default(),
            Err(error) if error.is_missing() => Content::default(),
            Err(error) => return Err(error.into()),
        };
        self.on_sftp.manifests.insert(digest, content.clone());
        Ok(content)
    }

    /// Removes a tag from SFTP immediately.
    pub(super) async fn remove_from_sftp(
        &mut self,
        repository: &RepositoryName,
        tag: &Tag,
        generation: i64,
    ) -> Result<(), Failure> {
        // Not the name of a job, so that the sweep removes a leftover.
        let tmp = layout::tmp_name(self.uploader.node.installation, 0, generation);
        remove_tag(
            &*self.uploader.storage,
            repository,
            tag,
            &tmp,
            &Guard::always(),
        )
        .await?;
        if let Some(tags) = self.on_sftp.tags.get_mut(repository) {
            tags.remove(tag);
        }
        Ok(())
    }
}
