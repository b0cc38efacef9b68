//! `publish_manifest`: writes or removes a repository's revision link.
//!
//! Precondition: everything that the manifest references is stored, linked and
//! published. A blob that was not seen on the storage within the last hour is
//! checked first.

use std::time::Duration;

use refity_config::clock::millis;
use refity_storage::{layout, remove_link};
use refity_store::{BlobId, NamedBlob};
use refity_types::digest::Digest;
use refity_types::name::RepositoryName;

use super::{JobError, Run};

/// How long a blob counts as stored after it was seen on the storage.
const CONFIRMED_FOR: Duration = Duration::from_secs(60 * 60);

/// Writes `_manifests/revisions/<alg>/<hex>/link`.
pub(super) async fn publish(
    run: Run<'_>,
    repository: RepositoryName,
    digest: Digest,
) -> Result<(), JobError> {
    let doubtful = doubtful_blobs(&run).await?;
    let mut seen = Checked::default();
    for blob in doubtful {
        let found = run.storage.stat(&layout::blob(&blob.digest)).await?;
        seen.add(
            &blob,
            found.filter(|meta| !meta.is_dir).map(|meta| meta.size),
        );
    }
    if seen.missing.is_empty() {
        run.make_repository(&repository).await?;
        let link = layout::revision_link(&repository, &digest);
        run.write_small(link, digest.as_str()).await?;
    }
    let store = &run.uploader.node.store;
    store.confirm_stored(seen.right).await?;
    if seen.missing.is_empty() {
        Ok(())
    } else {
        Err(JobError::Missing(seen.missing))
    }
}

/// Returns the referenced blobs that were not seen on the storage recently.
async fn doubtful_blobs(run: &Run<'_>) -> Result<Vec<NamedBlob>, JobError> {
    let store = &run.uploader.node.store;
    let since = store.clock().wall_ms() - millis(CONFIRMED_FOR);
    let named = store.named_blobs(run.claim).await?;
    let doubtful = |blob: &NamedBlob| blob.confirmed_at.is_none_or(|at| at < since);
    Ok(named.into_iter().filter(doubtful).collect())
}

/// The result of checking the storage.
#[derive(Default)]
struct Checked {
    right: Vec<BlobId>,
    missing: Vec<(BlobId, String)>,
}

impl Checked {
    fn add(&mut self, blob: &NamedBlob, size: Option<u64>) {
        match size {
            Some(size) if size == blob.size => self.right.push(blob.blob),
            Some(size) => self.missing.push((
                blob.blob,
                format!(
                    "{} has {size} bytes on the storage instead of {}",
                    blob.digest, blob.size
                ),
            )),
            None => self.missing.push((
                blob.blob,
                format!("{} is missing on the storage", blob.digest),
            )),
        }
    }
}

/// Removes the revision link.
pub(super) async fn withdraw(
    run: Run<'_>,
    repository: RepositoryName,
    digest: Digest,
) -> Result<(), JobError> {
    let link = layout::revision_link(&repository, &digest);
    Ok(remove_link(run.storage, &link, &run.guard()).await?)
}
