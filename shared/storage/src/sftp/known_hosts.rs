//! Host keys: trusted on first use, refused if they change.
//!
//! The file has OpenSSH's format, so operators can bring their own, including
//! hashed host names, and can read ours. Two processes that connect to a new
//! host concurrently agree on its key: one writes under a lock, the other reads
//! the result.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};
use ssh2::{CheckResult, KnownHostFileKind};

use crate::error::{Reason, StorageError};

/// The port that is omitted in a `known_hosts` file.
const SSH_PORT: u16 = 22;
/// Accepted host key algorithms, in order of preference.
const ALGORITHMS: [&str; 7] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
    "ssh-rsa",
];

/// The entry of one host in a `known_hosts` file.
#[derive(Clone, Debug)]
pub struct KnownHosts {
    path: PathBuf,
    host: String,
    port: u16,
}

/// A line of the file that names the host.
struct Entry {
    revoked: bool,
    key_type: String,
    key: Vec<u8>,
}

impl KnownHosts {
    /// Creates the entry of a host in a file, which need not exist yet.
    #[must_use]
    pub fn new(path: &Path, host: &str, port: u16) -> Self {
        Self {
            path: path.to_owned(),
            host: host.to_ascii_lowercase(),
            port,
        }
    }

    /// Returns the host as named in the file: with its port unless it is 22.
    #[must_use]
    pub fn name(&self) -> String {
        if self.port == SSH_PORT {
            self.host.clone()
        } else {
            format!("[{}]:{}", self.host, self.port)
        }
    }

    /// Returns the algorithms to request from the server, those of known keys
    /// first: a server with several keys then presents the trusted one.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn algorithms(&self, session: &ssh2::Session) -> Result<String, StorageError> {
        let entries = self.entries(session)?;
        let known = |algorithm: &&str| {
            entries.iter().any(|entry| {
                entry.key_type == *algorithm
                    || (entry.key_type == "ssh-rsa" && algorithm.starts_with("rsa-sha2-"))
            })
        };
        let (first, rest): (Vec<&str>, Vec<&str>) = ALGORITHMS.iter().partition(|a| known(a));
        Ok([first, rest].concat().join(","))
    }

    /// Compares the server's key with the trusted ones. Stores the key if none
    /// is known.
    ///
    /// # Errors
    /// [`Reason::HostKey`] if another key is trusted, this one is revoked, or
    /// the file cannot be read or written.
    pub fn verify(&self, session: &ssh2::Session) -> Result<(), StorageError> {
        let Some((key, _)) = session.host_key() else {
            return Err(StorageError::connection(format!(
                "the server {} showed no host key",
                self.name()
            )));
        };
        if self.is_trusted(&self.entries(session)?, key)? {
            return Ok(());
        }
        let _lock = self.lock().map_err(|error| self.unwritable(&error))?;
        // Another process may have stored a key first.
        if self.is_trusted(&self.entries(session)?, key)? {
            return Ok(());
        }
        self.remember(key)
            .map_err(|error| self.unwritable(&error))?;
        tracing::info!(
            host = self.name(),
            fingerprint = fingerprint(key),
            file = %self.path.display(),
            "trusting this host key, seen for the first time"
        );
        Ok(())
    }

    /// Returns whether the key is trusted; `false` if the host has no entries.
    fn is_trusted(&self, entries: &[Entry], key: &[u8]) -> Result<bool, StorageError> {
        let of_this_key = |entry: &&Entry| entry.key == key;
        if entries
            .iter()
            .any(|entry| entry.revoked && entry.key == key)
        {
            return Err(StorageError::person(
                Reason::HostKey,
                format!(
                    "{} marks the key {} of {} as revoked",
                    self.path.display(),
                    fingerprint(key),
                    self.name()
                ),
                "Ask the server's operator for its new key.",
            ));
        }
        let mut trusted = entries.iter().filter(|entry| !entry.revoked).peekable();
        let Some(first) = trusted.peek() else {
            return Ok(false);
        };
        let expected = fingerprint(&first.key);
        if trusted.find(of_this_key).is_some() {
            return Ok(true);
        }
        Err(StorageError::person(
            Reason::HostKey,
            format!(
                "the host key of {} has changed: {} trusts {expected}, the server shows {}; \
                 nothing was sent",
                self.name(),
                self.path.display(),
                fingerprint(key)
            ),
            format!(
                "If the server's operator confirms the new key, remove the lines of {} from {}. \
                 Otherwise somebody may be listening.",
                self.name(),
                self.path.display()
            ),
        ))
    }

    fn entries(&self, session: &ssh2::Session) -> Result<Vec<Entry>, StorageError> {
        let text = match fs::read(&self.path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(StorageError::person(
                    Reason::HostKey,
                    format!("{} cannot be read: {error}", self.path.display()),
                    "Make the file of known hosts readable.",
                ));
            }
        };
        Ok(text
            .lines()
            .filter_map(|line| self.entry(session, line.trim()))
            .collect())
    }

    /// Parses a line. Returns `None` if it does not name the host.
    fn entry(&self, session: &ssh2::Session, line: &str) -> Option<Entry> {
        let (revoked, line) = match line.strip_prefix("@revoked") {
            Some(rest) => (true, rest.trim_start()),
            None => (false, line),
        };
        if line.is_empty() || line.starts_with(['#', '@']) {
            return None;
        }
        let mut fields = line.split_ascii_whitespace().skip(1);
        let key_type = fields.next()?.to_owned();
        let key = STANDARD.decode(fields.next()?).ok()?;
        // libssh2 resolves hashed names; a line that it cannot parse names no
        // host.
        let mut one = session.known_hosts().ok()?;
        one.read_str(line, KnownHostFileKind::OpenSSH).ok()?;
        let matched = one.check(&self.name(), &key);
        matches!(matched, CheckResult::Match | CheckResult::Mismatch).then_some(Entry {
            revoked,
            key_type,
            key,
        })
    }

    fn lock(&self) -> io::Result<File> {
        let mut path = self.path.clone().into_os_string();
        path.push(".lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)?;
        file.lock()?;
        Ok(file)
    }

    /// Rewrites the file with an additional line. The caller must hold the
    /// lock.
    fn remember(&self, key: &[u8]) -> io::Result<()> {
        // If the file is a symbolic link, replace its target.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let (mut content, mode) = match fs::read(&path) {
            Ok(content) => (content, fs::metadata(&path)?.permissions().mode() & 0o777),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), 0o600),
            Err(error) => return Err(error),
        };
        if content.last().is_some_and(|&last| last != b'\n') {
            content.push(b'\n');
        }
        let line = format!(
            "{} {} {}\n",
            self.name(),
            key_type(key),
            STANDARD.encode(key)
        );
        content.extend_from_slice(line.as_bytes());

        let mut temporary = path.clone().into_os_string();
        temporary.push(".new");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&content)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    fn unwritable(&self, error: &io::Error) -> StorageError {
        StorageError::person(
            Reason::HostKey,
            format!(
                "the host key of {} is not known, and it cannot be remembered in {}: {error}",
                self.name(),
                self.path.display()
            ),
            "Make the file and its folder writable, or add the host's key to the file.",
        )
    }
}

/// Returns a key's fingerprint in OpenSSH's format.
#[must_use]
pub fn fingerprint(key: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key)))
}

/// Returns the key type at the start of a key blob (RFC 4253, section 6.6).
fn key_type(key: &[u8]) -> String {
    let named = key.split_first_chunk::<4>().and_then(|(length, rest)| {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        std::str::from_utf8(rest.get(..length)?).ok()
    });
    named.unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn known(text: &str) -> (tempfile::TempDir, KnownHosts) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known_hosts");
        fs::write(&path, text).unwrap();
        (dir, KnownHosts::new(&path, "Box.example", 2222))
    }

    fn trusted(text: &str, key: &str) -> Result<bool, StorageError> {
        let (_dir, hosts) = known(text);
        let session = ssh2::Session::new().unwrap();
        let entries = hosts.entries(&session).unwrap();
        hosts.is_trusted(&entries, &STANDARD.decode(key).unwrap())
    }

    #[test]
    fn finds_the_host_with_its_port() {
        let line = format!("# mine\nbroken\n\n[box.example]:2222 ssh-ed25519 {KEY}\n");
        assert_eq!(trusted(&line, KEY), Ok(true));
        let other_port = format!("box.example ssh-ed25519 {KEY}\n");
        assert_eq!(trusted(&other_port, KEY), Ok(false));
        assert_eq!(trusted("", KEY), Ok(false));
    }

    #[test]
    fn another_key_is_refused_and_both_are_named() {
        let other = KEY.replacen("IAAAA", "IAAAB", 1);
        let line = format!("[box.example]:2222 ssh-ed25519 {KEY}\n");
        let error = trusted(&line, &other).unwrap_err();
        assert_eq!(error.reason(), Some(Reason::HostKey));
        for key in [KEY, &other] {
            let print = fingerprint(&STANDARD.decode(key).unwrap());
            assert!(error.to_string().contains(&print), "{error}");
        }
    }

    #[test]
    fn a_revoked_key_is_refused() {
        let line = format!("@revoked [box.example]:2222 ssh-ed25519 {KEY}\n");
        assert!(trusted(&line, KEY).is_err());
    }

    #[test]
    fn storing_a_key_keeps_existing_lines() {
        let (dir, hosts) = known("other ssh-ed25519 AAAA");
        let key = STANDARD.decode(KEY).unwrap();
        hosts.remember(&key).unwrap();
        let text = fs::read_to_string(dir.path().join("known_hosts")).unwrap();
        let expected = format!("other ssh-ed25519 AAAA\n[box.example]:2222 ssh-ed25519 {KEY}\n");
        assert_eq!(text, expected);
    }

    #[test]
    fn a_known_type_is_asked_for_first() {
        let rsa = "AAAAB3NzaC1yc2EAAAADAQABAAAAAQM=";
        let (_dir, hosts) = known(&format!("[box.example]:2222 ssh-rsa {rsa}\n"));
        let session = ssh2::Session::new().unwrap();
        let algorithms = hosts.algorithms(&session).unwrap();
        assert!(algorithms.starts_with("rsa-sha2-512,rsa-sha2-256,ssh-rsa,ssh-ed25519"));
    }

    #[test]
    fn the_type_of_a_hostile_key_is_unknown() {
        assert_eq!(key_type(b""), "unknown");
        assert_eq!(key_type(&[255, 255, 255, 255, 1]), "unknown");
    }
}
