//! Checks who manages a group.

use refity_store::EffectiveGrant;
use refity_types::name::GroupName;
use refity_types::rights::{Right, Rights};

use crate::access::{Identity, rights};
use crate::api::ApiError;
use crate::state::AppState;

/// Refuses callers that do not manage the group. To callers that cannot read any of it, the error
/// does not reveal whether the group exists.
///
/// # Errors
/// [`ApiError::Missing`] or [`ApiError::Denied`].
pub(super) async fn require_manager(
    state: &AppState,
    caller: &Identity,
    group: &GroupName,
) -> Result<(), ApiError> {
    let missing = || ApiError::Missing(format!("there is no group {group}"));
    let store = &state.node.store;
    let grant = store.permissions_for_group(caller.user_id(), group).await?;
    let grant = grant.ok_or_else(missing)?;
    let may = rights::effective_permissions_on_group(caller, grant, group);
    if may.has(Right::Manage) {
        return Ok(());
    }
    if may.is_empty() && !may_anything(state, caller, group).await? {
        return Err(missing());
    }
    Err(ApiError::Denied(format!(
        "only administrators and who has the right manage on the group {group} may do this"
    )))
}

/// Whether the caller has any permission on any repository of the group.
///
/// # Errors
/// If the database cannot be read.
pub(super) async fn may_anything(
    state: &AppState,
    caller: &Identity,
    group: &GroupName,
) -> Result<bool, ApiError> {
    let store = &state.node.store;
    let Some(on_group) = store.permissions_for_group(caller.user_id(), group).await? else {
        return Ok(false);
    };
    if !rights::effective_permissions_on_group(caller, on_group, group).is_empty() {
        return Ok(true);
    }
    // A credential may be limited to some repositories of the group.
    let scopes = caller.scopes.iter().flatten();
    let narrowed = scopes.map(|scope| &scope.repositories);
    let mut named: Vec<_> = narrowed
        .filter(|pattern| pattern.is_within(group))
        .filter_map(|pattern| pattern.to_string().parse().ok())
        .collect();
    if let Some(user) = caller.user_id() {
        let grants = store.grants(Some(group), Some(user)).await?;
        named.extend(grants.into_iter().filter_map(|grant| grant.repository));
    }
    for repository in named {
        let grant: EffectiveGrant = store.permissions_for(caller.user_id(), &repository).await?;
        if rights::effective_permissions(caller, grant, &repository) != Rights::NONE {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the group exists, regardless of permissions.
///
/// # Errors
/// If the database cannot be read.
pub(super) async fn exists(state: &AppState, group: &GroupName) -> Result<bool, ApiError> {
    Ok(state
        .node
        .store
        .permissions_for_group(None, group)
        .await?
        .is_some())
}
