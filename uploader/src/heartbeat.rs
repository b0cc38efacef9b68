//! Records every few seconds that this uploader runs, for display.

use std::time::Duration;

use crate::service::{Failure, Uploader};

/// Interval of the heartbeat.
const BEAT: Duration = Duration::from_secs(5);

/// Records the heartbeat until the service ends.
pub(crate) async fn run(uploader: Uploader) {
    uploader.every("heartbeat", BEAT, || beat(&uploader)).await;
}

async fn beat(uploader: &Uploader) -> Result<(), Failure> {
    let owner = uploader.node.owner.id();
    Ok(uploader.node.store.uploader_runs(owner).await?)
}
