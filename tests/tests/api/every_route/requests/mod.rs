//! One valid request for each route and principal. What a request consumes is
//! created for it alone.

mod content;
mod operations;
mod people;
mod registry;

use bytes::Bytes;
use refity_tests::client::{Answer, send, with_form};
use refity_tests::expect::Expect as _;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::principals::{Principal, Scene};

/// The body of a request.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Nothing,
    Json(Value),
    Form(Vec<(&'static str, String)>),
    Bytes(&'static str, Bytes),
}

/// A request without credentials.
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

/// Returns the request of this principal to this route.
///
/// # Panics
/// If there is none: a new route needs one.
pub(super) async fn call(scene: &Scene, principal: &Principal, method: &str, route: &str) -> Call {
    let found = match registry::call(scene, method, route).await {
        None => content::call(scene, method, route).await,
        found => found,
    };
    let found = match found {
        None => people::call(scene, principal, method, route).await,
        found => found,
    };
    let found = found.or_else(|| operations::call(scene, method, route));
    found.unwrap_or_else(|| panic!("no request is known for {method} {route}: write one"))
}

/// Sends a request. Reads only the first event of an endless stream.
pub(super) async fn sent(
    scene: &Scene,
    principal: &Principal,
    method: &str,
    call: &Call,
) -> Answer {
    let request = scene.request(principal, method, &call.path);
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

/// Sends the request, and restores the password if the request changed it.
pub(super) async fn ask(scene: &Scene, principal: &Principal, method: &str, route: &str) -> Answer {
    let call = call(scene, principal, method, route).await;
    let answer = sent(scene, principal, method, &call).await;
    if route == "/api/auth/password" && answer.status == 204 {
        let new = people::another_password(principal);
        let client = scene.admin.with_credentials(&principal.account, &new);
        let back = json!({ "current_password": new, "new_password": principal.secret });
        client.put_json(route, &back).await.gives(204);
    }
    answer
}
