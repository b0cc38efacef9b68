//! What a person looks at who runs a registry: transfers and events, storage,
//! the usage card, and who did what. Each shows to everybody what they may
//! see, and no more.

mod audit;
mod events;
mod jobs;
mod storage;
mod usage;
mod usage_by_proxy;

use refity_tests::client::Client;
use refity_tests::lab::PASSWORD;
use refity_tests::registry::Registry;

/// Adds an account with the admin's password and these rights (1 pull, 2 push)
/// on the group `team`; returns its client.
fn user(lab: &Registry, name: &str, rights: u8) -> Client {
    let grants = [("team", rights)];
    let grants = if rights == 0 { &[] } else { &grants[..] };
    lab.database().add_user(name, grants);
    lab.client().with_credentials(name, PASSWORD)
}
