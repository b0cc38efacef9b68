//! Passwords: the policy for new ones, and hashing with Argon2id.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::{self, Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The minimum length of a new password, in characters.
const LENGTH_MIN: usize = 8;

/// The maximum length of a new password, in characters.
const LENGTH_MAX: usize = 256;

/// The default password of the first user, which is public.
const KNOWN: &str = "admin";

/// How long a request waits for the Argon2 permit.
pub(super) const PERMIT_WAIT: Duration = Duration::from_secs(15);

/// The length of a salt in bytes.
const SALT: usize = Salt::RECOMMENDED_LENGTH;

/// The length of a hash in bytes.
const OUTPUT: usize = Params::DEFAULT_OUTPUT_LEN;

/// Argon2id with the memory that OWASP recommends: 19 MiB, 2 passes, 1 lane.
/// The memory budget of the process allows one run at a time.
const PARAMS: Params = Params::DEFAULT;

/// The minimum number of blocks (KiB) to allocate. When the C library frees an
/// allocation of up to 32 MiB, it keeps the memory in its heaps, so that every
/// thread that ever hashed would keep 19 MiB resident. A larger allocation is
/// returned to the system. Untouched memory costs nothing.
const RETURNED_BLOCKS: usize = 33 * 1024;

/// Why a new password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PolicyError {
    /// The default password of the first user.
    #[error("the new password may not be `admin`: everybody knows it")]
    Known,
    /// The password is too short.
    #[error("the new password has fewer than {LENGTH_MIN} characters: take a longer one")]
    TooShort,
    /// The password is too long.
    #[error("the new password has more than {LENGTH_MAX} characters: take a shorter one")]
    TooLong,
}

/// Checks a new password against the policy.
///
/// # Errors
/// See [`PolicyError`].
pub(crate) fn check_policy(password: &str) -> Result<(), PolicyError> {
    if password.eq_ignore_ascii_case(KNOWN) {
        return Err(PolicyError::Known);
    }
    match password.chars().count() {
        ..LENGTH_MIN => Err(PolicyError::TooShort),
        LENGTH_MIN..=LENGTH_MAX => Ok(()),
        _ => Err(PolicyError::TooLong),
    }
}

/// Why a password could not be hashed or verified.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    /// The permit was not available in time.
    #[error("too many sign in at once: try again in a moment")]
    Busy,
    /// The client has too many attempts waiting.
    #[error("too many different passwords were tried from this address at once: try again later")]
    TooMany,
    /// The system has no randomness.
    #[error("no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    /// Argon2 rejected its input.
    #[error("the password cannot be hashed: {0}")]
    Argon2(String),
}

macro_rules! from_argon2 {
    ($($error:ty),*) => {$(
        impl From<$error> for PasswordError {
            fn from(error: $error) -> Self {
                Self::Argon2(error.to_string())
            }
        }
    )*};
}
from_argon2!(argon2::Error, password_hash::Error, phc::Error);

/// Hashes and verifies passwords, one at a time.
pub(super) struct Passwords {
    /// Held while Argon2 runs.
    permit: Arc<Mutex<()>>,
    /// A dummy hash, for names without an account.
    nobody: String,
    runs: Arc<AtomicU64>,
}

/// The permit to run Argon2. There is one per process.
pub(super) struct Argon2Permit {
    _guard: OwnedMutexGuard<()>,
    nobody: String,
    runs: Arc<AtomicU64>,
}

impl Passwords {
    pub(super) fn new() -> Result<Self, PasswordError> {
        Ok(Self {
            permit: Arc::default(),
            nobody: phc_string(&random::<SALT>()?, &random::<OUTPUT>()?)?,
            runs: Arc::default(),
        })
    }

    /// Returns how often Argon2 has run.
    #[cfg(test)]
    pub(super) fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// Waits for the permit. Afterwards, callers should check whether the run
    /// is still needed.
    pub(super) async fn acquire(&self) -> Result<Argon2Permit, PasswordError> {
        let permit = Arc::clone(&self.permit).lock_owned();
        let permit = tokio::time::timeout(PERMIT_WAIT, permit)
            .await
            .map_err(|_| PasswordError::Busy)?;
        Ok(Argon2Permit {
            _guard: permit,
            nobody: self.nobody.clone(),
            runs: Arc::clone(&self.runs),
        })
    }
}

impl Argon2Permit {
    /// Hashes a new password, in PHC format.
    pub(super) async fn hash(self, password: &str) -> Result<String, PasswordError> {
        let password = password.to_owned();
        let (hash, _) = self
            .blocking(move |permit| {
                let salt = random::<SALT>()?;
                let mut output = [0; OUTPUT];
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMS);
                permit.run(&argon2, &password, &salt, &mut output)?;
                phc_string(&salt, &output)
            })
            .await?;
        Ok(hash)
    }

    /// Returns whether the password matches the hash. Without a hash, it does
    /// the same work and returns false. Also returns the permit, so that
    /// callers can hold it until the result is cached.
    pub(super) async fn verify(
        self,
        password: &str,
        hash: Option<String>,
    ) -> Result<(bool, Self), PasswordError> {
        let password = password.to_owned();
        self.blocking(move |permit| {
            let known = hash.is_some();
            let hash = PasswordHash::new(hash.as_deref().unwrap_or(&permit.nobody))?;
            let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else {
                return Ok(false);
            };
            let argon2 = Argon2::new(
                Algorithm::try_from(hash.algorithm.as_str())?,
                hash.version
                    .map_or(Ok(Version::default()), Version::try_from)?,
                Params::try_from(&hash)?,
            );
            let mut output = vec![0; expected.len()];
            permit.run(&argon2, &password, &salt, &mut output)?;
            // Constant time for every pair of hashes.
            Ok(Output::new(&output)? == expected && known)
        })
        .await
    }

    fn run(
        &mut self,
        argon2: &Argon2<'_>,
        password: &str,
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<(), PasswordError> {
        let started = Instant::now();
        let blocks = argon2.params().block_count();
        let mut memory = Vec::with_capacity(blocks.max(RETURNED_BLOCKS));
        memory.resize(blocks, Block::default());
        argon2.hash_password_into_with_memory(
            password.as_bytes(),
            salt,
            output,
            memory.as_mut_slice(),
        )?;
        let runs = self.runs.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::debug!(argon2_runs = runs, took = ?started.elapsed(), "ran Argon2");
        Ok(())
    }

    async fn blocking<T: Send + 'static>(
        mut self,
        work: impl FnOnce(&mut Self) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<(T, Self), PasswordError> {
        tokio::task::spawn_blocking(move || Ok((work(&mut self)?, self)))
            .await
            .map_err(|error| PasswordError::Argon2(error.to_string()))?
    }
}

fn random<const N: usize>() -> Result<[u8; N], PasswordError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

fn phc_string(salt: &[u8], output: &[u8]) -> Result<String, PasswordError> {
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&PARAMS)?,
        salt: Some(Salt::new(salt)?),
        hash: Some(Output::new(output)?),
    };
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_long_and_default_passwords_are_refused() {
        for (password, expected) in [
            ("admin", Err(PolicyError::Known)),
            ("Admin", Err(PolicyError::Known)),
            ("", Err(PolicyError::TooShort)),
            ("seven77", Err(PolicyError::TooShort)),
            ("eight888", Ok(())),
            ("äöüßäöüß", Ok(())),
            (&"x".repeat(256), Ok(())),
            (&"x".repeat(257), Err(PolicyError::TooLong)),
        ] {
            assert_eq!(check_policy(password), expected, "{password}");
        }
    }

    #[tokio::test]
    async fn hashes_match_their_password_only() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords
            .acquire()
            .await
            .unwrap()
            .hash("correct horse")
            .await
            .unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        for (password, hash, expected) in [
            ("correct horse", Some(hash.clone()), true),
            ("correct horsf", Some(hash.clone()), false),
            ("", Some(hash), false),
            ("correct horse", None, false),
        ] {
            let permit = passwords.acquire().await.unwrap();
            let (matches, _) = permit.verify(password, hash).await.unwrap();
            assert_eq!(matches, expected, "{password}");
        }
        assert_eq!(passwords.runs(), 5, "unknown users cost as much");
    }

    #[tokio::test]
    async fn two_hashes_of_one_password_differ() {
        let passwords = Passwords::new().unwrap();
        let one = passwords
            .acquire()
            .await
            .unwrap()
            .hash("correct horse")
            .await
            .unwrap();
        let two = passwords
            .acquire()
            .await
            .unwrap()
            .hash("correct horse")
            .await
            .unwrap();
        assert_ne!(one, two);
    }
}
