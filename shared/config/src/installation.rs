//! Values generated once per installation and kept in `DATA_DIR`: its id, and
//! secrets that are not configured.
//!
//! All functions block.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use uuid::Uuid;

/// Name of the file in `DATA_DIR` that holds the id.
const FILE: &str = "installation";

/// Random bytes in a generated secret; the file holds them in hex.
const SECRET_BYTES: usize = 32;

/// The id of an installation, recorded as the owner of a tree on SFTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InstallationId(Uuid);

/// An error reading or creating an installation file.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    /// The file system failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system error.
        source: io::Error,
    },
    /// The file does not contain an id.
    #[error(
        "{0} does not contain an installation id (a UUID): restore it from a backup, or delete it \
         to take over the tree with a new id"
    )]
    NoId(PathBuf),
    /// The file is empty.
    #[error("{0} is empty: write the secret to it, or delete it to generate a new one")]
    EmptySecret(PathBuf),
    /// The system random number generator failed.
    #[error("the system random number generator failed: {0}")]
    Randomness(getrandom::Error),
}

impl InstallationError {
    /// Whether a person must act before another start can succeed.
    #[must_use]
    pub fn needs_person(&self) -> bool {
        matches!(self, Self::NoId(_) | Self::EmptySecret(_))
    }
}

impl InstallationId {
    /// Returns the id stored in `data_dir`, or `None` if there is none yet.
    ///
    /// # Errors
    /// If the file cannot be read or does not contain an id.
    pub fn load(data_dir: &Path) -> Result<Option<Self>, InstallationError> {
        let path = data_dir.join(FILE);
        let Some(bytes) = read(&path)? else {
            return Ok(None);
        };
        let id = std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        id.map(Some).ok_or(InstallationError::NoId(path))
    }

    /// Returns the id stored in `data_dir`, creating it if there is none yet.
    /// Processes that start concurrently agree on one id.
    ///
    /// # Errors
    /// If the file cannot be read or created, or does not contain an id.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, InstallationError> {
        if let Some(id) = Self::load(data_dir)? {
            return Ok(id);
        }
        let path = data_dir.join(FILE);
        create(&path, format!("{}\n", Uuid::new_v4()).as_bytes())?;
        Self::load(data_dir)?.ok_or(InstallationError::NoId(path))
    }
}

impl FromStr for InstallationId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

impl fmt::Display for InstallationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Returns the secret in the file at `path`, without trailing line breaks.
/// Generates a random one (mode 0600) if the file does not exist. Processes
/// that start concurrently agree on one secret.
///
/// # Errors
/// If the file cannot be read or created, or is empty.
pub fn secret_file(path: &Path) -> Result<Vec<u8>, InstallationError> {
    let mut secret = match read(path)? {
        Some(secret) => secret,
        None => {
            create(path, random_hex()?.as_bytes())?;
            read(path)?.unwrap_or_default()
        }
    };
    while secret
        .last()
        .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
    {
        secret.pop();
    }
    if secret.is_empty() {
        return Err(InstallationError::EmptySecret(path.to_owned()));
    }
    Ok(secret)
}

fn random_hex() -> Result<String, InstallationError> {
    use fmt::Write as _;
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(InstallationError::Randomness)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, InstallationError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, error)),
    }
}

/// Creates the file with these bytes atomically and durably. If another process
/// created it first, keeps that file.
fn create(path: &Path, bytes: &[u8]) -> Result<(), InstallationError> {
    let temporary = path.with_extension(format!("{}.tmp", Uuid::new_v4()));
    let made = write_new(&temporary, bytes).and_then(|()| {
        // Unlike a rename, a link never replaces an existing file.
        match std::fs::hard_link(&temporary, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    });
    let removed = std::fs::remove_file(&temporary);
    made.and(removed)
        .and_then(|()| sync_folder_of(path))
        .map_err(|error| failed(path, error))
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn failed(path: &Path, source: io::Error) -> InstallationError {
    InstallationError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_id_is_created_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(InstallationId::load(folder.path()).unwrap(), None);
        let id = InstallationId::load_or_create(folder.path()).unwrap();
        assert_eq!(InstallationId::load_or_create(folder.path()).unwrap(), id);
        assert_eq!(InstallationId::load(folder.path()).unwrap(), Some(id));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn processes_that_start_concurrently_agree() {
        let folder = tempfile::tempdir().unwrap();
        let (ids, secrets): (Vec<_>, Vec<_>) = std::thread::scope(|scope| {
            let started: Vec<_> = (0..16)
                .map(|_| {
                    scope.spawn(|| {
                        let id = InstallationId::load_or_create(folder.path()).unwrap();
                        (id, secret_file(&folder.path().join("jwt.secret")).unwrap())
                    })
                })
                .collect();
            started
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .unzip()
        });
        assert!(ids.iter().all(|id| *id == ids[0]));
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_without_an_id_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for content in ["", "mine", "\u{fffd}"] {
            std::fs::write(folder.path().join(FILE), content).unwrap();
            let error = InstallationId::load_or_create(folder.path()).unwrap_err();
            assert!(matches!(error, InstallationError::NoId(_)), "{error}");
            assert_eq!(
                std::fs::read_to_string(folder.path().join(FILE)).unwrap(),
                content
            );
        }
    }

    #[test]
    fn a_secret_is_random_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwt.secret");
        let secret = secret_file(&path).unwrap();
        assert_eq!(secret.len(), 2 * SECRET_BYTES);
        assert_eq!(secret_file(&path).unwrap(), secret);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(secret_file(&folder.path().join("other")).unwrap(), secret);
    }

    #[test]
    fn a_secret_set_by_hand_is_read_without_its_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwt.secret");
        std::fs::write(&path, "mine\n").unwrap();
        assert_eq!(secret_file(&path).unwrap(), b"mine");
        std::fs::write(&path, "\n").unwrap();
        let error = secret_file(&path).unwrap_err();
        assert!(
            matches!(error, InstallationError::EmptySecret(_)),
            "{error}"
        );
    }
}
