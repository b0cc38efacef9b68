//! Logs: structured lines on standard error, with times in UTC.

use std::io::IsTerminal;
use std::str::FromStr;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::UtcTime;

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Human-readable text.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// A log level, or directives for single modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevel(String);

/// The text is not a log level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "use error, warn, info, debug or trace, or a list of directives such as \
     info,refity_gateway=debug"
)]
pub struct LogLevelError;

impl FromStr for LogLevel {
    type Err = LogLevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().to_ascii_lowercase();
        // EnvFilter takes an unknown word for a module name, so a misspelt
        // level would silence everything.
        let known = text.split(',').all(|directive| {
            directive.contains(['=', '['])
                || ["off", "error", "warn", "info", "debug", "trace"].contains(&directive)
        });
        if known && EnvFilter::builder().parse(&text).is_ok() {
            Ok(Self(text))
        } else {
            Err(LogLevelError)
        }
    }
}

/// Logging could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is invalid.
    #[error(transparent)]
    Level(#[from] LogLevelError),
    /// Logging was already started.
    #[error("logging was already started")]
    Twice,
}

/// Starts logging for the whole process, with colours on a terminal.
///
/// # Errors
/// If logging was already started.
pub fn init(level: &LogLevel, format: LogFormat) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder()
        .parse(&level.0)
        .map_err(|_| LogLevelError)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(UtcTime::rfc_3339())
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder
            .with_ansi(std::io::stderr().is_terminal())
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|_| TelemetryError::Twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives() {
        for text in [
            "error",
            "INFO",
            " debug ",
            "off",
            "info,refity_gateway=debug",
            "a::b=trace",
        ] {
            assert!(text.parse::<LogLevel>().is_ok(), "{text}");
        }
        for text in [
            "",
            "verbose",
            "infos",
            "info,debgu",
            "info,a=loud",
            "info,,debug",
        ] {
            assert_eq!(text.parse::<LogLevel>(), Err(LogLevelError), "{text}");
        }
    }
}
