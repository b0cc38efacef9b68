//! Who asks, and what they may do.

mod credentials;
pub(crate) mod first_admin;
mod header;
mod password;
mod queue;
pub(crate) mod rights;
mod session;

use axum::http::{Extensions, HeaderMap};
use refity_shared::store::{StoreError, User};

use crate::client::ClientAddress;
use crate::log;
use crate::state::AppState;
use credentials::Credentials;
use header::Offer;
use session::Tokens;

pub(crate) use password::{PasswordError, PolicyError, check_policy};
pub(crate) use session::Session;

/// The user that a request of `/v2` comes from: an extension of the request.
#[derive(Clone, Debug)]
pub(crate) struct Actor(pub(crate) User);

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
    #[error("the session has ended: sign in again")]
    Ended,
    /// It cannot be told now.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// It cannot be told now.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key does not sign.
    #[error("the token cannot be signed: {0}")]
    Token(jsonwebtoken::errors::Error),
}

/// The account may do nothing but change its password.
#[derive(Debug, thiserror::Error)]
#[error(
    "the account `{0}` still has its first password and can do nothing but change it: run: curl -u {0} -X PUT -H 'Content-Type: application/json' -d \
     '{{\"current_password\":\"…\",\"new_password\":\"…\"}}' <this registry>/api/auth/password"
)]
pub(crate) struct MustChangePassword(String);

/// What tells who is who. One for the process.
pub(crate) struct Access {
    credentials: Credentials,
    tokens: Tokens,
}

impl Access {
    /// With this key for tokens.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn new(token_key: &[u8]) -> Result<Self, PasswordError> {
        Ok(Self {
            credentials: Credentials::new()?,
            tokens: Tokens::new(token_key),
        })
    }

    /// The account with this name and password, for this client.
    ///
    /// # Errors
    /// [`AuthError::Wrong`], or when it cannot be told now.
    pub(crate) async fn sign_in(
        &self,
        state: &AppState,
        client: ClientAddress,
        name: &str,
        password: &str,
    ) -> Result<User, AuthError> {
        self.credentials
            .check(&state.local.store, client, name, password)
            .await?
            .ok_or(AuthError::Wrong)
    }

    /// The hash under which a new password is kept.
    ///
    /// # Errors
    /// See [`PasswordError`].
    pub(crate) async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        self.credentials
            .passwords()
            .turn()
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
        state: &AppState,
        user: &User,
    ) -> Result<Session, AuthError> {
        self.tokens.open(&state.local.store, user).await
    }
}

/// The account that a request to `/api` comes from: by Basic credentials or by
/// a session's Bearer token.
///
/// # Errors
/// See [`AuthError`].
pub(crate) async fn authenticate(
    state: &AppState,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<User, AuthError> {
    let user = match header::offer(headers)? {
        Offer::Basic { name, password } => {
            let client = ClientAddress::of(extensions);
            let user = state.access.sign_in(state, client, &name, &password);
            user.await?
        }
        Offer::Bearer(token) => {
            let tokens = &state.access.tokens;
            tokens.user(&state.local.store, &token).await?
        }
    };
    log::note_user(&user.name);
    Ok(user)
}

/// The account that a request to `/v2` comes from: by Basic credentials only.
///
/// # Errors
/// See [`AuthError`].
pub(crate) async fn authenticate_basic(
    state: &AppState,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<User, AuthError> {
    match header::offer(headers)? {
        Offer::Basic { name, password } => {
            let client = ClientAddress::of(extensions);
            let user = state.access.sign_in(state, client, &name, &password);
            let user = user.await?;
            log::note_user(&user.name);
            Ok(user)
        }
        Offer::Bearer(_) => Err(AuthError::Missing),
    }
}

/// Refuses an account that must change its password first.
///
/// # Errors
/// [`MustChangePassword`].
pub(crate) fn require_own_password(user: &User) -> Result<(), MustChangePassword> {
    if user.must_change_password {
        return Err(MustChangePassword(user.name.clone()));
    }
    Ok(())
}
