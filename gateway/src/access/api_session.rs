//! Sessions of the API: a signed token that is valid as long as its row in the
//! database is.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use refity_config::clock::millis;
use refity_store::{Credential, NewSession, SessionKind, Store, User};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AuthError, Identity};
use crate::client::ClientAddress;

/// The lifetime of a program's session.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a browser's session stays valid without use.
const BROWSER_IDLE: Duration = Duration::from_secs(12 * 60 * 60);

/// The longest lifetime of a browser's session.
pub(crate) const BROWSER_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The claims of a token (RFC 7519 section 4.1).
#[derive(Serialize, Deserialize)]
struct Claims {
    /// The user's name.
    sub: String,
    /// The session's id.
    sid: String,
    /// When the token was signed: seconds since 1970.
    iat: i64,
    /// When the token expires: seconds since 1970.
    exp: i64,
}

/// A session that was just opened.
pub(crate) struct Session {
    /// The token that the client sends as `Authorization: Bearer`.
    pub(crate) token: String,
    /// When the session expires: milliseconds, UTC.
    pub(crate) expires_at: i64,
}

/// Signs and verifies tokens.
pub(super) struct Tokens {
    signing: EncodingKey,
    reading: DecodingKey,
    validation: Validation,
}

impl Tokens {
    pub(super) fn new(key: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        // The session's row decides when it ends, by the clock that all
        // processes share.
        validation.validate_exp = false;
        Self {
            signing: EncodingKey::from_secret(key),
            reading: DecodingKey::from_secret(key),
            validation,
        }
    }

    /// Opens a session for a client at this address.
    pub(super) async fn open(
        &self,
        store: &Store,
        user: &User,
        kind: SessionKind,
        client: ClientAddress,
        program: Option<String>,
    ) -> Result<Session, AuthError> {
        let now = store.clock().wall_ms();
        // The token contains the latest possible expiry; the row may end the
        // session earlier.
        let (first, latest) = match kind {
            SessionKind::Browser => (BROWSER_IDLE, BROWSER_LIFETIME),
            SessionKind::Api | SessionKind::Refresh => (LIFETIME, LIFETIME),
        };
        let expires_at = now + millis(first);
        let sid = Uuid::new_v4().to_string();
        let session = NewSession {
            id: sid.clone(),
            user: user.id,
            kind,
            secret_hash: None,
            expires_at,
            address: client.to_string(),
            client: program,
        };
        store.create_session(session).await?;
        let claims = Claims {
            sub: user.name.clone(),
            sid,
            iat: now / 1000,
            exp: (now + millis(latest)) / 1000,
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .map_err(AuthError::Token)?;
        Ok(Session { token, expires_at })
    }

    /// Returns the identity of a token whose session is still valid. Use
    /// extends the session of a browser.
    pub(super) async fn identity(&self, store: &Store, token: &str) -> Result<Identity, AuthError> {
        let token = jsonwebtoken::decode::<Claims>(token, &self.reading, &self.validation)
            .map_err(|_| AuthError::Ended)?;
        let found = store.session(&token.claims.sid).await?;
        let (session, user) = found.ok_or(AuthError::Ended)?;
        let until = match session.kind {
            SessionKind::Browser => {
                let idle = store.clock().wall_ms() + millis(BROWSER_IDLE);
                idle.min(session.created_at + millis(BROWSER_LIFETIME))
            }
            // A refresh token is looked up by its secret instead.
            SessionKind::Refresh => return Err(AuthError::Ended),
            SessionKind::Api => session.expires_at,
        };
        store.use_session(&session, until).await?;
        Ok(Identity {
            credential: Credential::Session { id: session.id },
            ..Identity::by_password(user)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refity_config::clock::Clock;

    async fn store(folder: &std::path::Path) -> (Store, User) {
        let clock = Clock::with_offset_file(&folder.join("offset")).unwrap();
        let store = Store::open(&folder.join("db"), clock).await.unwrap();
        store
            .create_first_admin(String::new(), false)
            .await
            .unwrap();
        let admin = store
            .user(&"admin".parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        (store, admin)
    }

    async fn open(tokens: &Tokens, store: &Store, user: &User, kind: SessionKind) -> Session {
        let client = ClientAddress::new([192, 0, 2, 1].into());
        tokens.open(store, user, kind, client, None).await.unwrap()
    }

    #[tokio::test]
    async fn a_browser_session_is_extended_by_use_up_to_a_maximum() {
        const HOUR: Duration = Duration::from_secs(60 * 60);
        let folder = tempfile::tempdir().unwrap();
        let (store, admin) = store(folder.path()).await;
        let tokens = Tokens::new(b"key");
        let forward = |hours: u32| {
            let offset = millis(hours * HOUR).to_string();
            std::fs::write(folder.path().join("offset"), offset).unwrap();
        };
        let idle = open(&tokens, &store, &admin, SessionKind::Browser).await;
        let used = open(&tokens, &store, &admin, SessionKind::Browser).await;
        for hours in (10..30 * 24).step_by(10) {
            forward(hours);
            let found = tokens.identity(&store, &used.token).await;
            assert!(found.is_ok(), "after {hours} hours");
        }
        let found = tokens.identity(&store, &idle.token).await;
        assert!(matches!(found, Err(AuthError::Ended)));
        forward(30 * 24);
        let found = tokens.identity(&store, &used.token).await;
        assert!(matches!(found, Err(AuthError::Ended)));
    }

    #[tokio::test]
    async fn a_token_is_valid_until_its_session_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (store, admin) = store(folder.path()).await;
        let tokens = Tokens::new(b"key");
        let session = open(&tokens, &store, &admin, SessionKind::Api).await;
        let found = tokens.identity(&store, &session.token).await.unwrap();
        assert_eq!(found.name(), "admin");
        let day = millis(LIFETIME).to_string();
        std::fs::write(folder.path().join("offset"), day).unwrap();
        let ended = tokens.identity(&store, &session.token).await;
        assert!(matches!(ended, Err(AuthError::Ended)));
    }

    #[tokio::test]
    async fn a_new_password_ends_all_sessions() {
        let folder = tempfile::tempdir().unwrap();
        let (store, admin) = store(folder.path()).await;
        let tokens = Tokens::new(b"key");
        let session = open(&tokens, &store, &admin, SessionKind::Api).await;
        store
            .set_password(admin.id, String::new(), false)
            .await
            .unwrap();
        assert!(tokens.identity(&store, &session.token).await.is_err());
    }

    #[tokio::test]
    async fn tokens_of_another_key_or_algorithm_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (store, admin) = store(folder.path()).await;
        let tokens = Tokens::new(b"key");
        let foreign = Tokens::new(b"another key");
        let foreign = open(&foreign, &store, &admin, SessionKind::Api).await;
        let session = open(&tokens, &store, &admin, SessionKind::Api).await;
        let (_, payload) = session.token.split_once('.').unwrap();
        let (payload, _) = payload.split_once('.').unwrap();
        // {"alg":"none"}
        let unsigned = format!("eyJhbGciOiJub25lIn0.{payload}.");
        for token in [foreign.token.as_str(), &unsigned, "a.b.c", ""] {
            assert!(tokens.identity(&store, token).await.is_err(), "{token}");
        }
    }
}
