//! What cannot be deleted, and why.

use refity_tests::app::TestApp;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, Index};
use reqwest::Method;

use super::{APP, OTHER};

#[tokio::test]
async fn a_blob_that_a_manifest_of_the_repository_names_stays() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 2, 100);
    image.push(&client, APP, "v1").await.unwrap();
    let blob = refity_tests::client::sha256(&image.layers[0]);
    let path = format!("/v2/{APP}/blobs/{blob}");
    let answer = client.bare(Method::DELETE, &path).await;
    let answer = answer.refuses(405, "UNSUPPORTED");
    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    let words = answer.json()["errors"][0]["message"].to_string();
    assert!(words.contains(&image.digest()), "{words}");
    image.assert_pullable(&client, APP, "v1").await;

    client
        .delete_manifest(APP, &image.digest())
        .await
        .gives(202);
    client.bare(Method::DELETE, &path).await.gives(202);
    client.head_blob(APP, &blob).await.gives(404);
}

#[tokio::test]
async fn a_manifest_that_an_index_of_the_repository_names_stays() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let index = Index::random(Format::Oci, &["amd64", "arm64"], 1, 100);
    index.push(&client, APP, "v1").await.unwrap();
    let child = &index.images[0];
    child.push(&client, OTHER, "alone").await.unwrap();
    let answer = client.delete_manifest(APP, &child.digest()).await;
    let answer = answer.refuses(405, "UNSUPPORTED");
    let words = answer.json()["errors"][0]["message"].to_string();
    assert!(words.contains(&index.digest()), "{words}");
    child.assert_pullable(&client, APP, &child.digest()).await;
    // Where no index names it, it goes.
    let answer = client.delete_manifest(OTHER, &child.digest()).await;
    answer.gives(202);

    for digest in [&index.digest(), &child.digest()] {
        client.delete_manifest(APP, digest).await.gives(202);
    }
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn what_is_not_there_is_unknown_and_what_is_no_name_is_said_so() {
    let lab = TestApp::start().await;
    let client = lab.client();
    client.push_blob(APP, "x".into()).await.unwrap();
    let unknown = format!("sha256:{}", "0".repeat(64));
    for repository in [APP, "team/never"] {
        let manifests = format!("/v2/{repository}/manifests");
        let blobs = format!("/v2/{repository}/blobs");
        for (path, status, code) in [
            (format!("{manifests}/v1"), 404, "MANIFEST_UNKNOWN"),
            (format!("{manifests}/{unknown}"), 404, "MANIFEST_UNKNOWN"),
            (format!("{manifests}/.v1"), 400, "MANIFEST_INVALID"),
            (format!("{manifests}/sha256:0"), 400, "DIGEST_INVALID"),
            (format!("{blobs}/{unknown}"), 404, "BLOB_UNKNOWN"),
            (format!("{blobs}/sha256:0"), 400, "DIGEST_INVALID"),
            (format!("{blobs}/../../x"), 404, "UNSUPPORTED"),
        ] {
            let answer = client.bare(Method::DELETE, &path).await;
            assert_eq!(answer.gives(status).error_code(), code, "{path}");
        }
    }
    let answer = client.bare(Method::DELETE, "/v2/team/app/tags/list").await;
    let answer = answer.refuses(405, "UNSUPPORTED");
    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
}
