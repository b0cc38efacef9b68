//! `mark_group`: a group's marker is there, or is gone, so that groups
//! without repositories survive a rebuild of the index.

use refity_storage::sftp::{RemoteError, write_small};
use refity_types::name::GroupName;

use super::{JobError, Run};

/// Writes or removes `_refity/groups/<group>`.
pub(super) async fn run(run: Run<'_>, group: GroupName, present: bool) -> Result<(), JobError> {
    let (marker, tmp) = (run.uploader.layout.group(&group), run.tmp_name());
    let made = run.session.run(move |session| {
        if present {
            return write_small(session, &tmp, &marker, b"");
        }
        match session.remove_file(&marker) {
            Err(RemoteError::Missing { .. }) => Ok(()),
            removed => removed,
        }
    });
    Ok(made.await?)
}
