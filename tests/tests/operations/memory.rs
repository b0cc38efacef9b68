//! Memory does not grow with the size of a blob.

use std::time::Duration;

use bytes::Bytes;
use refity_tests::client::{Client, send};
use refity_tests::expect::Expect as _;
use refity_tests::lab::Lab;
use refity_tests::random;
use reqwest::{Body, Method};
use sha2::{Digest as _, Sha256};

const APP: &str = "team/app";

/// What a process may use at most, in bytes.
const CAP: u64 = 64 << 20;

const PIECE: usize = 1 << 20;

/// The blob's size in pieces; `REFITY_LARGE_BLOB_MIB` asks for another.
fn size() -> u64 {
    const USUAL: u64 = 512;
    let asked = std::env::var("REFITY_LARGE_BLOB_MIB");
    asked.map_or(USUAL, |asked| asked.parse().expect("a number of MiB"))
}

/// The blob's pieces, made while they are sent.
fn pieces(base: &Bytes) -> impl Iterator<Item = Bytes> + Send + 'static {
    let base = base.clone();
    (0..size()).map(move |n| {
        let mut piece = base.to_vec();
        piece[..8].copy_from_slice(&n.to_be_bytes());
        piece.into()
    })
}

fn hex(hash: Sha256) -> String {
    let hash = hash.finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a blob without keeping it, and answers its hash.
async fn hash_of(client: &Client, digest: &str) -> String {
    let path = format!("/v2/{APP}/blobs/{digest}");
    let mut answer = client.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.content_length(), Some(size() * PIECE as u64));
    let mut hash = Sha256::new();
    while let Some(piece) = answer.chunk().await.expect("a whole body") {
        hash.update(&piece);
    }
    hex(hash)
}

#[tokio::test]
async fn a_large_blob_goes_in_and_out_in_little_memory() {
    let lab = Lab::start().await;
    let client = lab.client();
    let base = random::bytes(PIECE);
    let mut hash = Sha256::new();
    pieces(&base).for_each(|piece| hash.update(&piece));
    let hash = hex(hash);
    let digest = format!("sha256:{hash}");
    let small = |what: &str| {
        for (name, process) in [("gateway", lab.gateway(0)), ("uploader", lab.uploader(0))] {
            let peak = process.peak_rss();
            println!("{what}: {} MiB by the {name}", peak >> 20);
            assert!(peak <= CAP, "{what}: the {name} used {} MiB", peak >> 20);
        }
    };

    let session = client.start_upload(APP).await.gives(202).location();
    let stream = pieces(&base).map(Ok::<_, std::io::Error>);
    let body = Body::wrap_stream(tokio_stream::iter(stream));
    send(client.request(Method::PATCH, &session).body(body))
        .await
        .gives(202);
    client.finish(&session, &digest, "").await.gives(201);
    // Slow disks store 4 MiB/s.
    let limit = Duration::from_secs(180 + size() / 4);
    lab.wait_until_stored_within(limit).await;
    small("push");
    assert_eq!(hash_of(&client, &digest).await, hash);
    small("warm pull");
    lab.make_cold().await;
    assert_eq!(hash_of(&client, &digest).await, hash);
    small("cold pull");
    let range = client.get_blob(APP, &digest, Some("bytes=-16")).await;
    assert_eq!(range.gives(206).body, base.slice(PIECE - 16..));
}
