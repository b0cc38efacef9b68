//! Invalid input to any operation is answered with a 4xx in words, or
//! what was asked for: never a 500. What is tried comes from the API's
//! description, so that a new operation is tried too.

use bytes::Bytes;
use refity_tests::bad_input::{NO_NAMES, changed};
use refity_tests::client::{Answer, Client, send};
use refity_tests::expect::Expect as _;
use refity_tests::lab::{ADMIN, PASSWORD};
use refity_tests::schema::resolved;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::description::{Description, Taken};
use super::principals::Scene;
use super::requests::{self, Body};

/// 10 MB.
const LARGE: usize = 10_000_000;

/// Fields that hold any text: passwords and words for people.
const FREE: [&str; 4] = [
    "password",
    "current_password",
    "new_password",
    "description",
];

/// What the administrator sends by a session: some of it must not be tried
/// with a token, and a wrong password that is tried shuts out no session.
struct Sender {
    client: Client,
    token: String,
}

impl Sender {
    async fn send(&self, method: &str, path: &str, kind: &str, body: impl Into<Bytes>) -> Answer {
        let method: Method = method.parse().expect("a method");
        let request = self.client.request(method, path).bearer_auth(&self.token);
        let request = request.header(CONTENT_TYPE, kind).body(body.into());
        send(request).await.expect("an answer")
    }

    async fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        let text = body.to_string();
        self.send(method, path, "application/json", text).await
    }
}

/// Who sends.
async fn sender(scene: &Scene) -> Sender {
    let client = Client::anonymous_from([127, 2, 0, 1], scene.lab.address(0));
    let body = json!({ "username": ADMIN, "password": PASSWORD });
    let session = client.post_json("/api/auth/login", &body).await.gives(200);
    let token = session.json()["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    Sender { client, token }
}

/// Looks whether it is refused in words: in the API's form, or in the
/// registry's where its clients read it.
#[track_caller]
fn assert_refused(answer: &Answer, statuses: &[u16], what: &str) {
    assert!(statuses.contains(&answer.status), "{what}: {answer:?}");
    let body = answer.json();
    let error = match body["errors"][0].is_object() {
        true => &body["errors"][0],
        false => {
            let error = &body["error"];
            let id = error["request_id"].as_str().unwrap_or_default();
            assert!(!id.is_empty(), "{what}: {answer:?}");
            assert!(error.get("hint").is_some(), "{what}: {answer:?}");
            error
        }
    };
    for field in ["code", "message"] {
        let text = error[field].as_str().unwrap_or_default();
        assert!(text.len() > 3, "{what}: {answer:?}");
    }
}

/// How what is no 400 may be refused. Not 401: the session has not ended.
const REFUSED: [u16; 6] = [400, 403, 404, 409, 413, 429];

/// Signing in says no more than that.
const NOT_SIGNED_IN: [u16; 2] = [401, 429];

/// In which ways an operation may refuse a text.
fn refusals(path: &str) -> &'static [u16] {
    match path {
        "/api/auth/login" => &NOT_SIGNED_IN,
        _ => &REFUSED,
    }
}

/// The object's schema; of one that may be nothing, the other choice.
fn object<'a>(description: &'a Description, schema: &'a Value) -> &'a Value {
    let schema = resolved(&description.0, schema);
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    let mut choices = choices.map(|it| resolved(&description.0, it));
    choices
        .find(|it| it["properties"].is_object())
        .unwrap_or(schema)
}

fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(name) => vec![name],
        names => names
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect(),
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_it_should_be_is_refused_in_words() {
    let scene = Scene::start().await;
    let description = Description::of(&scene).await;
    let sender = sender(&scene).await;
    let large = Bytes::from(format!("{{\"padding\":\"{}\"}}", "x".repeat(LARGE)));
    for taken in description.with_json(&scene).await {
        let Taken {
            method,
            path,
            schema,
            url,
            good,
        } = taken;
        let at = format!("{method} {path}");
        let unknown = changed(&good, "no_such_field", json!(1));
        let answer = sender.json(&method, &url, &unknown).await;
        assert_refused(&answer, &[400], &format!("{at}: an unknown field"));
        let words = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(words.contains("no_such_field"), "{at}: {words}");
        for body in ["{", "[]", "\"text\"", "7", "null", "\u{feff}{}", "{}{}"] {
            let answer = sender.send(&method, &url, "application/json", body).await;
            assert_refused(&answer, &[400], &format!("{at}: {body}"));
        }
        let bytes = &b"{\"name\":\"\xff\"}"[..];
        let answer = sender.send(&method, &url, "application/json", bytes).await;
        assert_refused(&answer, &[400], &format!("{at}: no UTF-8"));
        let answer = sender
            .send(&method, &url, "application/json", large.clone())
            .await;
        assert_refused(&answer, &[413], &format!("{at}: 10 MB"));
        let deep = "[".repeat(30_000);
        let answer = sender.send(&method, &url, "application/json", deep).await;
        assert_refused(&answer, &[400], &format!("{at}: deep"));
        let answer = sender
            .send(&method, &url, "text/plain", good.to_string())
            .await;
        assert_refused(&answer, &[415], &format!("{at}: text/plain"));

        let schema = object(&description, schema);
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (field, said) in schema["properties"].as_object().expect("properties") {
            let said = resolved(&description.0, said);
            let is_required = required.contains(&json!(field));
            if is_required {
                let mut body = good.clone();
                body.as_object_mut().expect("an object").remove(field);
                let answer = sender.json(&method, &url, &body).await;
                assert_refused(&answer, &[400], &format!("{at}: without {field}"));
            }
            for (kind, value) in [
                ("null", Value::Null),
                ("boolean", json!(true)),
                ("integer", json!(7)),
                ("number", json!(1.5)),
                ("string", json!("text")),
                ("array", json!([[]])),
                ("object", json!({})),
            ] {
                let may_be_null = kind == "null" && !is_required;
                if types(said).contains(&kind) || may_be_null || types(said).is_empty() {
                    continue;
                }
                let body = changed(&good, field, value);
                let answer = sender.json(&method, &url, &body).await;
                assert_refused(&answer, &[400], &format!("{at}: {field} is a {kind}"));
            }
        }
    }
}

#[tokio::test]
async fn texts_that_are_no_names_and_texts_without_end_are_refused() {
    let scene = Scene::start().await;
    let description = Description::of(&scene).await;
    let sender = sender(&scene).await;
    for taken in description.with_json(&scene).await {
        let Taken {
            method,
            path,
            schema,
            url,
            good,
        } = taken;
        let schema = object(&description, schema);
        for (field, said) in schema["properties"].as_object().expect("properties") {
            let said = resolved(&description.0, said);
            let item = resolved(&description.0, &said["items"]);
            let wrap = |text: &str| match types(said).contains(&"array") {
                true => json!([text]),
                false => json!(text),
            };
            let is_text = types(said).contains(&"string")
                || (types(said).contains(&"array") && types(item).contains(&"string"));
            if !is_text {
                continue;
            }
            let at = format!("{method} {path}: {field}");
            let long = [
                "x".repeat(10_000),
                "e\u{301}".repeat(5_000),
                "😀".repeat(300),
            ];
            for text in long {
                let body = changed(&good, field, wrap(&text));
                let answer = sender.json(&method, &url, &body).await;
                assert_refused(&answer, refusals(path), &format!("{at} without end"));
            }
            for text in NO_NAMES {
                // It would be the administrator's new password.
                if field == "new_password" && text.chars().count() >= 8 {
                    continue;
                }
                let body = changed(&good, field, wrap(text));
                let answer = sender.json(&method, &url, &body).await;
                // What one calls a token may have slashes and dots.
                let is_label = path == "/api/tokens" && text.starts_with("../");
                let is_free = is_label || FREE.contains(&field.as_str());
                if is_free && answer.status < 300 {
                    continue;
                }
                assert_refused(&answer, refusals(path), &format!("{at} is {text:?}"));
            }
        }
    }
    // Nothing of it did anything to what was there.
    let guest = scene.admin.get("/api/users/guest").await.gives(200);
    assert_eq!(guest.json()["role"], "user");
    scene.admin.get_manifest("team/app", "v1").await.gives(200);
}

#[tokio::test]
async fn parameters_that_are_nothing_are_refused_or_find_nothing() {
    let scene = Scene::start().await;
    let description = Description::of(&scene).await;
    let sender = sender(&scene).await;
    let admin = scene.principal("admin");
    let encoded = |text: &str| -> String { text.bytes().map(|it| format!("%{it:02X}")).collect() };
    let mut tried = 0;
    for (method, path, operation) in description.operations() {
        let call = requests::call(&scene, admin, &method, path).await;
        let body = match &call.body {
            Body::Json(json) => json.to_string(),
            _ => String::new(),
        };
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("a name");
            let of = parameter["in"].as_str().expect("a place");
            for text in NO_NAMES.map(encoded).into_iter().chain([
                "%FF".to_owned(),
                "x".repeat(5_000),
                "9".repeat(30),
                "-1".to_owned(),
            ]) {
                let url = match of {
                    "path" => path.replace(&format!("{{{name}}}"), &text),
                    "query" => {
                        let (base, query) = call.path.split_once('?').unwrap_or((&call.path, ""));
                        let others = query
                            .split('&')
                            .filter(|it| !it.is_empty() && it.split('=').next() != Some(name));
                        let mut all: Vec<String> = others.map(str::to_owned).collect();
                        all.push(format!("{name}={text}"));
                        format!("{base}?{}", all.join("&"))
                    }
                    _ => continue,
                };
                // What is left of a path without names is another path.
                if url.contains('{') || (of == "path" && text.is_empty()) {
                    continue;
                }
                let answer = sender
                    .send(&method, &url, "application/json", body.clone())
                    .await;
                tried += 1;
                let at = format!("{method} {url:.200}");
                if of == "path" || answer.status >= 300 {
                    assert_refused(&answer, &REFUSED, &at);
                }
            }
        }
    }
    assert!(tried > 1000, "{tried}");
}

#[tokio::test]
async fn a_limit_in_characters_counts_characters() {
    let scene = Scene::start().await;
    let admin = &scene.admin;
    let scopes = json!([{ "repositories": "team/*", "rights": ["pull"] }]);
    let robot = |name: &str, text: &str| json!({ "name": format!("team+{name}"), "scopes": scopes, "description": text });
    // Of one, two and four bytes, and of two code points.
    for (n, letter) in ["x", "ж", "😀"].into_iter().enumerate() {
        let most = robot(&format!("most{n}"), &letter.repeat(256));
        let made = admin
            .post_json("/api/robots", &most)
            .await
            .gives(201)
            .json();
        assert_eq!(made["description"], letter.repeat(256));
        let more = robot(&format!("more{n}"), &letter.repeat(257));
        let refused = admin.post_json("/api/robots", &more).await.gives(400);
        assert_refused(&refused, &[400], letter);
    }
    for (name, status) in [("ж", 201), ("e\u{301}", 201)] {
        let longest = json!({ "name": name.repeat(64), "password": "ж".repeat(256) });
        let made = admin.post_json("/api/users", &longest).await.gives(status);
        let shown = made.json()["name"].as_str().expect("a name").to_owned();
        assert_eq!(
            shown.chars().count(),
            64,
            "composed, and all of it: {shown}"
        );
        for (name, password) in [
            (name.repeat(65), "a password".to_owned()),
            (format!("b{name}"), "ж".repeat(257)),
        ] {
            let longer = json!({ "name": name, "password": password });
            let refused = admin.post_json("/api/users", &longer).await.gives(400);
            assert_refused(&refused, &[400], &name);
        }
    }
}
