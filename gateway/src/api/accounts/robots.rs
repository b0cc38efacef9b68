//! Robots: accounts for programs, managed by administrators and by managers of
//! their group.

use std::time::Duration;

use axum::Json as Answer;
use axum::http::StatusCode;
use refity_config::clock::millis;
use refity_store::{AuditAction, NewRobot, Order, Robot, RobotChange, RobotCreated};
use refity_types::account::RobotName;
use refity_types::name::GroupName;
use refity_types::rights::Scope;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::SecretKind;
use crate::api::ApiError;
use crate::api::accounts::manager::{ConcernsGroup, ManagedRobot, Manager, missing};
use crate::api::accounts::scopes::{self, ScopeWords};
use crate::api::accounts::tokens::{Token, end};
use crate::api::extract::{Guarded, Json, Query};
use crate::api::list::{List, ListQuery};
use crate::api::openapi::{ErrorBody, SignedIn};
use crate::client::ClientAddress;
use crate::timestamp::rfc3339;

/// The maximum length of a description, in characters.
const DESCRIPTION_MAX: usize = 256;

/// How long old secrets stay valid after a rotation, by default.
const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest time that old secrets can stay valid after a rotation.
const OVERLAP_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The routes for robots.
pub(in crate::api) fn routes() -> OpenApiRouter<Guarded> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, change, remove))
        .routes(routes!(rotate))
}

/// A robot.
#[derive(Serialize, ToSchema)]
#[schema(as = Robot)]
pub(super) struct Shown {
    /// The name with which the robot signs in: `group+name`.
    #[schema(value_type = String, example = "team+ci")]
    name: RobotName,
    #[schema(example = "Builds and pushes the main branch")]
    description: String,
    /// The robot's permissions, within its group.
    scopes: Vec<ScopeWords>,
    /// Whether the robot is disabled and can do nothing.
    disabled: bool,
    #[schema(format = DateTime, example = "2026-01-31T12:00:00Z")]
    created_at: String,
    /// The account that created the robot, if it still exists.
    #[schema(example = "zoë")]
    created_by: Option<String>,
}

impl From<Robot> for Shown {
    fn from(robot: Robot) -> Self {
        Self {
            name: robot.name,
            description: robot.description,
            scopes: robot.scopes.into_iter().map(ScopeWords::from).collect(),
            disabled: robot.disabled,
            created_at: rfc3339(robot.created_at),
            created_by: robot.created_by,
        }
    }
}

/// A robot with the metadata of its secrets.
#[derive(Serialize, ToSchema)]
pub(super) struct WithSecrets {
    #[serde(flatten)]
    robot: Shown,
    /// The robot's secrets, newest first. Expired secrets are listed for
    /// another month.
    secrets: Vec<Token>,
}

/// A robot with a new secret.
#[derive(Serialize, ToSchema)]
pub(super) struct WithSecret {
    #[serde(flatten)]
    robot: Shown,
    /// The password with which the robot signs in. It is shown only once.
    #[schema(example = "rfr_2hM0Vw5X8mJ0Wc8y6r0dV3v1o2n3m4l5k6j7h8g9f0d")]
    secret: String,
    /// When the secret expires; `null` if it does not.
    #[schema(format = DateTime, example = "2027-01-31T12:00:00Z")]
    expires_at: Option<String>,
}

/// The robots to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// The group.
    #[param(value_type = String, example = "team")]
    group: GroupName,
}

impl ConcernsGroup for Filter {
    fn group(&self) -> Option<&GroupName> {
        Some(&self.group)
    }
}

fn described(text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    if text.chars().count() > DESCRIPTION_MAX || text.chars().any(char::is_control) {
        return Err(ApiError::Invalid(format!(
            "description: give {DESCRIPTION_MAX} characters at most, in one line"
        )));
    }
    Ok(text.to_owned())
}

fn within(scopes: Vec<ScopeWords>, group: &GroupName) -> Result<Vec<Scope>, ApiError> {
    let scopes = scopes::checked(scopes)?;
    scopes::require_within(&scopes, group)?;
    Ok(scopes)
}

/// `GET /api/robots`: lists a group's robots, by name.
#[utoipa::path(get, path = "/robots", tag = "robots", params(ListQuery, Filter),
    responses(
        (status = 200, description = "A page of robots", body = List<Shown>),
        (status = 404, description = "The group does not exist", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn list(
    Manager { state, part, .. }: Manager<Query<Filter>>,
    Query(query): Query<ListQuery>,
) -> Result<Answer<List<Shown>>, ApiError> {
    let Query(Filter { group }) = part;
    let (search, page) = (query.search()?, query.page(Order::Asc)?);
    let page = state.node.store.robots(&group, search, page).await?;
    Ok(Answer(List::of(page, Shown::from)))
}

/// A robot to create.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewRobot)]
#[serde(deny_unknown_fields)]
pub(super) struct ToMake {
    /// The name with which the robot signs in: `group+name`.
    #[schema(value_type = String, example = "team+ci")]
    name: RobotName,
    /// The robot's purpose: one line of at most 256 characters.
    #[serde(default)]
    #[schema(example = "Builds and pushes the main branch")]
    description: String,
    /// The robot's permissions, within its group.
    scopes: Vec<ScopeWords>,
    /// When the robot's secret expires, at most five years from now. By
    /// default, it does not expire.
    #[schema(format = DateTime, example = "2027-01-31T12:00:00Z")]
    expires_at: Option<String>,
}

impl ConcernsGroup for ToMake {
    fn group(&self) -> Option<&GroupName> {
        Some(&self.name.group)
    }
}

/// `POST /api/robots`: creates a robot.
///
/// The robot belongs to the group. It is kept when the account that created it
/// is deleted.
#[utoipa::path(post, path = "/robots", tag = "robots", request_body = ToMake,
    responses(
        (status = 201, description = "Created; the secret is shown only here", body = WithSecret),
        (status = 404, description = "The group does not exist", body = ErrorBody),
        (status = 409, description = "The name is taken", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn create(
    client: ClientAddress,
    Manager {
        state,
        caller,
        part: Json(new),
    }: Manager<Json<ToMake>>,
) -> Result<(StatusCode, Answer<WithSecret>), ApiError> {
    let name = new.name;
    let store = &state.node.store;
    let expires_at = end(new.expires_at.as_deref(), store.clock().wall_ms())?;
    let secret = state.access.new_secret(SecretKind::Robot)?;
    let robot = NewRobot {
        name: name.clone(),
        description: described(&new.description)?,
        scopes: within(new.scopes, &name.group)?,
        created_by: caller.user_id(),
        secret_hash: secret.hash,
        expires_at,
    };
    let robot = match store.create_robot(robot).await? {
        RobotCreated::Yes(robot) => *robot,
        RobotCreated::Exists => {
            let words = format!("there is a robot {name} already");
            return Err(ApiError::Conflict(words));
        }
        RobotCreated::NoGroup => {
            let words = format!("there is no group {}", name.group);
            return Err(ApiError::Missing(words));
        }
    };
    let (action, target) = (AuditAction::RobotCreate, name.to_string());
    state
        .audit
        .record(&caller, client, action, target, None)
        .await;
    let made = WithSecret {
        robot: robot.into(),
        secret: secret.text,
        expires_at: expires_at.map(rfc3339),
    };
    Ok((StatusCode::CREATED, Answer(made)))
}

/// `GET /api/robots/{name}`: returns a robot and the metadata of its secrets.
#[utoipa::path(get, path = "/robots/{name}", tag = "robots",
    params(("name" = String, Path, description = "`group+name`", example = "team+ci")),
    responses(
        (status = 200, description = "The robot", body = WithSecrets),
        (status = 404, description = "No such name exists", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn get(
    ManagedRobot { state, robot, .. }: ManagedRobot,
) -> Result<Answer<WithSecrets>, ApiError> {
    let store = &state.node.store;
    let (secrets, now) = (
        store.robot_secrets(robot.id).await?,
        store.clock().wall_ms(),
    );
    let secrets = secrets.into_iter().map(|secret| Token::new(secret, now));
    Ok(Answer(WithSecrets {
        secrets: secrets.collect(),
        robot: robot.into(),
    }))
}

/// The fields to change. The others stay the same.
#[derive(Deserialize, ToSchema)]
#[schema(as = RobotChange)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    #[schema(example = "Builds and pushes the main branch")]
    description: Option<String>,
    scopes: Option<Vec<ScopeWords>>,
    /// Whether the robot is disabled and can do nothing.
    disabled: Option<bool>,
}

/// `PATCH /api/robots/{name}`: updates a robot.
///
/// The change takes effect at the robot's next request.
#[utoipa::path(patch, path = "/robots/{name}", tag = "robots", request_body = Change,
    params(("name" = String, Path, description = "`group+name`", example = "team+ci")),
    responses(
        (status = 200, description = "The changed object", body = Shown),
        (status = 404, description = "No such name exists", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn change(
    ManagedRobot {
        state,
        caller,
        robot,
    }: ManagedRobot,
    client: ClientAddress,
    Json(change): Json<Change>,
) -> Result<Answer<Shown>, ApiError> {
    let name = robot.name.clone();
    let scopes = change.scopes.map(|scopes| within(scopes, &name.group));
    let changed = RobotChange {
        description: change.description.as_deref().map(described).transpose()?,
        scopes: scopes.transpose()?,
        disabled: change.disabled,
    };
    if !state.node.store.change_robot(robot.id, changed).await? {
        return Err(missing(&name));
    }
    let robot = state.node.store.robot(&name).await?;
    let robot = robot.ok_or_else(|| missing(&name))?;
    let word = if robot.disabled {
        "disabled"
    } else {
        "enabled"
    };
    let (action, detail) = (AuditAction::RobotChange, Some(word.to_owned()));
    state
        .audit
        .record(&caller, client, action, name.to_string(), detail)
        .await;
    Ok(Answer(robot.into()))
}

/// `DELETE /api/robots/{name}`: deletes a robot with its secrets.
#[utoipa::path(delete, path = "/robots/{name}", tag = "robots",
    params(("name" = String, Path, description = "`group+name`", example = "team+ci")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "No such name exists", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn remove(
    ManagedRobot {
        state,
        caller,
        robot,
    }: ManagedRobot,
    client: ClientAddress,
) -> Result<StatusCode, ApiError> {
    let name = robot.name.clone();
    if !state.node.store.remove_robot(robot.id).await? {
        return Err(missing(&name));
    }
    let action = AuditAction::RobotRemove;
    state
        .audit
        .record(&caller, client, action, name.to_string(), None)
        .await;
    Ok(StatusCode::NO_CONTENT)
}

/// How to replace a robot's secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    /// How many seconds the old secrets stay valid, at most 30 days. Default:
    /// one day. With 0, they expire immediately.
    #[schema(example = 86400, minimum = 0, maximum = 2592000)]
    overlap: Option<u64>,
    /// When the new secret expires, at most five years from now. By default, it
    /// does not expire.
    #[schema(format = DateTime, example = "2027-01-31T12:00:00Z")]
    expires_at: Option<String>,
}

/// `POST /api/robots/{name}/rotate`: creates a new secret for a robot.
///
/// The old secrets stay valid for a while, so that programs can switch to the
/// new one.
#[utoipa::path(post, path = "/robots/{name}/rotate", tag = "robots", request_body = Rotation,
    params(("name" = String, Path, description = "`group+name`", example = "team+ci")),
    responses(
        (status = 200, description = "The new secret, which is shown only here", body = WithSecret),
        (status = 404, description = "No such name exists", body = ErrorBody),
        SignedIn,
    ))]
pub(super) async fn rotate(
    ManagedRobot {
        state,
        caller,
        robot,
    }: ManagedRobot,
    client: ClientAddress,
    Json(rotation): Json<Rotation>,
) -> Result<Answer<WithSecret>, ApiError> {
    let name = robot.name.clone();
    let store = &state.node.store;
    let now = store.clock().wall_ms();
    let expires_at = end(rotation.expires_at.as_deref(), now)?;
    let overlap = rotation.overlap.map_or(OVERLAP, Duration::from_secs);
    if overlap > OVERLAP_MAX {
        return Err(ApiError::Invalid(format!(
            "overlap: give at most {} seconds, which are 30 days",
            OVERLAP_MAX.as_secs()
        )));
    }
    let secret = state.access.new_secret(SecretKind::Robot)?;
    let until = now + millis(overlap);
    let rotated = store.rotate_robot(&robot, secret.hash, expires_at, until);
    rotated.await?;
    let detail = format!("new secret, the old ones end in {} s", overlap.as_secs());
    let (action, detail) = (AuditAction::RobotChange, Some(detail));
    state
        .audit
        .record(&caller, client, action, name.to_string(), detail)
        .await;
    Ok(Answer(WithSecret {
        robot: robot.into(),
        secret: secret.text,
        expires_at: expires_at.map(rfc3339),
    }))
}
