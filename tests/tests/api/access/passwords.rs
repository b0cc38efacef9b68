//! Right and wrong credentials, and passwords that change.

use std::time::Duration;

use refity_tests::app::TestApp;
use refity_tests::client::{Client, send};
use refity_tests::expect::Expect as _;
use refity_tests::lab::{ADMIN, Lab, PASSWORD};
use refity_tests::random;
use reqwest::Method;

use super::{change_password, login, with_token};

const NEW: &str = "a password of one's own";

#[tokio::test]
async fn wrong_credentials_are_challenged() {
    let lab = TestApp::start().await;
    let anonymous = Client::anonymous(lab.address(0));
    for client in [
        anonymous.clone(),
        anonymous.with_credentials(ADMIN, "wrong"),
        anonymous.with_credentials("nobody", PASSWORD),
        anonymous.with_credentials("", ""),
        anonymous.with_credentials("Adm\u{131}n", PASSWORD),
    ] {
        for answer in [
            client.ping().await,
            client.start_upload("team/app").await,
            client.tags("team/app").await,
            client.get_manifest("team/app", "v1").await,
        ] {
            let answer = answer.refuses(401, "UNAUTHORIZED");
            let challenge = answer.header("www-authenticate");
            assert!(challenge.is_some_and(|it| it.starts_with("Bearer realm=")));
        }
        let refused = client.get("/api/groups").await.gives(401);
        // A browser must not ask by itself.
        let challenge = refused.header("www-authenticate").unwrap_or_default();
        assert!(!challenge.starts_with("Basic"), "{challenge}");
    }
    for authorization in ["Basic !!!", "Basic", "Bearer a.b.c", "Digest x=y"] {
        let request = anonymous.request(Method::GET, "/v2/");
        let answer = send(request.header("authorization", authorization)).await;
        answer.refuses(401, "UNAUTHORIZED");
    }
    let refused = login(&anonymous, ADMIN, "wrong").await.gives(401).json();
    assert_eq!(refused["error"]["code"], "UNAUTHORIZED", "{refused}");
    // The health checks ask nobody.
    anonymous.get("/healthz").await.gives(200);
    anonymous.get("/readyz").await.gives(200);
    lab.client().ping().await.gives(200);
}

#[tokio::test]
async fn a_changed_password_counts_at_the_next_request_on_every_gateway() {
    let lab = TestApp::builder().gateways(2).start().await;
    let clients = [lab.client_of(0), lab.client_of(1)];
    for client in &clients {
        client.ping().await.gives(200);
    }
    let signed_in = login(&clients[0], ADMIN, PASSWORD).await.gives(200).json();
    let token = signed_in["token"].as_str().expect("a token");
    for client in &clients {
        let me = with_token(client, Method::GET, "/api/auth/me", token).await;
        assert_eq!(me.gives(200).json()["username"], ADMIN);
    }
    let forged = format!("{}x", &token[..token.len() - 1]);
    let refused = with_token(&clients[0], Method::GET, "/api/auth/me", &forged);
    refused.await.gives(401);

    change_password(&clients[0], PASSWORD, NEW).await.gives(204);
    for client in &clients {
        client.ping().await.refuses(401, "UNAUTHORIZED");
        let me = with_token(client, Method::GET, "/api/auth/me", token).await;
        me.gives(401);
        client.with_credentials(ADMIN, NEW).ping().await.gives(200);
    }
    let again = login(&clients[1], ADMIN, NEW).await.gives(200).json();
    let token = again["token"].as_str().expect("a token");
    let groups = with_token(&clients[0], Method::GET, "/api/groups", token).await;
    groups.gives(200);
}

#[tokio::test]
async fn credentials_on_every_request_cost_one_slow_hash() {
    // Fewer than an address may guess wrongly.
    const REQUESTS: u32 = 8;
    let lab = Lab::start().await;
    let client = lab.client();
    client
        .push_blob("team/app", random::bytes(10))
        .await
        .unwrap();
    let cost = async |password: &dyn Fn(u32) -> String| -> Duration {
        let before = lab.gateway(0).cpu_time();
        for n in 0..REQUESTS {
            let client = client.with_credentials(ADMIN, &password(n));
            client.ping().await.expect("an answer");
        }
        lab.gateway(0).cpu_time() - before
    };
    // Each wrong password is hashed: that is what one costs.
    let wrong = cost(&|n| format!("wrong {n}")).await;
    let right = cost(&|_| PASSWORD.to_owned()).await;
    assert!(right * 4 < wrong, "right: {right:?}, wrong: {wrong:?}");
}
