//! No log of any test tells a secret. Every test that starts one of our programs
//! searches its log when that ends ([`refity_tests::secrets`]), and labs log
//! at the level `trace`, their libraries' words included; here is the proof
//! that the search finds something, and what other tests do not send.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use refity_tests::client::{Client, send};
use refity_tests::curl::Curl;
use refity_tests::expect::Expect as _;
use refity_tests::lab::{ADMIN, Lab, PASSWORD};
use refity_tests::processes::{Process, Program};
use refity_tests::secrets::{leaks, note};
use refity_tests::wait;
use refity_tests::wire::{head, raw_http};
use reqwest::Method;
use serde_json::json;

fn tells(line: &str) -> bool {
    let log = format!("a first line\n{line}\na last line");
    !leaks(&log).is_empty()
}

#[test]
fn what_looks_like_a_secret_is_found() {
    for line in [
        "INFO made rfp_0123456789abcdefghijABCDEFGHIJ_-0123456",
        r#"{"secret":"rfr_0123456789abcdefghijABCDEFGHIJ_-0123456"}"#,
        "rft_0123456789abcdefghijABCDEFGHIJ_-0123456",
        "token=eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZG1pbiJ9.c2lnbmF0dXJl",
        "Authorization: any value",
        r#"headers={"authorization": "Basic YWRtaW46YWRtaW4="}"#,
        "proxy-authorization: Basic x",
        "sent Basic YWRtaW46YWRtaW5hZG1pbg==",
        "sent Bearer 0123456789abcdefghij",
        "cookie: refity_session_5000=abc",
        "__Secure-refity_session_443=abc",
        "hash=$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
    ] {
        assert!(tells(line), "{line}");
    }
    for line in [
        "INFO refity_gateway::log: request path=\"/api/token\" status=200",
        "rfp_ and rfr_ are how secrets begin",
        "a challenge: Bearer realm",
        "Basic credentials came",
        "the Authorization header is missing",
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ] {
        assert_eq!(leaks(line), [], "{line}");
    }
}

#[tokio::test]
async fn what_a_test_sends_or_is_given_is_found() {
    note("a-secret-noted-by-hand");
    assert!(tells("x=a-secret-noted-by-hand;"));
    assert!(!tells("x=a-secret-noted-by-han"));
    note(&"z".repeat(300));
    assert!(!tells(&"z".repeat(300)));

    let lab = Lab::start().await;
    assert!(tells(PASSWORD), "the variable's");
    let client = lab.client();
    let nobody = Client::anonymous(lab.address(0));
    client
        .with_credentials(ADMIN, "never-the-right-one")
        .ping()
        .await
        .gives(401);
    assert!(tells("never-the-right-one"));
    // Base64 of both.
    assert!(tells("YWRtaW46bmV2ZXItdGhlLXJpZ2h0LW9uZQ=="));
    let zoe = json!({ "name": "zoe", "password": "zoe has this one" });
    client.post_json("/api/users", &zoe).await.gives(201);
    assert!(tells("zoe has this one"));
    let form = "grant_type=password&username=x&password=by+a+form%21";
    let request = nobody.request(Method::POST, "/api/token").body(form);
    let form = "application/x-www-form-urlencoded";
    send(request.header("content-type", form)).await.gives(401);
    assert!(tells("by a form!"));
    let new = json!({ "name": "x" });
    let made = client.post_json("/api/tokens", &new).await;
    let made = made.gives(201).json();
    let secret = made["secret"].as_str().unwrap();
    // Also a part that has no shape.
    assert!(tells(secret));
    let login = json!({ "username": ADMIN, "password": PASSWORD });
    let request = nobody.request(Method::POST, "/api/auth/login");
    let request = request.header("x-refity-client", "web").json(&login);
    let answer = send(request).await.gives(200);
    let cookie = answer.header("set-cookie").unwrap();
    let value = cookie.split(['=', ';']).nth(1).unwrap();
    assert!(tells(value));
}

/// A program that is called as ours are, and logs this.
fn ours_that_logs(folder: &Path, line: &str) -> PathBuf {
    let path = folder.join("refity-gateway");
    let script = format!("#!/bin/sh\necho '{line}'\n");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}

async fn run_one_that_logs(line: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = ours_that_logs(folder.path(), line);
    let process = Process::start(Program::new(path, folder.path().join("log")));
    process.ended(Duration::from_secs(30)).await;
    drop(process);
}

#[tokio::test]
#[should_panic(expected = "a signed token: INFO eyJ")]
async fn a_test_whose_program_logs_a_secret_fails() {
    run_one_that_logs("INFO eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZG1pbiJ9.c2ln").await;
}

#[tokio::test]
async fn a_test_whose_program_logs_none_does_not() {
    run_one_that_logs("INFO started").await;
}

/// The ways of being known that other tests do not go, right and wrong, over
/// HTTP/1.1, HTTP/2 and in pieces that are no HTTP at all.
#[tokio::test]
async fn odd_ways_to_send_secrets_leave_no_trace() {
    let lab = Lab::builder().env("LOG_FORMAT", "json").start().await;
    let (client, address) = (lab.client(), lab.address(0));
    let secret = "a-secret-in-an-odd-place";
    note(secret);
    for target in [
        format!("/v2/?token={secret}"),
        format!("/api/token?service=refity&password={secret}&refresh_token={secret}"),
        format!("/api/users?access_token={secret}&sort={secret}"),
        format!("/api/audit?user={secret}&from={secret}"),
    ] {
        client.get(&target).await.unwrap();
    }
    for (method, path, body) in [
        (Method::POST, "/api/auth/login", format!("\"{secret}\"")),
        (
            Method::POST,
            "/api/auth/login",
            json!({ "username": secret, "password": secret }).to_string(),
        ),
        (
            Method::POST,
            "/api/users",
            json!({ "name": secret, "password": 5, secret: secret }).to_string(),
        ),
        (Method::PUT, "/api/auth/password", secret.to_owned()),
        (Method::POST, "/api/token", format!("password={secret}")),
    ] {
        let request = client.request(method, path).body(body);
        let request = request.header("content-type", "application/json");
        send(request).await.unwrap();
    }
    for value in [
        secret.to_owned(),
        format!("Basic {secret}"),
        format!("Bearer {secret}"),
        format!("Digest username=\"{secret}\""),
        format!("bearer rfp_{secret}"),
        format!("Bearer eyJhbGciOiJIUzI1NiJ9.{secret}.{secret}"),
    ] {
        for path in ["/v2/", "/api/auth/me", "/api/token", "/healthz"] {
            let request = Client::anonymous(address).request(Method::GET, path);
            send(request.header("authorization", &value)).await.unwrap();
        }
    }
    let cookie = format!("refity_session={secret}; other={secret}");
    let request = Client::anonymous(address).request(Method::GET, "/api/auth/me");
    send(request.header("cookie", cookie)).await.gives(401);

    // Heads that are broken off, too long, or none.
    let whole = head(&client, "GET", "/v2/", &[("Connection", "close")]);
    for bytes in [
        whole.replace("HTTP/1.1", "HTTP/9.9"),
        whole.replace("Host:", "Host"),
        whole.replace("\r\n\r\n", "\r\nX: \u{1}\r\n\r\n"),
        format!("{}X: {}\r\n\r\n", whole.trim_end(), "x".repeat(300_000)),
        format!("Authorization: Bearer {secret}\r\n\r\n"),
    ] {
        raw_http(address, bytes.as_bytes()).await;
    }
    over_http2(&lab).await;

    let log = lab.gateway(0).log();
    assert!(log.contains("\"level\":\"TRACE\"") && log.contains("\"target\":\"h2"));
    wait::until(
        "all lines are written",
        Duration::from_secs(30),
        async || {
            lab.gateway(0)
                .log()
                .contains("\"path\":\"/v2/team/app/tags/list\"")
        },
    )
    .await;
}

/// With the administrator's password, by curl, whose HTTP/2 begins without TLS.
async fn over_http2(lab: &Lab) {
    let curl = Curl::at(&format!("http://{}", lab.address(0)));
    let cookie = "Cookie: refity_session=a-secret-in-an-odd-place";
    let curl = curl.with(["--http2-prior-knowledge", "--header", cookie]);
    let answer = curl.send("GET", "/v2/team/app/tags/list", None).await;
    assert_eq!(answer.version, "HTTP/2");
}
