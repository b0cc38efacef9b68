//! Who may do what, and what the API answers.

mod api;
mod first_start;
mod passwords;
mod secrets;

use refity_tests::client::{Client, Sent, send};
use reqwest::Method;
use serde_json::json;

/// `POST /api/auth/login`.
async fn login(client: &Client, user: &str, password: &str) -> Sent {
    let body = json!({ "username": user, "password": password });
    client.post_json("/api/auth/login", &body).await
}

/// `PUT /api/auth/password`, with the client's credentials.
async fn change_password(client: &Client, current: &str, new: &str) -> Sent {
    let body = json!({ "current_password": current, "new_password": new });
    client.put_json("/api/auth/password", &body).await
}

/// A request with a token in place of the client's credentials.
async fn with_token(client: &Client, method: Method, path: &str, token: &str) -> Sent {
    let anonymous = Client::anonymous(client.base().trim_start_matches("http://"));
    send(anonymous.request(method, path).bearer_auth(token)).await
}
