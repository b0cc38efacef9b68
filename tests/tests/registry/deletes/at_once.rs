//! What clients see from the answer on.

use refity_tests::app::TestApp;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::{APP, OTHER};

#[tokio::test]
async fn a_deleted_tag_is_gone_and_its_manifest_and_its_siblings_stay() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    for tag in ["v1", "v2"] {
        image.push(&client, APP, tag).await.unwrap();
    }
    client.delete_manifest(APP, "v1").await.gives(202);
    for method in [Method::GET, Method::HEAD] {
        let path = format!("/v2/{APP}/manifests/v1");
        client.bare(method, &path).await.gives(404);
    }
    let listed = client.tags(APP).await.gives(200).json();
    assert_eq!(listed["tags"], json!(["v2"]));
    image.assert_pullable(&client, APP, "v2").await;
    image.assert_pullable(&client, APP, &image.digest()).await;
    client
        .delete_manifest(APP, "v1")
        .await
        .refuses(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_repository_whose_last_tag_goes_is_still_listed() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&client, APP, "v1").await.unwrap();
    client.delete_manifest(APP, "v1").await.gives(202);
    let listed = client.tags(APP).await.gives(200).json();
    assert_eq!(listed["tags"], json!([]));
    let catalog = client.get("/v2/_catalog").await.gives(200).json();
    assert_eq!(catalog["repositories"], json!([APP]));
}

#[tokio::test]
async fn a_deleted_manifest_takes_its_tags_along_from_its_repository_only() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let (gone, kept) = (
        Image::random(Format::Oci, 1, 100),
        Image::random(Format::Docker, 1, 100),
    );
    for tag in ["v1", "v2"] {
        gone.push(&client, APP, tag).await.unwrap();
    }
    gone.push(&client, OTHER, "v1").await.unwrap();
    kept.push(&client, APP, "kept").await.unwrap();
    client.delete_manifest(APP, &gone.digest()).await.gives(202);
    for reference in ["v1", "v2", &gone.digest()] {
        let answer = client.get_manifest(APP, reference).await;
        answer.refuses(404, "MANIFEST_UNKNOWN");
    }
    let listed = client.tags(APP).await.gives(200).json();
    assert_eq!(listed["tags"], json!(["kept"]));
    kept.assert_pullable(&client, APP, "kept").await;
    gone.assert_pullable(&client, OTHER, "v1").await;
}

#[tokio::test]
async fn a_deleted_blob_is_gone_from_its_repository_only() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let digest = client.push_blob(APP, "layer".into()).await.unwrap();
    client.push_blob(OTHER, "layer".into()).await.unwrap();
    let path = format!("/v2/{APP}/blobs/{digest}");
    client.bare(Method::DELETE, &path).await.gives(202);
    client.head_blob(APP, &digest).await.gives(404);
    let answer = client.get_blob(APP, &digest, None).await;
    answer.refuses(404, "BLOB_UNKNOWN");
    let answer = client.bare(Method::DELETE, &path).await;
    answer.refuses(404, "BLOB_UNKNOWN");
    client.head_blob(OTHER, &digest).await.gives(200);
    // Nobody can mount it from where it no longer is.
    let answer = client.mount("team/third", &digest, APP).await;
    answer.gives(202);
}

#[tokio::test]
async fn a_deleted_artifact_is_no_referrer_any_more() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&client, APP, "v1").await.unwrap();
    let artifact = json!({
        "schemaVersion": 2,
        "mediaType": image.media_type(),
        "artifactType": "application/vnd.example.signature",
        "config": refity_tests::image::descriptor("application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [],
        "subject": {
            "mediaType": image.media_type(),
            "digest": image.digest(),
            "size": image.manifest.len(),
        },
    })
    .to_string();
    client.push_blob(APP, "{}".into()).await.unwrap();
    let digest = refity_tests::client::sha256(artifact.as_bytes());
    let put = client.put_manifest(APP, &digest, image.media_type(), artifact);
    put.await.gives(201);
    let path = format!("/v2/{APP}/referrers/{}", image.digest());
    let listed = client.get(&path).await.gives(200).json();
    assert_eq!(listed["manifests"][0]["digest"], json!(digest));
    client.delete_manifest(APP, &digest).await.gives(202);
    let listed = client.get(&path).await.gives(200).json();
    assert_eq!(listed["manifests"], json!([]));
}

#[tokio::test]
async fn of_many_deletes_at_once_some_are_taken_and_none_fails() {
    let lab = TestApp::builder().gateways(2).start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    for n in 0..5 {
        let tag = format!("v{n}");
        image.push(&client, APP, &tag).await.unwrap();
        let blob = client.push_blob(APP, tag.clone().into()).await.unwrap();
        for path in [
            format!("/v2/{APP}/manifests/{tag}"),
            format!("/v2/{APP}/manifests/{}", image.digest()),
            format!("/v2/{APP}/blobs/{blob}"),
        ] {
            let mut deletes = JoinSet::new();
            for n in 0..10 {
                let (client, path) = (lab.client_of(n % 2), path.clone());
                deletes.spawn(async move {
                    let answer = client.bare(Method::DELETE, &path).await;
                    answer.expect("an answer").status
                });
            }
            let statuses = deletes.join_all().await;
            let known = |status: &u16| matches!(status, 202 | 404);
            assert!(statuses.iter().all(known), "{path}: {statuses:?}");
            assert!(statuses.contains(&202), "{path}: {statuses:?}");
            client.bare(Method::DELETE, &path).await.gives(404);
            client.get(&path).await.gives(404);
        }
    }
    let report = lab.assert_stored_whole().await;
    let app = &report.repositories[APP];
    assert!(app.tags.is_empty() && app.revisions.is_empty(), "{app:?}");
    // The image's layer and configuration are the collection's.
    assert_eq!(app.layers.len(), 2, "{app:?}");
}
