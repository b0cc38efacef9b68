//! Removes links, which are small files that hold a digest, and tag folders.

use refity_types::name::{RepositoryName, Tag};

use crate::error::ChangeError;
use crate::layout;
use crate::path::RemotePath;
use crate::storage::{Guard, Storage};

/// Removes a link and its folder. Succeeds if the link is missing.
///
/// # Errors
/// If the storage fails, or the guard does not hold.
pub async fn remove_link(
    storage: &dyn Storage,
    link: &RemotePath,
    guard: &Guard,
) -> Result<(), ChangeError> {
    storage.remove(link, guard).await?;
    if let Some(folder) = link.parent() {
        storage.remove_if_empty(&folder).await?;
    }
    Ok(())
}

/// Removes a tag: atomically renames its folder to `tmp`, then deletes it.
/// Succeeds if the tag is missing.
///
/// # Errors
/// If the storage fails, or the guard does not hold.
pub async fn remove_tag(
    storage: &dyn Storage,
    repository: &RepositoryName,
    tag: &Tag,
    tmp: &RemotePath,
    guard: &Guard,
) -> Result<(), ChangeError> {
    match storage
        .rename(&layout::tag(repository, tag), tmp, guard)
        .await
    {
        Err(ChangeError::Storage(error)) if error.is_missing() => {}
        renamed => renamed?,
    }
    Ok(storage.remove_tree(tmp).await?)
}
