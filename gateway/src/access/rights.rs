//! What an account may do. The only place that decides it.

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
