//! What is made once for an installation and then kept in `DATA_DIR`: its id,
//! and secrets that nobody set.
//!
//! All functions block.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use uuid::Uuid;

/// The name of the id's file in `DATA_DIR`.
const FILE: &str = "installation";

/// The bytes of randomness in a secret; its file holds them as hex digits.
const SECRET_BYTES: usize = 32;

/// The id of an installation: what owns a tree on SFTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InstallationId(Uuid);

/// Why what is kept for the installation could not be had.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    /// The file system failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error(
        "{0} does not hold an installation's id, a UUID: restore it from a backup, or remove it to \
         take the tree over under a new id"
    )]
    NoId(PathBuf),
    /// The file holds nothing.
    #[error("{0} is empty: put the secret into it, or remove it and a new one is made")]
    EmptySecret(PathBuf),
    /// The system has no randomness to give.
    #[error("no randomness: {0}")]
    Randomness(getrandom::Error),
}

impl InstallationId {
    /// The id that `data_dir` keeps; `None` where there is none yet.
    ///
    /// # Errors
    /// When the file cannot be read or does not hold an id.
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

    /// The id that `data_dir` keeps; made where there is none yet. Processes
    /// that start at once agree on one.
    ///
    /// # Errors
    /// When the file cannot be read or made, or does not hold an id.
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

/// The secret that the file at `path` holds, without a line break at its end;
/// made of randomness (mode 0600) where there is no file yet. Processes that
/// start at once agree on one.
///
/// # Errors
/// When the file cannot be read or made, or is empty.
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

/// Makes the file with these bytes, whole and durable, unless another process
/// was faster: then the other's stays.
fn create(path: &Path, bytes: &[u8]) -> Result<(), InstallationError> {
    let temporary = path.with_extension(format!("{}.tmp", Uuid::new_v4()));
    let made = write_new(&temporary, bytes).and_then(|()| {
        // Unlike a rename, a link never replaces what is there.
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
    fn the_id_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(InstallationId::load(folder.path()).unwrap(), None);
        let id = InstallationId::load_or_create(folder.path()).unwrap();
        assert_eq!(InstallationId::load_or_create(folder.path()).unwrap(), id);
        assert_eq!(InstallationId::load(folder.path()).unwrap(), Some(id));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn processes_that_start_at_once_agree() {
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
    fn a_file_that_holds_no_id_is_not_replaced() {
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
    fn a_secret_set_by_hand_counts_without_its_line_break() {
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
