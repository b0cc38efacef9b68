//! Signing in, and one's own password.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use refity_shared::store::{AuditAction, Role, User, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiError;
use super::extract::{Caller, Json};
use super::openapi::SignedIn;
use super::timestamp::rfc3339;
use crate::access::{self, AuthError, Identity};
use crate::audit;
use crate::client::ClientAddress;
use crate::log;
use crate::state::AppState;

/// A name with a password.
#[derive(Deserialize, ToSchema)]
pub(super) struct Login {
    username: String,
    password: String,
}

/// An account as the API shows it.
#[derive(Serialize, ToSchema)]
pub(super) struct Shown {
    #[schema(value_type = i64)]
    id: UserId,
    username: String,
    #[schema(value_type = String, example = "admin")]
    role: Role,
}

impl From<User> for Shown {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.name,
            role: user.role,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct LoggedIn {
    success: bool,
    message: &'static str,
    token: String,
    expires_at: String,
    must_change_password: bool,
    user: Shown,
}

/// The paths of signing in.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(change_password))
        .routes(routes!(me))
}

/// `POST /api/auth/login`: a token for a name with its password. An account
/// that must change its password gets one too; it opens only that door.
#[utoipa::path(post, path = "/auth/login", tag = "sign-in", request_body = Login, security(()),
    responses((status = 200, description = "Signed in", body = LoggedIn), SignedIn))]
pub(super) async fn login(
    State(state): State<AppState>,
    client: ClientAddress,
    Json(login): Json<Login>,
) -> Result<Response, ApiError> {
    let user = match sign_in(&state, client, &login).await {
        Ok(user) => user,
        Err(error @ ApiError::Auth(_)) => return Ok(refused(&error)),
        Err(error) => return Err(error),
    };
    let session = state.access.open_session(&state, &user, client).await?;
    let (identity, name) = (Identity::by_password(user.clone()), user.name.clone());
    audit::note(&state, &identity, client, AuditAction::Login, name, None).await;
    let message = if user.must_change_password {
        "signed in; the password must be changed first: PUT /api/auth/password"
    } else {
        "signed in"
    };
    let body = LoggedIn {
        success: true,
        message,
        token: session.token,
        expires_at: rfc3339(session.expires_at),
        must_change_password: user.must_change_password,
        user: user.into(),
    };
    Ok(Answer(body).into_response())
}

async fn sign_in(state: &AppState, client: ClientAddress, login: &Login) -> Result<User, ApiError> {
    let Login { username, password } = login;
    let user = state.access.sign_in(state, client, username, password);
    let user = user.await?;
    log::note_user(&user.name);
    Ok(user)
}

/// The error with the two fields that older clients read.
fn refused(error: &ApiError) -> Response {
    let mut body = error.body();
    body["success"] = Value::Bool(false);
    body["message"] = Value::String(error.to_string());
    error.response_with(body)
}

/// An old and a new password.
#[derive(Deserialize, ToSchema)]
pub(super) struct PasswordChange {
    current_password: String,
    new_password: String,
}

/// `PUT /api/auth/password`: the one thing that an account with its first
/// password can do. It ends all of the account's sessions.
#[utoipa::path(put, path = "/auth/password", tag = "sign-in", request_body = PasswordChange,
    responses((status = 204, description = "It is changed"), SignedIn))]
pub(super) async fn change_password(
    State(state): State<AppState>,
    client: ClientAddress,
    headers: HeaderMap,
    extensions: Extensions,
    Json(change): Json<PasswordChange>,
) -> Result<StatusCode, ApiError> {
    let caller = access::authenticate(&state, &headers, &extensions).await?;
    let user = caller.user().ok_or(ApiError::NotPerson)?;
    let current = &change.current_password;
    let known = state.access.sign_in(&state, client, &user.name, current);
    match known.await {
        Err(AuthError::Wrong) => return Err(ApiError::WrongPassword),
        known => known?,
    };
    access::check_policy(&change.new_password)?;
    if change.new_password == *current {
        return Err(ApiError::SamePassword);
    }
    let hash = state.access.hash(&change.new_password).await?;
    state.local.store.set_password(user.id, hash, false).await?;
    tracing::info!(user = user.name, "the password was changed");
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/auth/me`: who asks.
#[utoipa::path(get, path = "/auth/me", tag = "sign-in",
    responses((status = 200, description = "The account", body = Shown), SignedIn))]
pub(super) async fn me(Caller(caller): Caller) -> Result<Answer<Shown>, ApiError> {
    let user = caller.user().ok_or(ApiError::NotPerson)?;
    Ok(Answer(user.clone().into()))
}
