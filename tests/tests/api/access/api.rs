//! The API: groups, jobs, and what it says to bad input.

use refity_tests::app::TestApp;
use refity_tests::client::{Answer, send};
use refity_tests::expect::Expect as _;
use refity_tests::lab::Lab;
use refity_tests::random;
use reqwest::Method;
use serde_json::{Value, json};

/// The error of an answer: JSON, with a code and words.
fn error(answer: &Answer) -> Value {
    assert_eq!(
        answer.header("content-type"),
        Some("application/json"),
        "{answer:?}"
    );
    let error = answer.json()["error"].clone();
    let words = error["message"].as_str().unwrap_or_default();
    assert!(words.len() > 10, "{answer:?}");
    assert!(error["code"].is_string(), "{answer:?}");
    error
}

#[tokio::test]
async fn groups_are_made_once_and_listed() {
    let lab = TestApp::builder().without_groups().start().await;
    let client = lab.client();
    let empty = client.get("/api/groups").await.gives(200).json();
    assert_eq!((&empty["groups"], &empty["total"]), (&json!([]), &json!(0)));

    let made = client.create_group("team").await.gives(201).json();
    assert_eq!(made["name"], "team");
    let exists = client.create_group("team").await.gives(409);
    assert!(error(&exists)["message"].to_string().contains("team"));
    for name in [
        "",
        "Team",
        "a/b",
        "-a",
        "a..b",
        "ä",
        "../x",
        "_refity",
        &"a".repeat(256),
    ] {
        let refused = client.create_group(name).await.gives(400);
        assert!(
            error(&refused)["message"].to_string().contains("name"),
            "{name}"
        );
    }
    client.create_group("other").await.gives(201);
    client
        .push_blob("team/app", random::bytes(10))
        .await
        .unwrap();
    client
        .push_blob("team/deep/er", random::bytes(10))
        .await
        .unwrap();
    let listed = client.get("/api/groups").await.gives(200).json();
    assert_eq!(listed["groups"], json!(["other", "team"]));
    assert_eq!(listed["total"], 2);
    assert_eq!(listed["items"][1]["repositories"], 2, "{listed}");
    assert_eq!(listed["items"][1]["create_on_push"], true, "{listed}");

    lab.wait_until_stored().await;
    for group in ["team", "other"] {
        let marker = format!("docker/registry/v2/_refity/groups/{group}");
        assert!(lab.tree().join(&marker).is_file(), "{marker}");
    }
}

#[tokio::test]
async fn jobs_are_counted_and_listed() {
    let mut lab = Lab::start().await;
    let client = lab.client();
    lab.wait_until_stored().await;
    lab.sshd_mut().kill();
    let digest = client
        .push_blob("team/app", random::bytes(10))
        .await
        .unwrap();

    let summary = client.jobs_summary().await.gives(200).json();
    let states = ["done", "failed", "pending", "running", "waiting"];
    let total: u64 = states
        .iter()
        .map(|state| summary[state].as_u64().unwrap())
        .sum();
    assert_eq!(total, 3, "the group, the blob, its link: {summary}");

    let jobs = client.jobs().await.gives(200).json();
    assert_eq!(jobs["total"], 3, "{jobs}");
    let items = jobs["items"].as_array().unwrap();
    let store = items
        .iter()
        .find(|job| job["kind"] == "store_blob")
        .unwrap();
    assert_eq!(store["digest"], json!(digest));
    assert_eq!(store["bytes_total"], 10);
    let link = items.iter().find(|job| job["kind"] == "link_blob").unwrap();
    assert_eq!(link["repo"], "team/app");
    assert_eq!(link["state"], "waiting");
    let done = client
        .get("/api/jobs?state=done&limit=1")
        .await
        .gives(200)
        .json();
    assert_eq!(done["items"].as_array().unwrap().len(), 1, "{done}");
    for query in ["state=lost", "limit=0", "limit=x", "repo=NoName"] {
        let refused = client.get(&format!("/api/jobs?{query}")).await.gives(400);
        error(&refused);
    }
    lab.sshd_mut().restart().unwrap();
    lab.wait_until_stored().await;
    let summary = client.jobs_summary().await.gives(200).json();
    assert_eq!(summary["done"], 3, "{summary}");
}

#[tokio::test]
async fn bad_requests_are_answered_in_json_and_words() {
    let lab = TestApp::start().await;
    let client = lab.client();
    for path in ["/api", "/api/", "/api/nothing", "/api/groups/team/x/y"] {
        let answer = client.get(path).await.gives(404);
        assert_eq!(error(&answer)["code"], "NOT_FOUND", "{path}");
    }
    let answer = client.bare(Method::DELETE, "/api/jobs").await.gives(405);
    error(&answer);
    assert!(
        answer
            .header("allow")
            .is_some_and(|allow| allow.contains("GET"))
    );

    let post = |body: String, content_type: &'static str| {
        let request = client.request(Method::POST, "/api/groups");
        send(request.header("content-type", content_type).body(body))
    };
    for body in [
        "",
        "{",
        "[]",
        "{}",
        "{\"name\": 7}",
        "null",
        &"[".repeat(10_000),
    ] {
        let answer = post(body.to_owned(), "application/json").await.gives(400);
        error(&answer);
    }
    let typed = post("name=team".to_owned(), "application/x-www-form-urlencoded");
    error(&typed.await.gives(415));
    let large = json!({ "name": "x".repeat(1_000_000) }).to_string();
    error(&post(large, "application/json").await.gives(413));

    // The registry's own form of errors, below its own path.
    for path in ["/v2/nothing", "/v2/team/app/nothing"] {
        let answer = client.get(path).await.gives(404);
        assert!(!answer.error_code().is_empty(), "{answer:?}");
    }
    let answer = client.bare(Method::POST, "/v2/team/app/tags/list").await;
    answer.refuses(405, "UNSUPPORTED");
}
