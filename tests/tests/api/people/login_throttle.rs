//! Failed sign-ins are throttled on every gateway without locking others out.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use refity_tests::app::TestApp;
use refity_tests::client::{Answer, Client, send};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::{ADMIN, Lab, PASSWORD};
use reqwest::Method;
use serde_json::json;

use super::{login, message, password_of, user};

/// Numbers the wrong passwords: a repeated one is not counted again.
static ATTEMPTS: AtomicU32 = AtomicU32::new(0);

/// Sends wrong passwords until throttled; returns their number and the answer.
async fn guess(client: &Client, name: &str) -> (u32, Answer) {
    for n in 0..1000 {
        let guess = format!("guess {}", ATTEMPTS.fetch_add(1, Ordering::Relaxed));
        let answer = login(client, name, &guess).await.unwrap();
        if answer.status == 429 {
            return (n, answer);
        }
        answer.expect_status(401);
    }
    panic!("nobody had to wait");
}

fn retry_after(answer: &Answer) -> i64 {
    answer.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_throttled_address_waits_at_every_gateway_as_long_as_retry_after_says() {
    let lab = TestApp::builder().gateways(2).start().await;
    let from = |gateway: usize| Client::anonymous_from([127, 0, 0, 9], lab.address(gateway));
    let (taken, answer) = guess(&from(0), ADMIN).await;
    assert!((10..=30).contains(&taken), "{taken}");
    assert!(message(&answer).contains("try again"), "{answer:?}");
    assert_eq!(answer.json()["success"], false);
    let wait = retry_after(&answer);
    assert!((1..=60).contains(&wait), "{wait}");

    // By any endpoint, for any account, at any gateway; and the
    // right password is not even looked at.
    for gateway in 0..2 {
        // Not even where the gateway has just seen that it is right.
        lab.client_of(gateway).ping().await.gives(200);
        let client = from(gateway);
        for (name, password) in [(ADMIN, PASSWORD), ("nobody", "guess after guess")] {
            login(&client, name, password).await.gives(429);
            let basic = client.with_credentials(name, password);
            basic.get("/api/groups").await.gives(429);
            let refused = basic.ping().await.refuses(429, "TOOMANYREQUESTS");
            assert!(retry_after(&refused) <= 60);
            let token = basic.get("/api/token?service=refity").await.gives(429);
            assert_eq!(token.error_code(), "TOOMANYREQUESTS");
        }
        let form = "grant_type=password&service=refity&username=admin&password=guess-x";
        let request = client.request(Method::POST, "/api/token");
        let kind = "application/x-www-form-urlencoded";
        let request = request.header("content-type", kind).body(form);
        send(request).await.refuses(429, "TOOMANYREQUESTS");
    }
    // Others come in meanwhile.
    let elsewhere = Client::anonymous_from([127, 0, 0, 10], lab.address(1));
    login(&elsewhere, ADMIN, PASSWORD).await.gives(200);
    // It is true: after it the right one is right.
    lab.clock_forward(wait * 1000 + 1000);
    login(&from(1), ADMIN, PASSWORD).await.gives(200);
}

#[tokio::test]
async fn failures_from_many_addresses_do_not_lock_out_an_address_that_signed_in_before() {
    let lab = TestApp::start().await;
    user(&lab, "bob").await;
    let home = Client::anonymous_from([127, 0, 1, 1], lab.address(0));
    login(&home, "bob", &password_of("bob")).await.gives(200);
    let mut taken = 0;
    for n in 1.. {
        let attacker = Client::anonymous_from([127, 0, 2, n], lab.address(0));
        let (more, _) = guess(&attacker, "bob").await;
        taken += more;
        if more == 0 {
            break;
        }
    }
    assert!(taken <= 60, "{taken} attempts from all addresses");
    let new = Client::anonymous_from([127, 0, 3, 1], lab.address(0));
    login(&new, "bob", &password_of("bob")).await.gives(429);
    // Another account is not meant.
    login(&new, ADMIN, PASSWORD).await.gives(200);
    // From home, and once the gateway has forgotten that it saw it right.
    lab.clock_forward(61_000);
    login(&home, "bob", &password_of("bob")).await.gives(200);
    // An administrator can end it for all.
    lab.client()
        .bare(Method::POST, "/api/users/bob/unlock")
        .await
        .gives(204);
    login(&new, "bob", &password_of("bob")).await.gives(200);
}

#[tokio::test]
async fn a_repeated_old_password_is_counted_once() {
    let lab = TestApp::start().await;
    let client = Client::anonymous_from([127, 0, 0, 9], lab.address(0));
    let old = client.with_credentials(ADMIN, "the one before");
    for _ in 0..60 {
        old.ping().await.gives(401);
    }
    client
        .with_credentials(ADMIN, PASSWORD)
        .ping()
        .await
        .gives(200);
}

#[tokio::test]
async fn changing_the_password_throttles_wrong_current_passwords() {
    let lab = TestApp::start().await;
    let bob = user(&lab, "bob").await;
    let token = login(&bob, "bob", &password_of("bob"))
        .await
        .gives(200)
        .json();
    let token = token["token"].as_str().unwrap();
    for n in 0..100 {
        let body =
            json!({ "current_password": format!("guess {n}"), "new_password": "another one" });
        let request = super::anonymous(&bob).request(Method::PUT, "/api/auth/password");
        let answer = send(request.bearer_auth(token).json(&body)).await.unwrap();
        if answer.status == 429 {
            assert!(n >= 5 && retry_after(&answer) > 0, "{n}");
            return;
        }
        answer.expect_status(403);
    }
    panic!("it could");
}

#[tokio::test]
async fn wrong_tokens_are_counted_by_address_and_a_valid_token_is_never_throttled() {
    let lab = TestApp::start().await;
    let bob = user(&lab, "bob").await;
    let made = bob
        .post_json("/api/tokens", &json!({ "name": "x" }))
        .await
        .gives(201);
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    let from = Client::anonymous_from([127, 0, 0, 9], lab.address(0));
    let mut statuses = Vec::new();
    for n in 0..100 {
        let wrong = from.with_credentials("bob", &format!("rfp_wrong{n}"));
        statuses.push(wrong.ping().await.unwrap().status);
    }
    assert_eq!((statuses[0], statuses[99]), (401, 429));
    from.with_credentials("bob", &secret)
        .ping()
        .await
        .gives(200);
    // And passwords are another matter.
    from.with_credentials("bob", &password_of("bob"))
        .ping()
        .await
        .gives(200);
}

#[tokio::test]
async fn throttling_counts_the_client_behind_a_trusted_proxy_only() {
    let lab = TestApp::builder()
        .env("TRUSTED_PROXIES", "127.0.0.1")
        .start()
        .await;
    let client = super::anonymous(&lab.client());
    let guess = async |n: usize, forwarded: &str| {
        let body = json!({ "username": ADMIN, "password": format!("guess {n} of many") });
        let request = client.request(Method::POST, "/api/auth/login").json(&body);
        send(request.header("x-forwarded-for", forwarded))
            .await
            .unwrap()
            .status
    };
    let mut last = 0;
    for n in 0..40 {
        // One /64 network, by many addresses and ports, behind many inventions.
        last = guess(n, &format!("198.51.100.{n}, [2001:db8::{n}]:{}", 1000 + n)).await;
    }
    assert_eq!(last, 429);
    assert_eq!(guess(41, "2001:db8:0:1::1").await, 401, "another network");
    // An untrusted proxy cannot forge addresses.
    let stranger = Client::anonymous_from([127, 0, 0, 9], lab.address(0));
    let mut last = 0;
    for n in 0..40 {
        let body = json!({ "username": "nobody", "password": format!("guess {n} of many") });
        let request = stranger
            .request(Method::POST, "/api/auth/login")
            .json(&body);
        let request = request.header("x-forwarded-for", format!("203.0.113.{n}"));
        last = send(request).await.unwrap().status;
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn a_push_of_twenty_layers_runs_argon2_once() {
    let lab = Lab::builder()
        .env("LOG_LEVEL", "info,refity_gateway=debug")
        .start()
        .await;
    let runs = || lab.gateway(0).log().matches("ran Argon2").count();
    lab.clock_forward(61_000);
    let (before, client) = (runs(), lab.client());
    let started = std::time::Instant::now();
    let image = Image::random(Format::Oci, 20, 1000);
    image.push(&client, "team/app", "v1").await.unwrap();
    // Every request brought the password, for as long as it took.
    let minutes = 1 + started.elapsed().as_secs() / Duration::from_secs(60).as_secs();
    let ran = u64::try_from(runs() - before).unwrap();
    assert!(
        ran >= 1 && ran <= minutes,
        "{ran} runs in {minutes} minutes"
    );
}
