//! Accounts: users, sessions, tokens, robots and grants.

mod grants;
mod keys;
mod robots;
mod sessions;
mod tokens;
mod users;

use super::*;

/// Creates a user with this role.
async fn user(place: &Place, name: &str, role: Role) -> User {
    let new = NewUser {
        name: name.parse().unwrap(),
        password_hash: "hash".to_owned(),
        role,
        must_change_password: false,
    };
    place.store.create_user(new).await.unwrap().unwrap()
}

/// Requests a list in one page.
fn everything() -> PageRequest {
    PageRequest::everything(Order::Asc)
}

fn scope(text: &str) -> refity_types::rights::Scope {
    refity_types::rights::Scope {
        repositories: text.parse().unwrap(),
        rights: refity_types::rights::Rights::PULL,
    }
}
