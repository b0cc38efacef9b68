//! How much of the gateway clients may take.

use std::time::Duration;

use clap::Args;

use super::{Problems, values};

/// The most bodies that can be written at once: each takes a thread.
const UPLOADS_MOST: usize = 256;

/// Limits for clients.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits for clients")]
#[allow(clippy::doc_markdown, reason = "the comments are the text of --help")]
pub struct LimitArgs {
    /// Connections at once in all; fewer where the system allows the process fewer
    /// open files
    #[arg(long, env, value_parser = values::count, default_value = "4096")]
    pub max_connections: usize,
    /// Connections at once from one address (IPv6: one /64 network); TRUSTED_PROXIES
    /// have no limit of their own
    #[arg(long, env, value_parser = values::count, default_value = "512")]
    pub max_connections_per_client: usize,
    /// Requests at once in all whose bodies are written: 1 to 256
    #[arg(long, env, value_parser = values::count, default_value = "256")]
    pub max_uploads: usize,
    /// Requests at once from one client whose bodies are written
    #[arg(long, env, value_parser = values::count, default_value = "128")]
    pub max_uploads_per_client: usize,
    /// How long a client may take to send the headers of a request, and may keep a
    /// connection open without one: 10s, 1m
    #[arg(long, env, value_parser = values::duration, default_value = "30s")]
    pub header_timeout: Duration,
    /// How long a client that sends a body may send nothing of it: 30s, 5m
    #[arg(long, env, value_parser = values::duration, default_value = "2m")]
    pub body_timeout: Duration,
}

/// [`LimitArgs`], validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once of one client.
    pub connections_each: usize,
    /// Bodies that are written at once.
    pub uploads: usize,
    /// Bodies of one client that are written at once.
    pub uploads_each: usize,
    /// The longest that a request's headers may take.
    pub header_timeout: Duration,
    /// The longest silence in a body.
    pub body_timeout: Duration,
}

impl LimitArgs {
    /// Checks what single values do not show.
    ///
    /// # Errors
    /// When there are more uploads than threads that write them.
    pub fn settings(&self) -> Result<LimitSettings, Problems> {
        let mut problems = Problems::default();
        if self.max_uploads > UPLOADS_MOST {
            problems.add(format!(
                "MAX_UPLOADS is {}: a number from 1 to {UPLOADS_MOST}, since each upload takes a \
                 thread; for more start another gateway on the same DATA_DIR",
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
