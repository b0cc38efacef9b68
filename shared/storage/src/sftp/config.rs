//! Configuration of connections to the storage.

use std::path::{Path, PathBuf};
use std::time::Duration;

use refity_config::{Secret, SftpSettings};

/// How to sign in. If both are configured, the key is tried first.
#[derive(Clone, Debug)]
pub enum SftpAuth {
    /// Sign in by password, or by keyboard-interactive if the server requires
    /// it.
    Password(Secret),
    /// Sign in by private key.
    PrivateKey {
        /// Path of the key, in OpenSSH or PEM format.
        path: PathBuf,
        /// Passphrase of the key, if it is encrypted.
        passphrase: Option<Secret>,
        /// Password to try if the key is refused.
        password: Option<Secret>,
    },
}

/// Timeouts of connections and operations.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Timeout of the TCP connection, for each address of the host.
    pub connect: Duration,
    /// Timeout of the handshake and of every single operation on a session.
    pub operation: Duration,
    /// How long to wait for a free connection when all are in use.
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

/// The server, the account and the limits.
#[derive(Clone, Debug)]
pub struct SftpConfig {
    /// Host name or address (`FTP_HOST`).
    pub host: String,
    /// TCP port (`FTP_PORT`).
    pub port: u16,
    /// Account (`FTP_USERNAME`).
    pub username: String,
    /// Password, private key, or both.
    pub auth: SftpAuth,
    /// The `known_hosts` file, in OpenSSH's format.
    pub known_hosts: PathBuf,
    /// Folder above the tree (`FTP_ROOT`); `.` is the login folder.
    pub root: String,
    /// Maximum concurrent connections of the account, over all processes
    /// (`FTP_CONNECTIONS`, at least 1).
    pub connections: usize,
    /// Folder of the lock files that count connections (`DATA_DIR/sftp-slots`).
    pub slots: PathBuf,
    /// Timeouts.
    pub timeouts: Timeouts,
}

impl SftpConfig {
    /// Creates the configuration from the settings. Connections are counted
    /// below this `DATA_DIR`.
    #[must_use]
    pub fn new(settings: SftpSettings, data_dir: &Path) -> Self {
        let auth = match settings.private_key {
            Some(path) => SftpAuth::PrivateKey {
                path,
                passphrase: settings.passphrase,
                password: settings.password,
            },
            // The settings have a password, a key, or both.
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

/// The role of a process, which determines its share of the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Serves clients. May use every connection.
    Gateway,
    /// Works in the background. Leaves one connection to gateways if there are
    /// at least two.
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
