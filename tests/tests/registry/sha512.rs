//! Digests of another algorithm: what a client calls a thing is what it is
//! called, in the spool, in the tree, and when it is pulled.

use bytes::Bytes;
use refity_tests::app::TestApp;
use refity_tests::client::{Client, MANIFEST_TYPES, send, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::image::Format;
use refity_tests::random;
use refity_types::digest::{Algorithm, Digest};
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

const APP: &str = "team/app";

fn sha512(bytes: &[u8]) -> String {
    Digest::of(Algorithm::Sha512, bytes).to_string()
}

/// Pushes a blob; hands back its descriptor.
async fn push(client: &Client, media_type: &str, bytes: &Bytes) -> Value {
    let session = client.start_upload(APP).await.gives(202).location();
    let digest = sha512(bytes);
    client
        .finish(&session, &digest, bytes.clone())
        .await
        .gives(201);
    json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
}

/// The manifest under this reference, its name and its bytes.
async fn assert_manifest(client: &Client, reference: &str, bytes: &Bytes) {
    let digest = sha512(bytes);
    let etag = format!("\"{digest}\"");
    for method in [Method::GET, Method::HEAD] {
        let path = format!("/v2/{APP}/manifests/{reference}");
        let request = client.request(method.clone(), &path);
        let answer = send(request.header(ACCEPT, MANIFEST_TYPES))
            .await
            .gives(200);
        assert_eq!(answer.digest(), Some(&*digest), "{reference}");
        assert_eq!(answer.header("etag"), Some(&*etag), "{reference}");
        assert!(method == Method::HEAD || answer.body == *bytes);
        let request = client.request(method, &path);
        send(request.header("if-none-match", &etag))
            .await
            .gives(304);
    }
}

async fn assert_blob(client: &Client, bytes: &Bytes) {
    let digest = sha512(bytes);
    let head = client.head_blob(APP, &digest).await.gives(200);
    assert_eq!(head.digest(), Some(&*digest));
    let part = client.get_blob(APP, &digest, Some("bytes=-3")).await;
    assert_eq!(part.gives(206).body, bytes.slice(bytes.len() - 3..));
    let whole = client.get_blob(APP, &digest, None).await.gives(200);
    assert!(whole.body == *bytes);
    assert_eq!(whole.digest(), Some(&*digest));
}

#[tokio::test]
async fn a_sha512_digest_is_the_one_that_the_client_gets_back() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let bytes = random::bytes(10_000);
    let digest = sha512(&bytes);
    let session = client.start_upload(APP).await.gives(202).location();
    client
        .patch(&session, bytes.slice(..7000), None)
        .await
        .gives(202);
    let done = client.finish(&session, &digest, bytes.slice(7000..)).await;
    assert_eq!(done.gives(201).digest(), Some(digest.as_str()));
    let answer = client.get_blob(APP, &digest, None).await.gives(200);
    assert!(answer.body == bytes);
    assert_eq!(answer.digest(), Some(digest.as_str()));
    // Not under its other name: nobody said that it is the same.
    client.head_blob(APP, &sha256(&bytes)).await.gives(404);

    let told = format!("/v2/{APP}/blobs/uploads/?digest-algorithm=sha512");
    let session = client.bare(Method::POST, &told).await.gives(202).location();
    let other = random::bytes(100);
    let digest = sha512(&other);
    client
        .finish(&session, &digest, other.clone())
        .await
        .gives(201);
    let wrong = sha512(b"something else");
    let session = client.start_upload(APP).await.gives(202).location();
    client
        .finish(&session, &wrong, other)
        .await
        .refuses(400, "DIGEST_INVALID");
    let unknown = format!("/v2/{APP}/blobs/uploads/?digest-algorithm=md5");
    let refused = client.bare(Method::POST, &unknown).await;
    refused.refuses(400, "DIGEST_INVALID");

    // What was announced binds nobody, and one request is enough.
    let session = client.bare(Method::POST, &told).await.gives(202).location();
    let plain = random::bytes(100);
    let digest = sha256(&plain);
    let done = client.finish(&session, &digest, plain).await;
    assert_eq!(done.gives(201).digest(), Some(&*digest));
    let posted = random::bytes(100);
    let whole = format!("/v2/{APP}/blobs/uploads/?digest={}", sha512(&posted));
    let whole = client.request(Method::POST, &whole).body(posted.clone());
    let done = send(whole).await.gives(201);
    assert_eq!(done.digest(), Some(&*sha512(&posted)));
    assert_blob(&client, &posted).await;
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn an_image_of_sha512_digests_goes_to_the_tree_and_back() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let (config, layer) = (random::bytes(500), random::bytes(200_000));
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": Format::Oci.manifest(),
        "config": push(&client, "application/vnd.oci.image.config.v1+json", &config).await,
        "layers": [push(&client, "application/vnd.oci.image.layer.v1.tar", &layer).await],
    });
    let manifest = Bytes::from(manifest.to_string());
    let digest = sha512(&manifest);
    let reference = format!("{digest}?tag=v1&tag=v2");
    let put = client.put_manifest(APP, &reference, Format::Oci.manifest(), manifest.clone());
    let put = put.await.gives(201);
    assert_eq!(put.digest(), Some(&*digest));
    assert_eq!(put.location(), format!("/v2/{APP}/manifests/{digest}"));

    let assert_served = async || {
        for reference in ["v1", "v2", &digest] {
            assert_manifest(&client, reference, &manifest).await;
        }
        let alias = client.get_manifest(APP, &sha256(&manifest)).await;
        alias.refuses(404, "MANIFEST_UNKNOWN");
        for blob in [&config, &layer] {
            assert_blob(&client, blob).await;
            let alias = client.get_blob(APP, &sha256(blob), None).await;
            alias.refuses(404, "BLOB_UNKNOWN");
        }
    };
    assert_served().await;
    let report = lab.assert_stored_whole().await;
    assert!(report.has_manifest(APP, &digest));
    assert_eq!(report.tag(APP, "v2"), Some(&*digest));
    let blobs: Vec<_> = report.blobs.keys().collect();
    assert_eq!(blobs.len(), 3, "{blobs:?}");
    assert!(blobs.iter().all(|blob| blob.starts_with("sha512:")));
    lab.make_cold().await;
    assert_served().await;

    // By tag alone a client names no algorithm.
    let put = client.put_manifest(APP, "v3", Format::Oci.manifest(), manifest.clone());
    assert_eq!(put.await.gives(201).digest(), Some(&*sha256(&manifest)));
    assert_manifest(&client, "v1", &manifest).await;
}

#[tokio::test]
async fn sha512_blobs_are_mounted_deleted_and_referred_to_by_their_name() {
    const OTHER: &str = "team/other";
    let lab = TestApp::start().await;
    let client = lab.client();
    let bytes = random::bytes(3000);
    let descriptor = push(&client, "application/octet-stream", &bytes).await;
    let digest = sha512(&bytes);
    let mounted = client.mount(OTHER, &digest, APP).await.gives(201);
    assert_eq!(mounted.digest(), Some(&*digest));
    let path = format!("/v2/{OTHER}/blobs/{digest}");
    client.bare(Method::DELETE, &path).await.gives(202);
    client.head_blob(OTHER, &digest).await.gives(404);
    assert_blob(&client, &bytes).await;

    let subject = json!({
        "mediaType": Format::Oci.manifest(), "digest": sha512(b"subject"), "size": 7,
    });
    let artifact = json!({
        "schemaVersion": 2,
        "mediaType": Format::Oci.manifest(),
        "artifactType": "application/vnd.example.signature",
        "config": descriptor,
        "layers": [],
        "subject": subject,
    });
    let artifact = Bytes::from(artifact.to_string());
    let name = sha512(&artifact);
    let put = client.put_manifest(APP, &name, Format::Oci.manifest(), artifact.clone());
    let put = put.await.gives(201);
    assert_eq!(put.header("oci-subject"), subject["digest"].as_str());
    let path = format!("/v2/{APP}/referrers/{}", sha512(b"subject"));
    let listed = client.get(&path).await.gives(200).json();
    assert_eq!(listed["manifests"][0]["digest"], json!(name));
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn a_sha512_blob_with_a_wrong_byte_is_never_delivered_whole() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let bytes = random::bytes(200_000);
    push(&client, "application/octet-stream", &bytes).await;
    let digest = sha512(&bytes);
    lab.make_cold().await;
    let hex = &digest["sha512:".len()..];
    let path = format!("docker/registry/v2/blobs/sha512/{}/{hex}/data", &hex[..2]);
    let path = lab.tree().join(path);
    let mut spoilt = std::fs::read(&path).unwrap();
    spoilt[7] ^= 1;
    std::fs::write(&path, spoilt).unwrap();
    // It breaks off, or was found out before it began.
    if let Ok(answer) = client.get_blob(APP, &digest, None).await {
        assert_eq!(answer.status, 404, "{answer:?}");
    }
    push(&client, "application/octet-stream", &bytes).await;
    assert_blob(&client, &bytes).await;
    lab.assert_stored_whole().await;
}
