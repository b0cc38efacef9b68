//! A push whose connection breaks at any byte.

use std::time::Duration;

use refity_tests::client::{Client, sha256};
use refity_tests::image::{Format, Image};
use refity_tests::lab::Lab;
use refity_tests::random::Random;
use refity_tests::wait;
use refity_tests::wire::{Wire, head};

use super::{APP, SOON};

/// File handles that may be opened lazily and kept: SFTP sessions and database
/// readers.
const KEPT: usize = 8 * 3 + 8;

/// The bytes of a push on one connection: each blob in one POST, then the
/// manifest.
fn recorded(client: &Client, image: &Image) -> Vec<u8> {
    let mut push = Vec::new();
    let mut add = |method, target: &str, media_type, body: &[u8]| {
        let length = body.len().to_string();
        let headers = [("Content-Length", &*length), ("Content-Type", media_type)];
        push.extend(head(client, method, target, &headers).into_bytes());
        push.extend(body);
    };
    for blob in image.blobs() {
        let target = format!("/v2/{APP}/blobs/uploads/?digest={}", sha256(blob));
        add("POST", &target, "application/octet-stream", blob);
    }
    let target = format!("/v2/{APP}/manifests/v1");
    add("PUT", &target, image.media_type(), &image.manifest);
    push
}

#[tokio::test]
async fn a_push_disconnected_at_any_byte_can_be_repeated_and_leaves_nothing_behind() {
    let lab = Lab::start().await;
    let client = lab.client();
    let random = &mut Random::new();
    let seed = random.seed();
    let layers = vec![random.bytes(1), random.bytes(2294), random.bytes(70_000)];
    let image = Image::of_layers("amd64", Format::Oci, layers);
    let push = recorded(&client, &image);
    let before = lab.gateway(0).open_files();
    for n in 0..250 {
        // The beginning, where heads and small bodies are, more often.
        let cut = match n % 2 {
            0 => random.below(5000.min(push.len())),
            _ => random.below(push.len()),
        };
        let mut wire = Wire::connect(lab.address(0)).await;
        wire.send(&push[..cut]).await;
        if n % 3 == 0 {
            // Leaves only when the gateway has begun.
            wire.answer_within(Duration::from_millis(20)).await;
        }
    }
    wait::until("the end of all sessions", SOON, async || {
        lab.database().open_uploads() == 0
    })
    .await;

    let mut wire = Wire::connect(lab.address(0)).await;
    wire.send(&push).await;
    for _ in 0..=image.blobs().count() {
        assert_eq!(wire.answer().await.status, 201, "seed {seed}");
    }
    drop(wire);
    image.assert_pullable(&client, APP, "v1").await;
    lab.assert_stored_whole().await;
    assert_eq!(lab.database().open_uploads(), 0);
    let blobs = image.blobs().map(|blob| blob.len() as u64).sum::<u64>();
    wait::until("files that no row names are gone", SOON, async || {
        lab.spool_bytes() == blobs
    })
    .await;
    wait::until("the gateway's handles", SOON, async || {
        lab.gateway(0).open_files() <= before + KEPT
    })
    .await;
}
