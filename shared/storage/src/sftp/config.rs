//! What a connection to the storage needs to know.

use std::path::{Path, PathBuf};
use std::time::Duration;

use refity_config::{Secret, SftpSettings};

/// How to sign in. Where both are known, the key is tried first.
#[derive(Clone, Debug)]
pub enum SftpAuth {
    /// By password (also by keyboard-interactive, where the server asks so).
    Password(Secret),
    /// By a private key.
    PrivateKey {
        /// The key's file, in OpenSSH or PEM form.
        path: PathBuf,
        /// What the key is encrypted with, if it is.
        passphrase: Option<Secret>,
        /// Tried when the key is refused.
        password: Option<Secret>,
    },
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the TCP connection, for each address of the host.
    pub connect: Duration,
    /// For the handshake and for every single operation on a session.
    pub operation: Duration,
    /// For a free connection when all are in use.
    pub wait: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            operation: Duration::from_secs(60),
            wait: Duration::from_secs(30),
        }
    }
}

/// Where the storage is and how to get in.
#[derive(Clone, Debug)]
pub struct SftpConfig {
    /// Host name or address (`FTP_HOST`).
    pub host: String,
    /// TCP port (`FTP_PORT`).
    pub port: u16,
    /// Account (`FTP_USERNAME`).
    pub username: String,
    /// Password, key or both.
    pub auth: SftpAuth,
    /// The file of trusted host keys, in OpenSSH's form.
    pub known_hosts: PathBuf,
    /// The folder above the tree (`FTP_ROOT`); `.` is the login folder.
    pub root: String,
    /// The account's limit of connections, over all processes
    /// (`FTP_CONNECTIONS`, at least 1).
    pub connections: usize,
    /// The folder whose locks count connections (`DATA_DIR/sftp-slots`).
    pub slots: PathBuf,
    /// How long to wait for what.
    pub timeouts: Timeouts,
}

impl SftpConfig {
    /// The storage of these settings; its connections are counted below this
    /// `DATA_DIR`.
    #[must_use]
    pub fn new(settings: SftpSettings, data_dir: &Path) -> Self {
        let auth = match settings.private_key {
            Some(path) => SftpAuth::PrivateKey {
                path,
                passphrase: settings.passphrase,
                password: settings.password,
            },
            // The settings have one of the two.
            None => SftpAuth::Password(settings.password.unwrap_or_else(|| Secret::new(""))),
        };
        Self {
            host: settings.host,
            port: settings.port,
            username: settings.username,
            auth,
            known_hosts: settings.known_hosts,
            root: settings.root,
            connections: settings.connections,
            slots: data_dir.join("sftp-slots"),
            timeouts: Timeouts::default(),
        }
    }
}

/// What a process is, for sharing the account's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Serves clients: may use every connection.
    Gateway,
    /// Works in the background: leaves one connection to gateways where
    /// there are two or more.
    Uploader,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let auth = SftpAuth::Password(Secret::new("hunter2"));
        assert!(!format!("{auth:?}").contains("hunter2"));
    }
}
