//! `publish_tag`: a tag points where it should, or is removed.
//!
//! May start when its manifest is published. A run that comes late may spoil a
//! tag that moves, and everything that is removed: the job stays with a silent
//! owner for some minutes more, that owner asks whether it still has the job
//! right before it overwrites, and its heir removes what would be renamed.

use refity_storage::{NewFolder, Placed, SmallFile, layout, remove_tag};
use refity_types::digest::Digest;
use refity_types::name::{RepositoryName, Tag};

use super::{JobError, Run};

/// Points the tag at the manifest. A new tag's folder appears whole; one that
/// moves is at every moment the old or the new.
pub(super) async fn point(
    run: Run<'_>,
    repository: RepositoryName,
    tag: Tag,
    manifest: Digest,
) -> Result<(), JobError> {
    let link = manifest.as_str();
    let folder = layout::tag(&repository, &tag);
    if run.storage.stat(&folder).await?.is_none() {
        let files = [layout::index_in_tag(&manifest), layout::current_in_tag()];
        let folder = NewFolder {
            target: folder,
            tmp: run.tmp_name(),
            files: files.map(|file| (file, link.into())).into(),
        };
        if run.storage.publish_folder(folder).await? == Placed::New {
            return Ok(());
        }
    }
    let index = layout::tag_index(&repository, &tag, &manifest);
    run.write_small(index, link).await?;
    let current = SmallFile {
        target: layout::tag_current(&repository, &tag),
        tmp: run.tmp_name(),
        bytes: link.into(),
    };
    Ok(run.storage.replace_small(current, &run.guard()).await?)
}

/// Removes the tag: its folder is renamed away at once, then taken apart.
pub(super) async fn remove(
    run: Run<'_>,
    repository: RepositoryName,
    tag: Tag,
) -> Result<(), JobError> {
    let tmp = run.tmp_name();
    Ok(remove_tag(run.storage, &repository, &tag, &tmp, &run.guard()).await?)
}
