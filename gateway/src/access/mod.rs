//! Authentication and authorization: who sends a request, and what they may do.

mod api_session;
mod bearer;
mod cache;
mod credentials;
pub(crate) mod first_admin;
mod header;
mod identity;
mod password;
mod queue;
pub(crate) mod rights;
pub(crate) mod scope;
mod secret;

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use refity_store::{
    AuditAction, AuditEntry, Credential, EffectiveGrant, NewSession, PresentedToken, Principal,
    SessionKind, Store, StoreError, User,
};
use refity_types::name::RepositoryName;
use refity_types::rights::Right;
use uuid::Uuid;

use crate::audit::{AuditActor, AuditBuffer};
use crate::client::ClientAddress;
use crate::middleware::request_log;
use api_session::Tokens;
use bearer::{Bearer, Verified};
use credentials::{Checked, Credentials};
use header::Offer;
use password::Passwords;
use scope::RequestedAccess;

pub(crate) use api_session::{BROWSER_LIFETIME, Session};
pub(crate) use bearer::{Issued, SERVICE};
pub(crate) use identity::Identity;
pub(crate) use password::{PasswordError, PolicyError, check_policy};
pub(crate) use secret::{NewSecret, SecretKind, Secrets, random_key};

/// How long a refresh token stays valid without use.
const REFRESH_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The name in the audit log for an unknown access token.
const UNKNOWN_TOKEN: &str = "(unknown token)";

/// The name in the audit log for a name without an account.
const UNKNOWN_NAME: &str = "(unknown name)";

/// The sender of a `/v2` request, and the scope of its token: an extension of
/// the request.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) identity: Identity,
    /// The access that the token grants; `None` without a token.
    pub(crate) granted: Option<Arc<Verified>>,
}

impl Actor {
    /// Returns an audit entry for an action of the actor in a repository.
    pub(crate) fn audit_entry(
        &self,
        client: ClientAddress,
        action: AuditAction,
        on: (&RepositoryName, String),
        detail: Option<String>,
    ) -> AuditEntry {
        AuditActor::from(&self.identity).entry_in(client, action, on, detail)
    }

    /// Whether the token grants this access. Without a token, everything is
    /// granted.
    pub(crate) fn asked_for(&self, asked: &RequestedAccess) -> bool {
        let granted = self.granted.as_ref();
        granted.is_none_or(|token| asked.is_granted_by(&token.access))
    }

    /// Whether the token grants a pull from this repository.
    pub(crate) fn asked_to_pull(&self, repository: &RepositoryName) -> bool {
        let pull = [Right::Pull].into_iter().collect();
        self.asked_for(&RequestedAccess::Repository(repository.clone(), pull))
    }

    /// Whether the principal may pull from this repository, regardless of the
    /// token.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub(crate) async fn may_pull(
        &self,
        store: &Store,
        repository: &RepositoryName,
    ) -> Result<bool, StoreError> {
        let grant = store
            .permissions_for(self.identity.user_id(), repository)
            .await?;
        Ok(rights::effective_permissions(&self.identity, grant, repository).has(Right::Pull))
    }
}

/// Why a request is not authenticated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    /// The request has no credentials.
    #[error("sign in first: no credentials came with the request")]
    Missing,
    /// The credentials are wrong.
    #[error("the user name or the password is wrong")]
    Wrong,
    /// The session or the token has expired.
    #[error("the session or token has ended: sign in again")]
    Ended,
    /// Too many failed attempts: the client must wait this long.
    #[error("too many wrong passwords or tokens: try again in {} seconds", seconds(*.0))]
    Guessing(Duration),
    /// The password cannot be checked at the moment.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database cannot be read at the moment.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The token could not be signed.
    #[error("the token cannot be signed: {0}")]
    Token(jsonwebtoken::errors::Error),
    /// The signing key cannot be used.
    #[error("the key that signs tokens cannot be used: {0}")]
    SigningKey(String),
}

/// Rounds a wait up to whole seconds, as in `Retry-After` (RFC 9110 section
/// 10.2.3).
pub(crate) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// The account can do nothing but change its password.
#[derive(Debug, thiserror::Error)]
#[error(
    "the account `{0}` still has its first password and can do nothing but change it: run: curl \
     -u {0} -X PUT -H 'Content-Type: application/json' -d \
     '{{\"current_password\":\"…\",\"new_password\":\"…\"}}' <this registry>/api/auth/password"
)]
pub(crate) struct MustChangePassword(String);

/// Authenticates requests and issues credentials. There is one per process.
pub(crate) struct Access {
    store: Store,
    audit: Arc<AuditBuffer>,
    credentials: Credentials,
    sessions: Tokens,
    bearer: Bearer,
    secrets: Secrets,
}

impl Access {
    /// `session_key` signs the tokens of sessions, `secrets` creates access
    /// tokens, and registry tokens have this lifetime.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub(crate) fn new(
        store: Store,
        audit: Arc<AuditBuffer>,
        session_key: &[u8],
        secrets: Secrets,
        token_lifetime: Duration,
    ) -> Result<Self, PasswordError> {
        Ok(Self {
            store,
            audit,
            credentials: Credentials::new()?,
            sessions: Tokens::new(session_key),
            bearer: Bearer::new(token_lifetime),
            secrets,
        })
    }

    /// Returns the account with this name and password.
    ///
    /// # Errors
    /// [`AuthError::Wrong`], or an error if the check is not possible at the
    /// moment.
    pub(crate) async fn sign_in(
        &self,
        client: ClientAddress,
        name: &str,
        password: &str,
    ) -> Result<User, AuthError> {
        let store = &self.store;
        let checked = self.credentials.check(store, client, name, password);
        match checked.await? {
            Checked::Right(user) => Ok(user),
            Checked::Wrong(user) | Checked::Guessed(user) => {
                // A name without an account may be a password, so it is not
                // logged.
                let account = user.as_ref().map_or(UNKNOWN_NAME, |user| &user.name);
                self.audit.count_failure(client, account);
                Err(AuthError::Wrong)
            }
        }
    }

    /// Returns the identity for a name with a password, or with an access token
    /// instead of the password.
    ///
    /// # Errors
    /// [`AuthError::Wrong`], or an error if the check is not possible at the
    /// moment.
    pub(crate) async fn identify(
        &self,
        client: ClientAddress,
        name: &str,
        password: &str,
    ) -> Result<Identity, AuthError> {
        if SecretKind::of(password).is_none() {
            let user = self.sign_in(client, name, password).await?;
            return Ok(Identity::by_password(user));
        }
        let identity = self.of_secret(client, password).await?;
        if identity.is_called(name) {
            Ok(identity)
        } else {
            Err(self.count_secret(client, AuthError::Wrong).await?)
        }
    }

    /// Returns the identity of an access token.
    ///
    /// # Errors
    /// [`AuthError::Wrong`], or an error if the check is not possible at the
    /// moment.
    async fn of_secret(&self, client: ClientAddress, secret: &str) -> Result<Identity, AuthError> {
        let store = &self.store;
        let hash = self.secrets.hash(secret)?;
        let found: Option<PresentedToken> = store.token_of_secret(hash).await?;
        let Some(found) = found else {
            return Err(self.count_secret(client, AuthError::Wrong).await?);
        };
        store.note_token_use(found.id, client.to_string()).await?;
        Ok(Identity {
            credential: Credential::Token { id: found.id },
            principal: found.principal,
            scopes: found.scopes,
        })
    }

    /// Returns the identity of a refresh token. An access token is accepted as
    /// well.
    ///
    /// # Errors
    /// [`AuthError::Ended`], or an error if the check is not possible at the
    /// moment.
    pub(crate) async fn identify_refresh(
        &self,
        client: ClientAddress,
        token: &str,
    ) -> Result<Identity, AuthError> {
        if SecretKind::of(token) != Some(SecretKind::Refresh) {
            return self.of_secret(client, token).await;
        }
        let store = &self.store;
        let hash = self.secrets.hash(token)?;
        let found = store.session_of_secret(hash).await?;
        let Some((session, user)) = found else {
            return Err(self.count_secret(client, AuthError::Ended).await?);
        };
        let until = store.clock().wall_ms() + refity_config::clock::millis(REFRESH_LIFETIME);
        store.use_session(&session, until).await?;
        Ok(Identity {
            credential: Credential::Session { id: session.id },
            ..Identity::by_password(user)
        })
    }

    /// Creates a refresh token for a person. `client` is the name that the
    /// client sent.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn refresh_token(
        &self,
        client: ClientAddress,
        user: &User,
        program: Option<String>,
    ) -> Result<String, AuthError> {
        let store = &self.store;
        let secret = self.secrets.make(SecretKind::Refresh)?;
        let session = NewSession {
            id: Uuid::new_v4().to_string(),
            user: user.id,
            kind: SessionKind::Refresh,
            secret_hash: Some(secret.hash),
            expires_at: store.clock().wall_ms() + refity_config::clock::millis(REFRESH_LIFETIME),
            address: client.to_string(),
            client: program,
        };
        store.create_session(session).await?;
        Ok(secret.text)
    }

    /// Creates the secret of an access token.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub(crate) fn new_secret(&self, kind: SecretKind) -> Result<NewSecret, PasswordError> {
        self.secrets.make(kind)
    }

    /// Issues a registry token for the requested access, as far as it is
    /// allowed.
    ///
    /// # Errors
    /// If permissions cannot be read at the moment, or the token cannot be
    /// signed.
    pub(crate) async fn issue(
        &self,
        identity: &Identity,
        asked: &[RequestedAccess],
    ) -> Result<(Issued, Vec<RequestedAccess>), AuthError> {
        let store = &self.store;
        let mut allowed = Vec::new();
        for asked in asked {
            match asked {
                RequestedAccess::Catalog => allowed.push(RequestedAccess::Catalog),
                RequestedAccess::Repository(repository, rights) => {
                    let grant = store
                        .permissions_for(identity.user_id(), repository)
                        .await?;
                    let rights =
                        rights::effective_permissions(identity, grant, repository).and(*rights);
                    if !rights.is_empty() {
                        allowed.push(RequestedAccess::Repository(repository.clone(), rights));
                    }
                }
            }
        }
        let access = allowed.iter().map(RequestedAccess::access).collect();
        let (name, credential) = (identity.name(), identity.credential.clone());
        let issued = self.bearer.issue(store, name, credential, access).await?;
        Ok((issued, allowed))
    }

    /// Hashes a new password for storage.
    ///
    /// # Errors
    /// See [`PasswordError`].
    pub(crate) async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        self.credentials
            .passwords()
            .acquire()
            .await?
            .hash(password)
            .await
    }

    /// Opens a session and signs its token.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn open_session(
        &self,
        user: &User,
        kind: SessionKind,
        client: ClientAddress,
        program: Option<String>,
    ) -> Result<Session, AuthError> {
        let store = &self.store;
        self.sessions.open(store, user, kind, client, program).await
    }

    /// Records a wrong random secret and returns the error for it. Valid
    /// secrets are never delayed, since they cannot be guessed.
    async fn count_secret(
        &self,
        client: ClientAddress,
        wrong: AuthError,
    ) -> Result<AuthError, StoreError> {
        self.audit.count_failure(client, UNKNOWN_TOKEN);
        let (store, address) = (&self.store, client.key().to_string());
        if let Some(wait) = store.secret_wait(&address).await? {
            return Ok(AuthError::Guessing(wait));
        }
        store.record_secret_failure(&address).await?;
        Ok(wrong)
    }

    /// Authenticates a request to `/api`: with Basic credentials, with a session token or an access
    /// token as Bearer, or with the session token of a browser's cookie.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub(crate) async fn authenticate(
        &self,
        headers: &HeaderMap,
        client: ClientAddress,
        cookie: Option<&str>,
    ) -> Result<Identity, AuthError> {
        let offer = match (header::offer(headers), cookie) {
            (Err(AuthError::Missing), Some(token)) => Offer::Bearer(token.to_owned()),
            (offer, _) => offer?,
        };
        let identity = match offer {
            Offer::Basic { name, password } => self.identify(client, &name, &password).await?,
            Offer::Bearer(token) => match SecretKind::of(&token) {
                Some(_) => self.of_secret(client, &token).await?,
                None => self.sessions.identity(&self.store, &token).await?,
            },
        };
        // The sign-in was already counted when the session was opened.
        if !matches!(identity.credential, Credential::Session { .. }) {
            self.audit.count_sign_in(&identity, client);
        }
        request_log::note_user(&identity.name());
        Ok(identity)
    }

    /// Authenticates a request to `/v2` and reads the grants for its repository. Accepts Basic
    /// credentials or a token of the token service, whose credential is checked again.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub(crate) async fn authenticate_registry(
        &self,
        headers: &HeaderMap,
        client: ClientAddress,
        repository: Option<&RepositoryName>,
    ) -> Result<(Actor, EffectiveGrant), AuthError> {
        let store = &self.store;
        let (actor, grant) = match header::offer(headers)? {
            Offer::Basic { name, password } => {
                let identity = self.identify(client, &name, &password);
                let identity = identity.await?;
                self.audit.count_sign_in(&identity, client);
                let grant = match repository {
                    Some(repository) if !rights::may_administer(&identity) => {
                        store
                            .permissions_for(identity.user_id(), repository)
                            .await?
                    }
                    _ => EffectiveGrant::default(),
                };
                let granted = None;
                (Actor { identity, granted }, grant)
            }
            Offer::Bearer(token) => {
                let token = self.bearer.verify(store, &token).await?;
                let status = store
                    .credential_status(&token.credential, repository)
                    .await?;
                let status = status.ok_or(AuthError::Ended)?;
                let identity = Identity {
                    credential: token.credential.clone(),
                    principal: status.principal,
                    scopes: status.scopes,
                };
                let granted = Some(token);
                (Actor { identity, granted }, status.grant)
            }
        };
        request_log::note_user(&actor.identity.name());
        Ok((actor, grant))
    }
}

/// Hashes a password for storage, in a process that is not a server.
///
/// # Errors
/// See [`PasswordError`].
pub(crate) async fn hash_password(password: &str) -> Result<String, PasswordError> {
    Passwords::new()?.acquire().await?.hash(password).await
}

/// Refuses an account that must change its password first.
///
/// # Errors
/// [`MustChangePassword`].
pub(crate) fn require_own_password(identity: &Identity) -> Result<(), MustChangePassword> {
    match &identity.principal {
        Principal::User(user) if user.must_change_password => {
            Err(MustChangePassword(user.name.clone()))
        }
        _ => Ok(()),
    }
}
