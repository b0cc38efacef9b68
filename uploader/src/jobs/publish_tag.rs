//! `publish_tag`: points a tag at its manifest, or removes it.
//!
//! Precondition: the manifest is published. A late run could undo a move or a
//! removal of a tag. So the job of a silent owner stays with it for some more
//! minutes, the owner checks that it still holds the job right before
//! overwriting, and its successor removes the files that the owner would
//! rename.

use refity_storage::{NewFolder, Placed, SmallFile, layout, remove_tag};
use refity_types::digest::Digest;
use refity_types::name::{RepositoryName, Tag};

use super::{JobError, Run};

/// Points the tag at the manifest. A new tag's folder appears complete; a tag
/// that moves refers to either the old or the new manifest at any time.
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

/// Removes the tag: atomically renames its folder, then deletes it.
pub(super) async fn remove(
    run: Run<'_>,
    repository: RepositoryName,
    tag: Tag,
) -> Result<(), JobError> {
    let tmp = run.tmp_name();
    Ok(remove_tag(run.storage, &repository, &tag, &tmp, &run.guard()).await?)
}
