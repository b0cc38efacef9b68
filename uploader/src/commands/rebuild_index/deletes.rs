//! Deletes that were acknowledged and are not carried out.
//!
//! The new index may know nothing of what they name: it may be on SFTP only.
//! So it is removed from there at once, in the order of the deletes and the
//! pushes; what a later push put there is put there again by its own jobs.

use refity_shared::deletion::Deletion;
use refity_shared::name::{IntentId, RepositoryName};
use refity_shared::remote::{RemoteError, Session, remove_link, remove_tag};
use refity_shared::store::{Deleted, NewDelete};

use super::{Failure, Rebuild};

/// Removes from SFTP, and from the new index, what the intent names.
pub(super) async fn replay(
    rebuild: &mut Rebuild,
    intent: IntentId,
    repository: RepositoryName,
    deletion: Deletion,
    generation: i64,
) -> Result<(), Failure> {
    let uploader = &rebuild.uploader;
    let layout = uploader.layout.clone();
    // Of no job: swept, should it stay.
    let tmp = layout.tmp_name(&uploader.local.installation.to_string(), 0, generation);
    let (from, what) = (repository.clone(), deletion.clone());
    let remove = move |session: &mut Session| -> Result<(), RemoteError> {
        match what {
            Deletion::Tag { tag } => remove_tag(session, &layout, &from, &tag, &tmp),
            Deletion::Manifest { digest, tags } => {
                for tag in tags {
                    remove_tag(session, &layout, &from, &tag, &tmp)?;
                }
                remove_link(session, &layout.revision_link(&from, &digest))
            }
            Deletion::Blob { digest } => remove_link(session, &layout.layer_link(&from, &digest)),
        }
    };
    rebuild.session.run(remove).await?;
    if let Deletion::Manifest { digest, .. } = &deletion {
        let adopted = (repository.clone(), digest.clone());
        rebuild.adopted.remove(&adopted);
    }
    let local = &rebuild.uploader.local;
    let deleted = local.store.delete(NewDelete {
        repository,
        deletion,
        generation,
        intent,
    });
    if deleted.await? != Deleted::Yes {
        // No job is left to do: it is carried out.
        local.spool.remove_intent(intent).await?;
    }
    Ok(())
}
