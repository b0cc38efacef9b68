//! The caller's own sessions.

use axum::Json as Answer;
use axum::http::StatusCode;
use refity_store::{AuditAction, Credential, Order, Session, SessionKind};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::ApiError;
use crate::api::extract::{Guarded, Named, Person, Query};
use crate::api::list::{List, ListQuery};
use crate::api::openapi::{ErrorBody, SignedIn};
use crate::client::ClientAddress;
use crate::timestamp::rfc3339;

/// The routes for sessions.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(end))
}

/// How a session was opened.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "only its description is used")]
enum KindWord {
    /// A program signed in through the API.
    Api,
    /// A browser signed in.
    Browser,
    /// A registry client obtained a refresh token.
    Refresh,
}

/// A session.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct Shown {
    #[schema(example = "5f2b6c1e-6f5c-4a0e-9d53-0f6f1f1f2a77")]
    id: String,
    #[schema(value_type = KindWord)]
    kind: SessionKind,
    #[schema(format = DateTime, example = "2026-01-31T12:00:00Z")]
    created_at: String,
    /// When the session expires, unless it is used before.
    #[schema(format = DateTime, example = "2026-02-01T00:00:00Z")]
    expires_at: String,
    /// When the session was last used, to the minute.
    #[schema(format = DateTime, example = "2026-01-31T12:00:00Z")]
    last_used_at: Option<String>,
    /// The address from which the session was opened.
    #[schema(example = "192.0.2.7")]
    address: Option<String>,
    /// The name that the client sent, such as its `User-Agent`.
    #[schema(example = "Mozilla/5.0")]
    client: Option<String>,
    /// Whether this request uses the session.
    current: bool,
}

/// `GET /api/sessions`: lists your active sessions, most recently used first.
///
/// `q` searches clients and addresses.
#[utoipa::path(get, path = "/sessions", tag = "sign-in", params(ListQuery),
    responses((status = 200, description = "A page of sessions", body = List<Shown>), SignedIn))]
pub(super) async fn list(
    Person {
        state,
        caller,
        user,
    }: Person,
    Query(query): Query<ListQuery>,
) -> Result<Answer<List<Shown>>, ApiError> {
    let (search, page) = (query.search()?, query.page(Order::Desc)?);
    let page = state.node.store.sessions(user.id, search, page).await?;
    let current = match &caller.credential {
        Credential::Session { id } => Some(id.as_str()),
        _ => None,
    };
    let show = |session: Session| Shown {
        current: current == Some(&session.id),
        id: session.id,
        kind: session.kind,
        created_at: rfc3339(session.created_at),
        expires_at: rfc3339(session.expires_at),
        last_used_at: session.last_used_at.map(rfc3339),
        address: session.address,
        client: session.client,
    };
    Ok(Answer(List::of(page, show)))
}

/// `DELETE /api/sessions/{id}`: ends one of your sessions.
///
/// Takes effect immediately, on every gateway.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "sign-in",
    params(("id" = String, Path, description = "The session's id",
            example = "5f2b6c1e-6f5c-4a0e-9d53-0f6f1f1f2a77")),
    responses(
        (status = 204, description = "The session was ended"),
        (status = 404, description = "You have no such session", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn end(
    Person {
        state,
        caller,
        user,
    }: Person,
    client: ClientAddress,
    Named(id): Named<String>,
) -> Result<StatusCode, ApiError> {
    if !state.node.store.end_session(user.id, &id).await? {
        let words = "you have no such session: it may have ended by itself";
        return Err(ApiError::Missing(words.to_owned()));
    }
    let (action, name) = (AuditAction::SessionEnd, user.name.clone());
    state
        .audit
        .record(&caller, client, action, name, Some(id))
        .await;
    Ok(StatusCode::NO_CONTENT)
}
