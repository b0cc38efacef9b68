//! Secrets: never printed, optionally read from files.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use super::Problems;

/// Minimum length of `JWT_SECRET` in bytes: RFC 7518 section 3.2 requires a key
/// at least as long as the HS256 hash.
const JWT_SECRET_MIN: usize = 32;

/// Minimum length of `ADMIN_PASSWORD` in characters, except [`FIRST_PASSWORD`].
const ADMIN_PASSWORD_MIN: usize = 8;

/// The default password of the first administrator, who has to change it before
/// doing anything else.
const FIRST_PASSWORD: &str = "admin";

/// Text that is never printed.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Returns the secret in the variable `name`, or in the file named by
/// `<name>_FILE` without its trailing line break.
pub(super) fn resolve(
    name: &str,
    value: Option<&Secret>,
    file: Option<&Path>,
    problems: &mut Problems,
) -> Option<Secret> {
    let secret = match (value, file) {
        (Some(_), Some(_)) => {
            problems.add(format!(
                "{name} and {name}_FILE are both set: set only one of them"
            ));
            None
        }
        (None, None) => None,
        (Some(value), None) => Some(value.clone()),
        (None, Some(path)) => read(name, path, problems),
    }?;
    if is_placeholder(secret.expose()) {
        problems.add(format!(
            "{name} is the placeholder of the example file: set your own value"
        ));
        return None;
    }
    Some(secret)
}

fn read(name: &str, path: &Path, problems: &mut Problems) -> Option<Secret> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let line = text.strip_suffix('\n').unwrap_or(&text);
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() {
                problems.add(format!(
                    "{name}_FILE is {}, which is empty: write the secret to that file",
                    path.display()
                ));
                return None;
            }
            Some(Secret::new(line))
        }
        Err(error) => {
            problems.add(format!(
                "{name}_FILE is {}, which cannot be read ({error}): set it to a file with the \
                 secret that this user can read",
                path.display()
            ));
            None
        }
    }
}

/// Returns whether a value is a placeholder copied from an example file, ours
/// or the original system's.
pub(super) fn is_placeholder(value: &str) -> bool {
    let value = value.trim().to_ascii_lowercase().replace('_', "-");
    value.starts_with("your-long-random-secret")
        || ["your-username", "your-password"].contains(&value.as_str())
}

/// Secrets of the gateway.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Secrets")]
#[allow(clippy::doc_markdown, reason = "the comments are the text of --help")]
pub struct SecretArgs {
    /// Sign tokens with this key of at least 32 characters [default: generated on first
    /// start and kept in DATA_DIR/jwt.secret]
    #[arg(long, env)]
    pub jwt_secret: Option<Secret>,
    /// Read JWT_SECRET from this file
    #[arg(long, env)]
    pub jwt_secret_file: Option<PathBuf>,
    /// Create the first user, admin, with this password of at least 8 characters; ignored
    /// once a user exists [default: admin, to be changed at the first sign-in]
    #[arg(long, env)]
    pub admin_password: Option<Secret>,
    /// Read ADMIN_PASSWORD from this file
    #[arg(long, env)]
    pub admin_password_file: Option<PathBuf>,
}

/// [`SecretArgs`], validated.
#[derive(Clone, Debug)]
pub struct SecretSettings {
    /// The key that signs tokens. If `None`, the installation's own key is used
    /// (see [`secret_file`](crate::installation::secret_file)).
    pub jwt_secret: Option<Secret>,
    /// The first user's password, if set.
    pub admin_password: Option<Secret>,
}

impl SecretArgs {
    /// Reads secret files and validates the values.
    ///
    /// # Errors
    /// All problems found.
    pub fn settings(&self) -> Result<SecretSettings, Problems> {
        let mut problems = Problems::default();
        let jwt_secret = resolve(
            "JWT_SECRET",
            self.jwt_secret.as_ref(),
            self.jwt_secret_file.as_deref(),
            &mut problems,
        );
        if jwt_secret
            .as_ref()
            .is_some_and(|secret| secret.expose().len() < JWT_SECRET_MIN)
        {
            problems.add(format!(
                "JWT_SECRET is shorter than {JWT_SECRET_MIN} characters: use the output of \
                 `openssl rand -hex 32`, or leave it unset to generate one"
            ));
        }
        let admin_password = resolve(
            "ADMIN_PASSWORD",
            self.admin_password.as_ref(),
            self.admin_password_file.as_deref(),
            &mut problems,
        );
        if admin_password.as_ref().is_some_and(|secret| {
            let password = secret.expose();
            password != FIRST_PASSWORD && password.chars().count() < ADMIN_PASSWORD_MIN
        }) {
            problems.add(format!(
                "ADMIN_PASSWORD is shorter than {ADMIN_PASSWORD_MIN} characters: use a longer one"
            ));
        }
        problems.into_result(SecretSettings {
            jwt_secret,
            admin_password,
        })
    }
}
