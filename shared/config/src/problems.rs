//! What is wrong with a configuration, all of it at once.

use std::fmt;

use clap::Args;

use super::EXIT_CONFIGURATION;

/// One sentence for each thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<String>);

impl Problems {
    /// Adds a sentence. It must not hold a secret.
    pub fn add(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value, if nothing is wrong.
    ///
    /// # Errors
    /// The problems, if there are any.
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

/// Two results as one, with the problems of both.
///
/// # Errors
/// The problems of either.
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

/// Whether to start at all.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// Check the configuration, touch nothing, and end: with exit status 0 where it is
    /// good, else with 2
    #[arg(long)]
    pub check_config: bool,
}

impl CheckArgs {
    /// The settings. Ends the process with [`EXIT_CONFIGURATION`] where they
    /// have problems, after printing these, and with 0 where only a check was
    /// asked for.
    pub fn settle<T>(&self, settings: Result<T, Problems>) -> T {
        match settings {
            Ok(_) if self.check_config => {
                println!("configuration is good");
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
