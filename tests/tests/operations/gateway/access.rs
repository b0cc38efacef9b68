//! Who may come in.

use refity_tests::client::{Answer, Client, send};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::json;

use super::lone::{Lone, PASSWORD};

async fn login(client: &Client, password: &str) -> Answer {
    let body = json!({ "username": "admin", "password": password });
    client.post_json("/api/auth/login", &body).await.unwrap()
}

async fn with_token(client: &Client, token: &str, path: &str) -> Answer {
    let request = client.request(Method::GET, path);
    let request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    send(request).await.unwrap()
}

async fn change(client: &Client, from: &str, to: &str) -> Answer {
    let body = json!({ "current_password": from, "new_password": to });
    client.put_json("/api/auth/password", &body).await.unwrap()
}

#[tokio::test]
async fn the_first_password_opens_one_door_only() {
    let gateway = Lone::start_with(&[]).await;
    let admin = gateway.anonymous().with_credentials("admin", "admin");
    for path in ["/v2/", "/v2/team/app/tags/list", "/api/groups", "/api/jobs"] {
        let answer = admin.get(path).await.unwrap().expect_status(403);
        let words = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(words.contains("/api/auth/password"), "{path}: {words}");
    }
    let refused = admin.start_upload("team/app").await.unwrap();
    assert_eq!(refused.expect_status(403).error_code(), "DENIED");
    let session = login(&gateway.anonymous(), "admin")
        .await
        .expect_status(200);
    assert_eq!(session.json()["must_change_password"], true);

    for (new, words) in [("admin", "everybody knows"), ("short", "8 characters")] {
        let answer = change(&admin, "admin", new).await.expect_status(400);
        let message = answer.json()["error"]["message"].to_string();
        assert!(message.contains(words), "{message}");
    }
    change(&admin, "admin", PASSWORD).await.expect_status(204);
    gateway.client().ping().await.unwrap().expect_status(200);
    admin.ping().await.unwrap().expect_status(401);
}

#[tokio::test]
async fn a_password_that_was_set_is_good_from_the_start() {
    let gateway = Lone::start().await;
    gateway.client().ping().await.unwrap().expect_status(200);
    let body = login(&gateway.anonymous(), PASSWORD)
        .await
        .expect_status(200)
        .json();
    assert_eq!(body["success"], true);
    assert_eq!(body["must_change_password"], false);
    assert_eq!(body["user"]["username"], "admin");
    assert_eq!(body["user"]["role"], "admin");
}

#[tokio::test]
async fn without_good_credentials_there_is_a_challenge() {
    let gateway = Lone::start().await;
    let nobody = gateway.anonymous();
    for client in [
        nobody.clone(),
        nobody.with_credentials("admin", "wrong horse"),
        nobody.with_credentials("nobody", PASSWORD),
        nobody.with_credentials("", ""),
    ] {
        let answer = client.ping().await.unwrap().expect_status(401);
        // One challenge, and not Basic: docker would never ask for a token.
        let realm = format!("http://{}/api/token", gateway.address);
        let challenge = format!("Bearer realm=\"{realm}\",service=\"refity\"");
        let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(challenges, [challenge.as_str()]);
        let version = answer.header("docker-distribution-api-version");
        assert_eq!(version, Some("registry/2.0"));
        assert_eq!(answer.error_code(), "UNAUTHORIZED");
        let upload = client.start_upload("team/app").await.unwrap();
        upload.expect_status(401);
        let groups = client.get("/api/groups").await.unwrap();
        assert_eq!(
            groups.expect_status(401).json()["error"]["code"],
            "UNAUTHORIZED"
        );
    }
    let refused = login(&nobody, "wrong horse")
        .await
        .expect_status(401)
        .json();
    assert_eq!(refused["success"], false);
    assert_eq!(refused["error"]["code"], "UNAUTHORIZED");
}

#[tokio::test]
async fn argon2_runs_once_per_credential_and_minute() {
    let gateway = Lone::start_with(&[
        ("ADMIN_PASSWORD", PASSWORD),
        ("LOG_LEVEL", "info,refity_gateway=debug"),
    ])
    .await;
    let runs = || {
        let lines = gateway.lines().into_iter();
        lines.filter(|line| line["message"] == "ran Argon2").count()
    };
    assert_eq!(runs(), 1, "the first user's hash");
    let client = gateway.client();
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let client = client.clone();
        requests.spawn(async move { client.ping().await.unwrap().status });
    }
    assert!(
        requests
            .join_all()
            .await
            .into_iter()
            .all(|status| status == 200)
    );
    assert_eq!(runs(), 2);
    gateway.set_clock(61_000);
    client.ping().await.unwrap().expect_status(200);
    assert_eq!(runs(), 3);
}

#[tokio::test]
async fn a_new_password_counts_at_once_and_ends_all_sessions() {
    let gateway = Lone::start().await;
    let old = gateway.client();
    old.ping().await.unwrap().expect_status(200);
    let body = login(&gateway.anonymous(), PASSWORD).await.json();
    let token = body["token"].as_str().unwrap();
    let nobody = gateway.anonymous();
    with_token(&nobody, token, "/api/auth/me")
        .await
        .expect_status(200);
    with_token(&nobody, token, "/v2/").await.expect_status(401);

    let wrong = change(&old, "wrong horse", "battery staple").await;
    wrong.expect_status(403);
    change(&old, PASSWORD, "battery staple")
        .await
        .expect_status(204);
    old.ping().await.unwrap().expect_status(401);
    with_token(&nobody, token, "/api/auth/me")
        .await
        .expect_status(401);
    let new = nobody.with_credentials("admin", "battery staple");
    new.ping().await.unwrap().expect_status(200);
}

#[tokio::test]
async fn a_session_outlives_a_restart_and_ends_after_a_day() {
    let gateway = Lone::start().await;
    let nobody = gateway.anonymous();
    let body = login(&nobody, PASSWORD).await.json();
    let token = body["token"].as_str().unwrap();
    gateway.process.terminate().await;
    gateway.process.restart();
    let url = format!("http://{}/readyz", gateway.address);
    let limit = std::time::Duration::from_secs(30);
    refity_tests::processes::wait_until_ready(&gateway.process, &url, limit).await;
    with_token(&nobody, token, "/api/auth/me")
        .await
        .expect_status(200);
    gateway.set_clock(24 * 60 * 60 * 1000 + 1000);
    with_token(&nobody, token, "/api/auth/me")
        .await
        .expect_status(401);
}
