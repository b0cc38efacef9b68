//! `publish_manifest`: a repository's revision link is there, or is gone.
//!
//! May start when everything that the manifest names is stored, linked and
//! published. What was not seen on SFTP for an hour is looked at again first.

use std::time::Duration;

use refity_config::clock::millis;
use refity_storage::sftp::{RemoteError, WriteError, remove_link, write_small};
use refity_store::{BlobId, NamedBlob};
use refity_types::digest::Digest;
use refity_types::name::RepositoryName;

use super::{JobError, Run};

/// How long it is believed that SFTP holds a blob that it held.
const CONFIRMED_FOR: Duration = Duration::from_secs(60 * 60);

/// Writes `_manifests/revisions/<alg>/<hex>/link`.
pub(super) async fn publish(
    run: Run<'_>,
    repository: RepositoryName,
    digest: Digest,
) -> Result<(), JobError> {
    let doubtful = doubtful_blobs(&run).await?;
    let (layout, tmp) = (run.uploader.layout.clone(), run.tmp_name());
    let published = run.session.run(move |session| {
        let mut seen = Seen::default();
        for blob in doubtful {
            let found = session.stat(&layout.blob(&blob.digest))?;
            seen.add(
                &blob,
                found.filter(|meta| !meta.is_dir).map(|meta| meta.size),
            );
        }
        if seen.missing.is_empty() {
            session.mkdir_all(&layout.layers(&repository))?;
            session.mkdir_all(&layout.tags(&repository))?;
            let link = layout.revision_link(&repository, &digest);
            write_small(session, &tmp, &link, digest.as_str().as_bytes())?;
        }
        Ok::<_, RemoteError>(seen)
    });
    let seen = published.await?;
    let store = &run.uploader.node.store;
    store.confirm_stored(seen.right).await?;
    if seen.missing.is_empty() {
        Ok(())
    } else {
        Err(JobError::Missing(seen.missing))
    }
}

/// Those of the named blobs that were not seen on SFTP lately.
async fn doubtful_blobs(run: &Run<'_>) -> Result<Vec<NamedBlob>, JobError> {
    let store = &run.uploader.node.store;
    let since = store.clock().wall_ms() - millis(CONFIRMED_FOR);
    let named = store.named_blobs(run.claim).await?;
    let doubtful = |blob: &NamedBlob| blob.confirmed_at.is_none_or(|at| at < since);
    Ok(named.into_iter().filter(doubtful).collect())
}

/// What a look at SFTP found.
#[derive(Default)]
struct Seen {
    right: Vec<BlobId>,
    missing: Vec<(BlobId, String)>,
}

impl Seen {
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
    let link = run.uploader.layout.revision_link(&repository, &digest);
    let still_ours = run.still_ours();
    let removed = run.session.run(move |session| {
        still_ours()?;
        Ok::<_, WriteError>(remove_link(session, &link)?)
    });
    Ok(removed.await?)
}
