//! Secrets: never printed, and readable from files.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use super::Problems;

/// The shortest `JWT_SECRET` in bytes: RFC 7518 section 3.2 demands a key as
/// long as the hash of HS256.
const JWT_SECRET_MIN: usize = 32;

/// The shortest `ADMIN_PASSWORD` in characters, except [`FIRST_PASSWORD`].
const ADMIN_PASSWORD_MIN: usize = 8;

/// The password with which the first administrator can do nothing but change
/// it.
const FIRST_PASSWORD: &str = "admin";

/// Text that is never printed.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a text out of sight.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
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

/// The secret of the variable `name`, from itself or from the file that
/// `<name>_FILE` names, whose last line break does not count.
pub(super) fn resolve(
    name: &str,
    value: Option<&Secret>,
    file: Option<&Path>,
    problems: &mut Problems,
) -> Option<Secret> {
    let secret = match (value, file) {
        (Some(_), Some(_)) => {
            problems.add(format!(
                "{name} and {name}_FILE are both set: set one of them"
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
                    "{name}_FILE is {}, and that file is empty: put the secret into it",
                    path.display()
                ));
                return None;
            }
            Some(Secret::new(line))
        }
        Err(error) => {
            problems.add(format!(
                "{name}_FILE is {}, which cannot be read ({error}): name a file that holds the \
                 secret and that this user may read",
                path.display()
            ));
            None
        }
    }
}

/// Whether a value was copied from an example file, ours or the original
/// system's, as it stands there.
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
    /// Key that signs tokens, at least 32 characters [default: made on first start and
    /// kept in DATA_DIR/jwt.secret]
    #[arg(long, env)]
    pub jwt_secret: Option<Secret>,
    /// File that holds JWT_SECRET
    #[arg(long, env)]
    pub jwt_secret_file: Option<PathBuf>,
    /// Password of the first user, `admin`; counts only while there is no user; at
    /// least 8 characters [default: admin, which can do nothing but change it]
    #[arg(long, env)]
    pub admin_password: Option<Secret>,
    /// File that holds ADMIN_PASSWORD
    #[arg(long, env)]
    pub admin_password_file: Option<PathBuf>,
}

/// [`SecretArgs`], validated.
#[derive(Clone, Debug)]
pub struct SecretSettings {
    /// The key that signs tokens; where there is none, the installation's own
    /// (see [`secret_file`](crate::installation::secret_file)).
    pub jwt_secret: Option<Secret>,
    /// The first user's password, if it was set.
    pub admin_password: Option<Secret>,
}

impl SecretArgs {
    /// Reads the files and checks the values.
    ///
    /// # Errors
    /// All that is wrong with them.
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
                "JWT_SECRET is shorter than {JWT_SECRET_MIN} characters: take the output of \
                 `openssl rand -hex 32`, or leave it unset and one is made"
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
                "ADMIN_PASSWORD is shorter than {ADMIN_PASSWORD_MIN} characters: take a longer one"
            ));
        }
        problems.into_result(SecretSettings {
            jwt_secret,
            admin_password,
        })
    }
}
