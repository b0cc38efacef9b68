//! Limits for clients of the gateway.

use std::time::Duration;

use clap::Args;

use super::{Problems, values};

/// Maximum number of concurrent uploads: each occupies a thread.
const UPLOADS_MAX: usize = 256;

/// Limits for clients.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits for clients")]
#[allow(clippy::doc_markdown, reason = "the comments are the text of --help")]
pub struct LimitArgs {
    /// Limit concurrent connections; lower if the open file limit of the process
    /// requires it
    #[arg(long, env, value_parser = values::count, default_value = "4096")]
    pub max_connections: usize,
    /// Limit concurrent connections per address (IPv6: per /64 network); does not apply
    /// to TRUSTED_PROXIES
    #[arg(long, env, value_parser = values::count, default_value = "512")]
    pub max_connections_per_client: usize,
    /// Limit concurrent uploads: 1 to 256
    #[arg(long, env, value_parser = values::count, default_value = "256")]
    pub max_uploads: usize,
    /// Limit concurrent uploads per client
    #[arg(long, env, value_parser = values::count, default_value = "128")]
    pub max_uploads_per_client: usize,
    /// Close a connection that takes longer than this to send request headers, or that
    /// is idle for as long: 10s, 1m
    #[arg(long, env, value_parser = values::duration, default_value = "30s")]
    pub header_timeout: Duration,
    /// Abort a request whose body makes no progress for this long: 30s, 5m
    #[arg(long, env, value_parser = values::duration, default_value = "2m")]
    pub body_timeout: Duration,
}

/// [`LimitArgs`], validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// Maximum concurrent connections.
    pub connections: usize,
    /// Maximum concurrent connections per client.
    pub connections_each: usize,
    /// Maximum concurrent uploads.
    pub uploads: usize,
    /// Maximum concurrent uploads per client.
    pub uploads_each: usize,
    /// Maximum time to receive request headers.
    pub header_timeout: Duration,
    /// Maximum time without progress in a request body.
    pub body_timeout: Duration,
}

impl LimitArgs {
    /// Validates the limits.
    ///
    /// # Errors
    /// If `MAX_UPLOADS` exceeds the number of threads available to uploads.
    pub fn settings(&self) -> Result<LimitSettings, Problems> {
        let mut problems = Problems::default();
        if self.max_uploads > UPLOADS_MAX {
            problems.add(format!(
                "MAX_UPLOADS is {}: use a number from 1 to {UPLOADS_MAX} (each upload occupies a \
                 thread); for more, start another gateway on the same DATA_DIR",
                self.max_uploads
            ));
        }
        problems.into_result(LimitSettings {
            connections: self.max_connections,
            connections_each: self.max_connections_per_client,
            uploads: self.max_uploads,
            uploads_each: self.max_uploads_per_client,
            header_timeout: self.header_timeout,
            body_timeout: self.body_timeout,
        })
    }
}
