//! The token service (Distribution, "Token Authentication Specification" and
//! "OAuth2 Token Authentication") and what its tokens are worth: no more than
//! the account at the moment of each request.

use refity_tests::app::TestApp;
use refity_tests::client::{Answer, Client, Sent, claims, send, sha256, with_form};
use refity_tests::expect::Expect as _;
use refity_tests::lab::{ADMIN, PASSWORD};
use refity_tests::registry::Registry;
use reqwest::Method;
use serde_json::json;

const PULL_PUSH: &str = "repository:team/app:pull,push";

/// `GET /api/token` with these scopes.
async fn ask(client: &Client, scopes: &[&str]) -> Sent {
    let scopes: String = scopes
        .iter()
        .map(|scope| format!("&scope={scope}"))
        .collect();
    client
        .get(&format!("/api/token?service=refity{scopes}"))
        .await
}

/// A token for these scopes.
async fn token(client: &Client, scopes: &[&str]) -> String {
    let granted = ask(client, scopes).await.gives(200).json();
    granted["token"].as_str().unwrap().to_owned()
}

/// `POST /api/token` with this form.
async fn exchange(client: &Client, form: &[(&str, &str)]) -> Sent {
    send(with_form(client.request(Method::POST, "/api/token"), form)).await
}

async fn with_token(lab: &Registry, method: Method, path: &str, token: &str) -> Answer {
    let request = nobody(lab).request(method, path).bearer_auth(token);
    send(request).await.unwrap()
}

fn nobody(lab: &Registry) -> Client {
    Client::anonymous(lab.address(0))
}

/// The scope that a challenge asks for, and its error.
fn challenge(answer: &Answer) -> (Option<String>, Option<String>) {
    let header = answer.header("www-authenticate").unwrap();
    assert!(header.starts_with("Bearer realm=\"http"), "{header}");
    let value = |name: &str| {
        let after = header.split(&format!("{name}=\"")).nth(1)?;
        after.split('"').next().map(str::to_owned)
    };
    assert_eq!(value("service").as_deref(), Some("refity"));
    (value("scope"), value("error"))
}

#[tokio::test]
async fn a_token_is_what_clients_expect_of_one() {
    let lab = TestApp::start().await;
    let granted = ask(&lab.client(), &[PULL_PUSH, "registry:catalog:*"])
        .await
        .gives(200);
    assert_eq!(granted.header("cache-control"), Some("no-store"));
    let granted = granted.json();
    assert_eq!(granted["token"], granted["access_token"]);
    assert!(granted["expires_in"].as_u64().unwrap() >= 60, "{granted}");
    assert!(
        granted["issued_at"].as_str().unwrap().ends_with('Z'),
        "{granted}"
    );
    assert_eq!(granted.get("refresh_token"), None);
    let token = granted["token"].as_str().unwrap();
    let claims = claims(token);
    assert_eq!(claims["sub"], ADMIN);
    assert_eq!(claims["access"][0]["type"], "repository");
    assert_eq!(claims["access"][0]["name"], "team/app");
    assert_eq!(
        claims["access"][0]["actions"],
        serde_json::json!(["pull", "push"])
    );
    assert_eq!(claims["access"][1]["name"], "catalog");

    for path in ["/v2/", "/v2/_catalog"] {
        with_token(&lab, Method::GET, path, token)
            .await
            .expect_status(200);
    }
    let uploads = "/v2/team/app/blobs/uploads/";
    with_token(&lab, Method::POST, uploads, token)
        .await
        .expect_status(202);
    // The API is for sessions.
    with_token(&lab, Method::GET, "/api/auth/me", token)
        .await
        .expect_status(401);
}

#[tokio::test]
async fn a_smaller_grant_is_no_error_and_says_what_is_missing() {
    let lab = TestApp::start().await;
    let bytes = bytes::Bytes::from_static(b"layer");
    lab.client()
        .push_blob("team/app", bytes.clone())
        .await
        .unwrap();
    let blob = format!("/v2/team/app/blobs/{}", sha256(&bytes));

    let narrow = token(&lab.client(), &["repository:team/app:pull"]).await;
    with_token(&lab, Method::GET, &blob, &narrow)
        .await
        .expect_status(200);
    for (method, path, scope) in [
        (Method::DELETE, &*blob, "repository:team/app:pull,delete"),
        (Method::POST, "/v2/team/app/blobs/uploads/", PULL_PUSH),
        (
            Method::GET,
            "/v2/team/other/tags/list",
            "repository:team/other:pull",
        ),
        (Method::GET, "/v2/_catalog", "registry:catalog:*"),
    ] {
        let refused = with_token(&lab, method, path, &narrow)
            .await
            .expect_status(401);
        let (asked, error) = challenge(&refused);
        assert_eq!(asked.as_deref(), Some(scope), "{path}");
        assert_eq!(error.as_deref(), Some("insufficient_scope"));
    }
    let mount = format!(
        "/v2/team/new/blobs/uploads/?mount={}&from=team/app",
        sha256(&bytes)
    );
    let asked = challenge(&nobody(&lab).bare(Method::POST, &mount).await.gives(401)).0;
    let both = "repository:team/new:pull,push repository:team/app:pull";
    assert_eq!(asked.as_deref(), Some(both));
    // With both scopes a blob is mounted; a token that lacks the second says
    // nothing of what its owner may.
    let push = token(&lab.client(), &["repository:team/new:pull,push"]).await;
    let refused = with_token(&lab, Method::POST, &mount, &push)
        .await
        .expect_status(401);
    let (asked, error) = challenge(&refused);
    assert_eq!(asked.as_deref(), Some(both));
    assert_eq!(error.as_deref(), Some("insufficient_scope"));
    let both: Vec<&str> = both.split(' ').collect();
    let both = token(&lab.client(), &both).await;
    with_token(&lab, Method::POST, &mount, &both)
        .await
        .expect_status(201);

    for scope in [
        "repository:Not/A/Name:pull",
        "nonsense",
        "repository:team/app:fly",
    ] {
        let granted = ask(&lab.client(), &[scope]).await.gives(200).json();
        let access = claims(granted["token"].as_str().unwrap())["access"].clone();
        assert_eq!(access, serde_json::json!([]), "{scope}");
    }
}

#[tokio::test]
async fn a_mount_from_where_one_may_not_read_begins_an_upload() {
    const NAME: &str = "mounter";
    let lab = TestApp::builder().group("own").start().await;
    let bytes = bytes::Bytes::from_static(b"layer");
    let admin = lab.client();
    let pushed = admin.push_blob("team/app", bytes.clone()).await;
    pushed.unwrap();
    let account = json!({ "name": NAME, "password": PASSWORD, "must_change_password": false });
    admin.post_json("/api/users", &account).await.gives(201);
    let grant = json!({ "user": NAME, "group": "own", "rights": ["pull", "push"] });
    admin.put_json("/api/grants", &grant).await.gives(200);
    let mount = format!(
        "/v2/own/app/blobs/uploads/?mount={}&from=team/app",
        sha256(&bytes)
    );
    let mounter = admin.with_credentials(NAME, PASSWORD);
    let scopes = ["repository:own/app:pull,push", "repository:team/app:pull"];
    // Whether asked for or not: it is not granted, and nobody asks in circles.
    for scopes in [&scopes[..1], &scopes] {
        let token = token(&mounter, scopes).await;
        with_token(&lab, Method::POST, &mount, &token)
            .await
            .expect_status(202);
    }
}

#[tokio::test]
async fn nobody_in_particular_gets_a_token_that_opens_what_is_public() {
    let lab = TestApp::start().await;
    let bytes = bytes::Bytes::from_static(b"layer");
    lab.client()
        .push_blob("team/app", bytes.clone())
        .await
        .unwrap();
    let blob = format!("/v2/team/app/blobs/{}", sha256(&bytes));
    let anonymous = token(&nobody(&lab), &["repository:team/app:pull"]).await;
    with_token(&lab, Method::GET, "/v2/", &anonymous)
        .await
        .expect_status(200);
    assert_eq!(claims(&anonymous)["access"], serde_json::json!([]));
    let refused = with_token(&lab, Method::GET, &blob, &anonymous)
        .await
        .expect_status(401);
    assert_eq!(challenge(&refused).1.as_deref(), Some("insufficient_scope"));
    // Without a token there is always a challenge.
    nobody(&lab).ping().await.gives(401);
}

#[tokio::test]
async fn wrong_credentials_are_refused_by_the_service_too() {
    let lab = TestApp::start().await;
    let wrong = nobody(&lab).with_credentials(ADMIN, "wrong horse");
    let refused = ask(&wrong, &[PULL_PUSH]).await.gives(401);
    assert_eq!(refused.error_code(), "UNAUTHORIZED");
    let form = [
        ("grant_type", "password"),
        ("username", ADMIN),
        ("password", "wrong horse"),
        ("service", "refity"),
        ("client_id", "test"),
    ];
    exchange(&nobody(&lab), &form).await.gives(401);
    for (form, error) in [
        (
            &[("grant_type", "client_credentials")][..],
            "unsupported_grant_type",
        ),
        (
            &[("grant_type", "password"), ("username", ADMIN)],
            "invalid_request",
        ),
        (&[("scope", PULL_PUSH)], "invalid_request"),
    ] {
        let refused = exchange(&nobody(&lab), form).await.gives(400);
        assert_eq!(refused.json()["error"], error);
    }
    let json = nobody(&lab)
        .post_json("/api/token", &serde_json::json!({}))
        .await;
    assert_eq!(json.gives(400).json()["error"], "invalid_request");
}

#[tokio::test]
async fn a_refresh_token_is_good_until_the_password_changes() {
    let lab = TestApp::start().await;
    let mut form = vec![
        ("grant_type", "password"),
        ("username", ADMIN),
        ("password", PASSWORD),
        ("service", "refity"),
        ("client_id", "containerd-client"),
        ("scope", PULL_PUSH),
    ];
    let plain = exchange(&nobody(&lab), &form).await.gives(200).json();
    assert_eq!(plain.get("refresh_token"), None);
    assert_eq!(plain["scope"], PULL_PUSH);
    form.push(("access_type", "offline"));
    let granted = exchange(&nobody(&lab), &form).await.gives(200).json();
    let refresh = granted["refresh_token"].as_str().unwrap();
    let again = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("service", "refity"),
        ("client_id", "containerd-client"),
        ("scope", PULL_PUSH),
    ];
    let renewed = exchange(&nobody(&lab), &again).await.gives(200).json();
    let renewed = renewed["access_token"].as_str().unwrap();
    let uploads = "/v2/team/app/blobs/uploads/";
    with_token(&lab, Method::POST, uploads, renewed)
        .await
        .expect_status(202);
    let bad = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "rft_nothing"),
    ];
    exchange(&nobody(&lab), &bad).await.gives(401);

    let change = serde_json::json!({
        "current_password": PASSWORD, "new_password": "battery staple",
    });
    lab.client()
        .put_json("/api/auth/password", &change)
        .await
        .gives(204);
    exchange(&nobody(&lab), &again).await.gives(401);
    let ended = with_token(&lab, Method::POST, uploads, renewed)
        .await
        .expect_status(401);
    assert_eq!(challenge(&ended).1.as_deref(), Some("invalid_token"));
}

#[tokio::test]
async fn two_gateways_take_each_others_tokens() {
    let lab = TestApp::builder().gateways(2).start().await;
    for (from, to) in [(0, 1), (1, 0)] {
        let token = token(&lab.client_of(from), &[PULL_PUSH]).await;
        let uploads = "/v2/team/app/blobs/uploads/";
        let at = Client::anonymous(lab.address(to));
        let request = at.request(Method::POST, uploads).bearer_auth(&token);
        send(request).await.gives(202);
    }
}

#[tokio::test]
async fn the_realm_is_where_the_client_is_or_what_the_operator_says() {
    let lab = TestApp::builder()
        .env("PUBLIC_URL", "https://registry.example.org/")
        .start()
        .await;
    let challenge = nobody(&lab).ping().await.gives(401);
    let challenge = challenge.header("www-authenticate").unwrap().to_owned();
    let realm = "Bearer realm=\"https://registry.example.org/api/token\"";
    assert!(challenge.starts_with(realm), "{challenge}");

    let lab = TestApp::start().await;
    for host in ["localhost:5000", "127.0.0.1:5000", "registry.local"] {
        let request = nobody(&lab)
            .request(Method::GET, "/v2/")
            .header("host", host);
        let answer = send(request).await.gives(401);
        let challenge = answer.header("www-authenticate").unwrap();
        let realm = format!("Bearer realm=\"http://{host}/api/token\"");
        assert!(challenge.starts_with(&realm), "{challenge}");
    }
}
