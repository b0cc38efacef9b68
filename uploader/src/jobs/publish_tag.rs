//! `publish_tag`: a tag points where it should, or is gone.
//!
//! May start when its manifest is published. A tag that moves, and whatever is
//! removed, may be spoiled by a run that comes late: the job stays with a silent owner for
//! some minutes more, that owner asks whether it still has it right before it
//! overwrites, and its heir removes what would be renamed.

use refity_storage::Layout;
use refity_storage::sftp::{
    Placed, WriteError, place_folder, remove_tag, replace_small, write_small,
};
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
    let (layout, tmp) = (run.uploader.layout.clone(), run.tmp_name());
    let (running, clock) = (run.running, run.uploader.node.store.clock().clone());
    let pointed = run.session.run(move |session| {
        let link = manifest.as_str().as_bytes();
        let folder = layout.tag(&repository, &tag);
        if session.stat(&folder)?.is_none() {
            let files = [
                (Layout::index_in_tag(&manifest), link.to_vec()),
                (Layout::current_in_tag().to_owned(), link.to_vec()),
            ];
            if place_folder(session, &tmp, &files, &folder)? == Placed::New {
                return Ok(());
            }
        }
        let index = layout.tag_index(&repository, &tag, &manifest);
        write_small(session, &tmp, &index, link)?;
        let current = layout.tag_current(&repository, &tag);
        let still_ours = || running.is_held(&clock);
        replace_small(session, &tmp, &current, link, &still_ours)
    });
    Ok(pointed.await?)
}

/// Removes the tag: its folder is renamed away at once, then taken apart.
pub(super) async fn remove(
    run: Run<'_>,
    repository: RepositoryName,
    tag: Tag,
) -> Result<(), JobError> {
    let (layout, tmp) = (run.uploader.layout.clone(), run.tmp_name());
    let still_ours = run.still_ours();
    let removed = run.session.run(move |session| {
        still_ours()?;
        Ok::<_, WriteError>(remove_tag(session, &layout, &repository, &tag, &tmp)?)
    });
    Ok(removed.await?)
}
