//! Permissions of people on groups and repositories, for administrators and for
//! managers of the group.

use axum::Json as Answer;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use refity_store::{AuditAction, Grant, Order, User};
use refity_types::account::UserName;
use refity_types::name::{GroupName, RepositoryName};
use refity_types::rights::{Right, Rights};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Identity;
use crate::api::ApiError;
use crate::api::accounts::manager::{ConcernsGroup, Manager};
use crate::api::extract::{Guarded, Json, Query};
use crate::api::list::{List, ListQuery};
use crate::api::openapi::{ErrorBody, SignedIn};
use crate::api::openapi_enums::RightWord;
use crate::client::ClientAddress;
use crate::state::AppState;

/// The routes for grants.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new().routes(routes!(list, put, remove))
}

/// A grant of permissions.
#[derive(Serialize, ToSchema)]
#[schema(as = Grant)]
pub(super) struct ShownGrant {
    #[schema(example = "zoë")]
    user: String,
    #[schema(value_type = String, example = "team")]
    group: GroupName,
    /// A repository of the group; `null` for the whole group.
    #[schema(value_type = Option<String>, example = "team/app")]
    repository: Option<RepositoryName>,
    #[schema(value_type = Vec<RightWord>, example = json!(["pull", "push"]))]
    rights: Rights,
}

impl From<Grant> for ShownGrant {
    fn from(grant: Grant) -> Self {
        Self {
            user: grant.user_name,
            group: grant.group,
            repository: grant.repository,
            rights: grant.rights,
        }
    }
}

/// The grants to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only return grants on this group and its repositories. Only
    /// administrators may omit this parameter, and then only with `user`.
    #[param(value_type = Option<String>, example = "team")]
    group: Option<GroupName>,
    /// Only return grants of this user.
    #[param(value_type = Option<String>, example = "zoë")]
    user: Option<UserName>,
}

impl ConcernsGroup for Filter {
    fn group(&self) -> Option<&GroupName> {
        self.group.as_ref()
    }
}

/// `GET /api/grants`: lists grants, by group, repository and user.
#[utoipa::path(get, path = "/grants", tag = "rights", params(ListQuery, Filter),
    responses(
        (status = 200, description = "A page of grants", body = List<ShownGrant>),
        (status = 404, description = "The group or user does not exist", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn list(
    Manager { state, part, .. }: Manager<Query<Filter>>,
    Query(query): Query<ListQuery>,
) -> Result<Answer<List<ShownGrant>>, ApiError> {
    let Query(Filter { group, user }) = part;
    if group.is_none() && user.is_none() {
        let words = "name a group or a user: ?group=team, ?user=zoë";
        return Err(ApiError::Invalid(words.to_owned()));
    }
    let user = match &user {
        Some(name) => Some(named(&state, name).await?.id),
        None => None,
    };
    let page = query.page(Order::Asc)?;
    let store = &state.node.store;
    let page = store.grants_page(group.as_ref(), user, query.search()?, page);
    Ok(Answer(List::of(page.await?, ShownGrant::from)))
}

/// Returns the account with exactly this name. There is no search, so that
/// callers cannot list accounts.
async fn named(state: &AppState, name: &UserName) -> Result<User, ApiError> {
    let user = state.node.store.user(name).await?;
    user.ok_or_else(|| ApiError::Missing(format!("there is no user {name}")))
}

/// The permissions to grant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGrant {
    #[schema(value_type = String, example = "zoë")]
    user: UserName,
    #[schema(value_type = String, example = "team")]
    group: GroupName,
    /// A repository of the group, which does not have to exist yet; `null` for
    /// the whole group.
    #[schema(value_type = Option<String>, example = "team/app")]
    repository: Option<RepositoryName>,
    /// The permissions, which replace the previous ones. An empty list revokes
    /// them.
    #[schema(value_type = Vec<RightWord>, example = json!(["pull", "push"]))]
    rights: Rights,
}

impl ConcernsGroup for NewGrant {
    fn group(&self) -> Option<&GroupName> {
        Some(&self.group)
    }
}

/// The object of a grant: a group or one of its repositories.
struct GrantTarget {
    user: User,
    group: GroupName,
    repository: Option<RepositoryName>,
}

impl GrantTarget {
    /// Checks that the user exists and that the repository is in the group.
    async fn find(
        state: &AppState,
        user: &UserName,
        group: GroupName,
        repository: Option<RepositoryName>,
    ) -> Result<Self, ApiError> {
        if let Some(repository) = &repository
            && repository.group() != group
        {
            return Err(ApiError::Invalid(format!(
                "repository: {repository} is not in the group {group}"
            )));
        }
        Ok(Self {
            user: named(state, user).await?,
            group,
            repository,
        })
    }

    /// Grants these permissions and records it in the audit log. Returns false
    /// if there was nothing to do.
    async fn grant(
        &self,
        state: &AppState,
        caller: &Identity,
        client: ClientAddress,
        rights: Rights,
    ) -> Result<bool, ApiError> {
        let (store, user) = (&state.node.store, self.user.id);
        let done = store.grant(user, &self.group, self.repository.as_ref(), rights);
        let done = done.await?;
        if done {
            let words: Vec<&str> = rights.iter().map(Right::name).collect();
            let words = match words.as_slice() {
                [] => "nothing".to_owned(),
                words => words.join(", "),
            };
            let on = match &self.repository {
                Some(repository) => format!("the repository {repository}"),
                None => format!("the group {}", self.group),
            };
            let (action, detail) = (AuditAction::Grant, Some(format!("{words} on {on}")));
            state
                .audit
                .record(caller, client, action, &self.user.name, detail)
                .await;
        }
        Ok(done)
    }
}

/// `PUT /api/grants`: grants a user permissions on a group or on one of its
/// repositories.
///
/// The change takes effect at the user's next request.
#[utoipa::path(put, path = "/grants", tag = "rights", request_body = NewGrant,
    responses(
        (status = 200, description = "The grant", body = ShownGrant),
        (status = 204, description = "The grant was removed"),
        (status = 404, description = "The group or user does not exist", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn put(
    client: ClientAddress,
    Manager {
        state,
        caller,
        part: Json(new),
    }: Manager<Json<NewGrant>>,
) -> Result<Response, ApiError> {
    let target = GrantTarget::find(&state, &new.user, new.group, new.repository).await?;
    let granted = target.grant(&state, &caller, client, new.rights).await?;
    if new.rights.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    if !granted {
        // The group or the account was deleted meanwhile.
        let words = format!("there is no group {}, or no such user", target.group);
        return Err(ApiError::Missing(words));
    }
    let grant = ShownGrant {
        user: target.user.name,
        group: target.group,
        repository: target.repository,
        rights: new.rights,
    };
    Ok(Answer(grant).into_response())
}

/// The permissions to revoke.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RevokedGrant {
    #[param(value_type = String, example = "zoë")]
    user: UserName,
    #[param(value_type = String, example = "team")]
    group: GroupName,
    /// The repository; `null` for the permissions on the whole group.
    #[param(value_type = Option<String>, example = "team/app")]
    repository: Option<RepositoryName>,
}

impl ConcernsGroup for RevokedGrant {
    fn group(&self) -> Option<&GroupName> {
        Some(&self.group)
    }
}

/// `DELETE /api/grants`: revokes a user's permissions on a group or repository.
///
/// The change takes effect at the user's next request.
#[utoipa::path(delete, path = "/grants", tag = "rights", params(RevokedGrant),
    responses(
        (status = 204, description = "The grant was removed"),
        (status = 404, description = "There is no such grant", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn remove(
    Manager {
        state,
        caller,
        part: Query(old),
    }: Manager<Query<RevokedGrant>>,
    client: ClientAddress,
) -> Result<StatusCode, ApiError> {
    let target = GrantTarget::find(&state, &old.user, old.group, old.repository).await?;
    if target.grant(&state, &caller, client, Rights::NONE).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::Missing(format!(
            "{} was given nothing there",
            target.user.name
        )))
    }
}
