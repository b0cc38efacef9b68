//! How many bodies are written at once: each holds a thread, a file and some
//! memory while it comes, also when its client is slow on purpose.

use axum::body::{Body, HttpBody as _};
use axum::http::request::Parts;

use super::error::RegistryError;
use crate::client::ClientAddress;
use crate::limit::{Full, Place};
use crate::state::AppState;

/// A place for the request's body; none where it has none. Nothing of the body
/// has been read when there is no place.
///
/// # Errors
/// [`RegistryError::TooManyRequests`].
pub(super) fn take(
    state: &AppState,
    parts: &Parts,
    body: &Body,
) -> Result<Option<Place>, RegistryError> {
    if body.is_end_stream() {
        return Ok(None);
    }
    let client = ClientAddress::of(&parts.extensions);
    let place = state.uploads.take(Some(client.key()));
    place.map(Some).map_err(|full| {
        tracing::warn!(%client, ?full, "an upload was refused: there are too many at once");
        RegistryError::too_many(match full {
            Full::Client => format!(
                "too many uploads at once from {client}; nothing of this one was read: send it \
                 again when others have ended"
            ),
            Full::InAll => "too many uploads at once; nothing of this one was read: send it again \
                            in a moment"
                .to_owned(),
        })
    })
}
