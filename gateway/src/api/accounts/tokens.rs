//! Access tokens: secrets with which programs act on behalf of a person.

use std::time::Duration;

use axum::Json as Answer;
use axum::http::StatusCode;
use refity_config::clock::millis;
use refity_store::{
    AccessToken, AuditAction, NewToken, Order, TOKENS_MAX, TokenId, TokenOwner, TokenSort, User,
};
use refity_types::account::{TokenName, UserName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Identity, SecretKind, rights};
use crate::api::ApiError;
use crate::api::accounts::scopes::{self, ScopeWords};
use crate::api::extract::{Caller, Guarded, Json, Named, Person, Query, by_password};
use crate::api::list::{List, ListQuery};
use crate::api::openapi::{ErrorBody, SignedIn};
use crate::client::ClientAddress;
use crate::state::AppState;
use crate::timestamp::{from_rfc3339, rfc3339};

/// The longest lifetime of a token that expires: five years.
pub(super) const LIFETIME_MAX: Duration = Duration::from_secs(5 * 366 * 24 * 60 * 60);

/// The routes for access tokens.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(revoke))
}

/// A token, without its secret.
#[derive(Serialize, ToSchema)]
pub(super) struct Token {
    #[schema(value_type = i64, example = 7)]
    id: TokenId,
    #[schema(example = "laptop")]
    name: String,
    /// The token's scopes, which never exceed its owner's permissions; `null`
    /// for all of the owner's permissions.
    scopes: Option<Vec<ScopeWords>>,
    #[schema(format = DateTime, example = "2026-01-31T12:00:00Z")]
    created_at: String,
    #[schema(format = DateTime, example = "2027-01-31T12:00:00Z")]
    expires_at: Option<String>,
    /// Whether the token has expired. Expired tokens are listed for another
    /// month.
    ended: bool,
    /// When the token was last used, to the minute.
    #[schema(format = DateTime, example = "2026-01-31T12:00:00Z")]
    last_used_at: Option<String>,
    /// The address from which the token was last used.
    #[schema(example = "192.0.2.7")]
    last_used_from: Option<String>,
}

impl Token {
    pub(super) fn new(token: AccessToken, now: i64) -> Self {
        let (at, from) = token.last_used.unzip();
        let scopes = token.scopes;
        Self {
            id: token.id,
            name: token.name,
            scopes: scopes.map(|scopes| scopes.into_iter().map(ScopeWords::from).collect()),
            created_at: rfc3339(token.created_at),
            expires_at: token.expires_at.map(rfc3339),
            ended: token.expires_at.is_some_and(|at| at <= now),
            last_used_at: at.map(rfc3339),
            last_used_from: from,
        }
    }
}

/// The owner of the tokens.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Whose {
    /// Another user, for administrators. Default: yourself.
    #[param(value_type = Option<String>, example = "zoë")]
    user: Option<UserName>,
}

impl Whose {
    /// Returns the caller's own account or, for an administrator, that of
    /// another user.
    async fn account(self, state: &AppState, caller: &Identity) -> Result<User, ApiError> {
        let own = by_password(caller)?;
        match self.user {
            None => Ok(own.clone()),
            Some(name) if caller.is_called(name.as_str()) => Ok(own.clone()),
            Some(_) if !rights::may_administer(caller) => Err(ApiError::NotAdmin),
            Some(name) => {
                let user = state.node.store.user(&name).await?;
                user.ok_or_else(|| ApiError::Missing(format!("there is no user {name}")))
            }
        }
    }
}

/// The order of tokens.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Sort {
    /// `created`, `name` or `last_used`.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "created")]
    sort: TokenSort,
}

/// `GET /api/tokens`: lists your access tokens.
///
/// Requires a password or a session: an access token cannot list tokens.
#[utoipa::path(get, path = "/tokens", tag = "tokens", params(ListQuery, Sort, Whose),
    responses(
        (status = 200, description = "A page of tokens", body = List<Token>),
        (status = 404, description = "The user does not exist", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn list(
    Caller { state, caller }: Caller,
    Query(query): Query<ListQuery>,
    Query(Sort { sort }): Query<Sort>,
    Query(whose): Query<Whose>,
) -> Result<Answer<List<Token>>, ApiError> {
    let user = whose.account(&state, &caller).await?;
    let order = match sort {
        TokenSort::Name => Order::Asc,
        TokenSort::Created | TokenSort::LastUsed => Order::Desc,
    };
    let store = &state.node.store;
    let (search, page) = (query.search()?, query.page(order)?);
    let page = store.tokens(user.id, search, sort, page).await?;
    let now = store.clock().wall_ms();
    Ok(Answer(List::of(page, |token| Token::new(token, now))))
}

/// A token to create.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewToken)]
#[serde(deny_unknown_fields)]
pub(super) struct ToMake {
    /// The name of the token: 1 to 64 letters, digits, spaces and
    /// `. _ - @ / : + # ( ) ,`.
    #[schema(value_type = String, example = "laptop")]
    name: TokenName,
    /// The token's scopes, which never exceed its owner's permissions at the
    /// time of use. By default, the token has all of the owner's permissions.
    scopes: Option<Vec<ScopeWords>>,
    /// When the token expires, at most five years from now. By default, it does
    /// not expire.
    #[schema(format = DateTime, example = "2027-01-31T12:00:00Z")]
    expires_at: Option<String>,
}

/// A token that was created, with its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeToken)]
pub(super) struct Made {
    #[serde(flatten)]
    token: Token,
    /// The secret, to be used as a password with the owner's name, or as
    /// `Authorization: Bearer` for the API. It is shown only once.
    #[schema(example = "rfp_2hM0Vw5X8mJ0Wc8y6r0dV3v1o2n3m4l5k6j7h8g9f0d")]
    secret: String,
}

/// Parses the time at which a secret expires.
///
/// # Errors
/// [`ApiError::Invalid`] if the time is malformed, in the past, or too far in
/// the future.
pub(super) fn end(text: Option<&str>, now: i64) -> Result<Option<i64>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let invalid = |words: &str| Err(ApiError::Invalid(format!("expires_at: {words}")));
    match from_rfc3339(text) {
        None => invalid("give a time in the form of RFC 3339, such as 2030-01-31T12:00:00Z"),
        Some(at) if at <= now => invalid("that is over already: give a time to come"),
        Some(at) if at > now + millis(LIFETIME_MAX) => {
            invalid("give a time in the next five years, or none at all")
        }
        Some(at) => Ok(Some(at)),
    }
}

/// `POST /api/tokens`: creates an access token for yourself.
///
/// Requires a password or a session: an access token cannot create tokens.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = ToMake,
    responses(
        (status = 201, description = "Created; the secret is shown only here", body = Made),
        (status = 409, description = "You already have 200 tokens", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn create(
    Person {
        state,
        caller,
        user,
    }: Person,
    client: ClientAddress,
    Json(new): Json<ToMake>,
) -> Result<(StatusCode, Answer<Made>), ApiError> {
    let store = &state.node.store;
    let now = store.clock().wall_ms();
    let expires_at = end(new.expires_at.as_deref(), now)?;
    let scopes = new.scopes.map(scopes::checked).transpose()?;
    if let Some(scopes) = &scopes {
        scopes::require_some_right(&state, &caller, scopes).await?;
    }
    let secret = state.access.new_secret(SecretKind::Personal)?;
    let token = NewToken {
        owner: TokenOwner::User(user.id),
        name: new.name.to_string(),
        secret_hash: secret.hash,
        scopes,
        expires_at,
    };
    let Some(token) = store.create_token(token).await? else {
        return Err(ApiError::Conflict(format!(
            "you have {TOKENS_MAX} tokens already: revoke those that you do not need"
        )));
    };
    let (action, name) = (AuditAction::TokenCreate, user.name.clone());
    let detail = Some(format!("{} (token {})", token.name, token.id));
    state
        .audit
        .record(&caller, client, action, name, detail)
        .await;
    let made = Made {
        token: Token::new(token, now),
        secret: secret.text,
    };
    Ok((StatusCode::CREATED, Answer(made)))
}

/// `DELETE /api/tokens/{id}`: revokes an access token.
///
/// Takes effect immediately, on every gateway.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens",
    params(("id" = i64, Path, description = "The token's id", example = 7), Whose),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "The token does not exist", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn revoke(
    Caller { state, caller }: Caller,
    client: ClientAddress,
    Named(id): Named<TokenId>,
    Query(whose): Query<Whose>,
) -> Result<StatusCode, ApiError> {
    let user = whose.account(&state, &caller).await?;
    let owner = TokenOwner::User(user.id);
    if !state.node.store.revoke_token(owner, id).await? {
        let words = format!("{} has no token {id}", user.name);
        return Err(ApiError::Missing(words));
    }
    let (action, detail) = (AuditAction::TokenRevoke, Some(format!("token {id}")));
    state
        .audit
        .record(&caller, client, action, user.name, detail)
        .await;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_times_are_at_most_five_years_ahead() {
        let now = 1_000_000_000_000;
        let at = |ms: i64| end(Some(&rfc3339(ms)), now).ok().flatten();
        assert_eq!(at(now + 1), Some(now + 1));
        let last = now + millis(LIFETIME_MAX);
        assert_eq!((at(last), at(last + 1)), (Some(last), None));
        assert_eq!((at(now), at(0)), (None, None));
        assert!(matches!(end(None, now), Ok(None)));
        for text in ["", "soon", "2030-01-31", "9999999999999"] {
            assert!(end(Some(text), now).is_err(), "{text}");
        }
    }
}
