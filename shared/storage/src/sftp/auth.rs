//! Signs in by key, then by password, then by keyboard-interactive.

use std::path::Path;

use refity_config::Secret;
use ssh2::ErrorCode;

use super::config::{SftpAuth, SftpConfig};
use crate::error::{Reason, StorageError};

/// libssh2 error codes that mean a refusal rather than a broken connection.
const REFUSALS: [i32; 5] = [
    -15, // password expired
    -18, // authentication failed
    -19, // public key unverified
    -33, // method not supported
    -48, // key file authentication failed
];
/// libssh2 error code: the key file cannot be used.
const FILE: i32 = -16;

/// Signs in with the configured methods, in the order above.
pub(super) fn sign_in(raw: &ssh2::Session, config: &SftpConfig) -> Result<(), StorageError> {
    let user = &config.username;
    let offered = match raw.auth_methods(user) {
        Ok(methods) => methods.to_owned(),
        Err(_) if raw.authenticated() => return Ok(()),
        Err(error) => return Err(broken(&error)),
    };
    let offers = |method: &str| offered.split(',').any(|offer| offer == method);
    let mut tried = Vec::new();
    let (key, password) = match &config.auth {
        SftpAuth::Password(password) => (None, Some(password)),
        SftpAuth::PrivateKey {
            path,
            passphrase,
            password,
        } => (Some((path, passphrase.as_ref())), password.as_ref()),
    };

    if let Some((path, passphrase)) = key
        && offers("publickey")
    {
        match with_key(raw, user, path, passphrase) {
            Ok(()) => return Ok(()),
            Err(error) if password.is_none() || !is_refusal(&error) => {
                return Err(key_error(&error, user, path));
            }
            Err(_) => tried.push("the key"),
        }
    }
    if let Some(password) = password {
        if offers("password") {
            match raw.userauth_password(user, password.expose()) {
                Ok(()) => return Ok(()),
                Err(error) if !is_refusal(&error) => {
                    return Err(broken_after(&error, &tried, user));
                }
                Err(_) => tried.push("the password"),
            }
        }
        if offers("keyboard-interactive") {
            let mut answers = Answers { password };
            match raw.userauth_keyboard_interactive(user, &mut answers) {
                Ok(()) => return Ok(()),
                Err(error) if !is_refusal(&error) => {
                    return Err(broken_after(&error, &tried, user));
                }
                Err(_) => tried.push("the password (keyboard-interactive)"),
            }
        }
    }
    if tried.is_empty() {
        return Err(StorageError::person(
            Reason::Authentication,
            format!("the storage lets {user} sign in by {offered} only"),
            "Set FTP_PRIVATE_KEY or FTP_PASSWORD, whichever the server takes.",
        ));
    }
    Err(refused(user, &tried.join(" and ")))
}

fn with_key(
    raw: &ssh2::Session,
    user: &str,
    path: &Path,
    passphrase: Option<&Secret>,
) -> Result<(), ssh2::Error> {
    raw.userauth_pubkey_file(user, None, path, passphrase.map(Secret::expose))
}

/// Returns whether the server refused. libssh2 also reports a refusal, with
/// this message, if the connection broke before the server responded.
fn is_refusal(error: &ssh2::Error) -> bool {
    matches!(error.code(), ErrorCode::Session(code) if REFUSALS.contains(&code))
        && !error.message().starts_with("Waiting for")
}

/// Determines whether the key file or the server caused the error.
fn key_error(error: &ssh2::Error, user: &str, path: &Path) -> StorageError {
    if let Err(io) = std::fs::read(path) {
        return StorageError::person(
            Reason::Authentication,
            format!("the private key {} cannot be read: {io}", path.display()),
            "Check FTP_PRIVATE_KEY and the file's permissions.",
        );
    }
    match error.code() {
        ErrorCode::Session(FILE) => StorageError::person(
            Reason::Authentication,
            format!(
                "the private key {} cannot be used: {}",
                path.display(),
                error.message()
            ),
            "Check that it is a private key, and FTP_PRIVATE_KEY_PASSPHRASE.",
        ),
        _ if is_refusal(error) => refused(user, "the key"),
        _ => broken(error),
    }
}

fn refused(user: &str, what: &str) -> StorageError {
    StorageError::person(
        Reason::Authentication,
        format!("the storage refuses {what} of {user}"),
        "Check FTP_USERNAME and FTP_PASSWORD or FTP_PRIVATE_KEY.",
    )
}

/// Converts the error. A server that disconnects after a refusal has refused
/// the sign-in.
fn broken_after(error: &ssh2::Error, tried: &[&str], user: &str) -> StorageError {
    if tried.is_empty() {
        broken(error)
    } else {
        refused(user, &tried.join(" and "))
    }
}

fn broken(error: &ssh2::Error) -> StorageError {
    StorageError::connection(format!(
        "the connection to the storage broke while signing in: {}",
        error.message()
    ))
}

/// Responds to every hidden prompt with the password.
struct Answers<'a> {
    password: &'a Secret,
}

impl ssh2::KeyboardInteractivePrompt for Answers<'_> {
    fn prompt(&mut self, _user: &str, _text: &str, prompts: &[ssh2::Prompt<'_>]) -> Vec<String> {
        let answer = |prompt: &ssh2::Prompt<'_>| {
            if prompt.echo {
                String::new()
            } else {
                self.password.expose().to_owned()
            }
        };
        prompts.iter().map(answer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_lost_during_sign_in_is_not_a_refusal() {
        let path = tempfile::NamedTempFile::new().unwrap();
        for (code, words, refused) in [
            (-18, "Username/PublicKey combination invalid", true),
            (-19, "Waiting for USERAUTH response", false),
            (-19, "Waiting for publickey USERAUTH response", false),
            (-18, "Waiting for keyboard USERAUTH response", false),
        ] {
            let error = ssh2::Error::new(ErrorCode::Session(code), words);
            let told = key_error(&error, "box", path.path());
            assert_eq!(
                told.reason() == Some(Reason::Authentication),
                refused,
                "{words}"
            );
            assert_eq!(told.is_transient(), !refused, "{words}");
        }
    }
}
