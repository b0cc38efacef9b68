//! Where the registry's tree is kept: an SFTP server and how to sign in, or a
//! folder.

use std::fs::File;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

use clap::Args;

use super::secret::{Secret, is_placeholder, resolve};
use super::{DataArgs, Problems, values};

/// Maximum of `FTP_CONNECTIONS`.
const CONNECTIONS_MAX: usize = 64;

/// The storage: an SFTP server or a folder.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "SFTP server")]
#[allow(clippy::doc_markdown, reason = "the comments are the text of --help")]
pub struct StorageArgs {
    /// Connect to the SFTP server with this host name or IP address; this or
    /// STORAGE_FOLDER is required
    #[arg(long, env)]
    pub ftp_host: Option<String>,
    /// Use this TCP port of the SFTP server
    #[arg(long, env, value_parser = values::port, default_value = "22")]
    pub ftp_port: u16,
    /// Sign in as this user; required
    #[arg(long, env)]
    pub ftp_username: Option<String>,
    /// Sign in with this password; a password or a private key is required
    #[arg(long, env)]
    pub ftp_password: Option<Secret>,
    /// Read FTP_PASSWORD from this file
    #[arg(long, env)]
    pub ftp_password_file: Option<PathBuf>,
    /// Sign in with the private key in this file (OpenSSH or PEM); tried before the
    /// password
    #[arg(long, env)]
    pub ftp_private_key: Option<PathBuf>,
    /// Decrypt the private key with this passphrase
    #[arg(long, env)]
    pub ftp_private_key_passphrase: Option<Secret>,
    /// Read FTP_PRIVATE_KEY_PASSPHRASE from this file
    #[arg(long, env)]
    pub ftp_private_key_passphrase_file: Option<PathBuf>,
    /// Keep host keys in this file; an unknown server is trusted on first use, a changed
    /// key is refused [default: DATA_DIR/known_hosts]
    #[arg(long, env)]
    pub ftp_known_hosts: Option<PathBuf>,
    /// Store the registry in this folder on the server; a relative path starts at the
    /// login folder
    #[arg(long, env, default_value = ".")]
    pub ftp_root: String,
    /// Limit concurrent SSH sessions of all processes of this DATA_DIR: 1 to 64
    #[arg(long, env, value_parser = connections, default_value = "8")]
    pub ftp_connections: usize,
    /// Store the registry in this folder on this machine, such as a mounted share,
    /// instead of on an SFTP server; an absolute path, which must exist
    #[arg(long, env)]
    pub storage_folder: Option<PathBuf>,
}

fn connections(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(number) if (1..=CONNECTIONS_MAX).contains(&number) => Ok(number),
        _ => Err(format!("use a whole number from 1 to {CONNECTIONS_MAX}")),
    }
}

/// [`StorageArgs`], validated.
#[derive(Clone, Debug)]
pub enum StorageSettings {
    /// `FTP_HOST` and what belongs to it.
    Sftp(SftpSettings),
    /// `STORAGE_FOLDER`: an absolute path.
    Folder(PathBuf),
}

/// How to reach an SFTP server.
#[derive(Clone, Debug)]
pub struct SftpSettings {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The user.
    pub username: String,
    /// The password. At least one of password and private key is set.
    pub password: Option<Secret>,
    /// Path of the private key.
    pub private_key: Option<PathBuf>,
    /// The private key's passphrase.
    pub passphrase: Option<Secret>,
    /// Path of the known hosts file.
    pub known_hosts: PathBuf,
    /// Folder of the registry's tree, without a trailing slash; `.` is the
    /// login folder.
    pub root: String,
    /// Maximum concurrent SSH sessions of all processes; at least 1.
    pub connections: usize,
}

impl StorageArgs {
    /// Reads secret files and validates the values.
    ///
    /// # Errors
    /// All problems found.
    pub fn settings(&self, data: &DataArgs) -> Result<StorageSettings, Problems> {
        match &self.storage_folder {
            Some(folder) => self.folder(folder).map(StorageSettings::Folder),
            None => self.sftp(data).map(StorageSettings::Sftp),
        }
    }

    fn folder(&self, folder: &Path) -> Result<PathBuf, Problems> {
        let mut problems = Problems::default();
        if self.ftp_host.is_some() {
            problems.add(
                "FTP_HOST and STORAGE_FOLDER are both set: set FTP_HOST to keep images on an SFTP \
                 server, or STORAGE_FOLDER to keep them in a folder of this machine, and unset the \
                 other",
            );
        }
        if !folder.is_absolute() || folder.components().any(|it| it == Component::ParentDir) {
            problems.add(format!(
                "STORAGE_FOLDER is {}: give an absolute path without .. in it",
                folder.display()
            ));
        } else if folder.exists() && !folder.is_dir() {
            problems.add(format!(
                "STORAGE_FOLDER is {}, a file: give the path of a folder",
                folder.display()
            ));
        }
        problems.into_result(folder.to_owned())
    }

    fn sftp(&self, data: &DataArgs) -> Result<SftpSettings, Problems> {
        let mut problems = Problems::default();
        let host = host(self.ftp_host.as_deref(), &mut problems);
        let username = username(self.ftp_username.as_deref(), &mut problems);
        let password = resolve(
            "FTP_PASSWORD",
            self.ftp_password.as_ref(),
            self.ftp_password_file.as_deref(),
            &mut problems,
        );
        let passphrase = resolve(
            "FTP_PRIVATE_KEY_PASSPHRASE",
            self.ftp_private_key_passphrase.as_ref(),
            self.ftp_private_key_passphrase_file.as_deref(),
            &mut problems,
        );
        match &self.ftp_private_key {
            Some(path) => check_private_key(path, &mut problems),
            None if passphrase.is_some() => problems.add(
                "FTP_PRIVATE_KEY_PASSPHRASE is set but FTP_PRIVATE_KEY is not: set it to the path \
                 of the key",
            ),
            None => {}
        }
        if self.has_no_credentials() {
            problems.add(
                "neither FTP_PASSWORD nor FTP_PRIVATE_KEY is set: set one of them (or \
                 FTP_PASSWORD_FILE)",
            );
        }
        let root = root(&self.ftp_root, &mut problems);
        problems.into_result(SftpSettings {
            host,
            port: self.ftp_port,
            username,
            password,
            private_key: self.ftp_private_key.clone(),
            passphrase,
            known_hosts: self
                .ftp_known_hosts
                .clone()
                .unwrap_or_else(|| data.data_dir.join("known_hosts")),
            root,
            connections: self.ftp_connections,
        })
    }

    fn has_no_credentials(&self) -> bool {
        self.ftp_password.is_none()
            && self.ftp_password_file.is_none()
            && self.ftp_private_key.is_none()
    }
}

fn host(value: Option<&str>, problems: &mut Problems) -> String {
    let value = value.unwrap_or_default().trim();
    let bare = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(value);
    if value.is_empty() {
        problems.add(
            "FTP_HOST is not set: set it to the host name of your SFTP server, or set STORAGE_FOLDER \
             to a folder on this machine; to try Refity without either, use `make run`",
        );
    } else if is_example_host(value) {
        problems.add(format!(
            "FTP_HOST is {value}, the placeholder of the example file: set it to the host name of \
             your SFTP server; to try Refity without one, use `make run`"
        ));
    } else if bare.parse::<IpAddr>().is_err() && !is_host_name(value) {
        // Credentials in the address must not be printed.
        let shown = match value.rsplit_once('@') {
            Some((_, host)) => format!("...@{host}"),
            None => value.to_owned(),
        };
        problems.add(format!(
            "FTP_HOST is {shown:?}: use only a host name or an IP address, such as \
             u123456.your-storagebox.de (set the user in FTP_USERNAME, the port in FTP_PORT, the \
             folder in FTP_ROOT)"
        ));
    }
    bare.to_owned()
}

fn is_example_host(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    value == "example.com" || value.ends_with(".example.com")
}

fn is_host_name(value: &str) -> bool {
    value.len() <= 253
        && value
            .split('.')
            .all(|label| !label.is_empty() && !label.starts_with('-'))
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn username(value: Option<&str>, problems: &mut Problems) -> String {
    let value = value.unwrap_or_default();
    if value.is_empty() {
        problems.add("FTP_USERNAME is not set: set it to your user on the SFTP server");
    } else if is_placeholder(value) {
        problems.add(format!(
            "FTP_USERNAME is {value}, the placeholder of the example file: set your own user"
        ));
    }
    value.to_owned()
}

fn check_private_key(path: &Path, problems: &mut Problems) {
    // A key pasted instead of its path is a secret.
    if path.to_string_lossy().contains("-----BEGIN") {
        problems.add("FTP_PRIVATE_KEY holds a key: set it to the path of the key file");
    } else if let Err(error) = File::open(path) {
        problems.add(format!(
            "FTP_PRIVATE_KEY is {}, which cannot be read ({error}): set it to a private key file \
             that this user can read",
            path.display()
        ));
    } else if path.is_dir() {
        problems.add(format!(
            "FTP_PRIVATE_KEY is {}, a folder: set it to a private key file",
            path.display()
        ));
    }
}

fn root(value: &str, problems: &mut Problems) -> String {
    if value.split('/').any(|part| part == "..") || value.contains('\0') {
        problems.add(format!(
            "FTP_ROOT is {value:?}: use a folder without .. in it, absolute or relative to the \
             login folder"
        ));
    }
    match value.trim_end_matches('/') {
        "" if value.starts_with('/') => "/".to_owned(),
        "" => ".".to_owned(),
        folder => folder.to_owned(),
    }
}
