//! `store_blob`: stores a blob at its path on the storage, or removes it.
//!
//! Precondition: the bytes are in the spool, or, for a manifest, in the
//! database. The storage hashes the bytes again while sending them, so that
//! bytes that the spool's disk corrupted never get the final name.

use std::io::{self, Read};
use std::sync::Arc;

use refity_storage::{ChangeError, Guard, NewFile, layout};
use refity_store::{BlobId, BlobSource};
use refity_types::digest::Digest;

use super::{JobError, Run};

/// Stores the blob at its path, replacing any existing file.
pub(super) async fn store(
    run: Run<'_>,
    blob: BlobId,
    digest: Digest,
    size: u64,
    source: BlobSource,
) -> Result<(), JobError> {
    let file = match source {
        BlobSource::Manifest(bytes) => {
            let bytes = Box::new(io::Cursor::new(bytes));
            let file = new_file(&run, digest, size, bytes);
            return Ok(run.storage.write_new(file).await?);
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
        if !node.store.file_lost(blob, file).await? {
            return Err(JobError::Replaced);
        }
        return Err(JobError::Bytes(format!(
            "the file of {digest} is missing from the spool"
        )));
    };
    let new = new_file(&run, digest.clone(), size, Box::new(bytes));
    match run.storage.write_new(new).await {
        Err(ChangeError::Damaged(words)) => {
            // This is the only copy: read it again before declaring it damaged.
            if let Ok(again) = node.spool.hash_file(file, digest.algorithm()).await
                && again == digest
            {
                return Err(JobError::Spool(io::Error::other(words)));
            }
            if !node.store.file_lost(blob, file).await? {
                return Err(JobError::Replaced);
            }
            Err(JobError::Bytes(format!(
                "the spool's bytes of {digest} are damaged: {words}"
            )))
        }
        stored => Ok(stored?),
    }
}

/// Describes the upload to the storage. It reports the job's progress, and
/// stops early if another process takes the job.
fn new_file(run: &Run<'_>, digest: Digest, size: u64, source: Box<dyn Read + Send>) -> NewFile {
    let (sent, running) = (Arc::clone(&run.running), Arc::clone(&run.running));
    NewFile {
        target: layout::blob(&digest),
        tmp: run.tmp_name(),
        size,
        digest,
        source,
        progress: Box::new(move |bytes| sent.sent(bytes)),
        guard: Guard::new(move || !running.is_lost()),
    }
}

/// Handles missing local bytes: succeeds if the storage holds the blob.
async fn confirm(run: Run<'_>, blob: BlobId, digest: Digest, size: u64) -> Result<(), JobError> {
    let found = run.storage.stat(&layout::blob(&digest)).await?;
    if found.is_some_and(|meta| meta.is_file_of(size)) {
        return Ok(());
    }
    let why = format!("{digest} is neither in the spool nor whole on the storage");
    let store = &run.uploader.node.store;
    store.blob_lost_on_remote(blob, why.clone()).await?;
    Err(JobError::Bytes(why))
}

/// Moves the blob to the trash.
pub(super) async fn remove(run: Run<'_>, digest: Digest) -> Result<(), JobError> {
    let now = run.uploader.node.store.clock().wall_ms();
    let (blob, trash) = (layout::blob(&digest), layout::trash_name(&digest, now));
    match run.storage.rename(&blob, &trash, &run.guard()).await {
        // The blob was already removed.
        Err(ChangeError::Storage(error)) if error.is_missing() => {}
        renamed => renamed?,
    }
    let folder = layout::blob_folder(&digest);
    Ok(run.storage.remove_if_empty(&folder).await?)
}
