//! Random secrets that we give out: access tokens and refresh tokens. They are
//! found by a keyed hash; they have more randomness than anybody can try, so a
//! slow one like that of passwords would protect nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use refity_store::SecretHash;
use sha2::Sha256;

use super::password::PasswordError;

/// Bytes of randomness.
const RANDOM: usize = 32;

/// What a secret is for; its first letters say it, so that people and scanners
/// of leaked secrets know it at sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretKind {
    /// A person's access token.
    Personal,
    /// A robot's.
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

    /// The kind of a secret by its prefix; `None` for any other text.
    pub(super) fn of(text: &str) -> Option<Self> {
        let kinds = [Self::Personal, Self::Robot, Self::Refresh];
        kinds
            .into_iter()
            .find(|kind| text.starts_with(kind.prefix()))
    }
}

/// Makes secrets, and the hashes by which they are found. The key is the same
/// for all gateways.
pub(crate) struct Secrets {
    key: Vec<u8>,
}

/// A secret that was just made. It is shown once.
pub(crate) struct NewSecret {
    /// What its owner keeps.
    pub(crate) text: String,
    /// What we keep.
    pub(crate) hash: SecretHash,
}

impl Secrets {
    /// With this key.
    pub(crate) fn new(key: Vec<u8>) -> Self {
        Self { key }
    }

    /// Makes one.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn make(&self, kind: SecretKind) -> Result<NewSecret, PasswordError> {
        let mut random = [0; RANDOM];
        getrandom::fill(&mut random)?;
        let text = format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(random));
        let hash = self.hash(&text)?;
        Ok(NewSecret { text, hash })
    }

    /// The hash by which a secret is found.
    ///
    /// # Errors
    /// Never for a key of ours.
    pub(crate) fn hash(&self, text: &str) -> Result<SecretHash, PasswordError> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key);
        let mut mac = mac.map_err(|error| PasswordError::Argon2(error.to_string()))?;
        mac.update(text.as_bytes());
        Ok(mac.finalize().into_bytes().into())
    }
}

/// A key for [`Secrets`], at random.
///
/// # Errors
/// When the system has no randomness.
pub(crate) fn random_key() -> Result<Vec<u8>, PasswordError> {
    let mut key = vec![0; RANDOM];
    getrandom::fill(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_by_its_hash_and_known_by_its_first_letters() {
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
