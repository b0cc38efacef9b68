//! Removing links and tags. What is gone already is fine.

use refity_types::name::{RepositoryName, Tag};

use super::{RemoteError, Session};
use crate::Layout;

/// Removes a link, and the folder that it alone was in.
///
/// # Errors
/// When the storage fails.
pub fn remove_link(session: &mut Session, link: &str) -> Result<(), RemoteError> {
    missing_is_fine(session.remove_file(link))?;
    crate::layout::parent(link).map_or(Ok(()), |folder| remove_if_empty(session, folder))
}

/// Removes a folder, unless something is in it that is not ours.
///
/// # Errors
/// When the connection breaks.
pub fn remove_if_empty(session: &mut Session, folder: &str) -> Result<(), RemoteError> {
    match session.remove_dir(folder) {
        Err(error) if error.is_connection() => Err(error),
        _ => Ok(()),
    }
}

/// Removes a tag: its folder is renamed to `tmp` at once, then taken apart.
///
/// # Errors
/// When the storage fails.
pub fn remove_tag(
    session: &mut Session,
    layout: &Layout,
    repository: &RepositoryName,
    tag: &Tag,
    tmp: &str,
) -> Result<(), RemoteError> {
    session.mkdir_all(&layout.tmp())?;
    missing_is_fine(session.rename_new(&layout.tag(repository, tag), tmp))?;
    session.remove_tree(tmp)
}

fn missing_is_fine(result: Result<(), RemoteError>) -> Result<(), RemoteError> {
    match result {
        Err(RemoteError::Missing { .. }) => Ok(()),
        result => result,
    }
}
