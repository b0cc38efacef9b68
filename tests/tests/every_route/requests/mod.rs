//! One request for each route, and for whom: such as is carried out for whoever
//! may. What a request uses up is made for it alone.

mod content;
mod operations;
mod people;
mod registry;

use bytes::Bytes;
use refity_tests::client::{Answer, send, with_form};
use refity_tests::expect::Expect as _;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::persons::{Person, Scene};

/// What a request carries.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Nothing,
    Json(Value),
    Form(Vec<(&'static str, String)>),
    Bytes(&'static str, Bytes),
}

/// A request, without who asks.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) path: String,
    pub(super) body: Body,
}

/// A request without a body.
fn bare(path: impl Into<String>) -> Call {
    Call {
        path: path.into(),
        body: Body::Nothing,
    }
}

/// A request with JSON.
fn with(path: impl Into<String>, body: Value) -> Call {
    Call {
        path: path.into(),
        body: Body::Json(body),
    }
}

/// A request to this route, for this person.
///
/// # Panics
/// When there is none: a new route needs one.
pub(super) async fn call(scene: &Scene, person: &Person, method: &str, route: &str) -> Call {
    let found = match registry::call(scene, method, route).await {
        None => content::call(scene, method, route).await,
        found => found,
    };
    let found = match found {
        None => people::call(scene, person, method, route).await,
        found => found,
    };
    let found = found.or_else(|| operations::call(scene, method, route));
    found.unwrap_or_else(|| panic!("no request is known for {method} {route}: write one"))
}

/// Sends it. Of events without end the first is read.
pub(super) async fn sent(scene: &Scene, person: &Person, method: &str, call: &Call) -> Answer {
    let request = scene.request(person, method, &call.path);
    let request = match &call.body {
        Body::Nothing => request,
        Body::Json(json) => request.json(json),
        Body::Form(form) => {
            let form: Vec<_> = form.iter().map(|(key, value)| (*key, &**value)).collect();
            with_form(request, &form)
        }
        Body::Bytes(kind, bytes) => request.header(CONTENT_TYPE, *kind).body(bytes.clone()),
    };
    if call.path != "/api/events" {
        return send(request).await.expect("an answer");
    }
    let mut response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.expect("events") {
        body.extend_from_slice(&piece);
        if String::from_utf8_lossy(&body).contains("event: snapshot") && body.ends_with(b"\n\n") {
            break;
        }
    }
    Answer {
        status,
        headers,
        body: body.into(),
    }
}

/// Asks, and brings back what must stay as it is: one's password.
pub(super) async fn ask(scene: &Scene, person: &Person, method: &str, route: &str) -> Answer {
    let call = call(scene, person, method, route).await;
    let answer = sent(scene, person, method, &call).await;
    if route == "/api/auth/password" && answer.status == 204 {
        let new = people::another_password(person);
        let client = scene.admin.with_credentials(&person.account, &new);
        let back = json!({ "current_password": new, "new_password": person.secret });
        client.put_json(route, &back).await.gives(204);
    }
    answer
}
