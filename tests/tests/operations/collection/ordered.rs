//! Who orders a collection, and when there is none.

use std::time::Duration;

use refity_tests::app::TestApp;
use refity_tests::client::Client;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::Lab;
use refity_tests::registry::Registry;
use refity_tests::wait;
use serde_json::json;

use super::{APP, GRACE, collect, counts, pass, ready};

/// Pushes an image and makes it garbage.
async fn with_garbage(lab: &Registry) -> Image {
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&client, APP, "v1").await.unwrap();
    client.delete_manifest(APP, "v1").await.gives(202);
    lab.assert_stored_whole().await;
    image
}

#[tokio::test]
async fn uploaders_collect_by_the_schedule() {
    let builder = Lab::builder().uploaders(2);
    let lab = builder.env("GC_SCHEDULE", "00:00").start().await;
    lab.wait_until_stored().await;
    let image = with_garbage(&lab).await;
    pass(&lab, 2 * GRACE).await;
    let collected = async || {
        let answer = lab.client().get_manifest(APP, &image.digest()).await;
        answer.is_ok_and(|answer| answer.status == 404)
    };
    wait::until(
        "the night's collection",
        Duration::from_secs(120),
        collected,
    )
    .await;
    let report = lab.assert_stored_whole().await;
    assert!(report.blobs.is_empty());
    let said = |n: usize| {
        lab.uploader(n)
            .log()
            .matches("garbage was collected")
            .count()
    };
    assert_eq!(said(0) + said(1), 1, "one of them collects, once");
}

#[tokio::test]
async fn what_a_dead_uploader_began_to_collect_another_collects() {
    let lab = ready(TestApp::builder().env("GC_SCHEDULE", "00:00")).await;
    let image = with_garbage(&lab).await;
    lab.database().set_collector("uploader-1-dead");
    lab.clock_forward(2 * GRACE);
    let collected = async || {
        let answer = lab.client().get_manifest(APP, &image.digest()).await;
        answer.is_ok_and(|answer| answer.status == 404)
    };
    wait::until(
        "the collection that the dead did not end",
        Duration::from_secs(120),
        collected,
    )
    .await;
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn the_command_says_what_it_would_collect_and_collects_it() {
    let lab = Lab::start().await;
    lab.wait_until_stored().await;
    let image = with_garbage(&lab).await;
    pass(&lab, GRACE).await;
    for (arguments, words, status) in [
        (&["gc", "--dry-run"][..], "would be collected", 200),
        (&["gc"][..], "are collected", 404),
    ] {
        let output = lab.uploader_command(arguments).await;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{output:?}");
        assert!(printed.contains(words), "{printed}");
        let manifest = format!("manifest {APP} {}\n", image.digest());
        assert!(printed.contains(&manifest), "{printed}");
        let bytes = format!("bytes {} {}\n", image.digest(), image.manifest.len());
        assert!(printed.contains(&bytes), "{printed}");
        let answer = lab.client().get_manifest(APP, &image.digest()).await;
        answer.gives(status);
    }
    let report = lab.assert_stored_whole().await;
    assert!(report.blobs.is_empty());
}

#[tokio::test]
async fn nothing_is_collected_while_the_storage_is_away() {
    let mut lab = Lab::start().await;
    lab.wait_until_stored().await;
    let image = with_garbage(&lab).await;
    let client = lab.client();
    pass(&lab, GRACE).await;
    lab.sshd_mut().kill();
    // Something must try the storage to find that out.
    client.push_blob(APP, "x".into()).await.unwrap();
    let noticed = async || {
        let answer = client.get("/readyz").await;
        answer.is_ok_and(|answer| answer.json()["storage"]["state"] == "down")
    };
    wait::until("the trouble", Duration::from_secs(60), noticed).await;
    let answer = client.post_json("/api/gc", &json!({})).await.gives(503);
    let words = answer.json()["error"]["message"].to_string();
    assert!(words.contains("storage is failing"), "{words}");
    let output = lab.uploader_command(&["gc"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("storage is failing"), "{words}");
    // What it would do can be said.
    assert_eq!(counts(&collect(&client, true).await), (1, 2, 3));
    lab.sshd_mut().restart().unwrap();
    lab.assert_stored_whole().await;
    image.assert_pullable(&client, APP, &image.digest()).await;
}

#[tokio::test]
async fn only_administrators_collect_and_bad_orders_are_refused() {
    let lab = ready(TestApp::builder()).await;
    let order = json!({ "dry_run": true });
    let anonymous = Client::anonymous(lab.address(0));
    anonymous.post_json("/api/gc", &order).await.gives(401);
    let client = lab.client();
    assert_eq!(counts(&collect(&client, true).await), (0, 0, 0));
    let order = json!({ "dry_run": "no" });
    let answer = client.post_json("/api/gc", &order).await.unwrap();
    assert!((400..500).contains(&answer.status), "{answer:?}");
    client.get("/api/gc").await.gives(405);
}
