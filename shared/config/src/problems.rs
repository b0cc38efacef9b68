//! All errors of a configuration, reported together.

use std::fmt;

use clap::Args;

use super::EXIT_CONFIGURATION;

/// Configuration errors, one message each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<String>);

impl Problems {
    /// Adds a message. It must not contain a secret.
    pub fn add(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    /// Returns whether there are no errors.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value if there are no errors.
    ///
    /// # Errors
    /// These problems, if there are any.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "error: {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Combines two results.
///
/// # Errors
/// The problems of both.
pub fn both<A, B>(a: Result<A, Problems>, b: Result<B, Problems>) -> Result<(A, B), Problems> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut a), Err(b)) => {
            a.0.extend(b.0);
            Err(a)
        }
        (Err(problems), Ok(_)) | (Ok(_), Err(problems)) => Err(problems),
    }
}

/// The argument to validate the configuration without starting.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// Check the configuration without starting or changing anything; exit with 0 if it
    /// is valid, else with 2
    #[arg(long)]
    pub check_config: bool,
}

impl CheckArgs {
    /// Returns the settings. If they have problems, prints these and exits
    /// with [`EXIT_CONFIGURATION`]. With `--check-config`, exits with 0.
    pub fn unwrap_or_exit<T>(&self, settings: Result<T, Problems>) -> T {
        match settings {
            Ok(_) if self.check_config => {
                println!("configuration is valid");
                std::process::exit(0)
            }
            Ok(settings) => settings,
            Err(problems) => {
                eprintln!("{problems}");
                std::process::exit(EXIT_CONFIGURATION)
            }
        }
    }
}
