//! The token service's tokens (Distribution, "Token Authentication
//! Implementation"): signed and short-lived. A token never allows more than the
//! credential that it was issued for, which is checked again with each request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use refity_config::clock::millis;
use refity_store::{Credential, SigningKey, Store};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::AuthError;
use super::cache::Cache;
use super::scope::ResourceActions;

/// How long a key signs new tokens. Tokens that it signed stay valid for their
/// own lifetime.
const KEY_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The registry's name in challenges and tokens.
pub(crate) const SERVICE: &str = "refity";

/// The maximum number of cached verified tokens.
const REMEMBERED_MAX: usize = 4096;

/// The maximum number of cached keys.
const KEYS_MAX: usize = 16;

/// The maximum length of a token. Longer ones were not issued by this registry.
const LENGTH_MAX: usize = 16 * 1024;

/// The claims of a token (RFC 7519 section 4.1; times in seconds since 1970).
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    /// The account's name; empty for an anonymous client.
    sub: String,
    aud: String,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: String,
    access: Vec<ResourceActions>,
    /// The credential that the token was issued for.
    credential: Credential,
}

/// The contents of a verified token.
#[derive(Debug)]
pub(crate) struct Verified {
    /// The credential that the token was issued for.
    pub(crate) credential: Credential,
    /// The access that the token grants.
    pub(crate) access: Vec<ResourceActions>,
    /// When the token expires (seconds since 1970).
    ends: i64,
}

/// A token that was just signed.
pub(crate) struct Issued {
    pub(crate) token: String,
    /// When the token was signed (milliseconds, UTC).
    pub(crate) issued_at: i64,
    pub(crate) lifetime: Duration,
}

/// Signs and verifies tokens.
pub(super) struct Bearer {
    lifetime: Duration,
    keys: Mutex<HashMap<String, Arc<Key>>>,
    /// The verified tokens. Expiry is in seconds since 1970.
    verified: Cache<[u8; 32], Arc<Verified>>,
}

struct Key {
    kid: String,
    signing: EncodingKey,
    reading: DecodingKey,
    created_at: i64,
}

impl Key {
    fn of(key: &SigningKey) -> Result<Self, AuthError> {
        let pair = Ed25519KeyPair::from_pkcs8(&key.private)
            .map_err(|error| AuthError::SigningKey(error.to_string()))?;
        Ok(Self {
            kid: key.kid.clone(),
            signing: EncodingKey::from_ed_der(&key.private),
            reading: DecodingKey::from_ed_der(pair.public_key().as_ref()),
            created_at: key.created_at,
        })
    }
}

impl Bearer {
    /// Creates a signer of tokens with this lifetime.
    pub(super) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            keys: Mutex::default(),
            verified: Cache::new(REMEMBERED_MAX),
        }
    }

    /// Signs a token.
    ///
    /// # Errors
    /// If there is no key and none can be created.
    pub(super) async fn issue(
        &self,
        store: &Store,
        name: String,
        credential: Credential,
        access: Vec<ResourceActions>,
    ) -> Result<Issued, AuthError> {
        let key = self.signing_key(store).await?;
        let issued_at = store.clock().wall_ms();
        let now = issued_at / 1000;
        let claims = Claims {
            iss: SERVICE.to_owned(),
            sub: name,
            aud: SERVICE.to_owned(),
            exp: now + i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX),
            nbf: now,
            iat: now,
            jti: Uuid::new_v4().to_string(),
            access,
            credential,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(key.kid.clone());
        let token =
            jsonwebtoken::encode(&header, &claims, &key.signing).map_err(AuthError::Token)?;
        Ok(Issued {
            token,
            issued_at,
            lifetime: self.lifetime,
        })
    }

    /// Verifies a token that this registry signed and that has not expired.
    ///
    /// # Errors
    /// [`AuthError::Ended`] for any other token.
    pub(super) async fn verify(
        &self,
        store: &Store,
        token: &str,
    ) -> Result<Arc<Verified>, AuthError> {
        if token.len() > LENGTH_MAX {
            return Err(AuthError::Ended);
        }
        let now = store.clock().wall_ms() / 1000;
        let hash: [u8; 32] = Sha256::digest(token).into();
        if let Some(verified) = self.verified.with(&hash, now, |it| Arc::clone(it)) {
            return Ok(verified);
        }
        let verified = Arc::new(self.read(store, token).await?);
        if verified.ends <= now {
            return Err(AuthError::Ended);
        }
        let cached = Arc::clone(&verified);
        self.verified.insert(hash, cached, now, verified.ends);
        Ok(verified)
    }

    async fn read(&self, store: &Store, token: &str) -> Result<Verified, AuthError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::Ended)?;
        let kid = header.kid.ok_or(AuthError::Ended)?;
        let key = self.key(store, kid).await?.ok_or(AuthError::Ended)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[SERVICE]);
        validation.set_issuer(&[SERVICE]);
        // Expiry is checked against the clock that all processes share.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let token = jsonwebtoken::decode::<Claims>(token, &key.reading, &validation)
            .map_err(|_| AuthError::Ended)?;
        Ok(Verified {
            credential: token.claims.credential,
            access: token.claims.access,
            ends: token.claims.exp,
        })
    }

    async fn signing_key(&self, store: &Store) -> Result<Arc<Key>, AuthError> {
        let since = store.clock().wall_ms() - millis(KEY_LIFETIME);
        let newest = lock(&self.keys)
            .values()
            .filter(|key| key.created_at > since)
            .max_by_key(|key| key.created_at)
            .map(Arc::clone);
        if let Some(newest) = newest {
            return Ok(newest);
        }
        let pair = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new())
            .map_err(|error| AuthError::SigningKey(error.to_string()))?;
        let made = pair.as_ref().to_vec();
        let kid = Uuid::new_v4().to_string();
        let key = store.signing_key(KEY_LIFETIME, kid, move || made).await?;
        self.keep(&key)
    }

    async fn key(&self, store: &Store, kid: String) -> Result<Option<Arc<Key>>, AuthError> {
        let known = lock(&self.keys).get(&kid).map(Arc::clone);
        if known.is_some() {
            return Ok(known);
        }
        // Another gateway may have created the key.
        match store.signing_key_of(kid).await? {
            Some(key) => Ok(Some(self.keep(&key)?)),
            None => Ok(None),
        }
    }

    fn keep(&self, key: &SigningKey) -> Result<Arc<Key>, AuthError> {
        let kept = Arc::new(Key::of(key)?);
        let mut keys = lock(&self.keys);
        if keys.len() >= KEYS_MAX {
            keys.clear();
        }
        keys.insert(key.kid.clone(), Arc::clone(&kept));
        Ok(kept)
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is a single call, so a panic leaves the map consistent.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::scope::RequestedAccess;
    use super::*;
    use refity_config::clock::Clock;

    struct Fixture {
        folder: tempfile::TempDir,
        store: Store,
        bearer: Bearer,
    }

    async fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::with_offset_file(&folder.path().join("offset")).unwrap();
        let store = Store::open(&folder.path().join("db"), clock).await.unwrap();
        let bearer = Bearer::new(Duration::from_secs(300));
        Fixture {
            folder,
            store,
            bearer,
        }
    }

    impl Fixture {
        async fn issue(&self) -> String {
            let asked = RequestedAccess::parse("repository:team/app:pull").unwrap();
            let issued = self.bearer.issue(
                &self.store,
                "bob".to_owned(),
                Credential::Anonymous,
                vec![asked.access()],
            );
            issued.await.unwrap().token
        }

        fn move_clock(&self, by: Duration) {
            let offset = millis(by).to_string();
            std::fs::write(self.folder.path().join("offset"), offset).unwrap();
        }
    }

    #[tokio::test]
    async fn a_token_is_valid_for_its_lifetime() {
        let fixture = fixture().await;
        let token = fixture.issue().await;
        for _ in 0..2 {
            let verified = fixture.bearer.verify(&fixture.store, &token).await.unwrap();
            assert_eq!(verified.credential, Credential::Anonymous);
            assert_eq!(verified.access.len(), 1);
        }
        fixture.move_clock(Duration::from_secs(300));
        let ended = fixture.bearer.verify(&fixture.store, &token).await;
        assert!(matches!(ended, Err(AuthError::Ended)));
    }

    #[tokio::test]
    async fn another_gateway_reads_it_and_a_new_key_does_not_end_it() {
        let fixture = fixture().await;
        fixture.move_clock(KEY_LIFETIME.saturating_sub(Duration::from_secs(60)));
        let first = fixture.issue().await;
        fixture.move_clock(KEY_LIFETIME + Duration::from_secs(100));
        let second = fixture.issue().await;
        let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid;
        let other = Bearer::new(Duration::from_secs(60));
        for token in [&first, &second] {
            assert!(other.verify(&fixture.store, token).await.is_ok());
        }
        // The first key was created when the first token was requested.
        assert_eq!(kid(&first), kid(&second));
        fixture.move_clock(2 * KEY_LIFETIME);
        let third = fixture.issue().await;
        assert_ne!(kid(&second), kid(&third), "keys rotate");
    }

    #[tokio::test]
    async fn tokens_signed_by_others_are_refused() {
        let fixture = fixture().await;
        let token = fixture.issue().await;
        let elsewhere = self::fixture().await.issue().await;
        let (head, signature) = token.rsplit_once('.').unwrap();
        let (_, payload) = head.split_once('.').unwrap();
        let unsigned = format!("eyJhbGciOiJub25lIn0.{payload}.");
        let swapped = format!("{head}.{}", elsewhere.rsplit_once('.').unwrap().1);
        let endless = "a".repeat(LENGTH_MAX + 1);
        for bad in [
            &elsewhere, &unsigned, &swapped, signature, "", "a.b.c", &endless,
        ] {
            let verified = fixture.bearer.verify(&fixture.store, bad).await;
            assert!(matches!(verified, Err(AuthError::Ended)), "{bad:.60}");
        }
    }
}
