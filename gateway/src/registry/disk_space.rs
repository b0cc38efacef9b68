//! Free space on the spool's disk: a push starts only if it fits.

use bytes::Bytes;
use refity_spool::Pieces;

use crate::limit::leaves_floor;
use crate::registry::body::RequestBody;
use crate::registry::error::RegistryError;
use crate::state::AppState;

/// How many bytes of a body to read between two checks of the disk.
const STEP: u64 = 8 * 1024 * 1024;

/// Refuses a write that would use the space to keep free (`SPOOL_MIN_FREE`).
///
/// # Errors
/// [`RegistryError::Unavailable`] if there is not enough space.
pub(super) fn require(state: &AppState, bytes: u64) -> Result<(), RegistryError> {
    let free = state.node.spool.space()?.free;
    let floor = state.settings.spool.spool_min_free;
    if leaves_floor(free, floor, bytes) {
        return Ok(());
    }
    tracing::warn!(
        free,
        floor,
        bytes,
        "a push was refused: the spool's disk is full"
    );
    Err(RegistryError::away(format!(
        "the registry's disk is full: {bytes} bytes do not fit into the {} that pushes may take \
         now. What was pushed before is safe; room comes back as it reaches the storage",
        free.saturating_sub(floor)
    )))
}

/// A body that ends when the disk is full. Many bodies do not declare their
/// length, and some are endless.
pub(super) struct SpaceCheckedBody<'a> {
    state: &'a AppState,
    body: &'a mut RequestBody,
    /// When to check the disk again, in received bytes.
    next_check: u64,
    refused: Option<RegistryError>,
}

impl<'a> SpaceCheckedBody<'a> {
    /// Wraps a body. The caller has checked that its first bytes fit.
    pub(super) fn new(state: &'a AppState, body: &'a mut RequestBody) -> Self {
        Self {
            state,
            next_check: body.received() + STEP,
            body,
            refused: None,
        }
    }

    /// Returns why the body was cut off, if the disk was full.
    pub(super) fn refused(self) -> Option<RegistryError> {
        self.refused
    }
}

impl Pieces for SpaceCheckedBody<'_> {
    async fn next(&mut self) -> Option<Bytes> {
        let received = self.body.received();
        if received >= self.next_check {
            self.next_check = received + STEP;
            if let Err(error) = require(self.state, 0) {
                self.refused = Some(error);
                return None;
            }
        }
        self.body.next().await
    }
}
