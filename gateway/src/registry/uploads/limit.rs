//! Limits how many bodies are written at once. Each of them holds a thread, a
//! file and some memory, even if its client is slow on purpose.

use axum::body::{Body, HttpBody as _};
use axum::http::request::Parts;

use crate::client::ClientAddress;
use crate::limit::{LimitExceeded, Permit};
use crate::registry::error::RegistryError;
use crate::state::AppState;

/// Takes a permit for the request's body. Returns `None` if the request has no body. If no permit
/// is available, nothing of the body has been read.
///
/// # Errors
/// [`RegistryError::TooManyRequests`].
pub(in crate::registry) fn acquire(
    state: &AppState,
    parts: &Parts,
    body: &Body,
) -> Result<Option<Permit>, RegistryError> {
    if body.is_end_stream() {
        return Ok(None);
    }
    let client = ClientAddress::of(&parts.extensions);
    let permit = state.uploads.acquire(Some(client.key()));
    permit.map(Some).map_err(|exceeded| {
        tracing::warn!(%client, ?exceeded, "an upload was refused: there are too many at once");
        RegistryError::too_many(match exceeded {
            LimitExceeded::Client => format!(
                "too many uploads at once from {client}; nothing of this one was read: send it \
                 again when others have ended"
            ),
            LimitExceeded::Total => {
                "too many uploads at once; nothing of this one was read: send it again \
                            in a moment"
                    .to_owned()
            }
        })
    })
}
