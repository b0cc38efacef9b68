//! The extractor for handlers that only a group's managers may use.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use refity_store::Robot;
use refity_types::account::RobotName;
use refity_types::name::GroupName;
use serde::de::DeserializeOwned;

use crate::access::{Identity, rights};
use crate::api::ApiError;
use crate::api::accounts::group_access;
use crate::api::extract::{Caller, Guarded, Json, Named, Query};
use crate::state::AppState;

/// The part of a request that names the group to manage.
pub(super) trait ConcernsGroup: Send + Sync {
    /// The group; `None` if the request is about all of them, which only
    /// administrators manage.
    fn group(&self) -> Option<&GroupName>;
}

impl ConcernsGroup for RobotName {
    fn group(&self) -> Option<&GroupName> {
        Some(&self.group)
    }
}

/// An administrator, or a manager of the group that `part` of the request
/// names: its path ([`Named`]), its query ([`Query`]), or its body ([`Json`]).
pub(super) struct Manager<T> {
    pub(super) state: AppState,
    pub(super) caller: Identity,
    pub(super) part: T,
}

impl<T: ConcernsGroup> Manager<T> {
    async fn check(caller: Caller, part: T) -> Result<Self, ApiError> {
        let Caller { state, caller } = caller;
        match part.group() {
            Some(group) => group_access::require_manager(&state, &caller, group).await?,
            None if rights::may_administer(&caller) => {}
            None => {
                let words = "name a group that you manage: ?group=team";
                return Err(ApiError::Denied(words.to_owned()));
            }
        }
        Ok(Self {
            state,
            caller,
            part,
        })
    }
}

impl<T: ConcernsGroup + DeserializeOwned> FromRequestParts<Guarded> for Manager<Named<T>> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Guarded) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let named = Named::from_request_parts(parts, state).await?;
        Self::check(caller, named).await
    }
}

impl<T: ConcernsGroup + DeserializeOwned> FromRequestParts<Guarded> for Manager<Query<T>> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Guarded) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let query = Query::from_request_parts(parts, state).await?;
        Self::check(caller, query).await
    }
}

impl<T: ConcernsGroup + DeserializeOwned> FromRequest<Guarded> for Manager<Json<T>> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Guarded) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, state).await?;
        let json = Json::from_request(Request::from_parts(parts, body), state).await?;
        Self::check(caller, json).await
    }
}

impl<T: ConcernsGroup> ConcernsGroup for Named<T> {
    fn group(&self) -> Option<&GroupName> {
        self.0.group()
    }
}

impl<T: ConcernsGroup> ConcernsGroup for Query<T> {
    fn group(&self) -> Option<&GroupName> {
        self.0.group()
    }
}

impl<T: ConcernsGroup> ConcernsGroup for Json<T> {
    fn group(&self) -> Option<&GroupName> {
        self.0.group()
    }
}

/// A robot that the path names, for managers of its group.
pub(super) struct ManagedRobot {
    pub(super) state: AppState,
    pub(super) caller: Identity,
    pub(super) robot: Robot,
}

impl FromRequestParts<Guarded> for ManagedRobot {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Guarded) -> Result<Self, ApiError> {
        let Manager {
            state,
            caller,
            part: Named(name),
        } = Manager::<Named<RobotName>>::from_request_parts(parts, state).await?;
        let robot = state.node.store.robot(&name).await?;
        let robot = robot.ok_or_else(|| missing(&name))?;
        Ok(Self {
            state,
            caller,
            robot,
        })
    }
}

/// The error for a robot that does not exist.
pub(super) fn missing(name: &RobotName) -> ApiError {
    ApiError::Missing(format!("there is no robot {name}"))
}
