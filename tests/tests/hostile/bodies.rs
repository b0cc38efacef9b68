//! Bodies that come slowly, not at all, or for ever.

use std::time::{Duration, Instant};

use bytes::Bytes;
use refity_tests::client::{Client, send, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::lab::Lab;
use refity_tests::random;
use refity_tests::wait;
use refity_tests::wire::{Wire, head};
use reqwest::{Body, Method};

use super::{APP, SOON, assert_serves_others, assert_small};

/// A connection on which a body of this length was asked for.
async fn begun(lab: &Lab, client: &Client, method: &str, target: &str, length: usize) -> Wire {
    let mut wire = Wire::connect_from([127, 0, 0, 9], lab.address(0)).await;
    let length = length.to_string();
    let headers = [
        ("Content-Length", &*length),
        ("Content-Type", "application/json"),
        ("Expect", "100-continue"),
    ];
    let head = head(client, method, target, &headers);
    wire.send(head.as_bytes()).await;
    assert_eq!(wire.answer().await.status, 100, "{method} {target}");
    wire
}

/// The configured timeouts.
const TIMEOUT: Duration = Duration::from_secs(4);

/// How many of them a slow body takes.
const TIMEOUTS: u32 = 3;

#[tokio::test]
async fn a_body_may_come_byte_by_byte_for_as_long_as_it_likes() {
    let timeout = format!("{}s", TIMEOUT.as_secs());
    let lab = Lab::builder()
        .env("BODY_TIMEOUT", &timeout)
        .env("HEADER_TIMEOUT", &timeout)
        .start()
        .await;
    let client = lab.client();
    let session = client.start_upload(APP).await.gives(202).location();
    let bytes = random::bytes(100_000);
    let mut wire = begun(&lab, &client, "PATCH", &session, bytes.len()).await;
    let started = Instant::now();
    let mut sent = 0;
    // Each of the timeouts is about silence, which ends with each byte.
    while started.elapsed() < TIMEOUT * TIMEOUTS {
        wire.send(&bytes[sent..=sent]).await;
        sent += 1;
        wait::until("the byte in the spool", TIMEOUT, async || {
            lab.spool_bytes() == sent as u64
        })
        .await;
    }
    assert_serves_others(&lab).await;
    wire.send(&bytes[sent..]).await;
    assert_eq!(wire.answer().await.status, 202);
    let digest = sha256(&bytes);
    client.finish(&session, &digest, "").await.gives(201);
    let pulled = client.get_blob(APP, &digest, None).await.gives(200);
    assert_eq!(pulled.body, bytes);
}

#[tokio::test]
async fn a_body_of_which_nothing_comes_ends_and_its_upload_goes_on() {
    let lab = Lab::builder().env("BODY_TIMEOUT", "1s").start().await;
    let client = lab.client();
    let session = client.start_upload(APP).await.gives(202).location();
    let bytes = random::bytes(1000);
    let mut silent = begun(&lab, &client, "PATCH", &session, 1000).await;
    silent.send(&bytes[..100]).await;
    let refused = silent.answer_within(SOON).await.expect("an end");
    assert_eq!(refused.status, 400);
    // What came was kept, and nobody holds the session.
    let status = client.upload_status(&session).await.gives(204);
    assert_eq!(status.header("range"), Some("0-99"));
    let rest = bytes.slice(100..);
    let digest = sha256(&bytes);
    client.finish(&session, &digest, rest).await.gives(201);

    let manifest = format!("/v2/{APP}/manifests/v1");
    for (method, target) in [("PUT", manifest.as_str()), ("POST", "/api/groups")] {
        let mut silent = begun(&lab, &client, method, target, 1000).await;
        silent.send(b"{").await;
        let refused = silent.answer_within(SOON).await.expect("an end");
        assert_eq!(refused.status, 400, "{method} {target}");
    }
    assert_serves_others(&lab).await;
}

/// A body that never ends.
fn endless() -> Body {
    let piece = Bytes::from(vec![b' '; 64 * 1024]);
    let pieces = std::iter::repeat_with(move || Ok::<_, std::io::Error>(piece.clone()));
    Body::wrap_stream(tokio_stream::iter(pieces))
}

#[tokio::test]
async fn endless_bodies_are_refused_where_little_is_expected() {
    let lab = Lab::start().await;
    let client = lab.client();
    let nobody = Client::anonymous(lab.address(0));
    let manifest = format!("/v2/{APP}/manifests/v1");
    let unknown = format!("/v2/{APP}/blobs/uploads/00000000-0000-4000-8000-000000000000");
    for (client, method, target, status) in [
        (&client, Method::PUT, manifest.as_str(), 413),
        (&client, Method::PATCH, &unknown, 404),
        (&client, Method::POST, "/v2/none/app/blobs/uploads/", 403),
        (&client, Method::POST, "/api/groups", 413),
        (&nobody, Method::PUT, &manifest, 401),
    ] {
        let request = client.request(method.clone(), target);
        let json = request.header("content-type", "application/json");
        let answer = send(json.body(endless())).await;
        answer.gives(status);
    }
    assert_serves_others(&lab).await;
    assert_small(&lab);
}
