//! What every handler can reach.

use std::sync::Arc;
use std::time::Duration;

use refity_shared::config::SpoolSettings;
use refity_shared::local::Local;
use refity_shared::remote::Pool;

use crate::registry::ColdPulls;

/// The gateway's parts. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    /// Database, spool, this process's name.
    pub(crate) local: Local,
    /// Sessions to SFTP.
    pub(crate) remote: Pool,
    /// The fetches from SFTP that clients read right now.
    pub(crate) cold_pulls: Arc<ColdPulls>,
    /// What does not change while the process runs.
    pub(crate) settings: Arc<Settings>,
}

/// What does not change while the process runs.
#[derive(Debug)]
pub(crate) struct Settings {
    /// How much of the disk is the spool's.
    pub(crate) spool: SpoolSettings,
    /// `SFTP_SYNC_UPLOAD`: how long a request waits until its bytes are on
    /// SFTP; nothing: it does not wait.
    pub(crate) sync: Option<Duration>,
}
