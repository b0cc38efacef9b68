//! The scopes of the token service's tokens (Distribution, "Token Scope
//! Documentation"): `repository:team/app:pull,push`, `registry:catalog:*`.

use refity_types::name::RepositoryName;
use refity_types::rights::{Right, Rights};
use serde::{Deserialize, Serialize};

/// A resource with actions, as in a token's `access` claim (Distribution,
/// "Token Authentication Implementation").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResourceActions {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    actions: Vec<String>,
}

/// The access that a client requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestedAccess {
    /// Access to a repository.
    Repository(RepositoryName, Rights),
    /// Access to the list of repositories.
    Catalog,
}

const REPOSITORY: &str = "repository";
const REGISTRY: &str = "registry";
const CATALOG: &str = "catalog";

/// The permissions that registry clients can request. Managing is only possible
/// through the API.
const ASKABLE: [Right; 3] = [Right::Pull, Right::Push, Right::Delete];

impl RequestedAccess {
    /// Parses a scope. Returns `None` for an unknown scope, since granting less
    /// than requested is not an error.
    pub(crate) fn parse(scope: &str) -> Option<Self> {
        // The name in the middle may contain colons, from a host's port.
        let (kind, rest) = scope.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        let (kind, _class) = kind.split_once('(').unwrap_or((kind, ""));
        match (kind, name) {
            (REPOSITORY, name) => {
                let actions = actions.split(',');
                let rights = actions.flat_map(|action| match action {
                    "*" => ASKABLE.to_vec(),
                    action => ASKABLE
                        .into_iter()
                        .filter(|right| right.name() == action)
                        .collect(),
                });
                Some(Self::Repository(name.parse().ok()?, rights.collect()))
            }
            (REGISTRY, CATALOG) if actions == "*" => Some(Self::Catalog),
            _ => None,
        }
    }

    /// Formats the access as a scope, for challenges.
    pub(crate) fn scope(&self) -> String {
        match self {
            Self::Repository(name, rights) => {
                let actions: Vec<&str> = rights.iter().map(Right::name).collect();
                format!("{REPOSITORY}:{name}:{}", actions.join(","))
            }
            Self::Catalog => format!("{REGISTRY}:{CATALOG}:*"),
        }
    }

    /// Formats the access for a token's `access` claim.
    pub(crate) fn access(&self) -> ResourceActions {
        match self {
            Self::Repository(name, rights) => ResourceActions {
                kind: REPOSITORY.to_owned(),
                name: name.to_string(),
                actions: rights.iter().map(|right| right.name().to_owned()).collect(),
            },
            Self::Catalog => ResourceActions {
                kind: REGISTRY.to_owned(),
                name: CATALOG.to_owned(),
                actions: vec!["*".to_owned()],
            },
        }
    }

    /// Whether a token grants this access.
    pub(crate) fn is_granted_by(&self, granted: &[ResourceActions]) -> bool {
        let wanted = self.access();
        let has = |action: &String| {
            granted.iter().any(|access| {
                access.kind == wanted.kind
                    && access.name == wanted.name
                    && access.actions.contains(action)
            })
        };
        wanted.actions.iter().all(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_of_clients_are_parsed() {
        for (scope, expected) in [
            ("repository:team/app:pull", Some("repository:team/app:pull")),
            (
                "repository:team/app:push,pull",
                Some("repository:team/app:pull,push"),
            ),
            (
                "repository(plugin):team/app:pull",
                Some("repository:team/app:pull"),
            ),
            (
                "repository:team/app:*",
                Some("repository:team/app:pull,push,delete"),
            ),
            ("repository:team/app:", Some("repository:team/app:")),
            (
                "repository:team/app:manage,fly",
                Some("repository:team/app:"),
            ),
            ("registry:catalog:*", Some("registry:catalog:*")),
            ("registry:catalog:pull", None),
            ("repository:Team/App:pull", None),
            ("repository:host:5000/team/app:pull", None),
            ("repository", None),
            ("", None),
            ("::", None),
        ] {
            let asked = RequestedAccess::parse(scope);
            let asked = asked.map(|asked| asked.scope());
            assert_eq!(asked.as_deref(), expected, "{scope}");
        }
    }

    #[test]
    fn a_token_grants_only_its_own_access() {
        let asked = |scope: &str| RequestedAccess::parse(scope).unwrap();
        let granted = [
            asked("repository:team/app:pull").access(),
            asked("repository:team/app:push").access(),
            asked("registry:catalog:*").access(),
        ];
        for (scope, expected) in [
            ("repository:team/app:pull,push", true),
            ("repository:team/app:delete", false),
            ("repository:team/app/api:pull", false),
            ("repository:team:pull", false),
            ("registry:catalog:*", true),
        ] {
            assert_eq!(asked(scope).is_granted_by(&granted), expected, "{scope}");
        }
        assert!(!asked("registry:catalog:*").is_granted_by(&granted[..2]));
    }
}
