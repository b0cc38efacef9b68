//! What goes, and how.

use std::time::Duration;

use refity_tests::app::TestApp;
use refity_tests::client::sha256;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, Index};
use refity_tests::wait;
use reqwest::Method;
use serde_json::json;

use super::{APP, GRACE, HOUR, collect, counts, pass, ready, trash};

#[tokio::test]
async fn what_a_deleted_tag_left_goes_a_day_later_by_way_of_the_trash() {
    let lab = ready(TestApp::builder()).await;
    let client = lab.client();
    let (gone, kept) = (
        Image::random(Format::Oci, 2, 1000),
        Image::random(Format::Oci, 2, 1000),
    );
    gone.push(&client, APP, "gone").await.unwrap();
    kept.push(&client, APP, "kept").await.unwrap();
    lab.assert_stored_whole().await;
    pass(&lab, GRACE).await;
    // Nothing of it is new, but the delete is.
    client.delete_manifest(APP, "gone").await.gives(202);
    assert_eq!(counts(&collect(&client, false).await), (0, 0, 0));
    gone.assert_pullable(&client, APP, &gone.digest()).await;

    pass(&lab, GRACE).await;
    let preview = collect(&client, true).await;
    assert_eq!(counts(&preview), (1, 3, 4));
    let of = &preview["repositories"][APP];
    assert_eq!(of["manifests"], json!([gone.digest()]));
    let blobs = of["blobs"].as_array().unwrap();
    for blob in gone.layers.iter().chain([&gone.config]) {
        assert!(blobs.contains(&json!(sha256(blob))), "{preview}");
    }
    let bytes: usize = gone.layers.iter().map(bytes::Bytes::len).sum();
    let bytes = bytes + gone.config.len() + gone.manifest.len();
    assert_eq!(preview["bytes"], json!(bytes));
    assert_eq!(preview["freed"].as_array().unwrap().len(), 4);
    gone.assert_pullable(&client, APP, &gone.digest()).await;

    let mut done = collect(&client, false).await;
    done["dry_run"] = json!(true);
    assert_eq!(done, preview);
    let answer = client.get_manifest(APP, &gone.digest()).await;
    answer.refuses(404, "MANIFEST_UNKNOWN");
    let report = lab.assert_stored_whole().await;
    kept.assert_pullable(&client, APP, "kept").await;
    let left = &report.repositories[APP];
    assert_eq!((left.revisions.len(), left.layers.len()), (1, 3));
    assert_eq!(report.blobs.len(), 4);
    assert_eq!(trash(&lab).len(), 4);
    assert_eq!(counts(&collect(&client, false).await), (0, 0, 0));

    pass(&lab, GRACE).await;
    let emptied = async || trash(&lab).is_empty();
    wait::until("an empty trash", Duration::from_secs(180), emptied).await;
    // It can come back.
    gone.push(&client, APP, "gone").await.unwrap();
    lab.assert_stored_whole().await;
    gone.assert_pullable(&client, APP, "gone").await;
}

#[tokio::test]
async fn a_deleted_index_takes_its_children_and_their_artifacts_along() {
    let lab = ready(TestApp::builder()).await;
    let client = lab.client();
    let index = Index::random(Format::Oci, &["amd64", "arm64"], 1, 100);
    index.push(&client, APP, "v1").await.unwrap();
    let shared = Index::of_images(Format::Oci, vec![index.images[0].clone()]);
    shared.push(&client, APP, "v2").await.unwrap();
    client
        .delete_manifest(APP, &index.digest())
        .await
        .gives(202);
    pass(&lab, GRACE).await;
    let done = collect(&client, false).await;
    // The child that the other index names stays, with its blobs.
    assert_eq!(
        done["repositories"][APP]["manifests"],
        json!([index.images[1].digest()])
    );
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.repositories[APP].revisions.len(), 2);
    let child = &index.images[0];
    child.assert_pullable(&client, APP, &child.digest()).await;
}

#[tokio::test]
async fn blobs_that_no_manifest_ever_named_go_a_day_after_they_came() {
    let lab = ready(TestApp::builder()).await;
    let client = lab.client();
    let blob = client.push_blob(APP, "abandoned".into()).await.unwrap();
    let deleted = client.push_blob(APP, "deleted".into()).await.unwrap();
    let path = format!("/v2/{APP}/blobs/{deleted}");
    client.bare(Method::DELETE, &path).await.gives(202);
    lab.assert_stored_whole().await;
    pass(&lab, 23 * HOUR).await;
    assert_eq!(counts(&collect(&client, false).await), (0, 0, 0));
    client.get_blob(APP, &blob, None).await.gives(200);
    pass(&lab, 2 * HOUR).await;
    assert_eq!(counts(&collect(&client, false).await), (0, 1, 2));
    client.get_blob(APP, &blob, None).await.gives(404);
    let report = lab.assert_stored_whole().await;
    assert!(report.blobs.is_empty());
}

#[tokio::test]
async fn untagged_manifests_go_where_the_operator_says_so() {
    let lab = ready(TestApp::builder().env("GC_UNTAGGED_AFTER", "3d")).await;
    let client = lab.client();
    let (first, second, never) = (
        Image::random(Format::Oci, 1, 100),
        Image::random(Format::Oci, 1, 100),
        Image::random(Format::Oci, 1, 100),
    );
    first.push(&client, APP, "v1").await.unwrap();
    never.push(&client, APP, &never.digest()).await.unwrap();
    pass(&lab, 2 * 24 * HOUR).await;
    second.push(&client, APP, "v1").await.unwrap();
    pass(&lab, 2 * 24 * HOUR).await;
    // Counted from the day that its tag moved.
    let done = collect(&client, false).await;
    let of = &done["repositories"][APP];
    assert_eq!(of["manifests"], json!([never.digest()]), "{done}");
    pass(&lab, 2 * 24 * HOUR).await;
    let done = collect(&client, false).await;
    let of = &done["repositories"][APP];
    assert_eq!(of["manifests"], json!([first.digest()]), "{done}");
    lab.assert_stored_whole().await;
    second.assert_pullable(&client, APP, "v1").await;
}

#[tokio::test]
async fn the_index_forgets_what_is_gone() {
    let lab = ready(TestApp::builder()).await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 2, 100);
    image.push(&client, APP, "v1").await.unwrap();
    client
        .delete_manifest(APP, &image.digest())
        .await
        .gives(202);
    pass(&lab, GRACE).await;
    assert_eq!(counts(&collect(&client, false).await), (0, 3, 4));
    lab.assert_stored_whole().await;
    // As long as its transfers are shown, and then a few sweeps.
    let forgotten = async || {
        lab.clock_forward(31 * 24 * HOUR);
        lab.database().content_rows() == 0
    };
    wait::until("an empty index", Duration::from_secs(240), forgotten).await;
    image.push(&client, APP, "v1").await.unwrap();
    lab.assert_stored_whole().await;
    image.assert_pullable(&client, APP, "v1").await;
}
