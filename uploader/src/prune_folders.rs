//! Removes the empty folders of removed repositories, since other registries
//! would list the repository.

use refity_storage::layout;

use crate::service::{Failure, Uploader};

/// Maximum number of repositories per sweep.
const AT_ONCE: u32 = 100;

/// Removes the folders of removed repositories, if they are empty. Never
/// removes folders of repositories with a longer name.
pub(crate) async fn prune(uploader: &Uploader) -> Result<(), Failure> {
    let store = &uploader.node.store;
    let removed = store.emptied_repositories(AT_ONCE).await?;
    if removed.is_empty() {
        return Ok(());
    }
    for repository in removed {
        for folder in layout::own_folders(&repository.name) {
            uploader.storage.remove_if_empty(&folder).await?;
        }
        if store.note_cleared(&repository).await? {
            tracing::info!(name = %repository.name, "a removed repository is gone from the storage");
            continue;
        }
        // A job of a new push may have seen the folders just before they were
        // removed.
        for folder in [
            layout::layers(&repository.name),
            layout::tags(&repository.name),
        ] {
            uploader.storage.make_folder(&folder).await?;
        }
    }
    Ok(())
}
