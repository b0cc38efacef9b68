//! Bytes that the storage spoiled: never delivered whole, and healed by a
//! push.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use refity_tests::client::{Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::lab::Lab;
use refity_tests::{random, wait};
use reqwest::Method;
use reqwest::header::RANGE;

use super::APP;

const SIZE: usize = 500_000;

/// What is held back until the hash matches.
const HELD_BACK: usize = 64 * 1024;

/// Where a blob is in Distribution's tree.
fn data(tree: &Path, digest: &str) -> PathBuf {
    let hex = digest.trim_start_matches("sha256:");
    tree.join("docker/registry/v2/blobs/sha256")
        .join(&hex[..2])
        .join(hex)
        .join("data")
}

/// What comes of a read before it ends or breaks off, and whether it ended well.
async fn read(client: &Client, digest: &str, range: Option<&str>) -> (usize, bool) {
    let path = format!("/v2/{APP}/blobs/{digest}");
    let mut request = client.request(Method::GET, &path);
    if let Some(range) = range {
        request = request.header(RANGE, range);
    }
    let Ok(mut response) = request.send().await else {
        return (0, false);
    };
    if !response.status().is_success() {
        return (0, false);
    }
    let mut received = 0;
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => received += piece.len(),
            Ok(None) => return (received, true),
            Err(_) => return (received, false),
        }
    }
}

async fn assert_never_whole_and_healed_by_a_push(
    lab: &Lab,
    bytes: &Bytes,
    range: Option<&str>,
    spoil: impl Fn(&mut Vec<u8>),
) {
    let client = lab.client();
    let digest = client.push_blob(APP, bytes.clone()).await.unwrap();
    lab.make_cold().await;
    let path = data(&lab.tree(), &digest);
    let mut spoilt = std::fs::read(&path).unwrap();
    spoil(&mut spoilt);
    std::fs::write(&path, &spoilt).unwrap();

    let (received, whole) = read(&client, &digest, range).await;
    assert!(!whole, "{received} spoilt bytes were delivered as a blob");
    assert!(received <= SIZE - HELD_BACK, "{received} bytes came");
    // From now on it is known: clients ask first, and push it again.
    wait::until(
        "a HEAD that says 404",
        Duration::from_secs(30),
        async || client.head_blob(APP, &digest).await.unwrap().status == 404,
    )
    .await;
    client
        .get_blob(APP, &digest, None)
        .await
        .refuses(404, "BLOB_UNKNOWN");

    client.push_blob(APP, bytes.clone()).await.unwrap();
    let answer = client.get_blob(APP, &digest, None).await.gives(200);
    assert!(answer.body == *bytes);
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.blobs[&digest], SIZE as u64);
    lab.make_cold().await;
    let answer = client.get_blob(APP, &digest, None).await.gives(200);
    assert_eq!(sha256(&answer.body), digest);
}

#[tokio::test]
async fn a_blob_with_one_wrong_byte_is_never_delivered_whole() {
    let lab = Lab::start().await;
    for at in [0, SIZE - 1] {
        let bytes = random::bytes(SIZE);
        assert_never_whole_and_healed_by_a_push(&lab, &bytes, None, |spoilt| spoilt[at] ^= 1).await;
    }
    // A range over all of it is a read of all of it.
    let bytes = random::bytes(SIZE);
    let all = Some("bytes=0-");
    assert_never_whole_and_healed_by_a_push(&lab, &bytes, all, |spoilt| spoilt[7] ^= 1).await;
}

#[tokio::test]
async fn a_blob_that_lost_or_gained_bytes_is_never_delivered_whole() {
    let lab = Lab::start().await;
    let bytes = random::bytes(SIZE);
    let shorter = |spoilt: &mut Vec<u8>| spoilt.truncate(SIZE - 1);
    assert_never_whole_and_healed_by_a_push(&lab, &bytes, None, shorter).await;
    let bytes = random::bytes(SIZE);
    let longer = |spoilt: &mut Vec<u8>| spoilt.push(0);
    assert_never_whole_and_healed_by_a_push(&lab, &bytes, None, longer).await;
    let bytes = random::bytes(SIZE);
    assert_never_whole_and_healed_by_a_push(&lab, &bytes, None, Vec::clear).await;
}

#[tokio::test]
async fn a_blob_that_is_gone_from_the_storage_is_healed_by_a_push() {
    let lab = Lab::start().await;
    let client = lab.client();
    let bytes = random::bytes(SIZE);
    let digest = client.push_blob(APP, bytes.clone()).await.unwrap();
    lab.make_cold().await;
    std::fs::remove_file(data(&lab.tree(), &digest)).unwrap();
    let (_, whole) = read(&client, &digest, None).await;
    assert!(!whole);
    wait::until(
        "a HEAD that says 404",
        Duration::from_secs(30),
        async || client.head_blob(APP, &digest).await.unwrap().status == 404,
    )
    .await;
    client.push_blob(APP, bytes).await.unwrap();
    let report = lab.assert_stored_whole().await;
    assert!(report.has_blob(APP, &digest));
}

#[tokio::test]
async fn a_file_that_lies_there_before_the_first_push_is_not_taken_for_the_blob() {
    let lab = Lab::start().await;
    let client = lab.client();
    for spoilt in [0, SIZE - 1, SIZE, SIZE + 1] {
        let bytes = random::bytes(SIZE);
        let path = data(&lab.tree(), &sha256(&bytes));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, vec![7; spoilt]).unwrap();
        let digest = client.push_blob(APP, bytes.clone()).await.unwrap();
        let report = lab.assert_stored_whole().await;
        assert_eq!(report.blobs[&digest], SIZE as u64, "{spoilt} bytes");
        lab.make_cold().await;
        let answer = client.get_blob(APP, &digest, None).await.gives(200);
        assert!(answer.body == bytes, "{spoilt} bytes");
    }
}
