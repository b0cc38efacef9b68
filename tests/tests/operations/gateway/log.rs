//! The line of each request, and what no line may hold.

use refity_tests::client::{Client, send};
use refity_tests::wire::Wire;
use reqwest::Method;
use serde_json::{Value, json};

use super::lone::{Lone, PASSWORD};

async fn get(client: &Client, path: &str, id: &str) {
    let request = client.request(Method::GET, path).header("x-request-id", id);
    let answer = send(request).await.unwrap();
    assert_eq!(answer.header("x-request-id"), Some(id));
}

#[tokio::test]
async fn a_line_tells_who_did_what_and_how_much() {
    let gateway = Lone::start().await;
    let client = gateway.client();
    client
        .create_group("team")
        .await
        .unwrap()
        .expect_status(201);
    let session = client.start_upload("team/app").await.unwrap().location();
    let request = client.request(Method::PATCH, &session);
    let request = request.header("x-request-id", "a-chunk");
    send(request.body(vec![7; 100_000]))
        .await
        .unwrap()
        .expect_status(202);
    let line = gateway.line_of("a-chunk").await;
    for (field, value) in [
        ("user", json!("admin")),
        ("repository", json!("team/app")),
        ("method", json!("PATCH")),
        ("path", json!(session)),
        ("status", json!(202)),
        ("bytes", json!(0)),
        ("bytes_received", json!(100_000)),
        ("cut_off", Value::Null),
    ] {
        assert_eq!(line[field], value, "{line}");
    }
    assert!(line["ms"].is_u64(), "{line}");
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");

    get(
        &gateway.anonymous(),
        "/api/groups?token=in-the-query",
        "no-user",
    )
    .await;
    let line = gateway.line_of("no-user").await;
    assert_eq!(
        (&line["user"], &line["status"]),
        (&Value::Null, &json!(401))
    );
    assert!(line["bytes"].as_u64().unwrap() > 0, "{line}");
    assert_eq!(line["path"], "/api/groups");
}

#[tokio::test]
async fn an_id_that_could_deceive_a_reader_is_replaced() {
    let gateway = Lone::start().await;
    let request = gateway.anonymous().request(Method::GET, "/");
    let request = request.header("x-request-id", "x\" status=200 y=\"");
    let answer = send(request).await.unwrap();
    assert_eq!(answer.header("x-request-id").unwrap().len(), 36);
}

#[tokio::test]
async fn a_client_that_leaves_is_logged_too() {
    let gateway = Lone::start().await;
    let client = gateway.client();
    client
        .create_group("team")
        .await
        .unwrap()
        .expect_status(201);
    let session = client.start_upload("team/app").await.unwrap().location();
    let mut wire = Wire::connect(&gateway.address).await;
    // admin:correct horse. The 100 says that the gateway reads the body.
    let head = format!(
        "PATCH {session} HTTP/1.1\r\nHost: x\r\nX-Request-Id: gone\r\nContent-Length: 1000\r\n\
         Expect: 100-continue\r\nAuthorization: Basic YWRtaW46Y29ycmVjdCBob3JzZQ==\r\n\r\n"
    );
    wire.send(head.as_bytes()).await;
    assert_eq!(wire.answer().await.status, 100);
    wire.send(b"half").await;
    drop(wire);
    let line = gateway.line_of("gone").await;
    assert_eq!(line["user"], "admin", "{line}");
    assert!(line["status"] != 202 || line["cut_off"] == true, "{line}");
}

#[tokio::test]
async fn no_secret_is_ever_logged() {
    let key = "a-key-of-thirty-two-characters-or-more";
    let gateway = Lone::start_with(&[
        ("ADMIN_PASSWORD", PASSWORD),
        ("JWT_SECRET", key),
        ("LOG_LEVEL", "trace"),
    ])
    .await;
    let nobody = gateway.anonymous();
    let body = json!({ "username": "admin", "password": PASSWORD });
    let answer = nobody.post_json("/api/auth/login", &body).await.unwrap();
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let request = nobody.request(Method::GET, "/api/auth/me");
    let request = request.header("authorization", format!("Bearer {token}"));
    send(request).await.unwrap().expect_status(200);
    let body = json!({ "current_password": PASSWORD, "new_password": "battery staple" });
    let changed = gateway.client().put_json("/api/auth/password", &body).await;
    changed.unwrap().expect_status(204);
    get(&nobody, "/api/groups?password=in-the-query", "last").await;
    gateway.line_of("last").await;

    let log = gateway.process.log();
    let signature = token.rsplit('.').next().unwrap();
    for secret in [
        PASSWORD,
        "battery staple",
        // admin:correct horse
        "YWRtaW46Y29ycmVjdCBob3JzZQ==",
        key,
        signature,
        "the-sftp-password",
        "argon2id",
        "in-the-query",
    ] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
