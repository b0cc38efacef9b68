//! Signing in and out, one's own password, and who one is.

use axum::Json as Answer;
use axum::http::header::{CACHE_CONTROL, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use refity_store::{
    AuditAction, Credential, EffectiveGrant, Grant, Role, SessionKind, User, UserId,
};
use refity_types::name::{GroupName, RepositoryName};
use refity_types::rights::Rights;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{self, AuthError, Identity, rights};
use crate::api::ApiError;
use crate::api::cookie;
use crate::api::extract::{self, Guarded, Json, Public};
use crate::api::openapi::{ErrorBody, SignedIn};
use crate::api::openapi_enums::{RightWord, RoleWord};
use crate::client::ClientAddress;
use crate::middleware::request_log;
use crate::timestamp::rfc3339;

/// The longest name of a program that a list of sessions shows, in characters.
const PROGRAM_MAX: usize = 200;

/// A name with a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    #[schema(example = "admin")]
    username: String,
    #[schema(example = "correct horse battery staple", format = Password)]
    password: String,
}

/// An account as the API of old shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct Shown {
    #[schema(value_type = i64, example = 1)]
    id: UserId,
    #[schema(example = "admin")]
    username: String,
    #[schema(value_type = RoleWord)]
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
    #[schema(example = "signed in")]
    message: &'static str,
    /// For `Authorization: Bearer`.
    #[schema(example = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl")]
    token: String,
    /// When the session ends; a browser's goes on for being used.
    #[schema(format = DateTime, example = "2026-01-31T12:00:00Z")]
    expires_at: String,
    /// The account can do nothing else before.
    must_change_password: bool,
    user: Shown,
}

/// Why nobody was signed in, also as older clients read it.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
struct NotSignedIn {
    #[serde(flatten)]
    body: ErrorBody,
    #[schema(example = false)]
    success: bool,
    message: String,
}

/// That it was done.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedOut)]
struct Done {
    success: bool,
    #[schema(example = "signed out")]
    message: &'static str,
}

/// The paths of signing in.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(change_password))
        .routes(routes!(me))
}

/// `POST /api/auth/login`: a session for a name with its password.
///
/// The token in the answer is for `Authorization: Bearer`, for a day. With
/// `X-Refity-Client: web`, or an `Origin` of this registry, the session is a
/// browser's: the answer also sets it as a cookie that scripts of the page
/// cannot read, and it goes on until it was not used for 12 hours, at most for
/// 30 days. Requests by cookie that change something need `Origin`,
/// `Content-Type: application/json` and `X-Refity-Client: web`.
///
/// An account that must change its password gets a session too; it opens only
/// that door. After too many wrong passwords from one address or for one
/// account the answer is 429, and `Retry-After` says for how many seconds.
#[utoipa::path(post, path = "/auth/login", tag = "sign-in", request_body = Login, security(()),
    params(("X-Refity-Client" = Option<String>, Header, description = "`web`: set the cookie",
            example = "web")),
    responses(
        (status = 200, description = "Signed in", body = LoggedIn),
        SignedIn,
        (status = 401, description = "Name or password are wrong", body = NotSignedIn),
        (status = 429, description = "Too many wrong passwords came before", body = NotSignedIn),
    ))]
pub(super) async fn login(
    Public(state): Public,
    client: ClientAddress,
    parts: Parts,
    Json(login): Json<Login>,
) -> Result<Response, ApiError> {
    let Login { username, password } = &login;
    let user = state.access.sign_in(client, username, password);
    let user = match user.await.map_err(ApiError::from) {
        Ok(user) => user,
        Err(error @ (ApiError::Auth(_) | ApiError::Guessing(_))) => return Ok(refused(&error)),
        Err(error) => return Err(error),
    };
    request_log::note_user(&user.name);
    let kind = if cookie::is_requested(&state, &parts) {
        SessionKind::Browser
    } else {
        SessionKind::Api
    };
    let program = program(&parts.headers);
    let session = state.access.open_session(&user, kind, client, program);
    let session = session.await?;
    let (who, name) = (Identity::by_password(user.clone()), user.name.clone());
    state
        .audit
        .record(&who, client, AuditAction::Login, name, None)
        .await;
    let set = (kind == SessionKind::Browser).then(|| cookie::set(&state, &parts, &session.token));
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
    Ok(with_cookie(Answer(body).into_response(), set.flatten()))
}

/// The answer, which no cache may keep.
fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie {
        headers.insert(SET_COOKIE, cookie);
    }
    response
}

/// What a client calls itself, cut to what a list can show.
fn program(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(USER_AGENT)?.to_str().ok()?;
    let shown = text.chars().filter(|c| !c.is_control());
    Some(shown.take(PROGRAM_MAX).collect())
}

/// The error with the two fields that older clients read.
fn refused(error: &ApiError) -> Response {
    let mut body = error.body();
    body["success"] = Value::Bool(false);
    body["message"] = Value::String(error.to_string());
    error.response_with(body)
}

/// `POST /api/auth/logout`: ends the session by which the request comes, at
/// once and on every gateway. One that has ended already is no error.
#[utoipa::path(post, path = "/auth/logout", tag = "sign-in",
    responses((status = 200, description = "Signed out", body = Done), SignedIn))]
pub(super) async fn logout(
    Public(state): Public,
    client: ClientAddress,
    parts: Parts,
) -> Result<Response, ApiError> {
    match extract::authenticate(&state, &parts).await {
        Ok(caller) => {
            if let (Credential::Session { id }, Some(user)) = (&caller.credential, caller.user()) {
                state.node.store.end_session(user.id, id).await?;
                state
                    .audit
                    .record(&caller, client, AuditAction::Logout, "", None)
                    .await;
            }
        }
        Err(AuthError::Missing | AuthError::Ended) => {}
        Err(error) => return Err(error.into()),
    }
    let body = Done {
        success: true,
        message: "signed out",
    };
    let clear = cookie::clear(&state, &parts);
    Ok(with_cookie(Answer(body).into_response(), clear))
}

/// An old and a new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordChange {
    #[schema(example = "admin", format = Password)]
    current_password: String,
    /// 8 to 256 characters.
    #[schema(example = "correct horse battery staple", format = Password)]
    new_password: String,
}

/// `PUT /api/auth/password`: the one thing that an account with its first
/// password can do. It ends all of the account's sessions; a browser gets a new
/// one at once.
#[utoipa::path(put, path = "/auth/password", tag = "sign-in", request_body = PasswordChange,
    responses((status = 204, description = "It is changed"), SignedIn))]
pub(super) async fn change_password(
    Public(state): Public,
    client: ClientAddress,
    parts: Parts,
    Json(change): Json<PasswordChange>,
) -> Result<Response, ApiError> {
    let caller = extract::authenticate(&state, &parts).await?;
    let user = extract::by_password(&caller)?;
    let current = &change.current_password;
    let known = state.access.sign_in(client, &user.name, current);
    match known.await {
        Err(AuthError::Wrong) => return Err(ApiError::WrongPassword),
        known => known?,
    };
    access::check_policy(&change.new_password)?;
    if change.new_password == *current {
        return Err(ApiError::SamePassword);
    }
    let hash = state.access.hash(&change.new_password).await?;
    let store = &state.node.store;
    store.set_password(user.id, hash, false).await?;
    tracing::info!(user = user.name, "the password was changed");
    let name = user.name.clone();
    state
        .audit
        .record(&caller, client, AuditAction::Password, name, None)
        .await;
    let set = if cookie::is_used(&parts) {
        let kind = SessionKind::Browser;
        let program = program(&parts.headers);
        let session = state.access.open_session(user, kind, client, program);
        cookie::set(&state, &parts, &session.await?.token)
    } else {
        None
    };
    Ok(with_cookie(StatusCode::NO_CONTENT.into_response(), set))
}

/// Who asks, and what they may do, in short.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    #[serde(flatten)]
    account: Shown,
    user: Shown,
    must_change_password: bool,
    /// When the session ends by which the request comes, if it is one; it may
    /// go on for being used.
    #[schema(format = DateTime, example = "2026-01-31T12:00:00Z")]
    expires_at: Option<String>,
    /// May do everything; `groups` and `repositories` are empty then.
    admin: bool,
    /// Rights on whole groups.
    groups: Vec<OnGroup>,
    /// Rights on single repositories.
    repositories: Vec<OnRepository>,
}

/// Rights on a group.
#[derive(Serialize, ToSchema)]
struct OnGroup {
    #[schema(value_type = String, example = "team")]
    name: GroupName,
    #[schema(value_type = Vec<RightWord>, example = json!(["pull", "push"]))]
    rights: Rights,
}

/// Rights on a repository.
#[derive(Serialize, ToSchema)]
struct OnRepository {
    #[schema(value_type = String, example = "team/app")]
    name: RepositoryName,
    #[schema(value_type = Vec<RightWord>, example = json!(["pull"]))]
    rights: Rights,
}

/// `GET /api/auth/me`: who asks, and what they may do, by the credential that
/// came. What is public is not listed. An account with its first password is
/// told so, and may do nothing yet.
#[utoipa::path(get, path = "/auth/me", tag = "sign-in",
    responses((status = 200, description = "The account", body = Me), SignedIn))]
pub(super) async fn me(Public(state): Public, parts: Parts) -> Result<Answer<Me>, ApiError> {
    let caller = extract::authenticate(&state, &parts).await?;
    let user = caller.user().ok_or(ApiError::NotPerson)?;
    let store = &state.node.store;
    let expires_at = match &caller.credential {
        Credential::Session { id } => store.session(id).await?.map(|(it, _)| it.expires_at),
        _ => None,
    };
    let admin = rights::may_administer(&caller) && !user.must_change_password;
    let grants = if admin || user.must_change_password {
        Vec::new()
    } else {
        store.grants(None, Some(user.id)).await?
    };
    let (mut groups, mut repositories) = (Vec::new(), Vec::new());
    for Grant {
        group,
        repository,
        rights,
        ..
    } in grants
    {
        let grant = EffectiveGrant {
            public: false,
            rights,
        };
        match repository {
            None => groups.push(OnGroup {
                rights: rights::effective_permissions_on_group(&caller, grant, &group),
                name: group,
            }),
            Some(name) => repositories.push(OnRepository {
                rights: rights::effective_permissions(&caller, grant, &name),
                name,
            }),
        }
    }
    // A token may be for less.
    groups.retain(|group| !group.rights.is_empty());
    repositories.retain(|repository| !repository.rights.is_empty());
    Ok(Answer(Me {
        account: user.clone().into(),
        user: user.clone().into(),
        must_change_password: user.must_change_password,
        expires_at: expires_at.map(rfc3339),
        admin,
        groups,
        repositories,
    }))
}
