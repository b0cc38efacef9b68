//! Real answers are as the API's description says, for every principal, and whether
//! they are good news or bad.

use std::collections::{BTreeMap, BTreeSet};

use refity_tests::client::Answer;
use refity_tests::expect::Expect as _;
use refity_tests::schema;
use serde_json::{Value, json};

use super::principals::{APP, Scene};
use super::requests::{self, Body, Call};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// An operation that takes JSON.
pub(super) struct Taken<'a> {
    pub(super) method: String,
    pub(super) path: &'a str,
    /// What its body is like.
    pub(super) schema: &'a Value,
    /// Where the administrator's request for it goes,
    pub(super) url: String,
    /// and with which body.
    pub(super) good: Value,
}

/// The API's description.
pub(super) struct Description(pub(super) Value);

impl Description {
    pub(super) async fn of(scene: &Scene) -> Self {
        Self(scene.admin.get("/api/openapi.json").await.gives(200).json())
    }

    /// Each operation: method, path, and what is said of it.
    pub(super) fn operations(&self) -> Vec<(String, &str, &Value)> {
        let paths = self.0["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, item)| {
            let item = item.as_object().expect("operations");
            for word in item.keys() {
                assert!(METHODS.contains(&word.as_str()), "{word} of {path}");
            }
            let operations = item.iter();
            operations.map(|(method, it)| (method.to_uppercase(), path.as_str(), it))
        });
        operations.collect()
    }

    /// The operations that take JSON.
    pub(super) async fn with_json(&self, scene: &Scene) -> Vec<Taken<'_>> {
        let mut found = Vec::new();
        for (method, path, operation) in self.operations() {
            let body = &operation["requestBody"];
            let schema = &body["content"]["application/json"]["schema"];
            if schema.is_null() {
                continue;
            }
            let admin = scene.principal("admin");
            let call = requests::call(scene, admin, &method, path).await;
            let Body::Json(good) = call.body else {
                panic!("{method} {path} takes JSON, and the request for it has none");
            };
            let url = call.path;
            found.push(Taken {
                method,
                path,
                schema,
                url,
                good,
            });
        }
        assert!(found.len() > 15, "{} operations take JSON", found.len());
        found
    }

    /// Looks whether an answer is one that the operation may give.
    fn check(&self, operation: &Value, answer: &Answer) -> Result<(), String> {
        let described = &operation["responses"][answer.status.to_string()];
        if described.is_null() {
            return Err("the status is not described".to_owned());
        }
        let Some(contents) = described["content"].as_object() else {
            return match answer.body.is_empty() {
                true => Ok(()),
                false => Err("the description has no body".to_owned()),
            };
        };
        let kind = answer.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default();
        let Some(content) = contents.get(kind) else {
            return Err(format!("the type {kind} is not described"));
        };
        let value = match kind {
            "application/json" => serde_json::from_slice(&answer.body),
            "text/event-stream" => first_snapshot(answer),
            _ => Ok(json!(String::from_utf8_lossy(&answer.body))),
        };
        let value = value.map_err(|error| error.to_string())?;
        schema::check(&self.0, &content["schema"], &value)
    }
}

/// The data of the first snapshot.
fn first_snapshot(answer: &Answer) -> serde_json::Result<Value> {
    let text = String::from_utf8_lossy(&answer.body);
    let (_, snapshot) = text.split_once("event: snapshot").unwrap_or_default();
    let mut lines = snapshot.lines();
    let data = lines.find_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(data.unwrap_or_default())
}

/// What operations answered so far.
#[derive(Default)]
struct Observed {
    statuses: BTreeMap<(String, String), BTreeSet<u16>>,
    wrong: Vec<String>,
}

impl Observed {
    fn observe_answer(
        &mut self,
        description: &Description,
        method: &str,
        path: &str,
        answer: &Answer,
    ) {
        let operation = &description.0["paths"][path][method.to_lowercase()];
        assert!(operation.is_object(), "{method} {path} is not described");
        if let Err(why) = description.check(operation, answer) {
            self.wrong
                .push(format!("{method} {path}: {why}: {answer:?}"));
        }
        let of = (method.to_owned(), path.to_owned());
        self.statuses.entry(of).or_default().insert(answer.status);
    }
}

/// Requests beside those of the table, by the administrator: other forms of
/// the answers, and other errors.
fn more(scene: &Scene) -> Vec<(&'static str, &'static str, Call)> {
    let digest = scene.image.digest();
    let get = |path: String| Call {
        path,
        body: Body::Nothing,
    };
    let json = |path: &str, body: Value| Call {
        path: path.to_owned(),
        body: Body::Json(body),
    };
    let absent = "5f2b6c1e-6f5c-4a0e-9d53-0f6f1f1f2a77";
    let name = "/api/users/{name}";
    let robot = "/api/robots/{name}";
    let scopes = json!([{ "repositories": "team/*", "rights": ["pull"] }]);
    let mut calls: Vec<(&str, &str, Call)> = Vec::new();
    for (route, path) in [
        (
            "/api/audit",
            "/api/audit?format=csv&action=login".to_owned(),
        ),
        ("/api/audit", "/api/audit?action=push&limit=1".to_owned()),
        ("/api/audit", "/api/audit?since=yesterday".to_owned()),
        ("/api/jobs", "/api/jobs?state=done&limit=2".to_owned()),
        ("/api/jobs", "/api/jobs?state=lost".to_owned()),
        ("/api/jobs/{id}", "/api/jobs/999999".to_owned()),
        ("/api/groups", "/api/groups?limit=1&order=desc".to_owned()),
        ("/api/groups", "/api/groups?limit=0".to_owned()),
        ("/api/repos", "/api/repos?sort=size&limit=1".to_owned()),
        ("/api/repos", "/api/repos?group=absent".to_owned()),
        (
            "/api/tags",
            format!("/api/tags?repo={APP}&sort=semver&limit=1"),
        ),
        ("/api/tags", "/api/tags?repo=team/absent".to_owned()),
        ("/api/image", format!("/api/image?repo={APP}&ref={digest}")),
        ("/api/image", format!("/api/image?repo={APP}&ref=signature")),
        ("/api/image", format!("/api/image?repo={APP}&ref=absent")),
        (
            "/api/diff",
            format!("/api/diff?repo={APP}&from=v1&to=signature"),
        ),
        (
            "/api/diff",
            format!("/api/diff?repo={APP}&from=v1&to=absent"),
        ),
        (
            "/api/referrers",
            format!("/api/referrers?repo={APP}&digest=x"),
        ),
        ("/api/search", "/api/search".to_owned()),
        ("/api/storage/top", "/api/storage/top?limit=101".to_owned()),
        (
            "/api/storage/history",
            "/api/storage/history?days=7".to_owned(),
        ),
        (
            "/api/users",
            "/api/users?sort=last_login&limit=2".to_owned(),
        ),
        ("/api/users", "/api/users?sort=hash".to_owned()),
        (name, "/api/users/absent".to_owned()),
        (name, "/api/users/%3Cb%3E".to_owned()),
        ("/api/grants", "/api/grants?user=absent".to_owned()),
        ("/api/grants", "/api/grants".to_owned()),
        ("/api/tokens", "/api/tokens?user=absent".to_owned()),
        ("/api/robots", "/api/robots?group=absent".to_owned()),
        (robot, "/api/robots/team+absent".to_owned()),
        ("/api/sessions", "/api/sessions?cursor=x".to_owned()),
    ] {
        calls.push(("GET", route, get(path)));
    }
    for (route, path) in [
        (name, "/api/users/admin".to_owned()),
        (robot, "/api/robots/team+absent".to_owned()),
        ("/api/sessions/{id}", format!("/api/sessions/{absent}")),
        ("/api/tokens/{id}", "/api/tokens/999999".to_owned()),
        ("/api/tokens/{id}", "/api/tokens/x".to_owned()),
        (
            "/api/grants",
            "/api/grants?user=absent&group=team".to_owned(),
        ),
        ("/api/groups/{group}", "/api/groups/team".to_owned()),
        ("/api/groups/{group}", "/api/groups/absent".to_owned()),
        ("/api/groups/{group}", "/api/groups/Team".to_owned()),
        ("/api/repos", "/api/repos?repo=team/absent".to_owned()),
        ("/api/repos", format!("/api/repos?repo={APP}&dry_run=true")),
        (
            "/api/image",
            format!("/api/image?repo={APP}&digest={digest}&dry_run=true"),
        ),
        (
            "/api/repositories/{repository}",
            "/api/repositories/team/absent".to_owned(),
        ),
        (
            "/api/repositories/{repository}/tags/{tag}",
            format!("/api/repositories/{APP}/tags/absent"),
        ),
    ] {
        calls.push(("DELETE", route, get(path)));
    }
    let gone = json!({ "repo": APP, "tags": ["absent"] });
    let some = json!({ "repo": APP, "tags": ["v1", "absent"], "dry_run": true });
    let none = json!({ "repo": APP, "tags": [] });
    let expiring = json!({ "name": "ends", "scopes": scopes, "expires_at": "soon" });
    for (route, body) in [
        ("/api/groups", json!({ "name": "team" })),
        ("/api/repos", json!({ "name": APP })),
        ("/api/repos", json!({ "name": "absent/app" })),
        ("/api/repositories", json!({ "name": APP })),
        ("/api/tags/delete", gone),
        ("/api/tags/delete", some),
        ("/api/tags/delete", none),
        (
            "/api/users",
            json!({ "name": "GUEST", "password": "a password" }),
        ),
        (
            "/api/users",
            json!({ "name": "short", "password": "short" }),
        ),
        (
            "/api/robots",
            json!({ "name": "team+ci", "scopes": scopes }),
        ),
        ("/api/tokens", json!({ "name": "narrow", "scopes": scopes })),
        ("/api/tokens", expiring),
        ("/api/gc", json!({})),
        ("/api/auth/login", json!({ "username": "admin" })),
    ] {
        calls.push(("POST", route, json(route, body)));
    }
    let retry = format!("/api/jobs/{}/retry", i64::MAX);
    calls.push(("POST", "/api/jobs/{id}/retry", get(retry)));
    let (put, nothing) = (
        "/api/grants",
        json!({ "user": "guest", "group": "team", "rights": [] }),
    );
    calls.push(("PUT", put, json(put, nothing)));
    let own = json!({ "password": "a password" });
    calls.push((
        "PUT",
        "/api/users/{name}/password",
        json("/api/users/admin/password", own),
    ));
    let role = json!({ "role": "user" });
    calls.push(("PATCH", name, json("/api/users/admin", role)));
    calls
}

#[tokio::test]
async fn every_operation_answers_as_it_is_described() {
    let scene = Scene::start().await;
    let description = Description::of(&scene).await;
    let mut seen = Observed::default();
    let admin = scene.principal("admin");
    for taken in description.with_json(&scene).await {
        if let Err(why) = schema::check(&description.0, taken.schema, &taken.good) {
            let Taken {
                method, path, good, ..
            } = taken;
            seen.wrong
                .push(format!("{method} {path} is sent {good}: {why}"));
        }
    }
    for (method, path, _) in description.operations() {
        for principal in &scene.principals {
            let answer = requests::ask(&scene, principal, &method, path).await;
            seen.observe_answer(&description, &method, path, &answer);
        }
    }
    for (method, path, call) in more(&scene) {
        let answer = requests::sent(&scene, admin, method, &call).await;
        seen.observe_answer(&description, method, path, &answer);
    }
    assert!(seen.wrong.is_empty(), "{:#?}", seen.wrong);
    for (method, path, operation) in description.operations() {
        let statuses = &seen.statuses[&(method.clone(), path.to_owned())];
        let is_tried = |class: u16| statuses.iter().any(|status| status / 100 == class);
        assert!(
            is_tried(2),
            "{method} {path} was never carried out: {statuses:?}"
        );
        let described = operation["responses"].as_object().expect("responses");
        let can_refuse = described.keys().any(|status| status.starts_with('4'));
        assert_eq!(is_tried(4), can_refuse, "{method} {path}: {statuses:?}");
    }
}

/// What a reader of the description needs of each operation and field.
#[tokio::test]
async fn the_description_says_what_each_operation_and_parameter_is_for() {
    let lab = refity_tests::app::TestApp::builder()
        .uploaders(0)
        .start()
        .await;
    let description = lab
        .client()
        .get("/api/openapi.json")
        .await
        .gives(200)
        .json();
    let description = Description(description);
    let mut ids = BTreeSet::new();
    for (method, path, operation) in description.operations() {
        let at = format!("{method} {path}");
        let has = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
        assert!(has(&operation["summary"]), "{at} says nothing");
        assert!(operation["tags"].is_array(), "{at} is in no chapter");
        let id = operation["operationId"].as_str().expect("an id");
        assert!(
            ids.insert(id.to_owned()),
            "{at}: another one is called {id}"
        );
        let named = path.split('/').filter_map(|part| part.strip_prefix('{'));
        let named: BTreeSet<&str> = named.map(|part| part.trim_end_matches('}')).collect();
        let mut described = BTreeSet::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("a name");
            if parameter["in"] == "path" {
                described.insert(name);
            }
        }
        assert_eq!(named, described, "{at}");
        for (status, response) in operation["responses"].as_object().expect("responses") {
            assert!(has(&response["description"]), "{at}: {status} says nothing");
        }
    }
}
