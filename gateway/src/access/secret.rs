//! Random secrets: access tokens and refresh tokens. They are looked up by a
//! keyed hash. They have too much randomness to be guessed, so a slow hash like
//! that of passwords would not add protection.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use refity_store::SecretHash;
use sha2::Sha256;

use super::password::PasswordError;

/// Bytes of randomness.
const RANDOM: usize = 32;

/// The kind of a secret. Its prefix identifies it to people and to scanners for
/// leaked secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretKind {
    /// A person's access token.
    Personal,
    /// A robot's secret.
    Robot,
    /// A registry client's refresh token.
    Refresh,
}

impl SecretKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Personal => "rfp_",
            Self::Robot => "rfr_",
            Self::Refresh => "rft_",
        }
    }

    /// Returns the kind of a secret by its prefix; `None` for any other text.
    pub(super) fn of(text: &str) -> Option<Self> {
        let kinds = [Self::Personal, Self::Robot, Self::Refresh];
        kinds
            .into_iter()
            .find(|kind| text.starts_with(kind.prefix()))
    }
}

/// Creates secrets, and the hashes for looking them up. All gateways share the
/// key.
pub(crate) struct Secrets {
    key: Vec<u8>,
}

/// A new secret. It is shown only once.
pub(crate) struct NewSecret {
    /// The secret, for its owner.
    pub(crate) text: String,
    /// The hash, for the database.
    pub(crate) hash: SecretHash,
}

impl Secrets {
    /// Creates a generator with this key.
    pub(crate) fn new(key: Vec<u8>) -> Self {
        Self { key }
    }

    /// Creates a secret.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub(crate) fn make(&self, kind: SecretKind) -> Result<NewSecret, PasswordError> {
        let mut random = [0; RANDOM];
        getrandom::fill(&mut random)?;
        let text = format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(random));
        let hash = self.hash(&text)?;
        Ok(NewSecret { text, hash })
    }

    /// Returns the hash for looking up a secret.
    ///
    /// # Errors
    /// Never for a key of this program.
    pub(crate) fn hash(&self, text: &str) -> Result<SecretHash, PasswordError> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key);
        let mut mac = mac.map_err(|error| PasswordError::Argon2(error.to_string()))?;
        mac.update(text.as_bytes());
        Ok(mac.finalize().into_bytes().into())
    }
}

/// Creates a random key for [`Secrets`].
///
/// # Errors
/// If the system has no randomness.
pub(crate) fn random_key() -> Result<Vec<u8>, PasswordError> {
    let mut key = vec![0; RANDOM];
    getrandom::fill(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_by_its_hash_and_identified_by_its_prefix() {
        let secrets = Secrets::new(b"key".to_vec());
        for kind in [SecretKind::Personal, SecretKind::Robot, SecretKind::Refresh] {
            let secret = secrets.make(kind).unwrap();
            assert_eq!(secrets.hash(&secret.text).unwrap(), secret.hash);
            assert_eq!(SecretKind::of(&secret.text), Some(kind));
            assert_ne!(secret.hash, secrets.make(kind).unwrap().hash);
            let others = Secrets::new(b"another".to_vec());
            assert_ne!(others.hash(&secret.text).unwrap(), secret.hash);
        }
        assert_eq!(SecretKind::of("correct horse"), None);
    }
}
