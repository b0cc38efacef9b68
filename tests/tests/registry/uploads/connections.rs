//! Uploads as connections carry them: several, broken, and oddly used ones.

use std::time::Duration;

use bytes::Bytes;
use refity_tests::client::{Client, send, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::lab::Lab;
use refity_tests::wire::{Wire, head};
use refity_tests::{random, wait};

use super::repository;

/// What comes soon on a machine that is not too busy.
const SOON: Duration = Duration::from_secs(60);

async fn assert_same(client: &Client, repository: &str, bytes: &Bytes) {
    let answer = client.get_blob(repository, &sha256(bytes), None).await;
    assert!(answer.gives(200).body == *bytes, "other bytes");
}

/// The last byte that the session has, as its `Range` tells.
async fn last_byte(client: &Client, session: &str) -> usize {
    let status = client.upload_status(session).await.gives(204);
    let range = status.header("range").expect("a Range");
    range.strip_prefix("0-").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_chunk_is_seen_by_the_next_request_on_another_connection() {
    let lab = Lab::start().await;
    let app = repository("app");
    for _ in 0..30 {
        let (a, b) = (lab.client(), lab.client());
        let bytes = random::bytes(200_000);
        let session = a.start_upload(&app).await.gives(202).location();
        a.patch(&session, bytes.clone(), None).await.gives(202);
        b.finish(&session, &sha256(&bytes), "").await.gives(201);
        assert_same(&a, &app, &bytes).await;
    }
}

#[tokio::test]
async fn an_upload_that_was_cut_off_anywhere_goes_on_where_its_range_says() {
    let lab = Lab::start().await;
    let client = lab.client();
    let app = repository("app");
    let bytes = random::bytes(100_000);
    for cut in [0, 1, 4095, 4096, 50_000, 99_999] {
        for chunked in [false, true] {
            let session = client.start_upload(&app).await.gives(202).location();
            let (header, body) = if chunked {
                let mut body = format!("{:x}\r\n", bytes.len()).into_bytes();
                body.extend(&bytes[..cut]);
                (("Transfer-Encoding", "chunked"), body)
            } else {
                (("Content-Length", "100000"), bytes[..cut].to_vec())
            };
            let before = ended_patches(&lab);
            let mut wire = Wire::connect(lab.address(0)).await;
            let head = head(&client, "PATCH", &session, &[header]);
            wire.send(head.as_bytes()).await;
            wire.send(&body).await;
            drop(wire);
            // A chunk without a range that begins late would be appended late.
            wait::until("the end of what was cut off", SOON, async || {
                ended_patches(&lab) > before
            })
            .await;
            go_on(&client, &session, &bytes).await;
            let done = client.finish(&session, &sha256(&bytes), "").await;
            done.gives(201);
            assert_same(&client, &app, &bytes).await;
        }
    }
}

/// How many PATCH requests the gateway has logged, which it does at their end.
fn ended_patches(lab: &Lab) -> usize {
    lab.gateway(0).log().matches("method=\"PATCH\"").count()
}

/// Sends the rest of an upload as a client does after a cut: from where the
/// session is, asking again where it has moved meanwhile.
async fn go_on(client: &Client, session: &str, bytes: &Bytes) {
    const TRIES: usize = 50;
    for n in 0..TRIES {
        let last = last_byte(client, session).await;
        // `0-0` is said of no byte and of one: both are tried.
        let from = if last == 0 { n % 2 } else { last + 1 };
        let range = format!("{from}-{}", bytes.len() - 1);
        let patched = client.patch(session, bytes.slice(from..), Some(&range));
        match patched.await.expect("an answer").status {
            202 => return,
            416 | 503 => tokio::time::sleep(Duration::from_millis(50)).await,
            other => panic!("{other} for a chunk from {from}"),
        }
    }
    panic!("the session never stood still");
}

#[tokio::test]
async fn a_body_that_nobody_asked_for_does_not_spoil_the_connection() {
    let lab = Lab::start().await;
    let client = lab.client();
    let app = repository("app");
    let uploads = format!("/v2/{app}/blobs/uploads/");
    let mut wire = Wire::connect(lab.address(0)).await;
    for junk in [1, 30, 100_000] {
        let length = junk.to_string();
        let post = head(&client, "POST", &uploads, &[("Content-Length", &length)]);
        wire.send(post.as_bytes()).await;
        wire.send(&vec![b'G'; junk]).await;
        assert_eq!(wire.answer().await.status, 202, "{junk} bytes of junk");

        // Nor does one on a request that is refused, or that reads.
        for (method, target, status) in [
            ("POST", "/v2/none/app/blobs/uploads/", 403),
            ("PATCH", "/v2/team/app/blobs/uploads/nonsense", 400),
            ("GET", "/v2/", 200),
        ] {
            let request = head(&client, method, target, &[("Content-Length", &length)]);
            wire.send(request.as_bytes()).await;
            wire.send(&vec![b'G'; junk]).await;
            let answer = wire.answer().await;
            assert_eq!(answer.status, status, "{method} {target}");
        }
        wire.send(head(&client, "GET", "/v2/", &[]).as_bytes())
            .await;
        assert_eq!(wire.answer().await.status, 200);
    }
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let lab = Lab::start().await;
    let client = lab.client();
    let large = random::bytes(30_000_000);
    let never = "/v2/none/app/blobs/uploads/?digest=";
    let post = |client: &Client| {
        let request = client.request(reqwest::Method::POST, never);
        send(request.body(large.clone()))
    };
    post(&client).await.refuses(403, "DENIED");
    let stranger = Client::anonymous(lab.address(0));
    post(&stranger).await.refuses(401, "UNAUTHORIZED");
    let put = client.put_manifest(
        "team/app",
        "v1",
        "application/vnd.oci.image.manifest.v1+json",
        large.clone(),
    );
    put.await.refuses(413, "MANIFEST_INVALID");
    let path = "/v2/team/app/blobs/uploads/00000000-0000-4000-8000-000000000000";
    let patch = client.patch(path, large.clone(), None).await;
    patch.refuses(404, "BLOB_UPLOAD_UNKNOWN");
    // One that sends everything before it listens.
    for (method, target, status) in [
        ("POST", never, 403),
        ("PATCH", path, 404),
        ("PUT", "/v2/team/app/manifests/v1", 413),
        ("POST", "/api/groups", 413),
    ] {
        let mut wire = Wire::connect(lab.address(0)).await;
        let headers = [
            ("Content-Length", "30000000"),
            ("Content-Type", "application/json"),
        ];
        let head = head(&client, method, target, &headers);
        wire.send(head.as_bytes()).await;
        wire.send(&large).await;
        assert_eq!(wire.answer().await.status, status, "{method} {target}");
    }
}

#[tokio::test]
async fn a_client_that_waits_before_it_sends_is_told_once_to_go_on() {
    let lab = Lab::start().await;
    let client = lab.client();
    let app = repository("app");
    let bytes = random::bytes(2294);
    let session = client.start_upload(&app).await.gives(202).location();
    let headers = [("Content-Length", "2294"), ("Expect", "100-continue")];

    let mut wire = Wire::connect(lab.address(0)).await;
    let patch = head(&client, "PATCH", &session, &headers);
    wire.send(patch.as_bytes()).await;
    assert_eq!(wire.answer().await.status, 100);
    wire.send(&bytes).await;
    assert_eq!(wire.answer().await.status, 202, "the next answer is final");
    // Nothing lies between this answer and the next one's either.
    let status = head(&client, "GET", &session, &[]);
    wire.send(status.as_bytes()).await;
    let status = wire.answer().await;
    assert_eq!(
        (status.status, status.header("range")),
        (204, Some("0-2293"))
    );
    client
        .finish(&session, &sha256(&bytes), "")
        .await
        .gives(201);
    assert_same(&client, &app, &bytes).await;

    // A request that is refused anyhow need not send its body at all.
    let never = "/v2/none/app/blobs/uploads/";
    let mut wire = Wire::connect(lab.address(0)).await;
    wire.send(head(&client, "POST", never, &headers).as_bytes())
        .await;
    assert_eq!(wire.answer().await.status, 403);
}

#[tokio::test]
async fn two_requests_that_write_one_session_at_once_are_put_in_order() {
    let lab = Lab::builder().gateways(2).start().await;
    let app = repository("app");
    let bytes = random::bytes(3_000_000);
    let client = lab.client();
    let session = client.start_upload(&app).await.gives(202).location();
    let send = |gateway: usize| {
        let (client, session, bytes) = (lab.client_of(gateway), session.clone(), bytes.clone());
        tokio::spawn(async move {
            let sent = client.patch(&session, bytes, Some("0-2999999")).await;
            sent.expect("an answer").status
        })
    };
    // A proxy that sends again what it thinks lost, to another gateway.
    let (first, second) = (send(0), send(1));
    let mut statuses = [first.await.unwrap(), second.await.unwrap()];
    statuses.sort_unstable();
    assert!(
        matches!(statuses, [202, 416 | 503]),
        "one is taken, one is told: {statuses:?}"
    );
    client
        .finish(&session, &sha256(&bytes), "")
        .await
        .gives(201);
    assert_same(&client, &app, &bytes).await;
}
