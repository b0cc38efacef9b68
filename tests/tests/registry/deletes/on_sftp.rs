//! What becomes of the tree, and of a delete that a later push overtakes.

use refity_tests::app::TestApp;
use refity_tests::client::sha256;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, Index};
use reqwest::Method;

use super::{APP, OTHER, algorithm_hex, path};

#[tokio::test]
async fn what_is_deleted_goes_from_the_tree_and_nothing_else() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let (gone, kept) = (
        Image::random(Format::Oci, 1, 100),
        Image::random(Format::Oci, 1, 100),
    );
    for repository in [APP, OTHER, "team/app/below"] {
        gone.push(&client, repository, "v1").await.unwrap();
    }
    kept.push(&client, APP, "kept").await.unwrap();
    let blob = client.push_blob(APP, "alone".into()).await.unwrap();
    lab.assert_stored_whole().await;

    client.delete_manifest(APP, &gone.digest()).await.gives(202);
    let blob_path = format!("/v2/{APP}/blobs/{blob}");
    client.bare(Method::DELETE, &blob_path).await.gives(202);
    client.delete_manifest(OTHER, "v1").await.gives(202);
    let report = lab.assert_stored_whole().await;
    let app = &report.repositories[APP];
    assert_eq!(report.tag(APP, "v1"), None);
    assert_eq!(report.tag(APP, "kept"), Some(&*kept.digest()));
    assert!(!app.revisions.contains(&gone.digest()));
    assert!(!app.layers.contains(&blob));
    assert_eq!(report.tag(OTHER, "v1"), None);
    assert!(
        report.repositories[OTHER]
            .revisions
            .contains(&gone.digest())
    );
    let below = report.tag("team/app/below", "v1");
    assert_eq!(below, Some(&*gone.digest()));
    // No empty folders that another registry would list.
    for folder in [
        format!("repositories/{APP}/_manifests/tags/v1"),
        format!(
            "repositories/{APP}/_manifests/revisions/{}",
            algorithm_hex(&gone.digest())
        ),
        format!("repositories/{APP}/_layers/{}", algorithm_hex(&blob)),
    ] {
        assert!(!path(&lab, &folder).exists(), "{folder}");
    }
    // The bytes are the collection's.
    assert!(report.blobs.contains_key(&blob));
}

#[tokio::test]
async fn what_is_pushed_again_while_its_removal_waits_is_there() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 2, 3000);
    image.push(&client, APP, "v1").await.unwrap();
    image.push(&client, APP, "v2").await.unwrap();
    let blob = client.push_blob(APP, "alone".into()).await.unwrap();
    let blob_path = format!("/v2/{APP}/blobs/{blob}");
    lab.assert_stored_whole().await;
    lab.uploader(0).terminate().await;

    client.bare(Method::DELETE, &blob_path).await.gives(202);
    client.push_blob(APP, "alone".into()).await.unwrap();
    client
        .delete_manifest(APP, &image.digest())
        .await
        .gives(202);
    image.push(&client, APP, "v2").await.unwrap();
    lab.uploader(0).restart();
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.tag(APP, "v1"), None);
    assert_eq!(report.tag(APP, "v2"), Some(&*image.digest()));
    assert!(report.repositories[APP].layers.contains(&blob));
    image.assert_pullable(&client, APP, "v2").await;
    client.head_blob(APP, &blob).await.gives(200);
}

#[tokio::test]
async fn an_empty_config_that_is_deleted_and_pushed_in_quick_turns_is_there_at_the_end() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let digest = sha256(b"{}");
    let path = format!("/v2/{APP}/blobs/{digest}");
    for _ in 0..50 {
        client.push_blob(APP, "{}".into()).await.unwrap();
        client.bare(Method::DELETE, &path).await.gives(202);
        client.head_blob(APP, &digest).await.gives(404);
    }
    client.push_blob(APP, "{}".into()).await.unwrap();
    let report = lab.assert_stored_whole().await;
    assert!(report.repositories[APP].layers.contains(&digest));
    assert_eq!(
        client.get_blob(APP, &digest, None).await.gives(200).body,
        "{}"
    );
}

#[tokio::test]
async fn a_delete_of_what_never_arrived_leaves_nothing() {
    let lab = TestApp::start().await;
    let client = lab.client();
    client.push_blob(APP, "first".into()).await.unwrap();
    lab.assert_stored_whole().await;
    lab.uploader(0).terminate().await;
    let index = Index::random(Format::Oci, &["amd64", "arm64"], 1, 100);
    index.push(&client, APP, "v1").await.unwrap();
    client
        .delete_manifest(APP, &index.digest())
        .await
        .gives(202);
    lab.uploader(0).restart();
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.tag(APP, "v1"), None);
    let revisions = &report.repositories[APP].revisions;
    assert!(!revisions.contains(&index.digest()));
    assert!(revisions.contains(&index.images[0].digest()));
}
