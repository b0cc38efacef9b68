//! The SFTP server: where it is and how to sign in.

use std::fs::File;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;

use super::secret::{Secret, is_placeholder, resolve};
use super::{DataArgs, Problems, values};

/// The most sessions that can be asked for.
const CONNECTIONS_MAX: usize = 64;

/// The SFTP server.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "SFTP server")]
#[allow(clippy::doc_markdown, reason = "the comments are the text of --help")]
pub struct RemoteArgs {
    /// Host name or IP address of the SFTP server; must be set
    #[arg(long, env)]
    pub ftp_host: Option<String>,
    /// Its TCP port
    #[arg(long, env, value_parser = values::port, default_value = "22")]
    pub ftp_port: u16,
    /// User to sign in as; must be set
    #[arg(long, env)]
    pub ftp_username: Option<String>,
    /// The user's password; a password or a private key must be set
    #[arg(long, env)]
    pub ftp_password: Option<Secret>,
    /// File that holds FTP_PASSWORD
    #[arg(long, env)]
    pub ftp_password_file: Option<PathBuf>,
    /// Path of a private key in OpenSSH or PEM form; tried before the password
    #[arg(long, env)]
    pub ftp_private_key: Option<PathBuf>,
    /// Passphrase of the private key
    #[arg(long, env)]
    pub ftp_private_key_passphrase: Option<Secret>,
    /// File that holds FTP_PRIVATE_KEY_PASSPHRASE
    #[arg(long, env)]
    pub ftp_private_key_passphrase_file: Option<PathBuf>,
    /// Path of the known hosts' keys; an unknown server is trusted on first use, a
    /// changed key is refused [default: DATA_DIR/known_hosts]
    #[arg(long, env)]
    pub ftp_known_hosts: Option<PathBuf>,
    /// Folder on the server that holds the registry's tree; a relative one starts at
    /// the login folder
    #[arg(long, env, default_value = ".")]
    pub ftp_root: String,
    /// SSH sessions at once, over all processes of this DATA_DIR: 1 to 64
    #[arg(long, env, value_parser = connections, default_value = "8")]
    pub ftp_connections: usize,
}

fn connections(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(number) if (1..=CONNECTIONS_MAX).contains(&number) => Ok(number),
        _ => Err(format!("a whole number from 1 to {CONNECTIONS_MAX}")),
    }
}

/// [`RemoteArgs`], validated.
#[derive(Clone, Debug)]
pub struct RemoteSettings {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User to sign in as.
    pub username: String,
    /// The user's password. There is this or a private key, or both.
    pub password: Option<Secret>,
    /// Path of the private key.
    pub private_key: Option<PathBuf>,
    /// The private key's passphrase.
    pub passphrase: Option<Secret>,
    /// Path of the known hosts' keys.
    pub known_hosts: PathBuf,
    /// Folder that holds the tree, without a trailing slash; `.` is the login
    /// folder.
    pub root: String,
    /// SSH sessions at once, over all processes; at least 1.
    pub connections: usize,
}

impl RemoteArgs {
    /// Reads the files and checks the values.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn settings(&self, data: &DataArgs) -> Result<RemoteSettings, Problems> {
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
                "FTP_PRIVATE_KEY_PASSPHRASE is set and FTP_PRIVATE_KEY is not: set it to the path \
                 of the key",
            ),
            None => {}
        }
        if self.has_no_credentials() {
            problems.add(
                "neither FTP_PASSWORD nor FTP_PRIVATE_KEY is set: set one of them (a password also \
                 as FTP_PASSWORD_FILE)",
            );
        }
        let root = root(&self.ftp_root, &mut problems);
        problems.into_result(RemoteSettings {
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
            "FTP_HOST is not set: set FTP_HOST to the name of your SFTP server; to try Refity out \
             without a server: make run",
        );
    } else if is_example_host(value) {
        problems.add(format!(
            "FTP_HOST is {value}, the placeholder of the example file: set the name of your own \
             SFTP server; to try Refity out without a server: make run"
        ));
    } else if bare.parse::<IpAddr>().is_err() && !is_host_name(value) {
        // Of an address with credentials in it, only what follows them is shown.
        let shown = match value.rsplit_once('@') {
            Some((_, host)) => format!("...@{host}"),
            None => value.to_owned(),
        };
        problems.add(format!(
            "FTP_HOST is {shown:?}: give a host name or an IP address only, such as \
             u123456.your-storagebox.de (the user goes into FTP_USERNAME, the port into FTP_PORT, \
             the folder into FTP_ROOT)"
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
        problems.add("FTP_USERNAME is not set: set it to the user of your SFTP server");
    } else if is_placeholder(value) {
        problems.add(format!(
            "FTP_USERNAME is {value}, the placeholder of the example file: set your own user"
        ));
    }
    value.to_owned()
}

fn check_private_key(path: &Path, problems: &mut Problems) {
    // A key pasted in the place of its path is a secret.
    if path.to_string_lossy().contains("-----BEGIN") {
        problems.add("FTP_PRIVATE_KEY holds a key: give the path of the file that holds it");
    } else if let Err(error) = File::open(path) {
        problems.add(format!(
            "FTP_PRIVATE_KEY is {}, which cannot be read ({error}): give the path of a private key \
             that this user may read",
            path.display()
        ));
    } else if path.is_dir() {
        problems.add(format!(
            "FTP_PRIVATE_KEY is {}, a folder: give the path of a private key",
            path.display()
        ));
    }
}

fn root(value: &str, problems: &mut Problems) -> String {
    if value.split('/').any(|part| part == "..") || value.contains('\0') {
        problems.add(format!(
            "FTP_ROOT is {value:?}: give a folder without .. in it, absolute or relative to the \
             login folder"
        ));
    }
    match value.trim_end_matches('/') {
        "" if value.starts_with('/') => "/".to_owned(),
        "" => ".".to_owned(),
        folder => folder.to_owned(),
    }
}
