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
use refity_tests::lab::{Lab, PASSWORD};
use rusqlite::Connection;

/// The lab's database.
fn database(lab: &Lab) -> Connection {
    let path = lab.data_dir().join("refity.db");
    let database = Connection::open(path).expect("the lab's database");
    let patience = std::time::Duration::from_secs(30);
    database.busy_timeout(patience).expect("to set an option");
    database
}

/// An account with the admin's password and these rights (1 pull, 2 push) on
/// the group `team`: its client.
fn user(lab: &Lab, name: &str, rights: i64) -> Client {
    let database = database(lab);
    database
        .execute(
            "INSERT INTO users (name, key, password_hash, role, must_change_password, created_at,
                                password_changed_at)
             SELECT ?1, ?1, password_hash, 'user', 0, created_at, password_changed_at
             FROM users WHERE name = 'admin'",
            [name],
        )
        .expect("a user like the admin");
    if rights > 0 {
        database
            .execute(
                "INSERT INTO grants (user_id, group_id, rights, granted_at)
                 SELECT u.id, g.id, ?2, 0 FROM users u, groups g
                 WHERE u.name = ?1 AND g.name = 'team'",
                rusqlite::params![name, rights],
            )
            .expect("rights on a group");
    }
    lab.client().with_credentials(name, PASSWORD)
}
