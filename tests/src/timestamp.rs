//! Times as the API takes them.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Returns the time in so long, to the second, as RFC 3339 writes it.
///
/// # Panics
/// If the time is out of range.
#[must_use]
pub fn from_now(duration: Duration) -> String {
    let time = OffsetDateTime::now_utc() + duration;
    let time = time.replace_nanosecond(0).expect("a whole second");
    time.format(&Rfc3339).expect("a time")
}
