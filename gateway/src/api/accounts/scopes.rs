//! The scopes of tokens and robots, as requests specify them.

use refity_types::name::GroupName;
use refity_types::rights::{Pattern, Rights, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::{Identity, rights};
use crate::api::ApiError;
use crate::api::accounts::group_access;
use crate::api::openapi_enums::RightWord;
use crate::state::AppState;

/// The maximum number of scopes of a token or robot.
const SCOPES_MAX: usize = 100;

/// Permissions on some repositories.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScopeWords {
    /// `*` for all repositories, `team/*` for those of a group, or the name of
    /// one repository.
    #[schema(value_type = String, example = "team/*")]
    repositories: Pattern,
    /// The permissions: at least one.
    #[schema(value_type = Vec<RightWord>, example = json!(["pull"]), min_items = 1)]
    rights: Rights,
}

impl From<Scope> for ScopeWords {
    fn from(scope: Scope) -> Self {
        Self {
            repositories: scope.repositories,
            rights: scope.rights,
        }
    }
}

/// Returns the scopes if there is at least one and not too many.
///
/// # Errors
/// [`ApiError::Invalid`].
pub(super) fn checked(scopes: Vec<ScopeWords>) -> Result<Vec<Scope>, ApiError> {
    if !(1..=SCOPES_MAX).contains(&scopes.len()) {
        return Err(ApiError::Invalid(format!(
            "scopes: give 1 to {SCOPES_MAX} of them"
        )));
    }
    let scopes = scopes.into_iter().map(|scope| {
        if scope.rights.is_empty() {
            return Err(ApiError::Invalid(format!(
                "scopes: {} has no rights: give one of pull, push, delete, manage",
                scope.repositories
            )));
        }
        Ok(Scope {
            repositories: scope.repositories,
            rights: scope.rights,
        })
    });
    scopes.collect()
}

/// Refuses scopes that extend beyond a group.
///
/// # Errors
/// [`ApiError::Invalid`].
pub(super) fn require_within(scopes: &[Scope], group: &GroupName) -> Result<(), ApiError> {
    let outside = |scope: &&Scope| !scope.repositories.is_within(group);
    match scopes.iter().find(outside) {
        Some(scope) => Err(ApiError::Invalid(format!(
            "scopes: {} is not within the group {group}: give {group}/*, or repositories of it",
            scope.repositories
        ))),
        None => Ok(()),
    }
}

/// Refuses a scope on which the caller has no permission at all, since its name
/// is probably mistyped.
///
/// # Errors
/// [`ApiError::Invalid`], or if the database cannot be read.
pub(super) async fn require_some_right(
    state: &AppState,
    caller: &Identity,
    scopes: &[Scope],
) -> Result<(), ApiError> {
    for scope in scopes {
        let pattern = &scope.repositories;
        let some = match pattern {
            Pattern::All => {
                let granted = state.node.store.grants(None, caller.user_id());
                rights::may_administer(caller) || !granted.await?.is_empty()
            }
            Pattern::Group(group) => group_access::may_anything(state, caller, group).await?,
            Pattern::Repository(name) => {
                let group = name.group();
                let grant = state
                    .node
                    .store
                    .permissions_for(caller.user_id(), name)
                    .await?;
                group_access::exists(state, &group).await?
                    && !rights::effective_permissions(caller, grant, name).is_empty()
            }
        };
        if !some {
            return Err(ApiError::Invalid(format!(
                "scopes: you may do nothing with {pattern}, so the token could not either"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(repositories: &str, rights: &str) -> ScopeWords {
        let words: Vec<&str> = rights.split_terminator(',').collect();
        let json = serde_json::json!({ "repositories": repositories, "rights": words });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn scopes_must_not_be_empty() {
        assert!(checked(vec![scope("team/*", "pull")]).is_ok());
        let many = |count| vec![scope("team/*", "pull"); count];
        assert!(checked(many(SCOPES_MAX)).is_ok());
        for bad in [Vec::new(), many(SCOPES_MAX + 1), vec![scope("team/*", "")]] {
            assert!(matches!(checked(bad), Err(ApiError::Invalid(_))));
        }
    }

    #[test]
    fn a_robots_scopes_stay_in_its_group() {
        let team: GroupName = "team".parse().unwrap();
        for (repositories, expected) in [
            ("team/*", true),
            ("team/app/api", true),
            ("team", true),
            ("*", false),
            ("other/*", false),
            ("teams/app", false),
        ] {
            let scopes = checked(vec![scope("team/*", "pull"), scope(repositories, "push")]);
            let within = require_within(&scopes.unwrap(), &team);
            assert_eq!(within.is_ok(), expected, "{repositories}");
        }
    }
}
