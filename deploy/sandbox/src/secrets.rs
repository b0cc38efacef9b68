//! The sandbox's host key and password: read, or generated on first start.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};

/// A secret could not be read or created.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file could not be read or written.
    #[error("cannot read or create {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system error.
        error: io::Error,
    },
    /// The file is not an unencrypted OpenSSH private key.
    #[error("{} is not an OpenSSH private key without a passphrase: {reason}", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The file is empty.
    #[error("{} is empty: write a password to the file, or delete it to generate one", path.display())]
    NoPassword {
        /// The file.
        path: PathBuf,
    },
    /// The system random number generator failed.
    #[error("the system random number generator failed: {0}")]
    Random(getrandom::Error),
}

/// Returns the password in `path`, creating the file with a random one if
/// missing.
///
/// # Errors
/// [`SecretError`].
pub fn password(path: &Path) -> Result<String, SecretError> {
    let text = read_or_make(path, || {
        let hex: String = random::<16>()?.iter().map(|b| format!("{b:02x}")).collect();
        Ok(format!("{hex}\n"))
    })?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(SecretError::NoPassword { path: path.into() });
    }
    Ok(password.to_owned())
}

/// Returns the host key in `path`, creating an Ed25519 key if missing.
///
/// # Errors
/// [`SecretError`].
pub fn host_key(path: &Path) -> Result<PrivateKey, SecretError> {
    let not_a_key = |error: russh::keys::ssh_key::Error| SecretError::NotAKey {
        path: path.into(),
        reason: error.to_string(),
    };
    let text = read_or_make(path, || {
        let key = random_host_key()?;
        Ok(key
            .to_openssh(LineEnding::LF)
            .map_err(not_a_key)?
            .to_string())
    })?;
    let key = PrivateKey::from_openssh(&text).map_err(not_a_key)?;
    if key.is_encrypted() {
        return Err(SecretError::NotAKey {
            path: path.into(),
            reason: "it is encrypted".to_owned(),
        });
    }
    Ok(key)
}

/// Generates an Ed25519 host key.
///
/// # Errors
/// [`SecretError::Random`].
pub fn random_host_key() -> Result<PrivateKey, SecretError> {
    let pair = Ed25519Keypair::from_seed(&random()?);
    PrivateKey::new(KeypairData::Ed25519(pair), "refity sandbox").map_err(|error| {
        SecretError::NotAKey {
            path: PathBuf::new(),
            reason: error.to_string(),
        }
    })
}

fn random<const N: usize>() -> Result<[u8; N], SecretError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(SecretError::Random)?;
    Ok(bytes)
}

fn read_or_make(
    path: &Path,
    make: impl FnOnce() -> Result<String, SecretError>,
) -> Result<String, SecretError> {
    let failed = |error| SecretError::File {
        path: path.into(),
        error,
    };
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_new(path, &make()?).map_err(failed)?;
            // Read the file again: another process may have created it first.
            fs::read_to_string(path).map_err(failed)
        }
        read => read.map_err(failed),
    }
}

/// Writes a file atomically with mode 0600; never overwrites an existing one.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let mut new_name = path.file_name().unwrap_or_default().to_owned();
    new_name.push(format!(".{}.new", uuid::Uuid::new_v4()));
    let new = folder.join(new_name);

    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| match fs::hard_link(&new, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        });
    fs::remove_file(&new)?;
    written?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn secrets_are_made_once_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (key_file, password_file) = (folder.path().join("a/key"), folder.path().join("pw"));
        let key = host_key(&key_file).unwrap();
        let secret = password(&password_file).unwrap();

        assert_eq!(
            host_key(&key_file).unwrap().public_key(),
            key.public_key(),
            "the second start has the same host key"
        );
        assert_eq!(password(&password_file).unwrap(), secret);
        assert_eq!(secret.len(), 32);
        for file in [&key_file, &password_file] {
            assert_eq!(
                fs::metadata(file).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            2,
            "no temporary file is left"
        );
    }

    #[test]
    fn wrong_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "\n").unwrap();
        assert!(
            password(&file)
                .unwrap_err()
                .to_string()
                .contains("file is empty")
        );
        assert!(
            host_key(&file)
                .unwrap_err()
                .to_string()
                .contains("not an OpenSSH private key")
        );
    }
}
