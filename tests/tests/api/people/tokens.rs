//! Access tokens: worth what they say, and never more than their owner.

use std::time::Duration;

use refity_tests::app::TestApp;
use refity_tests::client::Client;
use refity_tests::expect::Expect as _;
use refity_tests::timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use super::{anonymous, call, delete, give, message, user, with_bearer};

/// Makes a token; hands back its id and secret.
async fn token(client: &Client, body: &Value) -> (i64, String) {
    let made = client
        .post_json("/api/tokens", body)
        .await
        .gives(201)
        .json();
    let secret = made["secret"].as_str().unwrap().to_owned();
    (made["id"].as_i64().unwrap(), secret)
}

#[tokio::test]
async fn a_token_is_worth_what_it_says_and_no_more_than_its_owner() {
    let lab = TestApp::builder().gateways(2).group("other").start().await;
    let bob = user(&lab, "bob").await;
    give(&lab, "bob", "team", &["push"]).await;
    give(&lab, "bob", "other", &["push"]).await;
    let narrow = json!({
        "name": "CI (main)",
        "scopes": [{ "repositories": "team/*", "rights": ["push", "delete"] }],
    });
    let (id, secret) = token(&bob, &narrow).await;
    assert!(secret.starts_with("rfp_"), "{secret}");
    let program = bob.with_credentials("bob", &secret);
    program.start_upload("team/app").await.gives(202);
    program
        .start_upload("other/app")
        .await
        .refuses(403, "DENIED");
    let manifest = program.delete_manifest("team/app", "v1").await;
    manifest.refuses(403, "DENIED");
    // As another it is nobody's.
    bob.with_credentials("admin", &secret)
        .ping()
        .await
        .gives(401);
    let me = with_bearer(&bob, &secret, Method::GET, "/api/auth/me").await;
    let me = me.gives(200).json();
    assert_eq!(
        me["groups"],
        json!([{ "name": "team", "rights": ["pull", "push"] }])
    );

    let listed = bob.get("/api/tokens").await.gives(200);
    assert!(!String::from_utf8_lossy(&listed.body).contains(&secret));
    let item = &listed.json()["items"][0];
    assert_eq!(item["name"], "CI (main)");
    assert_eq!(item["last_used_from"], "127.0.0.1");
    assert!(
        item["last_used_at"].is_string() && item["ended"] == false,
        "{item}"
    );
    assert_eq!(item["scopes"], narrow["scopes"]);

    // It shrinks with its owner.
    give(&lab, "bob", "team", &["pull"]).await;
    program
        .start_upload("team/app")
        .await
        .refuses(403, "DENIED");
    program.tags("team/app").await.refuses(404, "NAME_UNKNOWN");
    delete(&bob, &format!("/api/tokens/{id}")).await.gives(204);
    for gateway in 0..2 {
        let program = program.at(lab.address(gateway));
        program.ping().await.gives(401);
    }
    message(&delete(&bob, &format!("/api/tokens/{id}")).await.gives(404));
}

#[tokio::test]
async fn a_token_opens_no_other_door() {
    let lab = TestApp::start().await;
    let admin = lab.client();
    let (_, secret) = token(&admin, &json!({ "name": "everything" })).await;
    let program = admin.with_credentials("admin", &secret);
    program.get("/api/users").await.gives(200);
    let body = json!({ "name": "another" });
    for (method, path, body) in [
        (Method::POST, "/api/tokens", body),
        (Method::GET, "/api/tokens", json!({})),
        (Method::GET, "/api/sessions", json!({})),
        (
            Method::PUT,
            "/api/auth/password",
            json!({ "current_password": &secret, "new_password": "a password of its own" }),
        ),
        (
            Method::POST,
            "/api/users",
            json!({ "name": "eve", "password": "a password of eve", "role": "admin" }),
        ),
        (
            Method::PATCH,
            "/api/users/admin",
            json!({ "role": "admin" }),
        ),
        (
            Method::PUT,
            "/api/users/bob/password",
            json!({ "password": "a password of bob" }),
        ),
    ] {
        let refused = call(&program, method.clone(), path, &body).await.gives(403);
        assert!(message(&refused).contains("password"), "{method} {path}");
    }
    // Nor is it a name with a password.
    let login = json!({ "username": "admin", "password": secret });
    admin.post_json("/api/auth/login", &login).await.gives(401);

    // An administrator sees and revokes others'.
    let bob = user(&lab, "bob").await;
    let (id, secret) = token(&bob, &body_of("bob's")).await;
    message(&bob.get("/api/tokens?user=admin").await.gives(403));
    bob.get("/api/tokens?user=bob").await.gives(200);
    let listed = admin.get("/api/tokens?user=bob").await.gives(200).json();
    assert_eq!(listed["total"], 1);
    message(&admin.get("/api/tokens?user=nobody").await.gives(404));
    delete(&admin, &format!("/api/tokens/{id}"))
        .await
        .gives(404);
    let path = format!("/api/tokens/{id}?user=bob");
    delete(&admin, &path).await.gives(204);
    let me = with_bearer(&bob, &secret, Method::GET, "/api/auth/me").await;
    me.gives(401);
    anonymous(&bob).get("/api/tokens").await.gives(401);
}

fn body_of(name: &str) -> Value {
    json!({ "name": name.replace('\'', "") })
}

#[tokio::test]
async fn a_token_ends_when_it_says() {
    let lab = TestApp::start().await;
    let bob = user(&lab, "bob").await;
    let now = timestamp::from_now(Duration::ZERO);
    let hour = timestamp::from_now(Duration::from_secs(60 * 60));
    let body = json!({ "name": "an hour", "expires_at": hour });
    let (_, secret) = token(&bob, &body).await;
    let me = async || with_bearer(&bob, &secret, Method::GET, "/api/auth/me").await;
    me().await.gives(200);
    lab.clock_forward(61 * 60 * 1000);
    me().await.gives(401);
    let listed = bob.get("/api/tokens").await.gives(200).json();
    assert_eq!(listed["items"][0]["ended"], true);
    for bad in [
        &now,
        "2020-01-01T00:00:00Z",
        "2999-01-01T00:00:00Z",
        "soon",
        "",
    ] {
        let body = json!({ "name": "x", "expires_at": bad });
        let refused = bob.post_json("/api/tokens", &body).await.gives(400);
        assert!(message(&refused).contains("expires_at"), "{bad}");
    }
}

#[tokio::test]
async fn a_scope_on_which_one_may_do_nothing_is_most_likely_mistyped() {
    let lab = TestApp::builder().group("other").start().await;
    let bob = user(&lab, "bob").await;
    let scoped = |repositories: &str| {
        let scope = json!({ "repositories": repositories, "rights": ["pull"] });
        json!({ "name": "x", "scopes": [scope] })
    };
    bob.post_json("/api/tokens", &scoped("*")).await.gives(400);
    give(&lab, "bob", "team/app", &["pull"]).await;
    for good in ["*", "team/*", "team/app"] {
        token(&bob, &scoped(good)).await;
    }
    for bad in ["taem/*", "other/*", "team/api", "other/app", "other"] {
        let refused = bob.post_json("/api/tokens", &scoped(bad)).await.gives(400);
        assert!(message(&refused).contains(bad), "{bad}");
    }
    let admin = lab.client();
    token(&admin, &scoped("other/new")).await;
    admin
        .post_json("/api/tokens", &scoped("taem/*"))
        .await
        .gives(400);
}
