//! Whose tree it is: two installations on one folder would delete each
//! other's files, so the second one is refused.

use super::error::{Reason, RemoteError};
use super::session::Session;
use super::write::{WriteError, write_small, write_temporary};
use crate::layout::Layout;

/// The longest content of the owner's file that is read.
const OWNER_MAX: usize = 4096;

/// What [`check_owner`] found or did. The tree is ours in each case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerState {
    /// The file names this installation.
    Ours,
    /// There was no owner; this installation is it now.
    Created,
    /// Another installation owned the tree until now.
    TakenOver {
        /// Its id.
        from: String,
    },
}

/// Makes sure that the tree belongs to this installation.
///
/// # Errors
/// [`Reason::Owner`], naming both ids, when it is another's and is not to be
/// taken over.
pub fn check_owner(
    session: &mut Session,
    layout: &Layout,
    installation: &str,
    take_over: bool,
) -> Result<OwnerState, RemoteError> {
    match read_owner(session, layout)? {
        Some(owner) if owner == installation => Ok(OwnerState::Ours),
        Some(owner) if take_over => {
            replace(session, layout, installation)?;
            Ok(OwnerState::TakenOver { from: owner })
        }
        Some(owner) => Err(foreign(layout, &owner, installation)),
        None => create(session, layout, installation),
    }
}

/// Whether the tree has repositories that this installation's index cannot
/// know: it is another's, or nobody's yet.
///
/// # Errors
/// When the storage fails.
pub fn holds_strange_images(
    session: &mut Session,
    layout: &Layout,
    installation: &str,
) -> Result<bool, RemoteError> {
    if read_owner(session, layout)?.as_deref() == Some(installation) {
        return Ok(false);
    }
    Ok(!session.list_if_there(&layout.repositories())?.is_empty())
}

fn create(
    session: &mut Session,
    layout: &Layout,
    installation: &str,
) -> Result<OwnerState, RemoteError> {
    let tmp = tmp_name(layout, installation);
    write_temporary(session, &tmp, installation.as_bytes()).map_err(WriteError::into_remote)?;
    let renamed = session.rename_new(&tmp, &layout.owner());
    if let (true, Err(error)) = (session.is_broken(), &renamed) {
        return Err(error.clone());
    }
    // Whoever was first is the owner; only the file can tell.
    let owner = read_owner(session, layout)?;
    if renamed.is_err() {
        let _ = session.remove_file(&tmp);
    }
    match (owner, renamed) {
        (Some(owner), _) if owner == installation => Ok(OwnerState::Created),
        (Some(owner), _) => Err(foreign(layout, &owner, installation)),
        (None, Err(error)) if session.stat(&layout.owner())?.is_none() => Err(error),
        // An empty file: a power loss of the server can leave one.
        (None, _) => replace(session, layout, installation).map(|()| OwnerState::Created),
    }
}

fn replace(session: &mut Session, layout: &Layout, installation: &str) -> Result<(), RemoteError> {
    let tmp = tmp_name(layout, installation);
    write_small(session, &tmp, &layout.owner(), installation.as_bytes())
}

/// The id in the owner's file; `None` for no file or an empty one.
fn read_owner(session: &mut Session, layout: &Layout) -> Result<Option<String>, RemoteError> {
    let bytes = match session.read_small(&layout.owner(), OWNER_MAX) {
        Err(error) if error.is_missing() => return Ok(None),
        bytes => bytes?,
    };
    let owner = String::from_utf8_lossy(&bytes).trim().to_owned();
    Ok((!owner.is_empty()).then_some(owner))
}

/// Job 0 is nobody's; the process makes the name its own.
fn tmp_name(layout: &Layout, installation: &str) -> String {
    layout.tmp_name(installation, 0, i64::from(std::process::id()))
}

fn foreign(layout: &Layout, owner: &str, installation: &str) -> RemoteError {
    RemoteError::person(
        Reason::Owner,
        format!(
            "the storage's folder {} belongs to the installation {owner}, and this one is \
             {installation}",
            layout.base()
        ),
        "Set another FTP_ROOT, or stop the other installation and start with --take-over.",
    )
}
