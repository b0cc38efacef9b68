//! Middleware around all requests.

pub(crate) mod body_timeout;
pub(crate) mod drain_body;
pub(crate) mod forwarded;
pub(crate) mod request_log;
