//! Audit log retention.

use std::time::Duration;

use clap::Args;

use super::values;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The audit log.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Audit log")]
#[allow(clippy::doc_markdown, reason = "the comments are the text of --help")]
pub struct AuditArgs {
    /// Keep audit log entries for this many days: 1 to 36500
    #[arg(long, env, value_parser = days, default_value = "365")]
    pub audit_days: u32,
}

impl AuditArgs {
    /// How long entries are kept.
    #[must_use]
    pub fn kept(&self) -> Duration {
        DAY * self.audit_days
    }
}

fn days(text: &str) -> Result<u32, String> {
    let days = values::count(text)
        .ok()
        .and_then(|it| u32::try_from(it).ok());
    days.filter(|days| *days <= 36_500)
        .ok_or_else(|| "use a whole number of days from 1 to 36500".to_owned())
}
