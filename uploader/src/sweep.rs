//! Removes unreferenced data: abandoned uploads, files of the spool without a
//! row, completed intents, temporary files and old trash on the storage, and
//! old history.

use std::collections::HashSet;
use std::time::Duration;

use refity_config::clock::millis;
use refity_spool::{Intent, IntentAction};
use refity_storage::{Entry, RemotePath, TmpName, TrashName, layout};
use refity_store::{HealthState, JobId};
use refity_types::deletion::TRASH;
use tokio::sync::Mutex;

use crate::awaited::{AwaitedBlobs, Hashed};
use crate::prune_folders;
use crate::service::{Failure, Uploader};

/// Interval between sweeps.
const SWEEP: Duration = Duration::from_secs(60);

/// An upload session is abandoned after a day without activity; a committed one
/// is kept as long. So are files without a row, since a rebuilt index may still
/// adopt them.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an intent without a row is kept.
const UNNAMED_INTENT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long a delete's intent without a row is kept, prepared or not. Its
/// target may have been pushed again since.
const UNNAMED_DELETE: Duration = Duration::from_secs(60 * 60);

/// How long unknown temporary files are kept.
const FOREIGN_TMP: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long finished jobs are kept.
const HISTORY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Maximum number of finished jobs deleted per sweep.
const PRUNED: u32 = 10_000;

/// Maximum number of rows of removed objects deleted per sweep, of each kind.
const FORGOTTEN: u32 = 1_000;

/// Maximum number of audit log entries deleted per sweep.
const PURGED: u32 = 10_000;

/// Sweeps until the service ends. Keeps audit log entries for the duration
/// `audit`.
pub(crate) async fn run(uploader: Uploader, audit: Duration) {
    let hashed = Mutex::default();
    let node = uploader.every("sweep", SWEEP, || sweep_local(&uploader, audit, &hashed));
    let storage = uploader.every("sweep on the storage", SWEEP, || sweep_storage(&uploader));
    tokio::join!(node, storage);
}

async fn sweep_local(
    uploader: &Uploader,
    audit: Duration,
    hashed: &Mutex<Hashed>,
) -> Result<(), Failure> {
    let store = &uploader.node.store;
    let now = store.clock().wall_ms();
    store.purge_uploads(now - millis(ABANDONED)).await?;
    // A process that removed a repository may have died before its end.
    store.mark_removals().await?;
    let awaited = sweep_intents(uploader).await?;
    sweep_files(uploader, &awaited, hashed).await?;
    store.prune_jobs(now - millis(HISTORY), PRUNED).await?;
    store.forget_removed(FORGOTTEN).await?;
    store.forget_removed_repositories(FORGOTTEN).await?;
    store.purge_audit(now - millis(audit), PURGED).await?;
    store.optimize().await?;
    Ok(())
}

/// Removes old files that no row references and whose bytes no intent without a
/// row may need.
async fn sweep_files(
    uploader: &Uploader,
    awaited: &AwaitedBlobs,
    hashed: &Mutex<Hashed>,
) -> Result<(), Failure> {
    let (store, spool) = (&uploader.node.store, &uploader.node.spool);
    let old: Vec<_> = spool
        .list_files()
        .await?
        .into_iter()
        .filter(|found| is_older(uploader, found.modified, ABANDONED))
        .collect();
    let named = store.named_files(old.iter().map(|found| found.file).collect());
    let named = named.await?;
    let (mut hashed, mut known) = (hashed.lock().await, Hashed::new());
    for found in old.iter().filter(|found| !named.contains(&found.file)) {
        let file = found.file;
        if awaited.include(spool, found, &mut hashed).await? {
            known.extend(hashed.remove_entry(&file));
        } else if spool.remove_unlocked(file).await? {
            tracing::info!(%file, "removed a file of the spool that no row names");
        }
    }
    *hashed = known;
    Ok(())
}

/// Removes completed intents. An intent without a row belongs to a push that
/// was never acknowledged, or to one missing in this database, which may be an
/// older copy; it is kept for [`UNNAMED_INTENT`]. Returns the blobs that the
/// remaining intents may need.
async fn sweep_intents(uploader: &Uploader) -> Result<AwaitedBlobs, Failure> {
    let (store, spool) = (&uploader.node.store, &uploader.node.spool);
    let completed = store.completed_intents().await?;
    uploader.forget_intents(completed).await?;
    decide_prepared(uploader).await?;
    let old: Vec<_> = spool
        .list_intents()
        .await?
        .into_iter()
        .filter(|(_, modified)| is_older(uploader, *modified, UNNAMED_DELETE))
        .collect();
    let named = store.named_intents(old.iter().map(|(id, _)| *id).collect());
    let named = named.await?;
    let (mut kept, mut awaited) = (0, AwaitedBlobs::default());
    for (id, modified) in old.into_iter().filter(|(id, _)| !named.contains(id)) {
        let intent = spool.read_intent(id).await?;
        let deletes = |it: &Intent| matches!(it.action, IntentAction::Delete { .. });
        if is_older(uploader, modified, UNNAMED_INTENT) || intent.as_ref().is_some_and(deletes) {
            spool.remove_intent(id).await?;
            continue;
        }
        // A truncated intent was never acknowledged, so it needs no blobs.
        if let Some(intent) = intent {
            awaited.add(&intent);
        }
        kept += 1;
    }
    if kept > 0 {
        tracing::debug!(
            kept,
            "the spool holds intents that the database does not name"
        );
    }
    Ok(awaited)
}

/// Confirms the intents of deletes that were committed but whose process died
/// before confirming them. Removes intents of deletes that were never
/// committed.
async fn decide_prepared(uploader: &Uploader) -> Result<(), Failure> {
    let (store, spool) = (&uploader.node.store, &uploader.node.spool);
    let prepared = spool.list_prepared_intents().await?;
    if prepared.is_empty() {
        return Ok(());
    }
    let named = store.named_intents(prepared.iter().map(|(id, _)| *id).collect());
    let named = named.await?;
    for (intent, modified) in prepared {
        if named.contains(&intent) {
            spool.confirm_intent(intent).await?;
        } else if is_older(uploader, modified, UNNAMED_DELETE) {
            spool.remove_intent(intent).await?;
        }
    }
    Ok(())
}

fn is_older(uploader: &Uploader, modified: std::time::SystemTime, age: Duration) -> bool {
    let modified = modified
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, millis);
    uploader.node.store.clock().wall_ms() - modified > millis(age)
}

async fn sweep_storage(uploader: &Uploader) -> Result<(), Failure> {
    let store = &uploader.node.store;
    if store.health().await?.state != HealthState::Up {
        return Ok(());
    }
    prune_folders::prune(uploader).await?;
    let storage = &uploader.storage;
    let tmp = storage.list(&layout::tmp()).await?.all().await?;
    let trash = storage.list(&layout::trash()).await?.all().await?;
    let now = store.clock().wall_ms();
    let mut swept = finished_tmp(uploader, tmp, now).await?;
    let old_trash = trash.into_iter().filter(|entry| {
        TrashName::parse(&entry.name).is_some_and(|name| now - name.millis > millis(TRASH))
    });
    swept.extend(old_trash.map(|entry| layout::trash().child(&entry.name)));
    if swept.is_empty() {
        return Ok(());
    }
    tracing::debug!(
        count = swept.len(),
        "removing temporary files and old trash"
    );
    for path in swept {
        match storage.remove_tree(&path).await {
            // Skip a file that cannot be removed.
            Err(error) if !error.is_connection() => {
                tracing::warn!(%path, "cannot be removed: {error}");
            }
            removed => removed?,
        }
    }
    Ok(())
}

/// Returns the temporary files whose job is finished or deleted, and foreign
/// files that are a week old.
async fn finished_tmp(
    uploader: &Uploader,
    entries: Vec<Entry>,
    now: i64,
) -> Result<Vec<RemotePath>, Failure> {
    let ours = uploader.node.installation;
    let mut paths = Vec::new();
    let (mut jobs, mut named) = (HashSet::new(), Vec::new());
    for entry in entries {
        let path = layout::tmp().child(&entry.name);
        match TmpName::parse(&entry.name) {
            Some(name) if name.installation == ours && name.job != 0 => {
                jobs.insert(name.job);
                named.push((name.job, path));
            }
            _ => {
                let age = now / 1000 - i64::try_from(entry.meta.mtime_secs).unwrap_or(i64::MAX);
                if age > millis(FOREIGN_TMP) / 1000 {
                    paths.push(path);
                }
            }
        }
    }
    // Query the jobs after listing: the job of a listed file had already begun.
    let jobs = jobs.into_iter().collect();
    let unfinished = uploader.node.store.unfinished_jobs(jobs).await?;
    let unfinished: HashSet<i64> = unfinished.into_iter().map(JobId::number).collect();
    paths.extend(
        named
            .into_iter()
            .filter(|(job, _)| !unfinished.contains(job))
            .map(|(_, path)| path),
    );
    Ok(paths)
}
