//! `link_blob`: a repository's link to a blob is there, or is gone.
//!
//! May start when the blob is stored.

use refity_storage::sftp::{WriteError, remove_link, write_small};
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
    let (layout, tmp) = (run.uploader.layout.clone(), run.tmp_name());
    let still_ours = run.still_ours();
    let made = run.session.run(move |session| {
        let link = layout.layer_link(&repository, &digest);
        if !present {
            still_ours()?;
            return Ok(remove_link(session, &link)?);
        }
        // Distribution's collector stops at a repository without these.
        session.mkdir_all(&layout.layers(&repository))?;
        session.mkdir_all(&layout.tags(&repository))?;
        Ok::<_, WriteError>(write_small(
            session,
            &tmp,
            &link,
            digest.as_str().as_bytes(),
        )?)
    });
    Ok(made.await?)
}
