//! What stays, though it looks like garbage to someone who looks once.

use refity_tests::app::TestApp;
use refity_tests::client::sha256;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, Index, descriptor};
use serde_json::json;

use super::{APP, GRACE, HOUR, collect, counts, pass, ready};

#[tokio::test]
async fn untagged_manifests_stay_unless_a_delete_made_them_so() {
    let lab = ready(TestApp::builder()).await;
    let client = lab.client();
    let (moved, current, never) = (
        Image::random(Format::Oci, 1, 100),
        Image::random(Format::Oci, 1, 100),
        Image::random(Format::Oci, 1, 100),
    );
    moved.push(&client, APP, "v1").await.unwrap();
    current.push(&client, APP, "v1").await.unwrap();
    never.push(&client, APP, &never.digest()).await.unwrap();
    pass(&lab, 400 * 24 * HOUR).await;
    assert_eq!(counts(&collect(&client, false).await), (0, 0, 0));
    moved.assert_pullable(&client, APP, &moved.digest()).await;
    never.assert_pullable(&client, APP, &never.digest()).await;
}

#[tokio::test]
async fn what_another_tag_another_index_or_another_repository_needs_stays() {
    let lab = ready(TestApp::builder()).await;
    let client = lab.client();
    let base = Image::random(Format::Oci, 1, 1000);
    let twice = Image::random(Format::Oci, 1, 100);
    let mut layers = base.layers.clone();
    layers.extend(twice.layers.clone());
    let above = Image::of_layers("amd64", Format::Oci, layers);
    base.push(&client, APP, "base").await.unwrap();
    above.push(&client, APP, "above").await.unwrap();
    base.push(&client, "team/other", "base").await.unwrap();
    twice.push(&client, APP, "one").await.unwrap();
    twice.push(&client, APP, "two").await.unwrap();
    let index = Index::of_images(Format::Oci, vec![twice.clone()]);
    index.push(&client, "team/other", "index").await.unwrap();
    client.delete_manifest(APP, "base").await.gives(202);
    client.delete_manifest(APP, "one").await.gives(202);
    pass(&lab, GRACE).await;
    let done = collect(&client, false).await;
    // The base's manifest and configuration, from one repository.
    assert_eq!(counts(&done), (1, 1, 0), "{done}");
    let report = lab.assert_stored_whole().await;
    assert!(
        report.repositories[APP]
            .layers
            .contains(&sha256(&base.layers[0]))
    );
    above.assert_pullable(&client, APP, "above").await;
    base.assert_pullable(&client, "team/other", "base").await;
    twice.assert_pullable(&client, APP, "two").await;
    for image in &index.images {
        image
            .assert_pullable(&client, "team/other", &image.digest())
            .await;
    }
}

#[tokio::test]
async fn artifacts_stay_as_long_as_their_subject_and_go_with_it() {
    let lab = ready(TestApp::builder()).await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&client, APP, "v1").await.unwrap();
    image.push(&client, APP, "v2").await.unwrap();
    client.push_blob(APP, "{}".into()).await.unwrap();
    let artifact = |subject: &[u8]| {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": image.media_type(),
            "artifactType": "application/vnd.example.signature",
            "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"),
            "layers": [],
            "subject": descriptor(image.media_type(), subject),
        });
        manifest.to_string()
    };
    // A signature, and a signature of the signature.
    let first = artifact(&image.manifest);
    let second = artifact(first.as_bytes());
    for manifest in [&first, &second] {
        let digest = sha256(manifest.as_bytes());
        let put = client.put_manifest(APP, &digest, image.media_type(), manifest.clone());
        put.await.gives(201);
    }
    lab.assert_stored_whole().await;
    client.delete_manifest(APP, "v1").await.gives(202);
    pass(&lab, GRACE).await;
    assert_eq!(counts(&collect(&client, false).await), (0, 0, 0));
    client.delete_manifest(APP, "v2").await.gives(202);
    pass(&lab, GRACE).await;
    let done = collect(&client, false).await;
    assert_eq!(counts(&done).0, 3, "{done}");
    let report = lab.assert_stored_whole().await;
    assert!(report.repositories[APP].revisions.is_empty());
    assert!(report.blobs.is_empty());
}

#[tokio::test]
async fn what_a_client_was_told_of_mounted_or_pushed_again_stays_for_its_push() {
    let lab = ready(TestApp::builder()).await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 3, 100);
    image.push(&client, APP, "v1").await.unwrap();
    client
        .delete_manifest(APP, &image.digest())
        .await
        .gives(202);
    lab.assert_stored_whole().await;
    pass(&lab, 23 * HOUR).await;
    let blobs: Vec<_> = image.layers.iter().chain([&image.config]).collect();
    client.head_blob(APP, &sha256(blobs[0])).await.gives(200);
    let mounted = client.mount("team/other", &sha256(blobs[1]), APP).await;
    mounted.gives(201);
    for blob in &blobs[2..] {
        client.push_blob(APP, (*blob).clone()).await.unwrap();
    }
    pass(&lab, 2 * HOUR).await;
    let done = collect(&client, false).await;
    // Of this repository's four links only the mounted one's, whose bytes the
    // other repository has; and the manifest's bytes.
    assert_eq!(counts(&done), (0, 1, 1), "{done}");
    client.push_blob(APP, blobs[1].clone()).await.unwrap();
    let put = client.put_manifest(APP, "v2", image.media_type(), image.manifest.clone());
    put.await.gives(201);
    lab.assert_stored_whole().await;
    image.assert_pullable(&client, APP, "v2").await;
}

#[tokio::test]
async fn a_manifest_that_a_client_was_told_of_can_be_named_by_its_index() {
    let lab = ready(TestApp::builder()).await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&client, APP, "v1").await.unwrap();
    client.delete_manifest(APP, "v1").await.gives(202);
    pass(&lab, 23 * HOUR).await;
    client.head_manifest(APP, &image.digest()).await.gives(200);
    pass(&lab, 2 * HOUR).await;
    assert_eq!(counts(&collect(&client, false).await), (0, 0, 0));
    let index = Index::of_images(Format::Oci, vec![image]);
    let put = client.put_manifest(APP, "index", index.media_type(), index.manifest.clone());
    put.await.gives(201);
    lab.assert_stored_whole().await;
}
