//! Room in the spool: a push begins only where it will fit.

use bytes::Bytes;
use refity_spool::Pieces;

use super::body::RequestBody;
use super::error::RegistryError;
use crate::state::AppState;

/// How many bytes of one body come between two looks at the disk.
const STEP: u64 = 8 * 1024 * 1024;

/// Refuses bytes that would take what must stay free (`SPOOL_MIN_FREE`).
///
/// # Errors
/// [`RegistryError::Unavailable`] where there is not enough room.
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

/// A body that ends where there is no more room for it: many do not say
/// before how long they are, and some have no end.
pub(super) struct Fitting<'a> {
    state: &'a AppState,
    body: &'a mut RequestBody,
    /// Where to look at the disk again: bytes of the body.
    next_look: u64,
    refused: Option<RegistryError>,
}

impl<'a> Fitting<'a> {
    /// There must be room for its beginning.
    pub(super) fn new(state: &'a AppState, body: &'a mut RequestBody) -> Self {
        Self {
            state,
            next_look: body.received() + STEP,
            body,
            refused: None,
        }
    }

    /// Why it ended before its end, if it did for want of room.
    pub(super) fn refused(self) -> Option<RegistryError> {
        self.refused
    }
}

impl Pieces for Fitting<'_> {
    async fn next(&mut self) -> Option<Bytes> {
        let received = self.body.received();
        if received >= self.next_look {
            self.next_look = received + STEP;
            if let Err(error) = require(self.state, 0) {
                self.refused = Some(error);
                return None;
            }
        }
        self.body.next().await
    }
}

/// Whether the cache may take a blob of this size: what is pulled never takes
/// the room of what is pushed.
pub(super) fn for_cache(state: &AppState, bytes: u64) -> bool {
    let settings = &state.settings.spool;
    let space = state.node.spool.space();
    bytes <= settings.cache_max_bytes
        && space.is_ok_and(|space| leaves_floor(space.free, settings.spool_min_free, bytes))
}

fn leaves_floor(free: u64, floor: u64, bytes: u64) -> bool {
    free.checked_sub(bytes).is_some_and(|left| left > floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_stays_free() {
        assert!(leaves_floor(100, 50, 49));
        assert!(!leaves_floor(100, 50, 50));
        assert!(!leaves_floor(100, 50, 101));
        assert!(!leaves_floor(50, 50, 0));
        assert!(leaves_floor(100, 0, 99));
    }
}
