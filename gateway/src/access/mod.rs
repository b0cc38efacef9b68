//! Who a request comes from, and what they may do.

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
    AuditAction, AuditEntry, Credential, EffectiveGrant, FoundToken, NewSession, Principal,
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

/// How long a refresh token is good after it was last used.
const REFRESH_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What stands in the audit log for whose a wrong access token is.
const UNKNOWN_TOKEN: &str = "(unknown token)";

/// What stands there for a name that nobody has.
const UNKNOWN_NAME: &str = "(unknown name)";

/// Who a request of `/v2` comes from, and what its token is for: an extension
/// of the request.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) identity: Identity,
    /// What its token grants; `None` without a token.
    pub(crate) granted: Option<Arc<Verified>>,
}

impl Actor {
    /// An audit entry about something that the actor did in a repository.
    pub(crate) fn audit_entry(
        &self,
        client: ClientAddress,
        action: AuditAction,
        on: (&RepositoryName, String),
        detail: Option<String>,
    ) -> AuditEntry {
        AuditActor::from(&self.identity).entry_in(client, action, on, detail)
    }

    /// Whether its token is for this; without a token everything is.
    pub(crate) fn asked_for(&self, asked: &RequestedAccess) -> bool {
        let granted = self.granted.as_ref();
        granted.is_none_or(|token| asked.is_granted_by(&token.access))
    }

    /// Whether its token is for a pull from there.
    pub(crate) fn asked_to_pull(&self, repository: &RepositoryName) -> bool {
        let pull = [Right::Pull].into_iter().collect();
        self.asked_for(&RequestedAccess::Repository(repository.clone(), pull))
    }

    /// Whether the principal may pull from there, regardless of the token.
    ///
    /// # Errors
    /// When the database cannot be read.
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

/// Why a request has no user.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    /// It brought nothing to go by.
    #[error("sign in first: no credentials came with the request")]
    Missing,
    /// What it brought is wrong.
    #[error("the user name or the password is wrong")]
    Wrong,
    /// What it brought has ended.
    #[error("the session or token has ended: sign in again")]
    Ended,
    /// Too much was wrong before.
    #[error("too many wrong passwords or tokens: try again in {} seconds", seconds(*.0))]
    Guessing(Duration),
    /// It cannot be told now.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// It cannot be told now.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key does not sign.
    #[error("the token cannot be signed: {0}")]
    Token(jsonwebtoken::errors::Error),
    /// There is no key that signs.
    #[error("the key that signs tokens cannot be used: {0}")]
    SigningKey(String),
}

/// A wait in whole seconds, as `Retry-After` has it (RFC 9110 section 10.2.3):
/// after it, it is over.
pub(crate) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// The account may do nothing but change its password.
#[derive(Debug, thiserror::Error)]
#[error(
    "the account `{0}` still has its first password and can do nothing but change it: run: curl \
     -u {0} -X PUT -H 'Content-Type: application/json' -d \
     '{{\"current_password\":\"…\",\"new_password\":\"…\"}}' <this registry>/api/auth/password"
)]
pub(crate) struct MustChangePassword(String);

/// Authenticates requests and issues credentials. One for the process.
pub(crate) struct Access {
    store: Store,
    audit: Arc<AuditBuffer>,
    credentials: Credentials,
    sessions: Tokens,
    bearer: Bearer,
    secrets: Secrets,
}

impl Access {
    /// With this key for the tokens of sessions, these secrets, and registry
    /// tokens with this lifetime.
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

    /// The account with this name and password, for this client.
    ///
    /// # Errors
    /// [`AuthError::Wrong`], or when it cannot be told now.
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
                // A name that nobody has may be a password.
                let account = user.as_ref().map_or(UNKNOWN_NAME, |user| &user.name);
                self.audit.count_failure(client, account);
                Err(AuthError::Wrong)
            }
        }
    }

    /// Who has this name with this password, or with this access token in the
    /// password's place.
    ///
    /// # Errors
    /// [`AuthError::Wrong`], or when it cannot be told now.
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

    /// Who an access token stands for.
    ///
    /// # Errors
    /// [`AuthError::Wrong`], or when it cannot be told now.
    async fn of_secret(&self, client: ClientAddress, secret: &str) -> Result<Identity, AuthError> {
        let store = &self.store;
        let hash = self.secrets.hash(secret)?;
        let found: Option<FoundToken> = store.token_of_secret(hash).await?;
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

    /// Who a refresh token stands for. An access token is one too.
    ///
    /// # Errors
    /// [`AuthError::Ended`], or when it cannot be told now.
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

    /// A refresh token for a person, by the name of the client that asks.
    ///
    /// # Errors
    /// When the database cannot be written.
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

    /// Makes the secret of an access token.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn new_secret(&self, kind: SecretKind) -> Result<NewSecret, PasswordError> {
        self.secrets.make(kind)
    }

    /// A token for the registry: for what is asked, as far as it is allowed.
    ///
    /// # Errors
    /// When it cannot be told now what is allowed, or nothing can be signed.
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

    /// The hash under which a new password is kept.
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
    /// When the database cannot be written.
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

    /// Counts a random secret that was wrong, and says so. A right one is never
    /// kept waiting: none can be guessed.
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

    /// Who a request to `/api` comes from: by Basic credentials, by a session's
    /// token or by an access token as Bearer, or else by the session's token of a
    /// browser's cookie.
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
        // A session was counted when it was opened.
        if !matches!(identity.credential, Credential::Session { .. }) {
            self.audit.count_sign_in(&identity, client);
        }
        request_log::note_user(&identity.name());
        Ok(identity)
    }

    /// Who a request to `/v2` comes from, and the grants that concern
    /// its repository: by Basic credentials, or by a token of the token service,
    /// whose credential is checked again.
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

/// The hash under which a password is kept, for a process that serves nobody.
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
