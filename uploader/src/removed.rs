//! Takes the folders of removed repositories from SFTP, when nothing is in
//! them any more: other registries would list the repository.

use refity_storage::sftp::{RemoteError, Session, remove_if_empty};
use refity_store::RemovedRepository;

use crate::service::{Failure, Uploader};

/// How many go in one sweep.
const AT_ONCE: u32 = 100;

/// Clears what removed repositories left. Only their own folders, never those
/// of a repository whose name goes on: each goes only when it is empty.
pub(crate) async fn clear(uploader: &Uploader) -> Result<(), Failure> {
    let store = &uploader.node.store;
    let removed = store.emptied_repositories(AT_ONCE).await?;
    if removed.is_empty() {
        return Ok(());
    }
    let mut session = uploader.remote.session().await?;
    for repository in removed {
        let folders = folders(uploader, &repository);
        session
            .run(move |session| remove_folders(session, &folders))
            .await?;
        if store.note_cleared(&repository).await? {
            tracing::info!(name = %repository.name, "a removed repository is gone from SFTP");
            continue;
        }
        // It was pushed to meanwhile, by a session that may have seen the
        // folders just before they went.
        let layout = &uploader.layout;
        let needed = [
            layout.layers(&repository.name),
            layout.tags(&repository.name),
        ];
        session
            .run(move |session| {
                for folder in needed {
                    session.mkdir_all(&folder)?;
                }
                Ok::<_, RemoteError>(())
            })
            .await?;
    }
    Ok(())
}

/// The repository's own folders, each before the one that it is in.
fn folders(uploader: &Uploader, repository: &RemovedRepository) -> Vec<String> {
    let layout = &uploader.layout;
    let (layers, tags) = (
        layout.layers(&repository.name),
        layout.tags(&repository.name),
    );
    let revisions = layout.revisions(&repository.name);
    let own = layout.repository(&repository.name);
    let by_algorithm = |folder: &str| ["sha256", "sha512"].map(|it| format!("{folder}/{it}"));
    let mut folders = Vec::new();
    folders.extend(by_algorithm(&layers));
    folders.push(layers);
    folders.extend(by_algorithm(&revisions));
    folders.push(revisions);
    folders.push(tags);
    folders.extend(["_manifests", "_uploads"].map(|it| format!("{own}/{it}")));
    folders.push(own);
    folders
}

fn remove_folders(session: &mut Session, folders: &[String]) -> Result<(), RemoteError> {
    for folder in folders {
        remove_if_empty(session, folder)?;
    }
    Ok(())
}
