//! `store_blob`: a blob is at its remote path, or is no longer.
//!
//! May start when its bytes are in the spool (or, a manifest's, in the
//! database). The bytes are hashed once more as they are sent: a spool whose
//! disk flipped a bit never reaches SFTP.

use std::io::{self, Read};
use std::sync::Arc;

use refity_storage::sftp::{
    RemoteError, Session, WriteError, remove_if_empty, store_file, write_small,
};
use refity_store::{BlobId, BlobSource};
use refity_types::digest::{Digest, Hasher};

use super::{JobError, Run};
use crate::progress::Running;

/// Puts the blob at its path, replacing any existing file.
pub(super) async fn store(
    run: Run<'_>,
    blob: BlobId,
    digest: Digest,
    size: u64,
    source: BlobSource,
) -> Result<(), JobError> {
    let (tmp, target) = (run.tmp_name(), run.uploader.layout.blob(&digest));
    let file = match source {
        BlobSource::Manifest(bytes) => {
            let write = move |session: &mut Session| write_small(session, &tmp, &target, &bytes);
            return Ok(run.session.run(write).await?);
        }
        BlobSource::Spool(file) => file,
        BlobSource::Nowhere => return confirm(run, blob, digest, size).await,
    };
    let node = &run.uploader.node;
    let opened = node
        .spool
        .open_file(file)
        .map_err(|error| JobError::Spool(io::Error::other(error)))?;
    let Some(bytes) = opened else {
        node.store.file_lost(blob, file).await?;
        return Err(JobError::Bytes(format!(
            "the file of {digest} is missing from the spool"
        )));
    };
    let mut source = Checked {
        bytes,
        left: size,
        hasher: Some(Hasher::new(digest.algorithm())),
        digest: digest.clone(),
        running: Arc::clone(&run.running),
    };
    let running = Arc::clone(&run.running);
    let stored = run
        .session
        .run(move |session| {
            store_file(session, &tmp, &target, size, &mut source, &mut |sent| {
                running.sent(sent);
            })
        })
        .await
        .map_err(JobError::from);
    match stored {
        Err(JobError::Spool(error)) if error.kind() == io::ErrorKind::InvalidData => {
            // It is the only copy: one wrong read is not believed.
            if let Ok(again) = node.spool.hash_file(file, digest.algorithm()).await
                && again == digest
            {
                return Err(JobError::Spool(error));
            }
            node.store.file_lost(blob, file).await?;
            Err(JobError::Bytes(format!(
                "the spool's bytes of {digest} are damaged: {error}"
            )))
        }
        Err(JobError::Spool(error)) if error.kind() == io::ErrorKind::ConnectionAborted => {
            Err(JobError::Lost)
        }
        stored => stored,
    }
}

/// There are no bytes here: fine if SFTP holds them.
async fn confirm(run: Run<'_>, blob: BlobId, digest: Digest, size: u64) -> Result<(), JobError> {
    let path = run.uploader.layout.blob(&digest);
    let found = run.session.run(move |session| session.stat(&path)).await?;
    if found.is_some_and(|meta| !meta.is_dir && meta.size == size) {
        return Ok(());
    }
    let why = format!("{digest} is neither in the spool nor whole on the storage");
    let store = &run.uploader.node.store;
    store.blob_lost_on_remote(blob, why.clone()).await?;
    Err(JobError::Bytes(why))
}

/// Moves the blob to the trash.
pub(super) async fn remove(run: Run<'_>, digest: Digest) -> Result<(), JobError> {
    let layout = run.uploader.layout.clone();
    let now = run.uploader.node.store.clock().wall_ms();
    let still_ours = run.still_ours();
    let removed = run.session.run(move |session| {
        session.mkdir_all(&layout.trash())?;
        still_ours()?;
        match session.rename_over(&layout.blob(&digest), &layout.trash_name(&digest, now)) {
            // It is gone already.
            Err(RemoteError::Missing { .. }) => {}
            renamed => renamed?,
        }
        remove_if_empty(session, &layout.blob_folder(&digest))?;
        Ok::<_, WriteError>(())
    });
    Ok(removed.await?)
}

/// A blob's file, hashed as it is read. The last bytes are given out only
/// when the hash of all is right.
struct Checked {
    bytes: std::fs::File,
    left: u64,
    hasher: Option<Hasher>,
    digest: Digest,
    running: Arc<Running>,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.running.is_lost() {
            // Not `Interrupted`: readers try that again.
            return Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "lease lost",
            ));
        }
        let count = self.bytes.read(buffer)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        self.left = self.left.saturating_sub(count as u64);
        if self.left == 0
            && let Some(hasher) = self.hasher.take()
        {
            let found = hasher.finish();
            if found != self.digest {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("they hash to {found}"),
                ));
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn checked(bytes: &[u8], digest: Digest) -> Checked {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        Checked {
            bytes: file.reopen().unwrap(),
            left: bytes.len() as u64,
            hasher: Some(Hasher::new(digest.algorithm())),
            digest,
            running: Arc::default(),
        }
    }

    #[test]
    fn right_bytes_pass() {
        let mut read = Vec::new();
        let mut source = checked(b"layer", Digest::sha256(b"layer"));
        source.read_to_end(&mut read).unwrap();
        assert_eq!(read, b"layer");
    }

    #[test]
    fn the_last_of_wrong_bytes_are_never_given_out() {
        let bytes = vec![7; 3 * 1024 * 1024];
        let mut source = checked(&bytes, Digest::sha256(b"other"));
        let mut read = Vec::new();
        let error = source.read_to_end(&mut read).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(read.len() < bytes.len());
    }
}
