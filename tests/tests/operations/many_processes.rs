//! Several gateways and several uploaders on one `DATA_DIR` are one registry.

use std::time::{Duration, Instant};

use bytes::Bytes;
use refity_tests::client::{Answer, Client, sha256};
use refity_tests::image::{Format, Image};
use refity_tests::lab::{GROUP, Lab};
use refity_tests::random;
use refity_tests::wait;
use reqwest::Body;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Longer than one request waits for another that writes the same session.
const PATIENCE: Duration = Duration::from_secs(30);

async fn two_of_each() -> Lab {
    Lab::builder().gateways(2).uploaders(2).start().await
}

fn repository() -> String {
    format!("{GROUP}/app")
}

#[tokio::test]
async fn a_chunked_upload_may_alternate_between_gateways() {
    let lab = two_of_each().await;
    let proxy = lab.round_robin().await;
    let client = lab.client().at(proxy.address());
    let bytes = random::bytes(1_000_003);
    let digest = client
        .push_blob_chunked(&repository(), bytes.clone(), 50_000)
        .await
        .unwrap();
    for gateway in 0..2 {
        let client = lab.client_of(gateway);
        let answer = client.get_blob(&repository(), &digest, None).await.unwrap();
        assert!(answer.expect_status(200).body == bytes);
    }
}

/// A body that is sent when the test says so.
struct SlowBody(mpsc::Sender<Result<Bytes, std::io::Error>>);

impl SlowBody {
    fn new() -> (Self, Body) {
        let (sender, receiver) = mpsc::channel(1);
        (
            Self(sender),
            Body::wrap_stream(ReceiverStream::new(receiver)),
        )
    }

    async fn send(&self, bytes: &Bytes) {
        self.0.send(Ok(bytes.clone())).await.expect("a reader");
    }
}

/// A session whose first PATCH is being written through the first gateway.
async fn session_being_written(
    lab: &Lab,
    first: &Bytes,
) -> (String, SlowBody, tokio::task::JoinHandle<Answer>) {
    let client = lab.client();
    let session = client.start_upload(&repository()).await.unwrap();
    let session = session.expect_status(202).location();
    let (slow, body) = SlowBody::new();
    let writer = {
        let (client, session) = (client.clone(), session.clone());
        tokio::spawn(async move { client.patch(&session, body, None).await.unwrap() })
    };
    slow.send(first).await;
    let file = session.rsplit('/').next().unwrap();
    let file = file.split('?').next().unwrap().to_owned();
    // Its bytes are in the spool before the request ends.
    let path = lab.data_dir().join("spool/files").join(&file[..2]);
    wait::until("the first bytes", PATIENCE, async || {
        let written = std::fs::metadata(path.join(&file));
        written.is_ok_and(|it| it.len() == first.len() as u64)
    })
    .await;
    (session, slow, writer)
}

#[tokio::test]
async fn the_second_of_two_writers_of_a_session_waits() {
    let lab = two_of_each().await;
    let parts: Vec<Bytes> = (0..3).map(|_| random::bytes(100_000)).collect();
    let (session, slow, first) = session_being_written(&lab, &parts[0]).await;
    let second = {
        let (client, session) = (lab.client_of(1), path_of(&session));
        let bytes = parts[2].clone();
        tokio::spawn(async move { client.patch(&session, bytes, None).await.unwrap() })
    };
    wait::until("its connection", PATIENCE, async || lab.connections(1) > 0).await;
    // Requests that come after it are answered, and it is not.
    for _ in 0..20 {
        let answer = lab.client_of(1).ping().await;
        answer.unwrap().expect_status(200);
    }
    assert!(!second.is_finished(), "it did not wait");
    slow.send(&parts[1]).await;
    drop(slow);
    let first = first.await.unwrap().expect_status(202);
    let second = second.await.unwrap().expect_status(202);
    assert_eq!(first.header("range"), Some("0-199999"));
    assert_eq!(second.header("range"), Some("0-299999"));
    let whole = Bytes::from(parts.concat());
    finish(&lab.client(), &session, &whole).await;
}

#[tokio::test]
async fn a_writer_that_waits_too_long_for_another_is_told_to_come_again() {
    let lab = two_of_each().await;
    let parts: Vec<Bytes> = (0..2).map(|_| random::bytes(100_000)).collect();
    let (session, slow, first) = session_being_written(&lab, &parts[0]).await;
    let client = lab.client_of(1);
    let path = path_of(&session);
    let refused = client.patch(&path, random::bytes(10), None);
    let refused = refused.await.unwrap().expect_status(503);
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    slow.send(&parts[1]).await;
    drop(slow);
    first.await.unwrap().expect_status(202);
    finish(&client, &path, &Bytes::from(parts.concat())).await;
}

/// Ends a session that must hold these bytes.
async fn finish(client: &Client, session: &str, whole: &Bytes) {
    let digest = sha256(whole);
    let answer = client.finish(session, &digest, Bytes::new()).await.unwrap();
    answer.expect_status(201);
    let answer = client.get_blob(&repository(), &digest, None).await.unwrap();
    assert!(answer.expect_status(200).body == *whole);
}

/// A session's path: the other gateway knows it too.
fn path_of(session: &str) -> String {
    match session.split_once("://") {
        Some((_, rest)) => rest[rest.find('/').unwrap()..].to_owned(),
        None => session.to_owned(),
    }
}

#[tokio::test]
async fn an_unknown_session_and_one_of_another_boot_are_404() {
    let lab = two_of_each().await;
    let client = lab.client();
    let unknown = format!(
        "/v2/{}/blobs/uploads/4f0d1ac6-3f6b-4c63-8a86-6c1a3b4c5d6e",
        repository()
    );
    let session = client.start_upload(&repository()).await.unwrap();
    let session = session.expect_status(202).location();
    let bytes = random::bytes(1000);
    let answer = client.patch(&session, bytes.clone(), None).await.unwrap();
    answer.expect_status(202);
    lab.database().reboot_uploads();
    for gone in [&unknown, &path_of(&session)] {
        for gateway in 0..2 {
            let client = lab.client_of(gateway);
            let answers = [
                client.patch(gone, bytes.clone(), None).await,
                client.finish(gone, &sha256(&bytes), Bytes::new()).await,
                client.upload_status(gone).await,
                client.cancel(gone).await,
            ];
            for answer in answers {
                let answer = answer.unwrap().expect_status(404);
                assert_eq!(answer.error_code(), "BLOB_UPLOAD_UNKNOWN");
            }
        }
    }
}

#[tokio::test]
async fn sessions_at_the_storage_never_exceed_the_limit() {
    for limit in [1, 2, 4] {
        push_and_pull_cold_at_once(limit).await;
    }
}

/// Pushes and cold pulls at once over two gateways and two uploaders, all
/// with so many sessions.
async fn push_and_pull_cold_at_once(limit: usize) {
    let lab = Lab::builder()
        .gateways(2)
        .uploaders(2)
        .env("FTP_CONNECTIONS", &limit.to_string())
        .env("LOG_LEVEL", "debug")
        .start()
        .await;
    let work = async {
        let old: Vec<Image> = (0..3)
            .map(|_| Image::random(Format::Oci, 3, 60_000))
            .collect();
        push_all(&lab, &old, "old").await;
        lab.wait_until_stored().await;
        lab.stop_all().await;
        lab.empty_spool();
        lab.start_all().await;

        let new: Vec<Image> = (0..3 * limit)
            .map(|_| Image::random(Format::Oci, 3, 60_000))
            .collect();
        let pulls = async {
            for (n, image) in old.iter().enumerate() {
                let client = lab.client_of(n % 2);
                image
                    .assert_pullable(&client, &repository(), &format!("old{n}"))
                    .await;
            }
        };
        tokio::join!(push_all(&lab, &new, "new"), pulls);
        lab.assert_stored_whole().await;
    };
    let start = Instant::now();
    let mut most = 0;
    let sample = async {
        loop {
            // Twice, since the table changes while it is read: a session that
            // ends and the next one may both be in it.
            let sessions = lab.sshd().connections().min(lab.sshd().connections());
            most = most.max(sessions);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = sample => unreachable!("it samples for ever"),
    }
    println!("limit {limit}: {most} sessions, {:?}", start.elapsed());
    assert!((1..=limit).contains(&most), "{most} sessions of {limit}");
    if limit > 2 {
        for uploader in 0..2 {
            let log = lab.uploader(uploader).log();
            let done = log.lines().filter(|line| line.contains("done")).count();
            assert!(done > 0, "uploader {uploader} did nothing");
        }
    }
}

async fn push_all(lab: &Lab, images: &[Image], tag: &str) {
    for (n, image) in images.iter().enumerate() {
        let client = lab.client_of(n % 2);
        image
            .push(&client, &repository(), &format!("{tag}{n}"))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_list_has_each_tag_that_any_gateway_acknowledged_before() {
    let lab = two_of_each().await;
    let image = Image::random(Format::Oci, 1, 100);
    let path = format!("/v2/{}/tags/list", repository());
    for n in 0..40 {
        let (here, there) = (lab.client_of(n % 2), lab.client_of((n + 1) % 2));
        let tag = format!("v{n:02}");
        image.push(&here, &repository(), &tag).await.unwrap();
        for client in [&there, &here] {
            let tags = client.get(&path).await.unwrap().expect_status(200).json();
            let tags = tags["tags"].as_array().unwrap().clone();
            assert_eq!(tags.last().unwrap(), tag.as_str());
            assert_eq!(tags.len(), n + 1 - n / 2, "{tags:?}");
        }
        if n % 2 == 1 {
            // And none that any said is deleted.
            let first = tags_first(&there, &path).await;
            let deleted = here.delete_manifest(&repository(), &first).await;
            deleted.unwrap().expect_status(202);
            assert_ne!(tags_first(&there, &path).await, first);
        }
    }
}

async fn tags_first(client: &Client, path: &str) -> String {
    let tags = client.get(path).await.unwrap().expect_status(200).json();
    tags["tags"][0].as_str().unwrap().to_owned()
}
