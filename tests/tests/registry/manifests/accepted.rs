//! Manifests come back as they were pushed, byte for byte and by any name.

use bytes::Bytes;
use refity_tests::app::TestApp;
use refity_tests::client::{Answer, Client, MANIFEST_TYPES, send, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, Index, descriptor};
use refity_tests::random;
use reqwest::Method;
use serde_json::json;

use super::APP;

/// The headers of GET and HEAD tell the same, and all that they must.
async fn assert_served(client: &Client, reference: &str, media_type: &str, bytes: &Bytes) {
    let get = client.get_manifest(APP, reference).await.gives(200);
    let head = client.head_manifest(APP, reference).await.gives(200);
    assert_eq!(get.body, *bytes, "{reference}");
    assert!(head.body.is_empty());
    let tells = |answer: &Answer, name: &str| answer.header(name).map(str::to_owned);
    for answer in [&get, &head] {
        assert_eq!(answer.header("content-type"), Some(media_type));
        let length = bytes.len().to_string();
        assert_eq!(answer.header("content-length"), Some(length.as_str()));
        assert_eq!(tells(answer, "etag"), tells(&get, "etag"));
        assert_eq!(answer.digest(), get.digest());
    }
    assert_eq!(get.digest(), Some(sha256(bytes).as_str()));
}

#[tokio::test]
async fn images_and_indexes_of_both_formats_come_back_by_tag_and_by_digest() {
    let lab = TestApp::start().await;
    let client = lab.client();
    for (format, tag) in [(Format::Oci, "oci"), (Format::Docker, "docker")] {
        let image = Image::random(format, 2, 500);
        image.push(&client, APP, tag).await.unwrap();
        let index = Index::random(format, &["amd64", "arm64"], 1, 500);
        let multi = format!("{tag}-multi");
        index.push(&client, APP, &multi).await.unwrap();
        for (reference, media_type, bytes) in [
            (tag, image.media_type(), &image.manifest),
            (&*image.digest(), image.media_type(), &image.manifest),
            (&*multi, index.media_type(), &index.manifest),
            (&*index.digest(), index.media_type(), &index.manifest),
        ] {
            assert_served(&client, reference, media_type, bytes).await;
        }
        // Regardless of `Accept`: nothing is rewritten.
        for accept in [None, Some("*/*"), Some(Format::Oci.manifest())] {
            let path = format!("/v2/{}/manifests/{multi}", APP);
            let request = client.request(Method::GET, &path);
            let request = match accept {
                Some(accept) => request.header("accept", accept),
                None => request,
            };
            let answer = send(request).await.gives(200);
            assert_eq!(answer.body, index.manifest);
            assert_eq!(answer.header("content-type"), Some(index.media_type()));
        }
    }
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn a_pull_of_a_manifest_writes_nothing() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let index = Index::random(Format::Docker, &["amd64"], 1, 500);
    index.push(&client, APP, "multi").await.unwrap();
    lab.make_cold().await;
    // What an uploader writes by itself is not the pull's.
    lab.uploader(0).terminate().await;
    let database = lab.database();
    let (before, files) = (database.index_rows(), lab.spool_files());
    for reference in ["multi", &index.digest(), &index.images[0].digest()] {
        client.get_manifest(APP, reference).await.gives(200);
        client.head_manifest(APP, reference).await.gives(200);
    }
    // Pulls are counted, asynchronously; reading the counters counts them first.
    client.get("/api/audit?action=pull").await.gives(200);
    assert_eq!(database.index_rows(), before, "the index was written to");
    assert_eq!(lab.spool_files(), files);
}

#[tokio::test]
async fn bytes_are_kept_as_they_are_however_oddly_they_are_written() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&client, APP, "v1").await.unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&image.manifest).unwrap();
    let mut without_type = manifest.clone();
    without_type.as_object_mut().unwrap().remove("mediaType");
    let mut annotated = manifest.clone();
    annotated["annotations"] = json!({ "a.b": "ä \u{1F600}", "x": "<>&" });
    annotated["unknownField"] = json!([1, 2.5, null]);
    let pretty = serde_json::to_string_pretty(&annotated).unwrap();
    for (tag, bytes) in [
        ("untyped", without_type.to_string()),
        ("pretty", format!("\n\t {pretty}\r\n ")),
        (
            "escaped",
            image_text(&image).replace("sha256", "sha\\u0032\\u0035\\u0036"),
        ),
    ] {
        let bytes = Bytes::from(bytes);
        let put = client.put_manifest(APP, tag, image.media_type(), bytes.clone());
        let put = put.await.gives(201);
        assert_eq!(put.digest(), Some(sha256(&bytes).as_str()));
        let location = format!("/v2/{APP}/manifests/{}", sha256(&bytes));
        assert_eq!(put.location(), location);
        assert_served(&client, tag, image.media_type(), &bytes).await;
    }
    // A parameter of the Content-Type is not the type.
    let typed = format!("{}; charset=utf-8", image.media_type());
    let put = client.put_manifest(APP, "typed", &typed, image.manifest.clone());
    put.await.gives(201);
    assert_served(&client, "typed", image.media_type(), &image.manifest).await;
    lab.assert_stored_whole().await;
}

fn image_text(image: &Image) -> String {
    String::from_utf8(image.manifest.to_vec()).unwrap()
}

#[tokio::test]
async fn a_manifest_of_exactly_four_mebibytes_is_accepted() {
    const LIMIT: usize = 4 * 1024 * 1024;
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&client, APP, "v1").await.unwrap();
    let padded = |size: usize| {
        let mut bytes = image.manifest.to_vec();
        bytes.resize(size, b' ');
        Bytes::from(bytes)
    };
    let put = async |tag: &str, body: reqwest::Body| {
        client
            .put_manifest(APP, tag, image.media_type(), body)
            .await
    };
    let chunked = |bytes: Bytes| {
        let pieces: Vec<_> = bytes.chunks(60_000).map(Bytes::copy_from_slice).collect();
        let pieces = pieces.into_iter().map(Ok::<_, std::io::Error>);
        reqwest::Body::wrap_stream(tokio_stream::iter(pieces))
    };
    put("whole", padded(LIMIT).into()).await.gives(201);
    assert_served(&client, "whole", image.media_type(), &padded(LIMIT)).await;
    put("chunked", chunked(padded(LIMIT - 1))).await.gives(201);
    assert_served(&client, "chunked", image.media_type(), &padded(LIMIT - 1)).await;

    for body in [padded(LIMIT + 1).into(), chunked(padded(LIMIT + 1))] {
        let refused = put("large", body).await.refuses(413, "MANIFEST_INVALID");
        let message = refused.json()["errors"][0]["message"].to_string();
        assert!(message.contains("4 MiB"), "{message}");
    }
    client.head_manifest(APP, "large").await.gives(404);
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn a_manifest_that_the_client_has_is_not_sent_again() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&client, APP, "v1").await.unwrap();
    let answer = client.get_manifest(APP, "v1").await.gives(200);
    let etag = answer.header("etag").expect("an ETag").to_owned();
    let path = format!("/v2/{}/manifests/v1", APP);
    let conditional = async |method: Method, tags: &str| {
        let request = client
            .request(method, &path)
            .header("accept", MANIFEST_TYPES);
        send(request.header("if-none-match", tags)).await
    };
    for tags in [
        etag.as_str(),
        "*",
        &format!("\"other\", {etag}"),
        &format!("W/{etag}"),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let answer = conditional(method, tags).await.gives(304);
            assert!(answer.body.is_empty());
            assert_eq!(answer.header("etag"), Some(etag.as_str()), "{tags}");
        }
    }
    let answer = conditional(Method::GET, "\"other\"").await.gives(200);
    assert_eq!(answer.body, image.manifest);
}

#[tokio::test]
async fn layers_that_are_elsewhere_and_subjects_may_be_absent() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let config = random::bytes(50);
    client.push_blob(APP, config.clone()).await.unwrap();
    let docker = "application/vnd.docker.image.rootfs.foreign.diff";
    let oci = "application/vnd.oci.image.layer.nondistributable.v1";
    for (n, (format, foreign)) in [
        (Format::Docker, format!("{docker}.tar")),
        (Format::Docker, format!("{docker}.tar.gzip")),
        (Format::Oci, format!("{oci}.tar")),
        (Format::Oci, format!("{oci}.tar+gzip")),
        (Format::Oci, format!("{oci}.tar+zstd")),
    ]
    .into_iter()
    .enumerate()
    {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": format.manifest(),
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": [descriptor(&foreign, b"kept by its vendor")],
        });
        let (tag, manifest) = (format!("foreign{n}"), Bytes::from(manifest.to_string()));
        let put = client.put_manifest(APP, &tag, format.manifest(), manifest.clone());
        let put = put.await.gives(201);
        assert_eq!(put.header("oci-subject"), None, "it has no subject");
        assert_served(&client, &tag, format.manifest(), &manifest).await;
    }

    let subject = descriptor(Format::Oci.manifest(), b"pushed later");
    let signature = json!({
        "schemaVersion": 2,
        "mediaType": Format::Oci.manifest(),
        "artifactType": "application/vnd.example.signature",
        "config": descriptor("application/vnd.oci.empty.v1+json", &config),
        "layers": [],
        "subject": subject,
    });
    let put = client.put_manifest(APP, "sig", Format::Oci.manifest(), signature.to_string());
    let put = put.await.gives(201);
    assert_eq!(put.header("oci-subject"), subject["digest"].as_str());
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn a_manifest_that_names_no_type_is_what_its_body_implies() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let index = Index::random(Format::Oci, &["amd64"], 1, 100);
    index.push(&client, APP, "typed").await.unwrap();
    let untyped = |bytes: &Bytes| {
        let mut body: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        body.as_object_mut().unwrap().remove("mediaType");
        Bytes::from(body.to_string())
    };
    for (tag, media_type, bytes) in [
        (
            "image",
            Format::Oci.manifest(),
            untyped(&index.images[0].manifest),
        ),
        ("index", Format::Oci.index(), untyped(&index.manifest)),
    ] {
        let put = client.put_manifest(APP, tag, media_type, bytes.clone());
        put.await.gives(201);
        assert_served(&client, tag, media_type, &bytes).await;
        // Nor does the request have to.
        let path = format!("/v2/{APP}/manifests/bare-{tag}");
        let put = client.request(Method::PUT, &path).body(bytes.clone());
        send(put).await.gives(201);
        assert_served(&client, &format!("bare-{tag}"), media_type, &bytes).await;
    }
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn a_manifest_is_only_in_the_repository_that_it_was_pushed_to() {
    let lab = TestApp::builder().group("other").start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&client, APP, "v1").await.unwrap();
    for repository in ["team/app2", "team/app/below", "other/app"] {
        for exists in [false, true] {
            if exists {
                client.push_blob(repository, "x".into()).await.unwrap();
            }
            for reference in ["v1", &image.digest()] {
                let answer = client.get_manifest(repository, reference).await;
                answer.refuses(404, "MANIFEST_UNKNOWN");
                let head = client.head_manifest(repository, reference).await;
                head.gives(404);
            }
        }
    }
    image.assert_pullable(&client, APP, "v1").await;
}
