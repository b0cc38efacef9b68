//! The values of roles and rights, as the API description lists them.

use utoipa::ToSchema;

/// The role of an account.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "only its description is used")]
pub(super) enum RoleWord {
    /// May do everything.
    Admin,
    /// May do what its grants allow.
    User,
}

/// A permission on repositories.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "only its description is used")]
pub(super) enum RightWord {
    /// Pull blobs, manifests and tags.
    Pull,
    /// Push blobs, manifests and tags. Includes pull.
    Push,
    /// Delete blobs, manifests and tags. Includes pull.
    Delete,
    /// All of the above, and manage the group's permissions, robots and
    /// settings.
    Manage,
}
