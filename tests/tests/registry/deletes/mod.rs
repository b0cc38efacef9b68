//! Deleting tags, manifests and blobs: gone for every client with the answer,
//! from one repository only, and then on SFTP; and there again when it is
//! pushed again, however slow the removal is.

mod at_once;
mod on_sftp;
mod refused;

use refity_tests::registry::Registry;

/// The repository of these tests.
const APP: &str = "team/app";

/// Another one, which must keep what it has.
const OTHER: &str = "team/other";

/// A path on SFTP below the tree's folder.
fn path(lab: &Registry, below: &str) -> std::path::PathBuf {
    lab.tree().join("docker/registry/v2").join(below)
}

/// `sha256/<hex>` of a digest.
fn algorithm_hex(digest: &str) -> String {
    digest.replace(':', "/")
}
