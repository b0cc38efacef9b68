//! Accounts of people, managed by administrators.

use std::collections::HashMap;

use axum::Json as Answer;
use axum::http::StatusCode;
use refity_store::{
    AuditAction, NewUser, Order, Role, User, UserChange, UserChanged, UserId, UserSort,
};
use refity_types::account::UserName;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access;
use crate::api::ApiError;
use crate::api::accounts::grants::ShownGrant;
use crate::api::extract::{Admin, Guarded, Json, Named, Query, by_password};
use crate::api::list::{List, ListQuery};
use crate::api::openapi::{ErrorBody, SignedIn};
use crate::api::openapi_enums::RoleWord;
use crate::client::ClientAddress;
use crate::state::AppState;
use crate::timestamp::rfc3339;

/// The routes for accounts.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, change, remove))
        .routes(routes!(reset_password))
        .routes(routes!(unlock))
}

/// An account with its permissions.
#[derive(Serialize, ToSchema)]
pub(super) struct Account {
    #[schema(value_type = i64, example = 2)]
    id: UserId,
    #[schema(example = "zoë")]
    name: String,
    #[schema(value_type = RoleWord)]
    role: Role,
    /// Whether the account is disabled and can do nothing.
    disabled: bool,
    /// Whether the account can do nothing until it changes its password.
    must_change_password: bool,
    #[schema(format = DateTime, example = "2026-01-31T12:00:00Z")]
    created_at: String,
    #[schema(format = DateTime, example = "2026-01-31T12:00:00Z")]
    password_changed_at: String,
    /// When the account last signed in with its password.
    #[schema(format = DateTime, example = "2026-01-31T12:00:00Z")]
    last_login_at: Option<String>,
    /// Permissions on groups and repositories. Administrators need none.
    grants: Vec<ShownGrant>,
}

impl Account {
    fn new(user: User, grants: Vec<ShownGrant>) -> Self {
        Self {
            id: user.id,
            name: user.name,
            role: user.role,
            disabled: user.disabled,
            must_change_password: user.must_change_password,
            created_at: rfc3339(user.created_at),
            password_changed_at: rfc3339(user.password_changed_at),
            last_login_at: user.last_login_at.map(rfc3339),
            grants,
        }
    }
}

/// The order of accounts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Sort {
    /// `name`, `created` or `last_login`.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "name")]
    sort: UserSort,
}

fn unknown(name: &UserName) -> ApiError {
    ApiError::Missing(format!("there is no user {name}"))
}

async fn found(state: &AppState, name: &UserName) -> Result<User, ApiError> {
    let user = state.node.store.user(name).await?;
    user.ok_or_else(|| unknown(name))
}

async fn shown(state: &AppState, user: User) -> Result<Answer<Account>, ApiError> {
    let grants = state.node.store.grants(None, Some(user.id)).await?;
    let grants = grants.into_iter().map(ShownGrant::from).collect();
    Ok(Answer(Account::new(user, grants)))
}

/// `GET /api/users`: lists accounts with their permissions.
#[utoipa::path(get, path = "/users", tag = "users", params(ListQuery, Sort),
    responses((status = 200, description = "A page of accounts", body = List<Account>), SignedIn))]
pub(super) async fn list(
    Admin { state, .. }: Admin,
    Query(query): Query<ListQuery>,
    Query(Sort { sort }): Query<Sort>,
) -> Result<Answer<List<Account>>, ApiError> {
    let order = match sort {
        UserSort::Name => Order::Asc,
        UserSort::Created | UserSort::LastLogin => Order::Desc,
    };
    let store = &state.node.store;
    let page = store
        .users(query.search()?, sort, query.page(order)?)
        .await?;
    let ids: Vec<UserId> = page.items.iter().map(|user| user.id).collect();
    let mut grants: HashMap<UserId, Vec<ShownGrant>> = HashMap::new();
    for grant in store.grants_of(&ids).await? {
        grants.entry(grant.user).or_default().push(grant.into());
    }
    Ok(Answer(List::of(page, |user| {
        let grants = grants.remove(&user.id).unwrap_or_default();
        Account::new(user, grants)
    })))
}

/// An account to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    /// 1 to 64 letters and digits of any script, with `.`, `_`, `-` and `@`
    /// between them. Names are case-insensitive.
    #[schema(value_type = String, example = "zoë")]
    name: UserName,
    /// 8 to 256 characters.
    #[schema(example = "correct horse battery staple", format = Password)]
    password: String,
    #[serde(default = "plain")]
    #[schema(value_type = Option<RoleWord>)]
    role: Role,
    /// Whether the account can do nothing until it changes its password.
    /// Default: `true`.
    #[serde(default = "yes")]
    #[schema(default = true)]
    must_change_password: bool,
}

fn plain() -> Role {
    Role::User
}

fn yes() -> bool {
    true
}

/// `POST /api/users`: creates an account.
#[utoipa::path(post, path = "/users", tag = "users", request_body = NewAccount,
    responses(
        (status = 201, description = "Created", body = Account),
        (status = 409, description = "The name is taken", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn create(
    Admin { state, caller }: Admin,
    client: ClientAddress,
    Json(new): Json<NewAccount>,
) -> Result<(StatusCode, Answer<Account>), ApiError> {
    if new.role == Role::Admin {
        by_password(&caller)?;
    }
    access::check_policy(&new.password)?;
    let name = new.name.to_string();
    let user = NewUser {
        name: new.name,
        password_hash: state.access.hash(&new.password).await?,
        role: new.role,
        must_change_password: new.must_change_password,
    };
    let made = state.node.store.create_user(user).await?;
    let taken = || ApiError::Conflict(format!("there is a user {name} already"));
    let user = made.ok_or_else(taken)?;
    let detail = Some(word(user.role).to_owned());
    state
        .audit
        .record(&caller, client, AuditAction::UserCreate, name, detail)
        .await;
    Ok((StatusCode::CREATED, Answer(Account::new(user, Vec::new()))))
}

fn word(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::User => "user",
    }
}

/// `GET /api/users/{name}`: returns an account with its permissions.
#[utoipa::path(get, path = "/users/{name}", tag = "users",
    params(("name" = String, Path, description = "The name; case does not matter", example = "zoë")),
    responses(
        (status = 200, description = "The account", body = Account),
        (status = 404, description = "No such name exists", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn get(
    Admin { state, .. }: Admin,
    Named(name): Named<UserName>,
) -> Result<Answer<Account>, ApiError> {
    let user = found(&state, &name).await?;
    shown(&state, user).await
}

/// The fields to change. The others stay the same.
#[derive(Deserialize, ToSchema)]
#[schema(as = AccountChange)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    #[schema(value_type = Option<RoleWord>)]
    role: Option<Role>,
    /// Whether the account is disabled and can do nothing. Its sessions end,
    /// and its tokens stop working until it is enabled again.
    disabled: Option<bool>,
}

/// `PATCH /api/users/{name}`: changes an account's role, or disables the
/// account.
///
/// The change takes effect at the account's next request.
#[utoipa::path(patch, path = "/users/{name}", tag = "users", request_body = Change,
    params(("name" = String, Path, description = "The name; case does not matter", example = "zoë")),
    responses(
        (status = 200, description = "The changed object", body = Account),
        (status = 404, description = "No such name exists", body = ErrorBody),
        (status = 409, description = "The account is the last administrator", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn change(
    Admin { state, caller }: Admin,
    client: ClientAddress,
    Named(name): Named<UserName>,
    Json(change): Json<Change>,
) -> Result<Answer<Account>, ApiError> {
    if change.role == Some(Role::Admin) {
        by_password(&caller)?;
    }
    let user = found(&state, &name).await?;
    let changed = UserChange {
        role: change.role,
        disabled: change.disabled,
    };
    done(state.node.store.change_user(user.id, changed).await?, &name)?;
    let role = change.role.map(|role| format!("role {}", word(role)));
    let disabled = change.disabled.map(|disabled| {
        let word = if disabled { "disabled" } else { "enabled" };
        word.to_owned()
    });
    let detail: Vec<String> = role.into_iter().chain(disabled).collect();
    let (action, detail) = (AuditAction::UserChange, Some(detail.join(", ")));
    state
        .audit
        .record(&caller, client, action, user.name, detail)
        .await;
    let user = found(&state, &name).await?;
    shown(&state, user).await
}

fn done(changed: UserChanged, name: &UserName) -> Result<(), ApiError> {
    match changed {
        UserChanged::Yes => Ok(()),
        UserChanged::Unknown => Err(unknown(name)),
        UserChanged::LastAdmin => Err(ApiError::Conflict(format!(
            "{name} is the last administrator who can sign in: make another one first"
        ))),
    }
}

/// `DELETE /api/users/{name}`: deletes an account with its sessions, tokens and
/// permissions.
///
/// The content that it pushed and the robots that it created are kept.
#[utoipa::path(delete, path = "/users/{name}", tag = "users",
    params(("name" = String, Path, description = "The name; case does not matter", example = "zoë")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "No such name exists", body = ErrorBody),
        (status = 409, description = "The account is the last administrator", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn remove(
    Admin { state, caller }: Admin,
    client: ClientAddress,
    Named(name): Named<UserName>,
) -> Result<StatusCode, ApiError> {
    let user = found(&state, &name).await?;
    done(state.node.store.remove_user(user.id).await?, &name)?;
    let action = AuditAction::UserRemove;
    state
        .audit
        .record(&caller, client, action, user.name, None)
        .await;
    Ok(StatusCode::NO_CONTENT)
}

/// A new password for an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reset {
    /// 8 to 256 characters.
    #[schema(example = "correct horse battery staple", format = Password)]
    password: String,
    /// Whether the account can do nothing until it changes this password.
    /// Default: `true`.
    #[serde(default = "yes")]
    #[schema(default = true)]
    must_change_password: bool,
}

/// `PUT /api/users/{name}/password`: resets an account's password.
///
/// By default, the account must change the new password before it can do
/// anything else. All of its sessions end. To change your own password, use
/// `PUT /api/auth/password`.
#[utoipa::path(put, path = "/users/{name}/password", tag = "users", request_body = Reset,
    params(("name" = String, Path, description = "The name; case does not matter", example = "zoë")),
    responses(
        (status = 204, description = "Set"),
        (status = 404, description = "No such name exists", body = ErrorBody),
        (status = 409, description = "This is your own account", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn reset_password(
    Admin { state, caller }: Admin,
    client: ClientAddress,
    Named(name): Named<UserName>,
    Json(reset): Json<Reset>,
) -> Result<StatusCode, ApiError> {
    let own = by_password(&caller)?.id;
    let user = found(&state, &name).await?;
    if user.id == own {
        return Err(ApiError::Conflict(
            "change your own password with PUT /api/auth/password, which asks for the current one"
                .to_owned(),
        ));
    }
    access::check_policy(&reset.password)?;
    let hash = state.access.hash(&reset.password).await?;
    let store = &state.node.store;
    let must_change = reset.must_change_password;
    store.set_password(user.id, hash, must_change).await?;
    store.clear_account_failures(&name).await?;
    let (action, detail) = (AuditAction::Password, Some("reset".to_owned()));
    state
        .audit
        .record(&caller, client, action, user.name, detail)
        .await;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/users/{name}/unlock`: clears the failed sign-ins of an account,
/// so that it can sign in from any address.
#[utoipa::path(post, path = "/users/{name}/unlock", tag = "users",
    params(("name" = String, Path, description = "The name; case does not matter", example = "zoë")),
    responses(
        (status = 204, description = "Cleared"),
        (status = 404, description = "No such name exists", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn unlock(
    Admin { state, caller }: Admin,
    client: ClientAddress,
    Named(name): Named<UserName>,
) -> Result<StatusCode, ApiError> {
    let user = found(&state, &name).await?;
    state.node.store.clear_account_failures(&name).await?;
    let action = AuditAction::UserUnlock;
    state
        .audit
        .record(&caller, client, action, user.name, None)
        .await;
    Ok(StatusCode::NO_CONTENT)
}
