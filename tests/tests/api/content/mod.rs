//! Groups, repositories, tags and images in the API: contents, visibility,
//! deletion with its preview, and the legacy paths.

mod deletions;
mod groups;
mod image;
mod legacy;
mod lists;
mod repository_removal;
mod visibility;

use refity_tests::client::{Answer, Client, Sent, send};
use refity_tests::expect::Expect as _;
use refity_tests::registry::Registry;
use reqwest::Method;
use serde_json::Value;

/// The repository of most tests.
const APP: &str = "team/app";

/// The admin's password too, so that its hash can be copied.
const BOB: &str = "bob";

/// `GET path` as JSON.
async fn get(client: &Client, path: &str) -> Value {
    client.get(path).await.gives(200).json()
}

/// A request with JSON.
async fn json(client: &Client, method: Method, path: &str, body: &Value) -> Sent {
    send(client.request(method, path).json(body)).await
}

/// The values of one field of all items.
fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    let items = list["items"].as_array().expect("items");
    items
        .iter()
        .filter_map(|item| item[field].as_str())
        .collect()
}

/// The message of the error.
fn message(answer: &Answer) -> String {
    let words = answer.json()["error"]["message"].clone();
    words.as_str().unwrap_or_default().to_owned()
}

/// Adds an account with the admin's password and these rights (1 pull, 2 push,
/// 4 delete, 8 manage) on groups; returns its client.
fn account(lab: &Registry, name: &str, grants: &[(&str, u8)]) -> Client {
    lab.database().add_user(name, grants);
    lab.client()
        .with_credentials(name, refity_tests::lab::PASSWORD)
}

/// Replaces what differs from run to run: times and digests.
fn settled(mut value: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::String(text) => {
                let bytes = text.as_bytes();
                if bytes.len() >= 20 && bytes[4] == b'-' && bytes[10] == b'T' {
                    "<time>".clone_into(text);
                } else if text.starts_with("sha256:") {
                    "<digest>".clone_into(text);
                }
            }
            Value::Array(all) => all.iter_mut().for_each(walk),
            Value::Object(all) => all.values_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut value);
    value
}
