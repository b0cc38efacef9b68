//! Uploads of blobs: every way to push one, and every way to break one off.

mod chunks;
mod connections;
mod crowds;
mod ends;
mod mounts;

use refity_tests::lab::GROUP;

/// A repository of the lab's group.
fn repository(name: &str) -> String {
    format!("{GROUP}/{name}")
}
