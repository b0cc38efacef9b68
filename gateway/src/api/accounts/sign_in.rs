//! Sign-in and sign-out, the caller's own password and account.

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

/// The maximum length of a client's name in the list of sessions, in
/// characters.
const PROGRAM_MAX: usize = 200;

/// An account name and its password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    #[schema(example = "admin")]
    username: String,
    #[schema(example = "correct horse battery staple", format = Password)]
    password: String,
}

/// An account, in the format of the legacy API.
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
    /// The token, for `Authorization: Bearer`.
    #[schema(example = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl")]
    token: String,
    /// When the session expires. A browser session is extended when it is used.
    #[schema(format = DateTime, example = "2026-01-31T12:00:00Z")]
    expires_at: String,
    /// Whether the account must change its password before it can do anything
    /// else.
    must_change_password: bool,
    user: Shown,
}

/// A failed sign-in, with the fields that older clients read.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
struct NotSignedIn {
    #[serde(flatten)]
    body: ErrorBody,
    #[schema(example = false)]
    success: bool,
    message: String,
}

/// A success response.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedOut)]
struct Done {
    success: bool,
    #[schema(example = "signed out")]
    message: &'static str,
}

/// The routes for sign-in.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(change_password))
        .routes(routes!(me))
}

/// `POST /api/auth/login`: signs in with a name and a password, and returns a
/// session.
///
/// The returned token is for `Authorization: Bearer` and is valid for a day.
/// With `X-Refity-Client: web` or an `Origin` of this registry, the session is
/// a browser session: the response also sets a cookie that scripts on the page
/// cannot read. A browser session expires after 12 hours without use, and after
/// 30 days at the latest. Requests with the cookie that change something
/// require `Origin`, `Content-Type: application/json` and
/// `X-Refity-Client: web`.
///
/// An account that must change its password also gets a session, but can only
/// use it to change the password. After too many failed sign-ins from one
/// address or for one account, the status is 429. `Retry-After` contains the
/// number of seconds to wait.
#[utoipa::path(post, path = "/auth/login", tag = "sign-in", request_body = Login, security(()),
    params(("X-Refity-Client" = Option<String>, Header, description = "`web`: set the cookie",
            example = "web")),
    responses(
        (status = 200, description = "Signed in", body = LoggedIn),
        SignedIn,
        (status = 401, description = "The name or the password is wrong", body = NotSignedIn),
        (status = 429, description = "Too many failed sign-ins", body = NotSignedIn),
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

/// Adds the cookie to a response, which caches must not store.
fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie {
        headers.insert(SET_COOKIE, cookie);
    }
    response
}

/// Returns the client's name from its `User-Agent`, truncated for lists.
fn program(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(USER_AGENT)?.to_str().ok()?;
    let shown = text.chars().filter(|c| !c.is_control());
    Some(shown.take(PROGRAM_MAX).collect())
}

/// Returns the error response with the two fields that older clients read.
fn refused(error: &ApiError) -> Response {
    let mut body = error.body();
    body["success"] = Value::Bool(false);
    body["message"] = Value::String(error.to_string());
    error.response_with(body)
}

/// `POST /api/auth/logout`: ends the session of this request.
///
/// Takes effect immediately, on every gateway. Ending an expired session is not
/// an error.
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

/// The old and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordChange {
    #[schema(example = "admin", format = Password)]
    current_password: String,
    /// 8 to 256 characters.
    #[schema(example = "correct horse battery staple", format = Password)]
    new_password: String,
}

/// `PUT /api/auth/password`: changes your password.
///
/// Accounts with an initial password can do nothing else. All of the account's
/// sessions end; a browser gets a new session in the response.
#[utoipa::path(put, path = "/auth/password", tag = "sign-in", request_body = PasswordChange,
    responses((status = 204, description = "Changed"), SignedIn))]
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

/// The caller's account and its permissions.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    #[serde(flatten)]
    account: Shown,
    user: Shown,
    must_change_password: bool,
    /// When the session of this request expires, if the request uses one. A
    /// browser session is extended when it is used.
    #[schema(format = DateTime, example = "2026-01-31T12:00:00Z")]
    expires_at: Option<String>,
    /// Whether the account may do everything. `groups` and `repositories` are
    /// empty in this case.
    admin: bool,
    /// Permissions on whole groups.
    groups: Vec<OnGroup>,
    /// Permissions on single repositories.
    repositories: Vec<OnRepository>,
}

/// Permissions on a group.
#[derive(Serialize, ToSchema)]
struct OnGroup {
    #[schema(value_type = String, example = "team")]
    name: GroupName,
    #[schema(value_type = Vec<RightWord>, example = json!(["pull", "push"]))]
    rights: Rights,
}

/// Permissions on a repository.
#[derive(Serialize, ToSchema)]
struct OnRepository {
    #[schema(value_type = String, example = "team/app")]
    name: RepositoryName,
    #[schema(value_type = Vec<RightWord>, example = json!(["pull"]))]
    rights: Rights,
}

/// `GET /api/auth/me`: returns your account and its permissions.
///
/// The permissions are those of the credential that you use. Access through
/// public groups is not listed. An account that must change its password has no
/// permissions yet.
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
    // A token may have fewer permissions.
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
