//! Blobs that go from one repository to another, and those that must not.

use refity_tests::app::TestApp;
use refity_tests::client::sha256;
use refity_tests::expect::Expect as _;
use refity_tests::random;
use reqwest::Method;

use super::repository;

#[tokio::test]
async fn a_blob_is_in_another_repository_only_once_it_is_mounted() {
    let lab = TestApp::builder().group("other").start().await;
    let client = lab.client();
    let (from, to) = (repository("app"), "other/app");
    let bytes = random::bytes(2000);
    let digest = client.push_blob(&from, bytes.clone()).await.unwrap();

    client
        .get_blob(to, &digest, None)
        .await
        .refuses(404, "BLOB_UNKNOWN");
    client.head_blob(to, &digest).await.gives(404);
    let sibling = repository("app2");
    client
        .get_blob(&sibling, &digest, None)
        .await
        .refuses(404, "BLOB_UNKNOWN");

    let mounted = client.mount(to, &digest, &from).await.gives(201);
    assert_eq!(mounted.location(), format!("/v2/{to}/blobs/{digest}"));
    assert_eq!(mounted.digest(), Some(digest.as_str()));
    let answer = client.get_blob(to, &digest, None).await.gives(200);
    assert!(answer.body == bytes);
    client.mount(to, &digest, &from).await.gives(201);

    let report = lab.assert_stored_whole().await;
    assert!(report.has_blob(&from, &digest) && report.has_blob(to, &digest));
}

#[tokio::test]
async fn a_mount_of_what_cannot_be_found_begins_an_upload() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let (from, to) = (repository("from"), repository("to"));
    let bytes = random::bytes(100);
    let digest = client.push_blob(&from, bytes.clone()).await.unwrap();
    let absent = sha256(b"absent");
    for (mount, source) in [
        (&absent, from.as_str()),
        (&digest, "team/none"),
        (&digest, "none/none"),
        (&digest, "NoName"),
        (&digest, &to),
    ] {
        let answer = client.mount(&to, mount, source).await.gives(202);
        let session = answer.location();
        client.upload_status(&session).await.gives(204);
        client.cancel(&session).await.gives(204);
    }
    client.head_blob(&to, &digest).await.gives(404);

    // Without a source all that the caller may read is searched.
    let anywhere = |digest: &str| format!("/v2/{to}/blobs/uploads/?mount={digest}");
    let answer = client.bare(Method::POST, &anywhere(&absent)).await;
    let session = answer.gives(202).location();
    client.finish(&session, &sha256(b"x"), "x").await.gives(201);
    let answer = client.bare(Method::POST, &anywhere(&digest)).await;
    answer.gives(201);
    let answer = client.get_blob(&to, &digest, None).await.gives(200);
    assert!(answer.body == bytes);

    let wrong = client.bare(Method::POST, &anywhere("sha256:zz")).await;
    wrong.refuses(400, "DIGEST_INVALID");
}
