//! A storage that is away, refuses, or has few connections.

use std::time::Duration;

use bytes::Bytes;
use refity_tests::client::{Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::faulty_sftp::{FaultySftp, Kind, StatusCode};
use refity_tests::image::{Format, Image};
use refity_tests::lab::Lab;
use refity_tests::{random, wait};
use tokio::task::JoinSet;

use super::APP;

#[tokio::test]
async fn a_storage_that_is_away_is_never_a_blob_that_is_not_there() {
    let mut lab = Lab::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100_000);
    image.push(&client, APP, "v1").await.unwrap();
    let layer = sha256(&image.layers[0]);
    lab.make_cold().await;
    lab.sshd_mut().kill();

    for range in [None, Some("bytes=10-19")] {
        let answer = client.get_blob(APP, &layer, range).await;
        let answer = answer.refuses(503, "UNAVAILABLE");
        let message = answer.json()["errors"][0]["message"].to_string();
        assert!(message.len() > 20, "{message}");
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
    let head = client.head_blob(APP, &layer).await.unwrap().status;
    assert!(matches!(head, 200 | 503), "{head}");
    let absent = sha256(b"absent");
    client
        .get_blob(APP, &absent, None)
        .await
        .refuses(404, "BLOB_UNKNOWN");
    let manifest = client.get_manifest(APP, "v1").await.gives(200);
    assert_eq!(manifest.body, image.manifest);

    lab.sshd_mut().restart().unwrap();
    wait::until(
        "the storage's return",
        Duration::from_secs(60),
        async || client.get_blob(APP, &layer, None).await.unwrap().status == 200,
    )
    .await;
    image.assert_pullable(&client, APP, "v1").await;
}

#[tokio::test]
async fn what_the_storage_refuses_is_our_failure_and_not_the_names() {
    let storage = FaultySftp::start();
    let lab = Lab::builder().storage(&storage).start().await;
    let client = lab.client();
    let bytes = random::bytes(100_000);
    let digest = client.push_blob(APP, bytes.clone()).await.unwrap();
    lab.make_cold().await;
    for status in [
        StatusCode::PermissionDenied,
        StatusCode::ConnectionLost,
        StatusCode::NoConnection,
        StatusCode::BadMessage,
    ] {
        storage.faults().fail_next(Kind::Open, "/data", status);
        let answer = client.get_blob(APP, &digest, None).await.unwrap();
        // It may have tried again by itself.
        let whole = answer.status == 200 && answer.body == bytes;
        assert!(whole || answer.status == 503, "{status:?}: {answer:?}");
        storage.heal();
        assert_eq!(client.head_blob(APP, &digest).await.unwrap().status, 200);
        lab.make_cold().await;
    }
    // In mid-transfer: what has begun may break off, and is not believed.
    storage.faults().reset_after = Some(50_000);
    if let Ok(answer) = client.get_blob(APP, &digest, None).await {
        assert!(answer.status != 404, "{answer:?}");
        assert!(answer.status != 200 || answer.body == bytes);
    }
    assert!(read_again(&client, &digest).await == bytes);
}

/// The blob, as soon as it can be had whole.
async fn read_again(client: &Client, digest: &str) -> Bytes {
    let again = wait::until_some(Duration::from_secs(60), async || {
        let answer = client.get_blob(APP, digest, None).await.ok()?;
        (answer.status == 200).then_some(answer.body)
    });
    again.await.expect("a whole read")
}

#[tokio::test]
async fn a_storage_that_hangs_is_away_and_its_blobs_are_not_unknown() {
    let storage = FaultySftp::start();
    let lab = Lab::builder().storage(&storage).start().await;
    let client = lab.client();
    let bytes = random::bytes(100_000);
    let digest = client.push_blob(APP, bytes.clone()).await.unwrap();
    lab.make_cold().await;
    storage.faults().hang = true;
    let (whole, part) = tokio::join!(
        client.get_blob(APP, &digest, None),
        client.get_blob(APP, &digest, Some("bytes=5-")),
    );
    whole.refuses(503, "UNAVAILABLE");
    part.refuses(503, "UNAVAILABLE");
    storage.heal();
    storage.reset_connections();
    assert!(read_again(&client, &digest).await == bytes);
}

#[tokio::test]
async fn a_server_that_refuses_three_dials_of_four_or_drops_idle_sessions_is_read_all_the_same() {
    let storage = FaultySftp::start();
    let lab = Lab::builder()
        .storage(&storage)
        .env("FTP_CONNECTIONS", "3")
        .start()
        .await;
    let mut blobs = Vec::new();
    for _ in 0..12 {
        let bytes = random::bytes(300_000);
        lab.client().push_blob(APP, bytes.clone()).await.unwrap();
        blobs.push(bytes);
    }
    lab.make_cold().await;
    storage.faults().serves_one_dial_of = 4;
    let mut readers = JoinSet::new();
    for bytes in blobs.clone() {
        let client = lab.client();
        readers.spawn(async move {
            let digest = sha256(&bytes);
            // What is told to come again comes again.
            loop {
                if let Ok(answer) = client.get_blob(APP, &digest, None).await {
                    if answer.status == 200 {
                        assert!(answer.body == bytes);
                        return;
                    }
                    assert_eq!(answer.status, 503, "{answer:?}");
                }
                tokio::time::sleep(wait::POLL).await;
            }
        });
    }
    let all = tokio::time::timeout(Duration::from_secs(120), readers.join_all());
    all.await.expect("no reader hangs");
    assert!(storage.most_connections() <= 3);

    storage.heal();
    lab.make_cold().await;
    let (client, digest) = (lab.client(), sha256(&blobs[0]));
    // A part does not warm a blob: each of these is read from SFTP.
    for n in 0..6_usize {
        let range = format!("bytes={n}-299998");
        let part = client.get_blob(APP, &digest, Some(&range)).await;
        assert!(part.gives(206).body == blobs[0].slice(n..299_999));
        storage.reset_connections();
        wait::until("the sessions' end", Duration::from_secs(20), async || {
            storage.live_connections() == 0
        })
        .await;
    }
    assert!(storage.most_connections() <= 3);
}

#[tokio::test]
async fn more_readers_than_connections_all_get_their_bytes() {
    for connections in [1, 2] {
        let storage = FaultySftp::start();
        let lab = Lab::builder()
            .storage(&storage)
            .env("FTP_CONNECTIONS", &connections.to_string())
            .start()
            .await;
        let mut blobs = Vec::new();
        for _ in 0..12 {
            let bytes = random::bytes(1_000_000);
            lab.client().push_blob(APP, bytes.clone()).await.unwrap();
            blobs.push(bytes);
        }
        lab.make_cold().await;
        let mut readers = JoinSet::new();
        for (n, bytes) in blobs.into_iter().enumerate() {
            let client = lab.client();
            readers.spawn(async move {
                let (digest, range) = (sha256(&bytes), (n % 3 == 0).then_some("bytes=5-"));
                let answer = client.get_blob(APP, &digest, range).await.unwrap();
                let expected = if range.is_some() {
                    bytes.slice(5..)
                } else {
                    bytes
                };
                assert!(answer.body == expected, "{}", answer.status);
            });
        }
        let all = tokio::time::timeout(Duration::from_secs(120), readers.join_all());
        all.await.expect("no reader hangs");
        assert!(storage.most_connections() <= connections);
        wait::until("the handles' end", Duration::from_secs(20), async || {
            storage.open_handles() == 0
        })
        .await;
    }
}
