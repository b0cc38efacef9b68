//! Authentication and authorization for all of `/v2`.

use axum::Json;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use refity_types::name::RepositoryName;
use refity_types::rights::Right;
use serde_json::json;

use super::uploads::UploadQuery;
use super::{Endpoint, RegistryError, headers};
use crate::access::scope::RequestedAccess;
use crate::access::{self, Actor, AuthError, PasswordError, SERVICE, rights};
use crate::client::ClientAddress;
use crate::middleware::forwarded;
use crate::state::AppState;

/// The path of the token service.
const TOKEN_PATH: &str = "/api/token";

/// A request of the registry protocol, parsed and authorized: a request
/// extension that [`authorize`] inserts and the handler's extractor takes.
#[derive(Clone)]
pub(super) struct Authorized {
    pub(super) endpoint: Endpoint,
    pub(super) actor: Actor,
    /// The query of a request that starts or finishes an upload.
    pub(super) query: UploadQuery,
}

#[cfg(test)]
impl Authorized {
    /// Authorizes the request for this actor without any check.
    pub(super) fn for_test(parts: &Parts, actor: Actor) -> Result<Self, RegistryError> {
        let endpoint = Endpoint::parse(parts.uri.path())?;
        let query = upload_query(Some(&endpoint), parts)?;
        Ok(Self {
            endpoint,
            actor,
            query,
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Authorized {
    type Rejection = RegistryError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, RegistryError> {
        parts.extensions.remove().ok_or_else(|| {
            tracing::error!("a request reached the registry without authorization");
            RegistryError::Internal
        })
    }
}

/// The middleware: parses the request, and passes it on as [`Authorized`] if the actor has
/// permission for the method on the path's repository. Otherwise it returns 401 with a challenge,
/// or 403.
pub(super) async fn authorize(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let endpoint = Endpoint::parse(parts.uri.path());
    let query = upload_query(endpoint.as_ref().ok(), &parts);
    let from = query.as_ref().ok().and_then(|query| query.from.as_deref());
    let needed = endpoint.as_ref().ok();
    let needed = needed.and_then(|endpoint| Needed::of(endpoint, from, &parts.method));
    let actor = match admit(&state, &parts, needed.as_ref()).await {
        Ok(actor) => actor,
        Err(Refusal::Challenge(words, error)) => {
            return challenge(&state, &parts, needed.as_ref(), &words, error);
        }
        Err(Refusal::Error(error)) => return error.into_response(),
    };
    // Not earlier: a request without credentials must not learn anything else.
    let (endpoint, query) = match (endpoint, query) {
        (Ok(endpoint), Ok(query)) => (endpoint, query),
        (Err(error), _) | (_, Err(error)) => return error.into_response(),
    };
    parts.extensions.insert(Authorized {
        endpoint,
        actor,
        query,
    });
    next.run(Request::from_parts(parts, body)).await
}

fn upload_query(endpoint: Option<&Endpoint>, parts: &Parts) -> Result<UploadQuery, RegistryError> {
    match (endpoint, &parts.method) {
        (Some(Endpoint::Uploads(_)), &Method::POST)
        | (Some(Endpoint::Upload(..)), &Method::PUT) => UploadQuery::of(&parts.uri),
        _ => Ok(UploadQuery::default()),
    }
}

/// Why a request is refused.
enum Refusal {
    /// The client should retry with other credentials: the message, and the
    /// challenge's `error` (RFC 6750 section 3).
    Challenge(String, Option<&'static str>),
    Error(RegistryError),
}

impl From<RegistryError> for Refusal {
    fn from(error: RegistryError) -> Self {
        Self::Error(error)
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing | AuthError::Wrong => Self::Challenge(error.to_string(), None),
            AuthError::Ended => Self::Challenge(error.to_string(), Some("invalid_token")),
            AuthError::Guessing(wait) => Self::Error(RegistryError::guessing(wait)),
            AuthError::Store(error) => Self::Error(error.into()),
            AuthError::Password(error @ PasswordError::TooMany) => {
                Self::Error(RegistryError::too_many(error.to_string()))
            }
            AuthError::Password(error) => Self::Error(RegistryError::busy(error.to_string())),
            AuthError::Token(_) | AuthError::SigningKey(_) => {
                tracing::error!(%error, "nobody can be known");
                Self::Error(RegistryError::Internal)
            }
        }
    }
}

/// The permissions that a request needs.
struct Needed {
    asked: RequestedAccess,
    /// The repository and the permission; `None` for the catalog, which
    /// everyone may list.
    on: Option<(RepositoryName, Right)>,
    /// The repository that a mount reads from, if it can exist.
    from: Option<RepositoryName>,
}

impl Needed {
    fn of(endpoint: &Endpoint, from: Option<&str>, method: &Method) -> Option<Self> {
        let Some(repository) = endpoint.repository() else {
            return matches!(endpoint, Endpoint::Catalog).then_some(Self {
                asked: RequestedAccess::Catalog,
                on: None,
                from: None,
            });
        };
        let right = right(endpoint, method);
        let from = match endpoint {
            Endpoint::Uploads(_) => from,
            _ => None,
        };
        Some(Self {
            asked: RequestedAccess::Repository(repository.clone(), [right].into_iter().collect()),
            on: Some((repository.clone(), right)),
            from: from.and_then(|from| from.parse().ok()),
        })
    }

    /// Returns the scope that a client should request. A push also needs to
    /// pull, and to pull from the repository that it mounts from.
    fn scope(&self) -> String {
        let Some((repository, right)) = &self.on else {
            return self.asked.scope();
        };
        let pull = [Right::Pull].into_iter();
        let rights = pull.clone().chain([*right]).collect();
        let own = RequestedAccess::Repository(repository.clone(), rights).scope();
        match &self.from {
            Some(from) => {
                let from = RequestedAccess::Repository(from.clone(), pull.collect());
                format!("{own} {}", from.scope())
            }
            None => own,
        }
    }
}

/// Returns the permission that a request needs on the repository.
fn right(endpoint: &Endpoint, method: &Method) -> Right {
    match (endpoint, method) {
        (Endpoint::Uploads(_) | Endpoint::Upload(..), _) => Right::Push,
        (_, &Method::GET | &Method::HEAD) => Right::Pull,
        (_, &Method::DELETE) => Right::Delete,
        _ => Right::Push,
    }
}

async fn admit(state: &AppState, parts: &Parts, needed: Option<&Needed>) -> Result<Actor, Refusal> {
    let on = needed.and_then(|needed| needed.on.as_ref());
    let repository = on.map(|(repository, _)| repository);
    let client = ClientAddress::of(&parts.extensions);
    let known = state
        .access
        .authenticate_registry(&parts.headers, client, repository);
    let (actor, grant) = known.await?;
    access::require_own_password(&actor.identity)
        .map_err(|error| Refusal::Error(RegistryError::Denied(error.to_string())))?;
    if let Some((repository, right)) = on
        && !rights::effective_permissions(&actor.identity, grant, repository).has(*right)
    {
        return Err(refused(&actor, repository, *right));
    }
    if let Some(needed) = needed
        && (!actor.asked_for(&needed.asked) || could_mount(state, &actor, needed).await?)
    {
        let words = "the token is not for this: ask for one with the scope of the challenge";
        return Err(Refusal::Challenge(
            words.to_owned(),
            Some("insufficient_scope"),
        ));
    }
    Ok(actor)
}

/// Whether the mount would succeed with another token. Without a challenge for
/// that token, the client would upload a blob that the registry has. Callers
/// who may not read the source do not learn that it exists.
async fn could_mount(
    state: &AppState,
    actor: &Actor,
    needed: &Needed,
) -> Result<bool, RegistryError> {
    match &needed.from {
        Some(from) if !actor.asked_to_pull(from) => {
            Ok(actor.may_pull(&state.node.store, from).await?)
        }
        _ => Ok(false),
    }
}

/// Returns 403 for an authenticated actor, and a challenge for an anonymous
/// one.
fn refused(actor: &Actor, repository: &RepositoryName, right: Right) -> Refusal {
    let verb = match right {
        Right::Pull => "pull from",
        Right::Push => "push to",
        Right::Delete => "delete from",
        Right::Manage => "manage",
    };
    if matches!(actor.identity.principal, refity_store::Principal::Anonymous) {
        let words = format!("sign in first: not everybody may {verb} {repository}");
        return Refusal::Challenge(words, Some("insufficient_scope"));
    }
    Refusal::Error(RegistryError::Denied(format!(
        "`{}` may not {verb} {repository}: ask an administrator, or who manages the group {}",
        actor.identity.name(),
        repository.group()
    )))
}

/// Returns 401 with the address of the token service (RFC 7235 section 4.1;
/// Distribution, "Token Authentication Specification").
fn challenge(
    state: &AppState,
    parts: &Parts,
    needed: Option<&Needed>,
    words: &str,
    error: Option<&str>,
) -> Response {
    let base = match &state.settings.public_url {
        Some(url) => Some(url.clone()),
        None => forwarded::base_url(parts),
    };
    // Without a `Host` header, the challenge has no absolute URL.
    let base = base.unwrap_or_default();
    let mut value = format!("Bearer realm=\"{base}{TOKEN_PATH}\",service=\"{SERVICE}\"");
    if let Some(needed) = needed {
        value += &format!(",scope=\"{}\"", needed.scope());
    }
    if let Some(error) = error {
        value += &format!(",error=\"{error}\"");
    }
    let fallback = HeaderValue::from_static("Bearer");
    let value = HeaderValue::try_from(value).unwrap_or(fallback);
    let error = json!({ "code": "UNAUTHORIZED", "message": words, "detail": null });
    let headers = [headers::API_VERSION, (WWW_AUTHENTICATE, value)];
    let body = Json(json!({ "errors": [error] }));
    (StatusCode::UNAUTHORIZED, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(method: &Method, uri: &str) -> Option<Needed> {
        let request = axum::http::Request::builder().method(method).uri(uri);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let endpoint = Endpoint::parse(parts.uri.path()).unwrap();
        let query = upload_query(Some(&endpoint), &parts).unwrap();
        Needed::of(&endpoint, query.from.as_deref(), method)
    }

    #[test]
    fn an_upload_is_a_push_with_any_method() {
        let uploads = "/v2/team/app/blobs/uploads/";
        let upload = format!("{uploads}{}", uuid::Uuid::new_v4());
        for (method, path, expected) in [
            (Method::GET, "/v2/team/app/tags/list", Right::Pull),
            (Method::HEAD, "/v2/team/app/manifests/v1", Right::Pull),
            (Method::PUT, "/v2/team/app/manifests/v1", Right::Push),
            (Method::DELETE, "/v2/team/app/manifests/v1", Right::Delete),
            (Method::POST, uploads, Right::Push),
            (Method::GET, &upload, Right::Push),
            (Method::DELETE, &upload, Right::Push),
        ] {
            let on = needed(&method, path).unwrap().on.unwrap();
            assert_eq!(on.1, expected, "{method} {path}");
        }
    }

    #[test]
    fn a_challenge_says_what_to_ask_for() {
        let uploads = "/v2/team/app/blobs/uploads/";
        let mount = format!("{uploads}?mount=sha256:aa&from=team/base");
        for (method, path, expected) in [
            (Method::GET, "/v2/", None),
            (Method::GET, "/v2/_catalog", Some("registry:catalog:*")),
            (
                Method::GET,
                "/v2/team/app/tags/list",
                Some("repository:team/app:pull"),
            ),
            (Method::POST, uploads, Some("repository:team/app:pull,push")),
            (
                Method::POST,
                &mount,
                Some("repository:team/app:pull,push repository:team/base:pull"),
            ),
            (
                Method::DELETE,
                "/v2/team/app/manifests/v1",
                Some("repository:team/app:pull,delete"),
            ),
        ] {
            let scope = needed(&method, path).map(|needed| needed.scope());
            assert_eq!(scope.as_deref(), expected, "{method} {path}");
        }
    }
}
