//! What is sent to see that it is refused.

use serde_json::Value;

/// Texts that are no name of anything.
pub const NO_NAMES: [&str; 12] = [
    "",
    " ",
    "'; DROP TABLE users; --",
    "\" OR \"\"=\"",
    "<script>alert(1)</script>",
    "a\u{0}b",
    "a\r\nb",
    "\u{202e}bob",
    "../../etc/passwd",
    "%00",
    "{{7*7}}",
    "\u{fffd}\u{10ffff}",
];

/// A good body with one field changed.
#[must_use]
pub fn changed(good: &Value, field: &str, value: Value) -> Value {
    let mut body = good.clone();
    body[field] = value;
    body
}
