//! People and programs: accounts, rights, tokens, robots, sessions, limits on
//! guessing, and the command line for who is locked out.

mod bad_input;
mod command;
mod cors;
mod grants;
mod login_throttle;
mod pages;
mod robots;
mod sessions;
mod tokens;
mod two_gateways;
mod users;

use refity_tests::client::{Answer, Client, Sent, send};
use refity_tests::expect::Expect as _;
use refity_tests::registry::Registry;
use reqwest::Method;
use serde_json::{Value, json};

/// A request with a JSON body.
async fn call(client: &Client, method: Method, path: &str, body: &Value) -> Sent {
    send(client.request(method, path).json(body)).await
}

async fn delete(client: &Client, path: &str) -> Sent {
    client.bare(Method::DELETE, path).await
}

/// A request with a token as Bearer.
async fn with_bearer(client: &Client, token: &str, method: Method, path: &str) -> Sent {
    let anonymous = anonymous(client);
    send(anonymous.request(method, path).bearer_auth(token)).await
}

/// This client, without its credentials.
fn anonymous(client: &Client) -> Client {
    Client::anonymous(client.base().trim_start_matches("http://"))
}

/// The words of an error in the API's form.
fn message(answer: &Answer) -> String {
    let error = &answer.json()["error"];
    for field in ["code", "message", "request_id"] {
        let text = error[field].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "{field}: {answer:?}");
    }
    error["message"].as_str().unwrap_or_default().to_owned()
}

fn password_of(name: &str) -> String {
    format!("the-password-of-{name}")
}

/// An account that may sign in at once, and its client.
async fn user(lab: &Registry, name: &str) -> Client {
    let body =
        json!({ "name": name, "password": password_of(name), "must_change_password": false });
    let admin = lab.client();
    admin.post_json("/api/users", &body).await.gives(201);
    admin.with_credentials(name, &password_of(name))
}

/// Gives rights on a group, or on a repository of it.
async fn give(lab: &Registry, user: &str, on: &str, rights: &[&str]) {
    let group = on.split('/').next().unwrap();
    let mut body = json!({ "user": user, "group": group, "rights": rights });
    if on != group {
        body["repository"] = json!(on);
    }
    lab.client().put_json("/api/grants", &body).await.gives(200);
}

async fn login(client: &Client, name: &str, password: &str) -> Sent {
    let body = json!({ "username": name, "password": password });
    client.post_json("/api/auth/login", &body).await
}
