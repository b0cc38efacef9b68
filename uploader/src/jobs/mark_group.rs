//! `mark_group`: writes or removes a group's marker, so that groups without
//! repositories survive a rebuild of the index.

use refity_storage::{Guard, layout};
use refity_types::name::GroupName;

use super::{JobError, Run};

/// Writes or removes `_refity/groups/<group>`.
pub(super) async fn run(run: Run<'_>, group: GroupName, present: bool) -> Result<(), JobError> {
    let marker = layout::group(&group);
    if present {
        return run.write_small(marker, "").await;
    }
    Ok(run.storage.remove(&marker, &Guard::always()).await?)
}
