//! What an account may do. The only place that decides it.

use std::fmt;

use refity_shared::name::RepositoryName;
use refity_shared::store::{Role, User};

/// What can be done with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Read its blobs, manifests and tags.
    Pull,
    /// Write them.
    Push,
    /// Remove them.
    Delete,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pull => "pull from",
            Self::Push => "push to",
            Self::Delete => "delete from",
        })
    }
}

/// Whether the account may do this with the repository. There is no table of
/// rights yet: administrators may do everything, others nothing.
pub(crate) fn may(user: &User, _action: Action, _repository: &RepositoryName) -> bool {
    may_administer(user)
}

/// Whether the account may do what concerns the whole registry, such as
/// creating a group.
pub(crate) fn may_administer(user: &User) -> bool {
    user.role == Role::Admin
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::AppState;

    #[tokio::test]
    async fn only_administrators_may() {
        let folder = tempfile::tempdir().unwrap();
        let store = AppState::for_test(folder.path()).await.local.store;
        store
            .create_first_admin(String::new(), false)
            .await
            .unwrap();
        let admin = store.user("admin").await.unwrap().unwrap();
        let other = User {
            role: Role::User,
            ..admin.clone()
        };
        let repository = "team/app".parse().unwrap();
        for action in [Action::Pull, Action::Push, Action::Delete] {
            assert!(may(&admin, action, &repository));
            assert!(!may(&other, action, &repository));
        }
    }
}
