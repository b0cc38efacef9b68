//! What a reader gets does not depend on where the bytes are.

use bytes::Bytes;
use refity_tests::checker::{self, Tmp};
use refity_tests::client::{Answer, Client, send, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::Lab;
use refity_tests::random;
use reqwest::Method;

use super::APP;

const SIZE: usize = 300_000;

async fn assert_part(client: &Client, bytes: &Bytes, range: &str, first: usize, last: usize) {
    let answer = client.get_blob(APP, &sha256(bytes), Some(range)).await;
    let answer = answer.gives(206);
    assert!(answer.body == bytes.slice(first..=last), "{range}");
    let content_range = format!("bytes {first}-{last}/{SIZE}");
    assert_eq!(answer.header("content-range"), Some(&*content_range));
    let length = (last - first + 1).to_string();
    assert_eq!(answer.header("content-length"), Some(&*length), "{range}");
    assert_described(&answer, bytes);
}

/// The headers that every answer with bytes of a blob has.
fn assert_described(answer: &Answer, bytes: &Bytes) {
    let digest = sha256(bytes);
    assert_eq!(answer.digest(), Some(&*digest), "{answer:?}");
    let etag = format!("\"{digest}\"");
    assert_eq!(answer.header("etag"), Some(&*etag), "{answer:?}");
    assert_eq!(answer.header("accept-ranges"), Some("bytes"), "{answer:?}");
    let octets = Some("application/octet-stream");
    assert_eq!(answer.header("content-type"), octets, "{answer:?}");
}

async fn assert_ranges(client: &Client, bytes: &Bytes) {
    let end = SIZE - 1;
    for (range, first, last) in [
        ("bytes=500-1499", 500, 1499),
        ("bytes=0-0", 0, 0),
        ("bytes=500-", 500, end),
        ("bytes=-500", SIZE - 500, end),
        ("bytes=2000-5000000", 2000, end),
        ("bytes=299999-", end, end),
        ("bytes=200000-299999", 200_000, end),
        ("bytes=0-", 0, end),
        ("bytes=0-299999", 0, end),
        ("bytes=-9999999", 0, end),
    ] {
        assert_part(client, bytes, range, first, last).await;
    }
    let digest = sha256(bytes);
    for range in [
        "bytes=500-0",
        "bytes=300000-",
        "bytes=300000-400000",
        "bytes=-0",
    ] {
        let answer = client.get_blob(APP, &digest, Some(range)).await;
        let answer = answer.refuses(416, "SIZE_INVALID");
        assert_eq!(
            answer.header("content-range"),
            Some("bytes */300000"),
            "{range}"
        );
    }
    for range in [
        "bytes=x-y",
        "bytes",
        "bytes=",
        "items=0-1",
        "bytes=0-1,5-6",
        "0-1",
    ] {
        let answer = client.get_blob(APP, &digest, Some(range)).await.gives(200);
        assert!(answer.body == *bytes, "{range}");
        assert_eq!(answer.header("content-range"), None, "{range}");
        assert_eq!(answer.header("content-length"), Some("300000"), "{range}");
        assert_described(&answer, bytes);
    }
}

async fn assert_head(client: &Client, bytes: &Bytes) -> String {
    let digest = sha256(bytes);
    // A range is defined for GET only (RFC 9110 section 14.2).
    let path = format!("/v2/{APP}/blobs/{digest}");
    let part = client
        .request(Method::HEAD, &path)
        .header("range", "bytes=0-9");
    for head in [client.head_blob(APP, &digest).await, send(part).await] {
        let head = head.gives(200);
        assert!(head.body.is_empty());
        assert_eq!(head.header("content-length"), Some("300000"));
        assert_described(&head, bytes);
    }
    format!("\"{digest}\"")
}

#[tokio::test]
async fn ranges_are_the_same_from_the_spool_and_from_sftp() {
    let lab = Lab::start().await;
    let client = lab.client();
    let bytes = random::bytes(SIZE);
    let digest = client.push_blob(APP, bytes.clone()).await.unwrap();
    let etag = assert_head(&client, &bytes).await;
    assert_ranges(&client, &bytes).await;

    lab.make_cold().await;
    assert_head(&client, &bytes).await;
    assert_ranges(&client, &bytes).await;

    lab.make_cold().await;
    let path = format!("/v2/{APP}/blobs/{digest}");
    for method in [Method::GET, Method::HEAD] {
        let request = client.request(method, &path);
        let known = send(request.header("if-none-match", &etag)).await;
        assert!(known.gives(304).body.is_empty());
    }
    let request = client.request(Method::GET, &path);
    let answer = send(request.header("if-none-match", "\"other\"")).await;
    let answer = answer.gives(200);
    assert!(answer.body == bytes);
    assert_eq!(answer.header("content-length"), Some("300000"));
    assert_eq!(answer.header("etag"), Some(&*etag));
    assert_eq!(lab.spool_bytes(), 300_000, "a whole read is kept");
}

#[tokio::test]
async fn blobs_of_every_size_come_back_from_sftp() {
    let lab = Lab::start().await;
    let client = lab.client();
    let mut blobs = Vec::new();
    // About the last part that is held back, and about buffers' sizes.
    for size in [
        0, 1, 2294, 65_535, 65_536, 65_537, 131_072, 1_048_577, 9_000_000,
    ] {
        let bytes = random::bytes(size);
        client.push_blob(APP, bytes.clone()).await.unwrap();
        blobs.push(bytes);
    }
    lab.make_cold().await;
    for bytes in &blobs {
        let digest = sha256(bytes);
        let head = client.head_blob(APP, &digest).await.gives(200);
        let length = bytes.len().to_string();
        assert_eq!(head.header("content-length"), Some(&*length));
        let answer = client.get_blob(APP, &digest, None).await.gives(200);
        assert_eq!(answer.header("content-length"), Some(&*length));
        assert!(answer.body == *bytes, "a blob of {length} bytes");
        // Once more, from the spool.
        let answer = client.get_blob(APP, &digest, None).await.gives(200);
        assert!(answer.body == *bytes, "a blob of {length} bytes");
    }
    lab.check().assert_clean();
}

#[tokio::test]
async fn a_tree_below_another_folder_is_written_and_read_there() {
    let lab = Lab::builder().env("FTP_ROOT", "some/where").start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 2, 10_000);
    image.push(&client, APP, "v1").await.unwrap();
    lab.make_cold().await;
    image.assert_pullable(&client, APP, "v1").await;
    let report = checker::check(&lab.tree().join("some/where"), &Tmp::MustBeEmpty);
    report.assert_clean();
    assert_eq!(report.tag(APP, "v1"), Some(&*image.digest()));
    assert!(!lab.tree().join("docker").exists());
}
