//! What a client gets wrong is told to it, and is never the gateway's fault.

use refity_tests::client::send;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::lone::Lone;

#[tokio::test]
async fn bodies_that_are_no_json_of_the_right_form() {
    let gateway = Lone::start().await;
    let client = gateway.client();
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(70_000));
    for (media_type, body, status, words) in [
        ("text/plain", "{\"name\":\"a\"}", 415, "application/json"),
        ("application/json", "", 400, "EOF"),
        ("application/json", "{\"name\"", 400, "EOF"),
        ("application/json", "{}", 400, "missing field `name`"),
        ("application/json", "{\"name\":7}", 400, "expected a string"),
        ("application/json", "[]", 400, ""),
        ("application/json", "\u{0}", 400, ""),
        ("application/json", "{\"name\":\"A\"}", 400, "lower-case"),
        ("application/json", "{\"name\":\"a/b\"}", 400, "no /"),
        ("application/json", "{\"name\":\"\"}", 400, "group name"),
        ("application/json", large.as_str(), 413, "65536"),
    ] {
        let request = client.request(Method::POST, "/api/groups");
        let request = request
            .header(CONTENT_TYPE, media_type)
            .body(body.to_owned());
        let answer = send(request).await.unwrap().expect_status(status);
        let error = &answer.json()["error"];
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
        assert_eq!(error["request_id"].as_str(), answer.header("x-request-id"));
    }
}

#[tokio::test]
async fn queries_paths_and_methods() {
    let gateway = Lone::start().await;
    let client = gateway.client();
    for (method, path, status, code) in [
        (Method::GET, "/api/jobs?state=bogus", 400, "INVALID"),
        (Method::GET, "/api/jobs?limit=0", 400, "INVALID"),
        (Method::GET, "/api/jobs?limit=-1", 400, "INVALID"),
        (Method::GET, "/api/jobs?repo=UPPER", 400, "INVALID"),
        (Method::GET, "/api/nothing", 404, "NOT_FOUND"),
        (Method::GET, "/api", 404, "NOT_FOUND"),
        (Method::GET, "/api/", 404, "NOT_FOUND"),
        (Method::DELETE, "/api/groups", 405, "METHOD_NOT_ALLOWED"),
    ] {
        let answer = client
            .bare(method, path)
            .await
            .unwrap()
            .expect_status(status);
        assert_eq!(answer.json()["error"]["code"], code, "{path}");
    }
    let page = client.get("/nothing").await.unwrap().expect_status(404);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let nothing = client.get("/v2/nothing").await.unwrap().expect_status(404);
    assert!(!nothing.error_code().is_empty());
}

#[tokio::test]
async fn groups_are_made_once_and_listed() {
    let gateway = Lone::start().await;
    let client = gateway.client();
    client
        .create_group("team")
        .await
        .unwrap()
        .expect_status(201);
    let again = client
        .create_group("team")
        .await
        .unwrap()
        .expect_status(409);
    assert_eq!(again.json()["error"]["code"], "EXISTS");
    let groups = client.get("/api/groups").await.unwrap().json();
    assert_eq!(groups["groups"], json!(["team"]));
    assert_eq!(groups["total"], 1);
    assert_eq!(groups["items"][0]["create_on_push"], true);

    let jobs = client.jobs().await.unwrap().expect_status(200).json();
    assert_eq!(jobs["total"], 1);
    assert_eq!(jobs["items"][0]["kind"], "mark_group");
    assert_eq!(jobs["items"][0]["state"], "pending");
    assert_eq!(jobs["items"][0]["error"], json!(null));
    let summary = client.jobs_summary().await.unwrap().json();
    for (state, count) in [
        ("waiting", 0),
        ("pending", 1),
        ("running", 0),
        ("done", 0),
        ("failed", 0),
    ] {
        assert_eq!(summary[state], count, "{summary}");
    }
    // Nobody carries anything to SFTP.
    assert_eq!(summary["uploader"]["runs"], false, "{summary}");
    let none = client.get("/api/jobs?state=done").await.unwrap().json();
    assert_eq!((&none["items"], &none["total"]), (&json!([]), &json!(0)));
}
