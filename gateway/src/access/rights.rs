//! Authorization: the only place that decides who may do what.

use refity_store::{EffectiveGrant, Principal, Readable, Role};
use refity_types::name::{GroupName, RepositoryName};
use refity_types::rights::{Pattern, Rights, Scope, allowed};

use super::Identity;

/// Returns what a caller may do with a repository: the permissions of the
/// account, limited by the scopes of the credential. Everyone may pull from
/// public repositories.
pub(crate) fn effective_permissions(
    identity: &Identity,
    grant: EffectiveGrant,
    repository: &RepositoryName,
) -> Rights {
    let own = match &identity.principal {
        Principal::Anonymous => Rights::NONE,
        Principal::User(user) if user.role == Role::Admin => Rights::ALL,
        Principal::User(_) => grant.rights.whole(),
        // The robot's scopes limit this.
        Principal::Robot(robot) if robot.name.group == repository.group() => Rights::ALL,
        Principal::Robot(_) => Rights::NONE,
    };
    let own = match &identity.scopes {
        Some(scopes) => own.and(allowed(scopes, repository)),
        None => own,
    };
    if grant.public {
        own.or(Rights::PULL)
    } else {
        own
    }
}

/// Returns what a caller may do with a group as a whole, from the grants on the
/// group.
pub(crate) fn effective_permissions_on_group(
    identity: &Identity,
    grant: EffectiveGrant,
    group: &GroupName,
) -> Rights {
    let own = match &identity.principal {
        Principal::User(user) if user.role == Role::Admin => Rights::ALL,
        Principal::User(_) => grant.rights.whole(),
        Principal::Robot(robot) if robot.name.group == *group => Rights::ALL,
        Principal::Anonymous | Principal::Robot(_) => Rights::NONE,
    };
    let whole = |scope: &&Scope| match &scope.repositories {
        Pattern::All => true,
        Pattern::Group(name) => name == group,
        Pattern::Repository(_) => false,
    };
    let own = match &identity.scopes {
        Some(scopes) => {
            let scopes = scopes.iter().filter(whole);
            own.and(scopes.fold(Rights::NONE, |all, scope| all.or(scope.rights.whole())))
        }
        None => own,
    };
    if grant.public {
        own.or(Rights::PULL)
    } else {
        own
    }
}

/// Returns the repositories that a caller may pull from, as a filter for lists.
pub(crate) fn readable(identity: &Identity) -> Readable {
    let patterns = |scopes: &[Scope]| -> Vec<Pattern> {
        let useful = scopes.iter().filter(|scope| !scope.rights.is_empty());
        useful.map(|scope| scope.repositories.clone()).collect()
    };
    match (&identity.principal, &identity.scopes) {
        (Principal::Anonymous, _) => Readable::public(),
        (Principal::User(user), None) if user.role == Role::Admin => Readable::All,
        (Principal::User(user), scopes) => Readable::Some {
            granted_to: (user.role != Role::Admin).then_some(user.id),
            within: scopes.as_deref().map(patterns),
        },
        (Principal::Robot(robot), scopes) => {
            let mut within = patterns(scopes.as_deref().unwrap_or_default());
            within.retain(|pattern| pattern.is_within(&robot.name.group));
            Readable::Some {
                granted_to: None,
                within: Some(within),
            }
        }
    }
}

/// Whether a caller may administer the registry, for example create a group. A
/// credential that is limited to some repositories may not.
pub(crate) fn may_administer(identity: &Identity) -> bool {
    let admin = identity.user().is_some_and(|user| user.role == Role::Admin);
    admin && identity.scopes.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use refity_store::{Credential, Robot, User, UserId};
    use refity_types::rights::Right;

    fn rights(words: &str) -> Rights {
        let words = words.split(',').filter(|word| !word.is_empty());
        words.map(|word| word.parse::<Right>().unwrap()).collect()
    }

    fn scopes(text: &str) -> Vec<Scope> {
        let scopes = text.split(' ').map(|scope| {
            let (repositories, words) = scope.split_once(':').unwrap();
            Scope {
                repositories: repositories.parse().unwrap(),
                rights: rights(words),
            }
        });
        scopes.collect()
    }

    fn identity(principal: Principal, scopes: Option<Vec<Scope>>) -> Identity {
        Identity {
            credential: Credential::Anonymous,
            principal,
            scopes,
        }
    }

    fn user(role: Role) -> Principal {
        // Only the store creates ids, but one can be deserialized from JSON.
        let id: UserId = serde_json::from_str("1").unwrap();
        Principal::User(User {
            id,
            name: "bob".to_owned(),
            password_hash: String::new(),
            role,
            must_change_password: false,
            disabled: false,
            created_at: 0,
            password_changed_at: 0,
            last_login_at: None,
        })
    }

    fn robot() -> Principal {
        Principal::Robot(Robot {
            id: serde_json::from_str("1").unwrap(),
            name: "team+ci".parse().unwrap(),
            description: String::new(),
            scopes: Vec::new(),
            disabled: false,
            created_at: 0,
            created_by: None,
        })
    }

    /// Account × grants × repository → permissions.
    #[test]
    fn the_table_of_rights() {
        let (nobody, admin, bob) = (Principal::Anonymous, user(Role::Admin), user(Role::User));
        let all = "pull,push,delete,manage";
        for (principal, narrowed, public, grant, repository, expected) in [
            (&nobody, None, false, "", "team/app", ""),
            (&nobody, None, true, "", "team/app", "pull"),
            (&admin, None, false, "", "team/app", all),
            (
                &admin,
                Some(scopes("team/*:push")),
                false,
                "",
                "team/app",
                "pull,push",
            ),
            (
                &admin,
                Some(scopes("team/*:push")),
                false,
                "",
                "other/app",
                "",
            ),
            (
                &admin,
                Some(scopes("team/*:push")),
                true,
                "",
                "other/app",
                "pull",
            ),
            (
                &admin,
                Some(scopes("*:pull")),
                false,
                "",
                "other/app",
                "pull",
            ),
            (&bob, None, false, "", "team/app", ""),
            (&bob, None, true, "", "team/app", "pull"),
            (&bob, None, false, "pull", "team/app", "pull"),
            (&bob, None, false, "push", "team/app", "pull,push"),
            (&bob, None, false, "delete", "team/app", "pull,delete"),
            (&bob, None, false, "manage", "team/app", all),
            (
                &bob,
                Some(scopes("*:push")),
                false,
                "pull",
                "team/app",
                "pull",
            ),
            (
                &bob,
                Some(scopes("team/app:pull")),
                false,
                "manage",
                "team/app",
                "pull",
            ),
            (
                &bob,
                Some(scopes("team/app:pull")),
                false,
                "manage",
                "team/api",
                "",
            ),
            (
                &robot(),
                Some(scopes("team/*:push")),
                false,
                "",
                "team/app",
                "pull,push",
            ),
            (
                &robot(),
                Some(scopes("team/app:pull")),
                false,
                "",
                "team/api",
                "",
            ),
            (
                &robot(),
                Some(scopes("other/*:push")),
                false,
                "",
                "other/app",
                "",
            ),
            (
                &robot(),
                Some(scopes("*:manage")),
                false,
                "",
                "other/app",
                "",
            ),
            (
                &robot(),
                Some(scopes("team/*:pull")),
                true,
                "",
                "other/app",
                "pull",
            ),
            (&robot(), Some(Vec::new()), false, "", "team/app", ""),
        ] {
            let identity = identity(principal.clone(), narrowed);
            let grant = EffectiveGrant {
                public,
                rights: rights(grant),
            };
            let may = effective_permissions(&identity, grant, &repository.parse().unwrap());
            assert_eq!(may, rights(expected), "{identity:?} {grant:?} {repository}");
        }
    }

    #[test]
    fn only_an_administrator_without_scopes_may_administer() {
        assert!(may_administer(&identity(user(Role::Admin), None)));
        for (principal, scopes) in [
            (user(Role::Admin), Some(scopes("*:manage"))),
            (user(Role::User), None),
            (robot(), None),
            (Principal::Anonymous, None),
        ] {
            assert!(!may_administer(&identity(principal, scopes)));
        }
    }
}
