//! More uploads at once than there may be.

use refity_tests::client::Client;
use refity_tests::expect::Expect as _;
use refity_tests::lab::{Builder, Lab};
use refity_tests::wait;
use refity_tests::wire::{Wire, WireAnswer, head};

use super::{APP, SOON, admin_from};

fn lab() -> Builder {
    Lab::builder()
        .env("MAX_UPLOADS_PER_CLIENT", "2")
        .env("MAX_UPLOADS", "3")
}

/// Asks to send a body of two bytes, from this address of 127.0.0.0/24.
async fn asks(lab: &Lab, last: u8, spoofed: &str) -> (Wire, WireAnswer) {
    let client = lab.client();
    let session = client.start_upload(APP).await.gives(202).location();
    let mut wire = Wire::connect_from([127, 0, 0, last], lab.address(0)).await;
    let headers = [
        ("Content-Length", "2"),
        ("Expect", "100-continue"),
        ("X-Forwarded-For", spoofed),
    ];
    let patch = head(&client, "PATCH", &session, &headers);
    wire.send(patch.as_bytes()).await;
    let answer = wire.answer().await;
    (wire, answer)
}

/// An upload that was told to go on, and does not.
async fn hold(lab: &Lab, last: u8, spoofed: &str) -> Wire {
    let (wire, answer) = asks(lab, last, spoofed).await;
    assert_eq!(answer.status, 100);
    wire
}

async fn assert_refused(lab: &Lab, last: u8, spoofed: &str) {
    let (_, answer) = asks(lab, last, spoofed).await;
    // Not 100: nothing of the body is read.
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["errors"][0]["code"], "TOOMANYREQUESTS");
}

#[tokio::test]
async fn one_client_cannot_take_all_uploads() {
    let lab = lab().start().await;
    let mut first = hold(&lab, 9, "").await;
    let _second = hold(&lab, 9, "").await;
    // Another port or a header makes no other client of it.
    assert_refused(&lab, 9, "203.0.113.1").await;
    assert_refused(&lab, 9, "203.0.113.2").await;
    // Another client still has a place, and with that all are taken.
    let third = hold(&lab, 10, "").await;
    assert_refused(&lab, 11, "").await;
    // What reads, and what has no body, goes on.
    let client = admin_from([127, 0, 0, 9], &lab);
    client.ping().await.gives(200);
    client.start_upload(APP).await.gives(202);
    first.send(b"ab").await;
    assert_eq!(first.answer().await.status, 202, "its place is its own");
    assert_eq!(freed(&lab, &client).await, 202);
    drop(third);
    let other = admin_from([127, 0, 0, 11], &lab);
    assert_eq!(freed(&lab, &other).await, 202);
}

/// Pushes as soon as there is a place.
async fn freed(lab: &Lab, client: &Client) -> u16 {
    let session = lab.client().start_upload(APP).await.gives(202).location();
    let sent = wait::until_some(SOON, async || {
        let sent = client.patch(&session, "ab", None).await;
        let status = sent.expect("an answer").status;
        (status != 429).then_some(status)
    });
    sent.await.expect("a place")
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_told_apart() {
    let lab = lab().env("TRUSTED_PROXIES", "127.0.0.9").start().await;
    let _first = hold(&lab, 9, "192.0.2.1").await;
    let _second = hold(&lab, 9, "192.0.2.1").await;
    assert_refused(&lab, 9, "192.0.2.1").await;
    assert_refused(&lab, 9, "198.51.100.7, 192.0.2.1").await;
    let _third = hold(&lab, 9, "192.0.2.2").await;
}
