//! Waits until pushed content is stored on SFTP (`SFTP_SYNC_UPLOAD`).

use refity_store::{JobId, Trouble};

use super::error::RegistryError;
use crate::state::AppState;
use crate::sync_waits::WaitError;

/// Waits for these jobs, if pushes are synchronous. A client that disconnects does not cancel them.
///
/// # Errors
/// [`RegistryError::Unavailable`] if the jobs do not finish in time or need an
/// operator. The bytes are kept and the jobs continue.
pub(super) async fn until_stored(state: &AppState, jobs: &[JobId]) -> Result<(), RegistryError> {
    match state.settings.sync {
        Some(limit) if !jobs.is_empty() => Ok(state.sync_waits.wait(jobs, limit).await?),
        _ => Ok(()),
    }
}

impl From<WaitError> for RegistryError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Store(error) => error.into(),
            WaitError::Parked(trouble) => parked(&trouble),
            WaitError::TimedOut(_) => Self::busy(format!(
                "{error}. The registry keeps it and goes on storing it; push again to wait for it"
            )),
        }
    }
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
    fn trouble_is_reported_with_its_own_message() {
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
