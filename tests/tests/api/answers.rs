//! What every answer of the registry carries, to any request: the
//! protocol's version, the length of what is read, and errors of one form.

use std::time::Duration;

use bytes::Bytes;
use refity_tests::app::TestApp;
use refity_tests::client::{Answer, Client, Sent, send, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::Lab;
use refity_tests::wire::{Wire, head};
use refity_tests::{random, wait};
use reqwest::Method;
use reqwest::header::RANGE;
use serde_json::Value;

const APP: &str = "team/app";

fn assert_version(answer: &Answer) {
    let version = answer.header("docker-distribution-api-version");
    assert_eq!(version, Some("registry/2.0"), "{answer:?}");
}

#[tokio::test]
async fn every_answer_names_the_version_of_the_protocol() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&client, APP, "v1").await.unwrap();
    let (blob, unknown) = (sha256(&image.layers[0]), sha256(b"unknown"));
    for method in [Method::GET, Method::HEAD] {
        for (path, status) in [
            ("/v2".to_owned(), 200),
            ("/v2/".to_owned(), 200),
            ("/v2/_catalog".to_owned(), 200),
            (format!("/v2/{APP}/tags/list"), 200),
            (format!("/v2/{APP}/manifests/v1"), 200),
            (format!("/v2/{APP}/blobs/{blob}"), 200),
            (format!("/v2/{APP}/referrers/{unknown}"), 200),
            (format!("/v2/{APP}/blobs/{unknown}"), 404),
            (format!("/v2/{APP}/blobs/uploads/"), 405),
            ("/v2/nothing".to_owned(), 404),
        ] {
            let answer = client.bare(method.clone(), &path).await;
            assert_version(&answer.gives(status));
        }
        let stranger = Client::anonymous(lab.address(0));
        let refused = stranger.bare(method, "/v2/").await.gives(401);
        assert_version(&refused);
    }
    let session = client.start_upload(APP).await.gives(202);
    assert_version(&session);
    let patched = client.patch(&session.location(), "a", None).await;
    let session = patched.gives(202);
    assert_version(&session);
    let done = client.finish(&session.location(), &sha256(b"a"), "").await;
    assert_version(&done.gives(201));
    let gone = client.delete_manifest(APP, "v1").await.gives(202);
    assert_version(&gone);
}

/// GET or HEAD, and what it must tell of its length.
async fn assert_length(client: &Client, method: Method, path: &str, range: bool, length: usize) {
    let mut request = client.request(method.clone(), path);
    if range {
        request = request.header(RANGE, "bytes=1-");
    }
    let answer = send(request).await.gives(if range { 206 } else { 200 });
    let what = format!("{method} {path}, a range: {range}");
    let told = answer.header("content-length").map(str::parse);
    assert_eq!(told, Some(Ok(length)), "{what}");
    assert_eq!(answer.header("transfer-encoding"), None, "{what}");
    let sent = if method == Method::HEAD { 0 } else { length };
    assert_eq!(answer.body.len(), sent, "{what}");
}

#[tokio::test]
async fn blobs_and_manifests_tell_their_length_from_the_spool_and_from_sftp() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::of_layers(
        "amd64",
        Format::Oci,
        [0, 1, 2294, 300_000].map(random::bytes).into(),
    );
    image.push(&client, APP, "v1").await.unwrap();
    for cold in [false, true] {
        if cold {
            lab.make_cold().await;
        }
        for method in [Method::HEAD, Method::GET] {
            for reference in ["v1", &image.digest()] {
                let path = format!("/v2/{APP}/manifests/{reference}");
                assert_length(&client, method.clone(), &path, false, image.manifest.len()).await;
            }
            for blob in image.blobs() {
                let path = format!("/v2/{APP}/blobs/{}", sha256(blob));
                // A part is read from SFTP itself, and leaves the blob cold.
                if method == Method::GET && blob.len() > 1 {
                    assert_length(&client, method.clone(), &path, true, blob.len() - 1).await;
                }
                assert_length(&client, method.clone(), &path, false, blob.len()).await;
            }
        }
    }
}

/// A refusal of the form that the specification gives all errors.
#[track_caller]
fn assert_refused(sent: Sent, status: u16, code: &str) -> Answer {
    let answer = sent.refuses(status, code);
    assert_version(&answer);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    let names = |value: &Value| -> Vec<String> {
        let mut names: Vec<_> = value.as_object().expect("an object").keys().collect();
        names.sort();
        names.into_iter().cloned().collect()
    };
    assert_eq!(names(&body), ["errors"], "{answer:?}");
    let errors = body["errors"].as_array().expect("a list");
    assert!(!errors.is_empty(), "{answer:?}");
    for error in errors {
        assert_eq!(names(error), ["code", "detail", "message"], "{answer:?}");
        let words = error["message"].as_str().expect("words");
        assert!(words.len() > 10, "{answer:?}");
    }
    answer
}

#[tokio::test]
async fn every_error_has_a_code_words_and_a_detail() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let unknown = sha256(b"unknown");
    let session = client.start_upload(APP).await.gives(202).location();
    let ten = client.push_blob(APP, random::bytes(10)).await.unwrap();
    let image = Image::random(Format::Oci, 1, 100);
    let put = async |body: Bytes| {
        client
            .put_manifest(APP, "v1", image.media_type(), body)
            .await
    };

    let blob = client.get_blob(APP, &unknown, None).await;
    assert_refused(blob, 404, "BLOB_UNKNOWN");
    let patched = client.patch(&session, "bytes", Some("x-y")).await;
    assert_refused(patched, 400, "BLOB_UPLOAD_INVALID");
    let patched = client.patch(&session, "bytes", Some("0-8")).await;
    assert_refused(patched, 400, "SIZE_INVALID");
    let done = client.finish(&session, "sha256:zz", "").await;
    assert_refused(done, 400, "DIGEST_INVALID");
    let other = session.replace(APP, "team/other");
    assert_refused(
        client.upload_status(&other).await,
        404,
        "BLOB_UPLOAD_UNKNOWN",
    );
    let refused = put(image.manifest.clone()).await;
    assert_refused(refused, 404, "MANIFEST_BLOB_UNKNOWN");
    assert_refused(put("{".into()).await, 400, "MANIFEST_INVALID");
    let manifest = client.get_manifest(APP, "v1").await;
    assert_refused(manifest, 404, "MANIFEST_UNKNOWN");
    assert_refused(client.tags("team/App").await, 400, "NAME_INVALID");
    assert_refused(client.tags("team/none").await, 404, "NAME_UNKNOWN");
    let stranger = Client::anonymous(lab.address(0));
    assert_refused(stranger.ping().await, 401, "UNAUTHORIZED");
    assert_refused(client.start_upload("none/app").await, 403, "DENIED");
    let deleted = client.bare(Method::DELETE, "/v2/_catalog").await;
    assert_refused(deleted, 405, "UNSUPPORTED");
    let early = client.patch(&session, "bytes", Some("7-11")).await;
    assert_refused(early, 416, "BLOB_UPLOAD_INVALID");
    let past = client.get_blob(APP, &ten, Some("bytes=10-")).await;
    assert_refused(past, 416, "SIZE_INVALID");
    let large = put(vec![b' '; 4 * 1024 * 1024 + 1].into()).await;
    assert_refused(large, 413, "MANIFEST_INVALID");
    let tags = format!("{unknown}?tag={}", vec!["t"; 101].join("&tag="));
    let tags = client.put_manifest(APP, &tags, image.media_type(), "{}");
    assert_refused(tags.await, 414, "UNSUPPORTED");
    // The codes that there are: no list of ours is longer.
    let page = client.get("/v2/_catalog?n=x").await;
    assert_refused(page, 400, "UNSUPPORTED");
}

#[tokio::test]
async fn what_may_work_later_says_when_to_come_back() {
    let mut lab = Lab::builder()
        .env("MAX_UPLOADS_PER_CLIENT", "1")
        .start()
        .await;
    let client = lab.client();
    let digest = client.push_blob(APP, random::bytes(10)).await.unwrap();
    let assert_later = |sent: Sent, status, code| {
        let refused = assert_refused(sent, status, code);
        let seconds: Option<u64> = refused
            .header("retry-after")
            .and_then(|after| after.parse().ok());
        assert!(seconds.is_some_and(|after| after > 0), "{refused:?}");
    };

    let session = client.start_upload(APP).await.gives(202).location();
    let mut holding = Wire::connect(lab.address(0)).await;
    let headers = [("Content-Length", "2"), ("Expect", "100-continue")];
    let patch = head(&client, "PATCH", &session, &headers);
    holding.send(patch.as_bytes()).await;
    assert_eq!(holding.answer().await.status, 100);
    let second = client.start_upload(APP).await.gives(202).location();
    let refused = client.patch(&second, "ab", None).await;
    assert_later(refused, 429, "TOOMANYREQUESTS");
    holding.send(b"ab").await;
    assert_eq!(holding.answer().await.status, 202);

    lab.make_cold().await;
    lab.sshd_mut().kill();
    let refused = client.get_blob(APP, &digest, None).await;
    assert_later(refused, 503, "UNAVAILABLE");
    lab.sshd_mut().restart().unwrap();
    wait::until(
        "the storage's return",
        Duration::from_secs(60),
        async || client.get_blob(APP, &digest, None).await.unwrap().status == 200,
    )
    .await;
}
