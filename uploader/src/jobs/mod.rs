//! The kinds of jobs, one file each, and their shared code: reading the desired
//! state and handling the result of a run.
//!
//! Each kind reconciles SFTP with the desired state, even if half of the work
//! is already done: a job may run twice, after a crash or concurrently with a
//! late first run.

mod link_blob;
mod mark_group;
mod publish_manifest;
mod publish_tag;
mod store_blob;

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use refity_config::fault::{self, Fault};
use refity_config::panic;
use refity_storage::{
    ChangeError, Guard, Reason, RemotePath, SmallFile, Storage, StorageError, TmpName, layout,
};
use refity_store::{
    BlobId, Claim, Desired, DesiredState, Finished, HealthState, Retry, RunResult, StoreError,
    Trouble,
};
use refity_types::name::RepositoryName;

use crate::health::{backoff, trouble};
use crate::progress::Running;
use crate::service::{Failure, Uploader};

/// Initial wait after a transient failure; doubled up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_secs(1);

/// Maximum wait between two attempts.
const RETRY_MAX: Duration = Duration::from_secs(5 * 60);

/// Wait between two attempts of a job that needs a person.
const PARKED: Duration = Duration::from_secs(15 * 60);

/// How long to store nothing after the storage was full.
const FULL: Duration = Duration::from_secs(60);

/// A run of a job.
struct Run<'a> {
    uploader: &'a Uploader,
    /// The storage, with a connection reserved for the job.
    storage: &'a dyn Storage,
    claim: &'a Claim,
    running: Arc<Running>,
}

impl Run<'_> {
    /// Returns the temporary path of this run. No other run uses it.
    fn tmp_name(&self) -> RemotePath {
        let (job, lease) = (self.claim.job.number(), self.claim.lease.number());
        layout::tmp_name(self.uploader.node.installation, job, lease)
    }

    /// Returns a guard that holds while this process holds the job. The process
    /// may have been suspended for hours, so check it before anything is
    /// overwritten or removed.
    fn guard(&self) -> Guard {
        let running = Arc::clone(&self.running);
        let clock = self.uploader.node.store.clock().clone();
        Guard::new(move || running.is_held(&clock))
    }

    /// Writes a small file whose content is the same in every run.
    async fn write_small(&self, target: RemotePath, text: &str) -> Result<(), JobError> {
        let file = SmallFile {
            target,
            tmp: self.tmp_name(),
            bytes: text.into(),
        };
        Ok(self.storage.replace_small(file, &Guard::always()).await?)
    }

    /// Creates the folders of a repository without which Distribution's garbage
    /// collector fails.
    async fn make_repository(&self, name: &RepositoryName) -> Result<(), JobError> {
        self.storage.make_folder(&layout::layers(name)).await?;
        Ok(self.storage.make_folder(&layout::tags(name)).await?)
    }
}

/// The reason why a run did not reconcile its target.
#[derive(Debug, thiserror::Error)]
enum JobError {
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another process holds the job.
    #[error("another process holds the job now")]
    Lost,
    /// The blob now has another file in the spool.
    #[error("the blob's file was replaced")]
    Replaced,
    /// Bytes are missing in the spool, or are damaged.
    #[error("{0}")]
    Bytes(String),
    /// The spool cannot be read at the moment.
    #[error("the spool cannot be read: {0}")]
    Spool(io::Error),
    /// The run panicked.
    #[error("the uploader failed at this job: {0}")]
    Panic(String),
    /// Blobs are missing on the storage; each with a description.
    #[error("blobs are missing on the storage")]
    Missing(Vec<(BlobId, String)>),
}

impl From<ChangeError> for JobError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Storage(error) => Self::Storage(error),
            ChangeError::Source(error) => Self::Spool(error),
            ChangeError::Damaged(words) => Self::Bytes(words),
            ChangeError::Cancelled => Self::Lost,
        }
    }
}

/// Runs claimed jobs one after another and records their results.
pub(crate) async fn run(uploader: &Uploader, storage: Arc<dyn Storage>, claims: Vec<Claim>) {
    let list = |claim: Claim| (uploader.progress.list(&claim), claim);
    let listed: Vec<_> = claims.into_iter().map(list).collect();
    let mut results = Vec::new();
    let mut failed = false;
    for (listed, claim) in &listed {
        if failed {
            // The rest may fail in the same way, each after a long wait.
            results.push((claim.clone(), RunResult::NotYet));
            continue;
        }
        let run = Run {
            uploader,
            storage: &*storage,
            claim,
            running: Arc::clone(&listed.running),
        };
        // A panic fails only this job.
        let reconciled = AssertUnwindSafe(reconcile(run)).catch_unwind().await;
        let reconciled =
            reconciled.unwrap_or_else(|payload| Err(JobError::Panic(panic::message(&*payload))));
        match reconciled {
            Ok(result) => results.push((claim.clone(), result)),
            Err(JobError::Replaced) => results.push((claim.clone(), RunResult::NotYet)),
            Err(error) => {
                failed = true;
                if let Err(failure) = put_back(uploader, claim, error).await {
                    tracing::warn!(job = %claim.job, kind = claim.kind.name(), "{failure}");
                }
            }
        }
    }
    // If the results cannot be recorded, the jobs run again when their leases
    // expire.
    if let Err(failure) = finish(uploader, results).await {
        let jobs: Vec<_> = listed.iter().map(|(_, claim)| claim.job.number()).collect();
        tracing::warn!(?jobs, "{failure}");
    }
}

/// Removes temporary files of earlier runs of the job. A process that has lost
/// the job without noticing can then not rename them to their targets.
async fn clear_earlier_runs(run: &Run<'_>) -> Result<(), JobError> {
    let installation = run.uploader.node.installation;
    let (job, lease) = (run.claim.job.number(), run.claim.lease.number());
    let entries = run.storage.list(&layout::tmp()).await?.all().await?;
    let earlier = entries.iter().filter(|entry| {
        TmpName::parse(&entry.name).is_some_and(|name| {
            name.installation == installation && name.job == job && name.attempt < lease
        })
    });
    for entry in earlier {
        let path = layout::tmp().child(&entry.name);
        run.storage.remove_tree(&path).await?;
    }
    Ok(())
}

async fn reconcile(run: Run<'_>) -> Result<RunResult, JobError> {
    if fault::at("job") == Some(Fault::Panic) {
        panic!("a test makes jobs panic");
    }
    if run.claim.lease.is_repeated() {
        clear_earlier_runs(&run).await?;
    }
    let desired = match run.uploader.node.store.desired(run.claim).await? {
        Desired::State(desired) => desired,
        Desired::NotYet => return Ok(RunResult::NotYet),
        Desired::NoTarget => return Ok(RunResult::NoTarget),
    };
    let generation = desired.generation();
    match desired {
        DesiredState::StoreBlob {
            blob,
            digest,
            size,
            present: true,
            source,
            ..
        } => store_blob::store(run, blob, digest, size, source).await?,
        DesiredState::StoreBlob { digest, .. } => store_blob::remove(run, digest).await?,
        DesiredState::LinkBlob {
            repository,
            digest,
            present,
            ..
        } => link_blob::run(run, repository, digest, present).await?,
        DesiredState::PublishManifest {
            repository,
            digest,
            present: true,
            ..
        } => publish_manifest::publish(run, repository, digest).await?,
        DesiredState::PublishManifest {
            repository, digest, ..
        } => publish_manifest::withdraw(run, repository, digest).await?,
        DesiredState::PublishTag {
            repository,
            tag,
            manifest: Some(manifest),
            ..
        } => publish_tag::point(run, repository, tag, manifest).await?,
        DesiredState::PublishTag {
            repository, tag, ..
        } => publish_tag::remove(run, repository, tag).await?,
        DesiredState::MarkGroup { group, present, .. } => {
            mark_group::run(run, group, present).await?;
        }
    }
    Ok(RunResult::Reconciled(generation))
}

async fn finish(uploader: &Uploader, results: Vec<(Claim, RunResult)>) -> Result<(), Failure> {
    if results.is_empty() {
        return Ok(());
    }
    let finished = uploader.node.store.finish(results.clone()).await?;
    for ((claim, _), finished) in results.iter().zip(finished) {
        let kind = claim.kind.name();
        match finished {
            Finished::Done { completed_intents } => {
                tracing::debug!(job = %claim.job, kind, "done");
                uploader.forget_intents(completed_intents).await?;
            }
            Finished::Again => tracing::debug!(job = %claim.job, kind, "runs again"),
            Finished::LeaseLost => {
                tracing::info!(job = %claim.job, kind, "{}", JobError::Lost);
            }
        }
    }
    Ok(())
}

async fn put_back(uploader: &Uploader, claim: &Claim, error: JobError) -> Result<(), Failure> {
    let store = &uploader.node.store;
    let passing = |trouble| Retry {
        after: backoff(RETRY_MIN, claim.attempt, RETRY_MAX),
        counts: true,
        parked: false,
        uncertain: false,
        trouble,
    };
    let parked = |trouble| Retry {
        after: PARKED,
        parked: true,
        ..passing(trouble)
    };
    let words = error.to_string();
    let retry = match error {
        JobError::Lost => {
            tracing::info!(job = %claim.job, "{words}");
            return Ok(());
        }
        JobError::Missing(missing) => {
            tracing::warn!(job = %claim.job, ?missing, "{words}");
            let trouble = missing_trouble(&missing);
            store.await_missing(claim, missing, parked(trouble)).await?;
            return Ok(());
        }
        JobError::Storage(error) => {
            if error.reason() == Some(Reason::NoSpace) {
                store.report_full(FULL).await?;
            }
            let retry = if error.is_transient() || error.is_missing() {
                passing(trouble(&error))
            } else {
                parked(trouble(&error))
            };
            Retry {
                // While the storage is unavailable, its own row counts the
                // attempts.
                counts: store.health().await?.state == HealthState::Up,
                uncertain: error.is_transient(),
                ..retry
            }
        }
        JobError::Bytes(message) => parked(Trouble {
            code: "bytes_lost".to_owned(),
            message,
            hint: Some("Push it again.".to_owned()),
        }),
        JobError::Panic(message) => Retry {
            // A call to SFTP may continue on its own thread.
            uncertain: true,
            ..passing(Trouble {
                code: "panic".to_owned(),
                message: format!("the uploader failed at this job: {message}"),
                hint: Some("This is a bug: its log says where. Please report it.".to_owned()),
            })
        },
        JobError::Store(_) | JobError::Spool(_) | JobError::Replaced => passing(Trouble {
            code: "local".to_owned(),
            message: words.clone(),
            hint: None,
        }),
    };
    let (job, kind, after_s) = (claim.job, claim.kind.name(), retry.after.as_secs_f32());
    tracing::warn!(%job, kind, attempt = claim.attempt, after_s, parked = retry.parked, "{words}");
    store.retry(claim, retry).await?;
    Ok(())
}

fn missing_trouble(missing: &[(BlobId, String)]) -> Trouble {
    let words: Vec<&str> = missing.iter().map(|(_, why)| why.as_str()).collect();
    Trouble {
        code: "blob_missing".to_owned(),
        message: words.join("; "),
        hint: Some("Push the image again: what is missing is then stored anew.".to_owned()),
    }
}
