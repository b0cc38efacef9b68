//! Waiting until SFTP holds what was pushed (`SFTP_SYNC_UPLOAD`).

use std::time::Duration;

use refity_store::{JobId, Settled, Store, Trouble};
use tokio::time::timeout;

use super::error::RegistryError;
use crate::state::AppState;

/// Waits for these jobs, where pushes are synchronous. Whoever stops waiting
/// cancels nothing.
///
/// # Errors
/// [`RegistryError::Unavailable`] when they do not end in time, or not before
/// a person has done something. The bytes are kept and the jobs go on.
pub(super) async fn until_stored(state: &AppState, jobs: &[JobId]) -> Result<(), RegistryError> {
    match state.settings.sync {
        Some(limit) if !jobs.is_empty() => wait(&state.node.store, jobs, limit).await,
        _ => Ok(()),
    }
}

async fn wait(store: &Store, jobs: &[JobId], limit: Duration) -> Result<(), RegistryError> {
    // Before the first look, so that no commit falls between the two.
    let mut changes = store.changes();
    let settled = async {
        loop {
            match store.settled(jobs).await? {
                Settled::Done => return Ok(()),
                Settled::Parked(trouble) => return Err(parked(&trouble)),
                Settled::Waiting => changes.next().await,
            }
        }
    };
    timeout(limit, settled).await.unwrap_or_else(|_| {
        Err(RegistryError::busy(format!(
            "the storage does not hold what was pushed yet, after {} seconds. The registry keeps \
             it and goes on storing it; push again to wait for it",
            limit.as_secs()
        )))
    })
}

fn parked(trouble: &Trouble) -> RegistryError {
    let hint = trouble.hint.as_deref().unwrap_or_default();
    let words = format!(
        "the storage does not take what was pushed: {}. {hint} The registry keeps it and stores \
         it when this is mended",
        trouble.message.trim_end_matches('.'),
    );
    RegistryError::away(words.replace("  ", " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_in_its_own_words() {
        let trouble = Trouble {
            code: "authentication".to_owned(),
            message: "the server refuses the password.".to_owned(),
            hint: Some("Set FTP_PASSWORD.".to_owned()),
        };
        assert_eq!(
            parked(&trouble).to_string(),
            "the storage does not take what was pushed: the server refuses the password. Set \
             FTP_PASSWORD. The registry keeps it and stores it when this is mended"
        );
        let silent = Trouble {
            hint: None,
            ..trouble
        };
        assert!(
            parked(&silent)
                .to_string()
                .contains("password. The registry")
        );
    }
}
