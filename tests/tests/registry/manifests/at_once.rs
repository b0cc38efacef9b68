//! What was just pushed is there at once, wherever the storage is.

use refity_tests::client::sha256;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, Index};
use refity_tests::lab::Lab;
use serde_json::json;

use super::APP;

#[tokio::test]
async fn what_was_pushed_while_the_storage_is_away_can_be_pulled_and_built_upon() {
    let mut lab = Lab::start().await;
    lab.sshd_mut().kill();
    let client = lab.client();
    for format in [Format::Oci, Format::Docker] {
        let index = Index::random(format, &["amd64", "arm64", "riscv64"], 3, 3000);
        for image in &index.images {
            for blob in image.blobs() {
                let digest = client.push_blob(APP, blob.clone()).await.unwrap();
                let head = client.head_blob(APP, &digest).await.gives(200);
                let length = blob.len().to_string();
                assert_eq!(head.header("content-length"), Some(length.as_str()));
                let answer = client.get_blob(APP, &digest, None).await.gives(200);
                assert_eq!(sha256(&answer.body), digest);
            }
            image.push(&client, APP, &image.digest()).await.unwrap();
            image.assert_pullable(&client, APP, &image.digest()).await;
        }
        index.push(&client, APP, "multi").await.unwrap();
        let answer = client.get_manifest(APP, "multi").await.gives(200);
        assert_eq!(answer.body, index.manifest);
    }
    let image = Image::random(Format::Docker, 20, 1000);
    image.push(&client, APP, "layers").await.unwrap();
    image.assert_pullable(&client, APP, "layers").await;
    client
        .mount("team/other", &image.id(), APP)
        .await
        .gives(201);

    lab.sshd_mut().restart().unwrap();
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.tag(APP, "layers"), Some(&*image.digest()));
    assert_eq!(report.repositories[APP].revisions.len(), 9);
}

#[tokio::test]
async fn lists_are_told_from_the_index_while_the_storage_is_away() {
    let mut lab = Lab::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&client, APP, "before").await.unwrap();
    lab.make_cold().await;
    lab.sshd_mut().kill();
    image.push(&client, "team/new", "after").await.unwrap();
    let listed = client.get("/v2/_catalog").await.gives(200).json();
    assert_eq!(listed["repositories"], json!([APP, "team/new"]));
    for (repository, tag) in [(APP, "before"), ("team/new", "after")] {
        let listed = client.tags(repository).await.gives(200).json();
        assert_eq!(listed["tags"], json!([tag]));
        let path = format!("/v2/{repository}/referrers/{}", image.digest());
        let listed = client.get(&path).await.gives(200).json();
        assert_eq!(listed["manifests"], json!([]));
    }
}
