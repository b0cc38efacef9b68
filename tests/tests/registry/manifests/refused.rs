//! Manifests that are refused: with the specification's code, in words, and
//! nothing stored.

use refity_tests::app::TestApp;
use refity_tests::client::{Answer, Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, Index, descriptor};
use refity_tests::registry::Registry;
use refity_types::digest::{Algorithm, Digest};
use serde_json::{Value, json};

use super::APP;

fn message(answer: &Answer) -> String {
    let message = answer.json()["errors"][0]["message"].clone();
    message.as_str().expect("a message").to_owned()
}

async fn image_whose_blobs_are_there(client: &Client) -> Image {
    let image = Image::random(Format::Oci, 2, 100);
    for blob in image.blobs() {
        client.push_blob(APP, blob.clone()).await.unwrap();
    }
    image
}

async fn assert_nothing_stored(lab: &Registry) {
    let listed = lab.client().tags(APP).await.gives(200).json();
    assert_eq!(listed["tags"], json!([]));
    let report = lab.assert_stored_whole().await;
    let repository = &report.repositories[APP];
    assert!(repository.revisions.is_empty(), "{repository:?}");
    let intents = std::fs::read_dir(lab.data_dir().join("spool/intents"));
    assert_eq!(intents.unwrap().count(), 0, "intents of what was refused");
}

#[tokio::test]
async fn bytes_that_do_not_hash_to_the_digest_they_are_put_under_are_refused() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = image_whose_blobs_are_there(&client).await;
    let others = [
        sha256(b"other bytes"),
        Digest::of(Algorithm::Sha512, b"other bytes").to_string(),
        "sha256:zz".to_owned(),
        "md5:d41d8cd98f00b204e9800998ecf8427e".to_owned(),
    ];
    for digest in others {
        let put = client.put_manifest(APP, &digest, image.media_type(), image.manifest.clone());
        put.await.refuses(400, "DIGEST_INVALID");
        client.head_manifest(APP, &digest).await.gives(404);
    }
    client.head_manifest(APP, &image.digest()).await.gives(404);
    assert_nothing_stored(&lab).await;
}

#[tokio::test]
async fn a_content_type_that_is_not_the_bodys_is_refused() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = image_whose_blobs_are_there(&client).await;
    let mut untyped: Value = serde_json::from_slice(&image.manifest).unwrap();
    untyped.as_object_mut().unwrap().remove("mediaType");
    let typed = String::from_utf8(image.manifest.to_vec()).unwrap();
    let untyped = untyped.to_string();
    for (content_type, body) in [
        (Format::Docker.manifest(), &typed),
        (Format::Oci.index(), &typed),
        (Format::Oci.index(), &untyped),
        (Format::Docker.manifest(), &untyped),
        ("application/json", &typed),
        ("application/octet-stream", &untyped),
        ("text/html", &typed),
    ] {
        let put = client.put_manifest(APP, "v1", content_type, body.clone());
        let refused = put.await.refuses(400, "MANIFEST_INVALID");
        assert!(message(&refused).len() > 20, "{refused:?}");
    }
    assert_nothing_stored(&lab).await;
}

#[tokio::test]
async fn what_is_no_manifest_is_refused_in_words() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = image_whose_blobs_are_there(&client).await;
    let media_type = image.media_type();
    let good: Value = serde_json::from_slice(&image.manifest).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut manifest = good.clone();
        change(&mut manifest);
        manifest.to_string()
    };
    for body in [
        String::new(),
        "{".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"text\"".to_owned(),
        format!("{good}{good}"),
        "[".repeat(100_000),
        changed(&|it| it["schemaVersion"] = json!(3)),
        changed(&|it| it["layers"] = json!("none")),
        changed(&|it| it["layers"][0]["size"] = json!(-1)),
        changed(&|it| it["layers"][0]["digest"] = json!("sha256:zz")),
        changed(&|it| it["config"] = json!(null)),
        changed(&|it| it["mediaType"] = json!(7)),
    ] {
        let shown: String = body.chars().take(80).collect();
        let put = client.put_manifest(APP, "v1", media_type, body).await;
        let refused = put.refuses(400, "MANIFEST_INVALID");
        assert!(!message(&refused).is_empty(), "{shown}");
    }
    let schema_1 = json!({ "schemaVersion": 1, "name": APP, "tag": "v1", "fsLayers": [] });
    for content_type in [
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v1+json",
        media_type,
    ] {
        let put = client.put_manifest(APP, "v1", content_type, schema_1.to_string());
        let refused = put.await.refuses(400, "MANIFEST_INVALID");
        let words = message(&refused).to_lowercase();
        assert!(words.contains("schema 1"), "{words}");
    }
    assert_nothing_stored(&lab).await;
}

#[tokio::test]
async fn a_manifest_that_names_what_is_not_there_is_told_what_is_missing() {
    let lab = TestApp::builder().group("other").start().await;
    let client = lab.client();
    let image = image_whose_blobs_are_there(&client).await;
    let (absent, elsewhere) = (sha256(b"absent"), b"in another repository");
    client
        .push_blob("other/app", elsewhere.as_slice().into())
        .await
        .unwrap();
    let mut manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
    manifest["layers"][0]["digest"] = json!(absent);
    let put = client.put_manifest(APP, "v1", image.media_type(), manifest.to_string());
    let refused = put.await.refuses(404, "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(
        refused.json()["errors"][0]["detail"]["digest"],
        json!(absent)
    );

    let layer = manifest["layers"][0]["mediaType"].as_str().unwrap();
    manifest["layers"][0] = descriptor(layer, elsewhere);
    let put = client.put_manifest(APP, "v1", image.media_type(), manifest.to_string());
    let refused = put.await.refuses(404, "MANIFEST_BLOB_UNKNOWN");
    let detail = refused.json()["errors"][0]["detail"]["digest"].clone();
    assert_eq!(detail, json!(sha256(elsewhere)));

    for format in [Format::Oci, Format::Docker] {
        let index = Index::random(format, &["amd64"], 1, 100);
        let put = client.put_manifest(APP, "v1", index.media_type(), index.manifest.clone());
        let refused = put.await.refuses(404, "MANIFEST_UNKNOWN");
        // The specification has one code for all that is missing.
        let errors = refused.json()["errors"].as_array().unwrap().clone();
        let codes: Vec<_> = errors.iter().map(|error| &error["code"]).collect();
        assert_eq!(codes, ["MANIFEST_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"]);
        for error in &errors {
            let detail = &error["detail"]["digest"];
            assert_eq!(detail, &json!(index.images[0].digest()), "{error}");
        }
    }
    assert_nothing_stored(&lab).await;
}
