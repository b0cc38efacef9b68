//! The words of roles and rights, as the API's description lists them.

use utoipa::ToSchema;

/// What an account may do at all.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "only its description is used")]
pub(super) enum RoleWord {
    /// Everything.
    Admin,
    /// What it was given.
    User,
}

/// One thing that can be done with repositories.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "only its description is used")]
pub(super) enum RightWord {
    /// Read blobs, manifests and tags.
    Pull,
    /// Write them, and pull.
    Push,
    /// Remove them, and pull.
    Delete,
    /// All of these, and who may do what in the group, its robots and settings.
    Manage,
}
