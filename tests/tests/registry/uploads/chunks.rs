//! The bytes of an upload, in one piece or in many.

use bytes::Bytes;
use refity_tests::app::TestApp;
use refity_tests::client::{Client, Sent, send, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::random;
use reqwest::{Body, Method};

use super::repository;

/// A body whose length is not known before.
fn stream(bytes: &Bytes, piece: usize) -> Body {
    let pieces: Vec<_> = bytes
        .chunks(piece)
        .map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)))
        .collect();
    Body::wrap_stream(tokio_stream::iter(pieces))
}

async fn post_whole(client: &Client, repository: &str, digest: &str, bytes: &Bytes) -> Sent {
    let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
    send(client.request(Method::POST, &path).body(bytes.clone())).await
}

async fn assert_same(client: &Client, repository: &str, bytes: &Bytes) {
    let digest = sha256(bytes);
    let answer = client.get_blob(repository, &digest, None).await.gives(200);
    assert!(answer.body == *bytes, "other bytes for {digest}");
    assert_eq!(answer.digest(), Some(digest.as_str()));
}

#[tokio::test]
async fn every_way_to_push_gives_the_bytes_back_and_stores_them() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let app = repository("app");
    let mut pushed = Vec::new();
    for size in [0, 1, 2294, 300_000] {
        let whole = random::bytes(size);
        client.push_blob(&app, whole.clone()).await.unwrap();
        assert_same(&client, &app, &whole).await;

        let chunked = random::bytes(size);
        let chunk = size / 3 + 1;
        client
            .push_blob_chunked(&app, chunked.clone(), chunk)
            .await
            .unwrap();
        assert_same(&client, &app, &chunked).await;

        let streamed = random::bytes(size);
        let session = client.start_upload(&app).await.gives(202).location();
        let patched = client.patch(&session, stream(&streamed, 1000), None).await;
        let session = patched.gives(202).location();
        let digest = sha256(&streamed);
        client.finish(&session, &digest, "").await.gives(201);
        assert_same(&client, &app, &streamed).await;

        let posted = random::bytes(size);
        let answer = post_whole(&client, &app, &sha256(&posted), &posted).await;
        let location = answer.gives(201).location();
        assert_eq!(location, format!("/v2/{app}/blobs/{}", sha256(&posted)));
        assert_same(&client, &app, &posted).await;
        pushed.extend([whole, chunked, streamed, posted]);
    }
    let report = lab.assert_stored_whole().await;
    for bytes in pushed {
        assert!(report.has_blob(&app, &sha256(&bytes)), "{}", sha256(&bytes));
    }
}

#[tokio::test]
async fn chunks_and_the_closing_body_are_put_together_in_order() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let app = repository("app");
    let bytes = random::bytes(5000);
    let (a, b, c) = (bytes.slice(..1), bytes.slice(1..3000), bytes.slice(3000..));
    let session = client.start_upload(&app).await.gives(202).location();
    let session = client.patch(&session, a, None).await.gives(202).location();
    let session = client.patch(&session, b, None).await.gives(202).location();
    let digest = sha256(&bytes);
    let done = client.finish(&session, &digest, c).await.gives(201);
    assert_eq!(done.digest(), Some(digest.as_str()));
    assert_same(&client, &app, &bytes).await;

    // The closing body may be a stream too.
    let bytes = random::bytes(5000);
    let session = client.start_upload(&app).await.gives(202).location();
    let first = client.patch(&session, bytes.slice(..10), None).await;
    let rest = stream(&bytes.slice(10..), 700);
    let session = first.gives(202).location();
    client
        .finish(&session, &sha256(&bytes), rest)
        .await
        .gives(201);
    assert_same(&client, &app, &bytes).await;
}

#[tokio::test]
async fn locations_are_relative_for_any_host_name() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let app = repository("app");
    let path = format!("/v2/{app}/blobs/uploads/");
    let start = client
        .request(Method::POST, &path)
        .header("host", "registry.example:8443")
        .header("x-forwarded-proto", "https");
    let session = send(start).await.gives(202).location();
    let id = session
        .strip_prefix(&path)
        .expect("a path below the uploads");
    let id: Result<uuid::Uuid, _> = id.parse();
    assert!(id.is_ok(), "a UUID, and nothing after it: {session}");
    let session = client.patch(&session, "a", None).await.gives(202);
    assert!(session.location().starts_with(&path), "{session:?}");
    let status = client.upload_status(&session.location()).await.gives(204);
    assert!(status.location().starts_with(&path), "{status:?}");
    let done = client
        .finish(&status.location(), &sha256(b"a"), "")
        .await
        .gives(201);
    assert!(done.location().starts_with("/v2/team/app/blobs/sha256:"));
}

#[tokio::test]
async fn a_chunk_in_the_wrong_place_is_refused_and_the_session_survives() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let app = repository("app");
    let bytes = random::bytes(250);
    let session = client.start_upload(&app).await.gives(202).location();
    let early = client.patch(&session, bytes.slice(1..100), Some("1-99"));
    assert_eq!(early.await.gives(416).location(), session);
    let first = client
        .patch(&session, bytes.slice(..100), Some("0-99"))
        .await
        .gives(202);
    assert_eq!(first.header("range"), Some("0-99"));

    let hundred = bytes.slice(100..200);
    for range in ["0-99", "50-149", "101-200", "1000-1099"] {
        let refused = client.patch(&session, hundred.clone(), Some(range)).await;
        let refused = refused.gives(416);
        assert_eq!(refused.header("range"), Some("0-99"), "{range}");
        assert_eq!(refused.location(), session, "{range}");
    }
    for (range, length) in [("100-199", 50), ("100-149", 100), ("100-100", 0)] {
        let body = random::bytes(length);
        let refused = client.patch(&session, body, Some(range)).await;
        refused.refuses(400, "SIZE_INVALID");
    }
    // A stream tells its length only at its end.
    let short = client.patch(&session, stream(&random::bytes(50), 20), Some("100-199"));
    short.await.refuses(400, "SIZE_INVALID");
    for range in ["x-y", "100", "199-100", "-", "bytes=100-199"] {
        let refused = client.patch(&session, hundred.clone(), Some(range)).await;
        refused.gives(400);
    }
    let closing = |range: &'static str, body: Bytes| {
        let target = format!("{session}?digest={}", sha256(&bytes));
        let request = client.request(Method::PUT, &target);
        send(request.header("content-range", range).body(body))
    };
    for range in ["99-248", "101-250"] {
        let refused = closing(range, bytes.slice(100..)).await.gives(416);
        assert_eq!(refused.header("range"), Some("0-99"), "{range}");
        assert_eq!(refused.location(), session, "{range}");
    }
    closing("100-248", bytes.slice(100..))
        .await
        .refuses(400, "SIZE_INVALID");

    let status = client.upload_status(&session).await.gives(204);
    assert_eq!(status.header("range"), Some("0-99"));
    let second = client.patch(&session, hundred, Some("100-199")).await;
    second.gives(202);
    closing("200-249", bytes.slice(200..)).await.gives(201);
    assert_same(&client, &app, &bytes).await;
}

#[tokio::test]
async fn a_chunk_may_tell_its_place_and_its_length_or_neither() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let app = repository("app");
    let bytes = random::bytes(400);
    let mut session = client.start_upload(&app).await.gives(202).location();
    let ways = [(true, true), (true, false), (false, true), (false, false)];
    for (n, (place, length)) in ways.into_iter().enumerate() {
        let chunk = bytes.slice(n * 100..(n + 1) * 100);
        let range = format!("{}-{}", n * 100, n * 100 + 99);
        let body = if length {
            Body::from(chunk)
        } else {
            stream(&chunk, 30)
        };
        let patched = client.patch(&session, body, place.then_some(&range));
        let patched = patched.await.gives(202);
        let so_far = format!("0-{}", n * 100 + 99);
        assert_eq!(patched.header("range"), Some(&*so_far));
        session = patched.location();
    }
    let digest = sha256(&bytes);
    client.finish(&session, &digest, "").await.gives(201);
    assert_same(&client, &app, &bytes).await;

    // A whole blob in one request too.
    let bytes = random::bytes(400);
    let path = format!("/v2/{app}/blobs/uploads/?digest={}", sha256(&bytes));
    let post = client.request(Method::POST, &path);
    send(post.body(stream(&bytes, 30))).await.gives(201);
    assert_same(&client, &app, &bytes).await;
}

#[tokio::test]
async fn chunks_of_one_byte_are_taken_and_no_least_length_is_asked_for() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let app = repository("app");
    let bytes = random::bytes(20);
    let started = client.start_upload(&app).await.gives(202);
    assert_eq!(started.header("oci-chunk-min-length"), None);
    let mut session = started.location();
    for n in 0..bytes.len() {
        let range = format!("{n}-{n}");
        let patched = client.patch(&session, bytes.slice(n..=n), Some(&range));
        session = patched.await.gives(202).location();
    }
    let digest = sha256(&bytes);
    client.finish(&session, &digest, "").await.gives(201);
    assert_same(&client, &app, &bytes).await;
}
