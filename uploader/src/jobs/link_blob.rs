//! `link_blob`: writes or removes a repository's link to a blob.
//!
//! Precondition: the blob is stored.

use refity_storage::{layout, remove_link};
use refity_types::digest::Digest;
use refity_types::name::RepositoryName;

use super::{JobError, Run};

/// Writes or removes `_layers/<alg>/<hex>/link`.
pub(super) async fn run(
    run: Run<'_>,
    repository: RepositoryName,
    digest: Digest,
    present: bool,
) -> Result<(), JobError> {
    let link = layout::layer_link(&repository, &digest);
    if !present {
        return Ok(remove_link(run.storage, &link, &run.guard()).await?);
    }
    run.make_repository(&repository).await?;
    run.write_small(link, digest.as_str()).await
}
