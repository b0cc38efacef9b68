//! The storage's health. While the storage fails, one process probes it. While
//! it works, each uploader verifies that the tree belongs to this installation.

use std::time::Duration;

use refity_storage::{Reason, StorageError, check_owner, holds_foreign_images};
use refity_store::{HealthState, Trouble};

use crate::service::{Failure, Uploader};

/// How often to check whether a probe is due.
const INTERVAL: Duration = Duration::from_millis(500);

/// How often to check the owner while the storage works.
const OWNER_INTERVAL: Duration = Duration::from_secs(60);

/// How long a probe waits for a connection.
const OWNER_WAIT: Duration = Duration::from_secs(30);

/// Interval between probes while a person is needed. A server may ban accounts
/// after repeated wrong passwords.
const PERSON_WAIT: Duration = Duration::from_secs(5 * 60);

/// Initial interval between probes after the storage became unavailable;
/// doubled up to [`AWAY_MAX`].
const AWAY_MIN: Duration = Duration::from_secs(1);

/// Maximum interval between probes of an unavailable storage.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// Probes and checks until the service ends.
pub(crate) async fn run(uploader: Uploader) {
    let owner_checks = uploader.every("owner", OWNER_INTERVAL, || verify_owner(&uploader));
    let probes = uploader.every("health", INTERVAL, || probe(&uploader));
    tokio::join!(owner_checks, probes);
}

async fn probe(uploader: &Uploader) -> Result<(), Failure> {
    let store = &uploader.node.store;
    if store.health().await?.state == HealthState::Up
        || !store.claim_probe(uploader.node.owner.id()).await?
    {
        return Ok(());
    }
    match try_storage(uploader).await {
        Ok(()) => {
            tracing::info!("the storage works");
            store.report_up().await?;
            uploader.wake.notify_one();
        }
        Err(Failure::Storage(error)) => report(uploader, &error).await?,
        Err(failure) => return Err(failure),
    }
    Ok(())
}

async fn verify_owner(uploader: &Uploader) -> Result<(), Failure> {
    if uploader.node.store.health().await?.state == HealthState::Up {
        // If the storage is unavailable, the jobs detect it.
        if let Err(Failure::Storage(error)) = try_storage(uploader).await
            && error.reason() == Some(Reason::Owner)
        {
            report(uploader, &error).await?;
        }
    }
    Ok(())
}

async fn try_storage(uploader: &Uploader) -> Result<(), Failure> {
    let storage = uploader.storage.reserve(OWNER_WAIT).await?;
    let installation = uploader.node.installation;
    // Check this before taking ownership, which makes foreign images
    // indistinguishable.
    if holds_foreign_images(&*storage, installation).await? {
        uploader.node.store.note_partial_index().await?;
    }
    let state = check_owner(&*storage, installation, uploader.take_over).await?;
    tracing::debug!(?state, "looked at the owner of the tree");
    Ok(())
}

/// Records that the storage failed rather than a job. Ends the service if the
/// tree belongs to another installation.
pub(crate) async fn report(uploader: &Uploader, error: &StorageError) -> Result<(), Failure> {
    let store = &uploader.node.store;
    let trouble = trouble(error);
    let failures = store.health().await?.failures;
    let (state, wait) = if error.is_transient() {
        (
            HealthState::Down(trouble),
            backoff(AWAY_MIN, failures, AWAY_MAX),
        )
    } else {
        (HealthState::NeedsPerson(trouble), PERSON_WAIT)
    };
    tracing::warn!(hint = error.hint(), next_try_s = wait.as_secs(), "{error}");
    store.report_trouble(state, wait).await?;
    if error.reason() == Some(Reason::Owner) {
        let hint = error.hint().unwrap_or_default();
        uploader.stop_not_ours(&format!("{error}. {hint}"));
    }
    Ok(())
}

/// Converts the error for the database.
pub(crate) fn trouble(error: &StorageError) -> Trouble {
    Trouble {
        code: error.code().to_owned(),
        message: error.to_string(),
        hint: error.hint().map(str::to_owned),
    }
}

/// Returns `first`, doubled for each failure up to `most`, minus a random share
/// of up to half, so that clients do not all reconnect at once.
pub(crate) fn backoff(first: Duration, failures: u32, most: Duration) -> Duration {
    let doubled = first.saturating_mul(1 << failures.min(16)).min(most);
    let random = getrandom::u32().unwrap_or(0);
    doubled.mul_f64(1.0 - f64::from(random) / f64::from(u32::MAX) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_the_maximum_and_is_never_zero() {
        for failures in 0..40 {
            let wait = backoff(AWAY_MIN, failures, AWAY_MAX);
            let full = AWAY_MIN.saturating_mul(1 << failures.min(16)).min(AWAY_MAX);
            assert!(wait <= full && wait >= full / 2, "{failures}: {wait:?}");
        }
    }
}
