//! The token service (Distribution, "Token Authentication Specification" and
//! "OAuth2 Token Authentication"): short-lived tokens for registry clients. Its
//! errors have the format of the registry protocol, since those clients read
//! them.

use axum::extract::{RawQuery, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use axum::{Form, Json as Answer, RequestExt as _};
use refity_store::AuditAction;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::scope::RequestedAccess;
use crate::access::{self, AuthError, Identity, PasswordError};
use crate::api::extract;
use crate::api::extract::{Guarded, Public};
use crate::client::ClientAddress;
use crate::middleware::request_log;
use crate::registry::RegistryError;
use crate::state::AppState;
use crate::timestamp::rfc3339;

/// The maximum number of scopes of a token.
const SCOPES_MAX: usize = 100;

/// The form of a token request, as the API description shows it.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
struct Exchange {
    /// `password` or `refresh_token`.
    #[schema(example = "password")]
    grant_type: String,
    username: Option<String>,
    password: Option<String>,
    refresh_token: Option<String>,
    /// The requested scopes, separated by spaces.
    scope: Option<String>,
    service: Option<String>,
    client_id: Option<String>,
    /// `offline` to also request a refresh token.
    access_type: Option<String>,
}

/// Why no token was issued, in the formats of the registry protocol and of
/// OAuth 2.
#[derive(ToSchema)]
#[schema(as = NoToken)]
#[allow(dead_code, reason = "only its description is used")]
struct Problem {
    errors: Vec<ProblemWords>,
    error: Option<String>,
    error_description: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = NoTokenWords)]
#[allow(dead_code, reason = "only its description is used")]
struct ProblemWords {
    code: String,
    message: String,
    #[schema(value_type = Option<Object>)]
    detail: (),
}

/// A token, in the formats of both endpoints.
#[derive(Serialize, ToSchema)]
struct Granted {
    token: String,
    access_token: String,
    /// The lifetime of the token, in seconds.
    expires_in: u64,
    issued_at: String,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// Why no token was issued.
enum Refused {
    /// The credentials are missing or invalid.
    Unauthorized(AuthError),
    /// An error of the registry protocol.
    Registry(RegistryError),
    /// The request is invalid (RFC 6749 section 5.2).
    Request(&'static str, String),
}

impl From<AuthError> for Refused {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing | AuthError::Wrong | AuthError::Ended => Self::Unauthorized(error),
            AuthError::Guessing(wait) => Self::Registry(RegistryError::guessing(wait)),
            AuthError::Store(error) => Self::Registry(error.into()),
            AuthError::Password(error @ PasswordError::TooMany) => {
                Self::Registry(RegistryError::too_many(error.to_string()))
            }
            AuthError::Password(error) => Self::Registry(RegistryError::busy(error.to_string())),
            AuthError::Token(_) | AuthError::SigningKey(_) => {
                tracing::error!(%error, "no token can be signed");
                Self::Registry(RegistryError::Internal)
            }
        }
    }
}

impl axum::response::IntoResponse for Refused {
    fn into_response(self) -> Response {
        let errors = |code: &str, message: String| json!([{ "code": code, "message": message, "detail": null }]);
        match self {
            Self::Registry(error) => error.into_response(),
            Self::Unauthorized(error) => {
                let body = json!({
                    "errors": errors("UNAUTHORIZED", error.to_string()),
                    "error": "invalid_grant",
                    "error_description": error.to_string(),
                });
                (StatusCode::UNAUTHORIZED, Answer(body)).into_response()
            }
            Self::Request(error, words) => {
                let body = json!({
                    "errors": errors("UNSUPPORTED", words.clone()),
                    "error": error,
                    "error_description": words,
                });
                (StatusCode::BAD_REQUEST, Answer(body)).into_response()
            }
        }
    }
}

/// The parameters of a request, by name. A parameter can occur several times.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn one<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(key, _)| key == name);
        named
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    fn required<'a>(&'a self, name: &'a str) -> Result<&'a str, Refused> {
        self.one(name).ok_or_else(|| {
            Refused::Request("invalid_request", format!("{name} is missing or empty"))
        })
    }

    /// Returns the requested scopes. One parameter may contain several,
    /// separated by spaces.
    fn asked(&self) -> Result<Vec<RequestedAccess>, Refused> {
        let scopes = self.all("scope").flat_map(|scope| scope.split(' '));
        let asked: Vec<RequestedAccess> = scopes.filter_map(RequestedAccess::parse).collect();
        if asked.len() > SCOPES_MAX {
            let words = format!("one token is for {SCOPES_MAX} scopes at most");
            return Err(Refused::Request("invalid_scope", words));
        }
        Ok(asked)
    }
}

/// The routes of the token service.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new().routes(routes!(get, post))
}

/// `GET /api/token?service=&scope=`: issues a token for Basic credentials, or
/// an anonymous one.
#[utoipa::path(get, path = "/token", tag = "token service", security((), ("basic" = [])),
    params(
        ("service" = Option<String>, Query, description = "The service that the challenge names"),
        ("scope" = Option<Vec<String>>, Query, description = "The scopes of the token",
         example = json!(["repository:team/app:pull,push"])),
    ),
    responses(
        (status = 200, description = "A token for the granted part of the scopes", body = Granted),
        (status = 400, description = "The query is invalid", body = Problem),
        (status = 401, description = "The credentials are wrong", body = Problem),
        (status = 403, description = "The account must change its password first", body = Problem),
        (status = 429, description = "Too many failed sign-ins", body = Problem),
        (status = 503, description = "The database is busy", body = Problem),
    ))]
pub(super) async fn get(
    Public(state): Public,
    RawQuery(query): RawQuery,
    parts: Parts,
) -> Response {
    let parameters = || {
        let query = query.unwrap_or_default();
        let uri = format!("/?{query}").parse().map_err(|_| ())?;
        axum::extract::Query::try_from_uri(&uri).map_err(|_| ())
    };
    let answer = async {
        let axum::extract::Query(parameters) = parameters().map_err(|()| {
            Refused::Request("invalid_request", "the query cannot be read".to_owned())
        })?;
        let identity = match extract::authenticate(&state, &parts).await {
            Err(AuthError::Missing) => Identity::anonymous(),
            identity => identity?,
        };
        grant(&state, &identity, &Parameters(parameters), None).await
    };
    answer
        .await
        .unwrap_or_else(|refused: Refused| refused.into_response())
}

/// `POST /api/token`: issues a token for the `grant_type` `password` or
/// `refresh_token` (RFC 6749 sections 4.3 and 6).
#[utoipa::path(post, path = "/token", tag = "token service", security(()),
    request_body(content = Exchange, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A token for the granted part of the scopes", body = Granted),
        (status = 400, description = "The form is invalid", body = Problem),
        (status = 401, description = "The credentials are wrong", body = Problem),
        (status = 403, description = "The account must change its password first", body = Problem),
        (status = 429, description = "Too many failed sign-ins", body = Problem),
        (status = 503, description = "The database is busy", body = Problem),
    ))]
pub(super) async fn post(
    Public(state): Public,
    client: ClientAddress,
    request: Request,
) -> Response {
    let answer = exchange(&state, client, request).await;
    answer.unwrap_or_else(axum::response::IntoResponse::into_response)
}

async fn exchange(
    state: &AppState,
    client: ClientAddress,
    request: Request,
) -> Result<Response, Refused> {
    let kind = request.headers().get(CONTENT_TYPE);
    let is_form = kind
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if !is_form {
        let words = "send a form: Content-Type: application/x-www-form-urlencoded";
        return Err(Refused::Request("invalid_request", words.to_owned()));
    }
    let form = request.extract::<Form<Vec<(String, String)>>, _>().await;
    let Form(parameters) = form.map_err(|error| {
        Refused::Request(
            "invalid_request",
            format!("the form cannot be read: {error}"),
        )
    })?;
    let parameters = Parameters(parameters);
    let access = &state.access;
    let offline = parameters.one("access_type") == Some("offline");
    match parameters.required("grant_type")? {
        "password" => {
            let name = parameters.required("username")?;
            let password = parameters.required("password")?;
            let identity = access.identify(client, name, password).await?;
            request_log::note_user(&identity.name());
            let refresh = match (&identity.credential, identity.user()) {
                (refity_store::Credential::Password { .. }, Some(user)) if offline => {
                    let program = parameters.one("client_id").map(short);
                    let refresh = access.refresh_token(client, user, program).await?;
                    let (action, name) = (AuditAction::Login, user.name.clone());
                    state
                        .audit
                        .record(&identity, client, action, name, None)
                        .await;
                    Some(refresh)
                }
                // An access token is long-lived already.
                _ => {
                    state.audit.count_sign_in(&identity, client);
                    offline.then(|| password.to_owned())
                }
            };
            grant(state, &identity, &parameters, refresh).await
        }
        "refresh_token" => {
            let token = parameters.required("refresh_token")?;
            let identity = access.identify_refresh(client, token).await?;
            state.audit.count_sign_in(&identity, client);
            request_log::note_user(&identity.name());
            let refresh = offline.then(|| token.to_owned());
            grant(state, &identity, &parameters, refresh).await
        }
        other => Err(Refused::Request(
            "unsupported_grant_type",
            format!("grant_type is {other:.40}: give password or refresh_token"),
        )),
    }
}

/// Truncates a client's name for lists.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

async fn grant(
    state: &AppState,
    identity: &Identity,
    parameters: &Parameters,
    refresh_token: Option<String>,
) -> Result<Response, Refused> {
    access::require_own_password(identity)
        .map_err(|error| Refused::Registry(RegistryError::Denied(error.to_string())))?;
    let asked = parameters.asked()?;
    let (issued, allowed) = state.access.issue(identity, &asked).await?;
    let scopes: Vec<String> = allowed.iter().map(RequestedAccess::scope).collect();
    let granted = Granted {
        access_token: issued.token.clone(),
        token: issued.token,
        expires_in: issued.lifetime.as_secs(),
        issued_at: rfc3339(issued.issued_at),
        scope: scopes.join(" "),
        refresh_token,
    };
    let never = [(axum::http::header::CACHE_CONTROL, "no-store")];
    Ok((never, Answer(granted)).into_response())
}
