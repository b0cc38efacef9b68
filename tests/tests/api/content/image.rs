//! One image, what refers to it, and how it differs from another.

use bytes::Bytes;
use refity_tests::app::TestApp;
use refity_tests::client::{Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, Index, descriptor};
use refity_tests::lab::Lab;
use refity_tests::random;
use serde_json::{Value, json};

use super::{APP, get, message};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An image with a configuration of its own.
async fn push(client: &Client, tag: &str, layers: &[Bytes], config: &Value) -> Vec<u8> {
    let config = config.to_string();
    client.push_blob(APP, config.clone().into()).await.unwrap();
    for layer in layers {
        client.push_blob(APP, layer.clone()).await.unwrap();
    }
    let layer = |bytes: &Bytes| descriptor("application/vnd.oci.image.layer.v1.tar", bytes);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", config.as_bytes()),
        "layers": layers.iter().map(layer).collect::<Vec<_>>(),
        "annotations": { "org.opencontainers.image.title": tag },
    });
    let manifest = manifest.to_string();
    let put = client
        .put_manifest(APP, tag, MANIFEST, manifest.clone())
        .await;
    put.gives(201);
    manifest.into_bytes()
}

fn config(env: &[&str], steps: &[&str]) -> Value {
    let history: Vec<Value> = steps
        .iter()
        .map(|step| json!({ "created_by": step, "empty_layer": step.starts_with("ENV") }))
        .collect();
    json!({
        "os": "linux", "architecture": "arm64", "variant": "v8",
        "created": "2026-01-31T12:00:00Z", "author": "someone",
        "config": {
            "Env": env, "Entrypoint": ["/app"], "Cmd": ["serve"], "User": "10001",
            "Labels": { "version": steps.last() }, "ExposedPorts": { "8080/tcp": {} },
        },
        "history": history,
    })
}

#[tokio::test]
async fn an_image_shows_its_layers_history_and_configuration_warm_and_cold() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let (base, own) = (random::bytes(900), random::bytes(300));
    client.push_blob("team/base", base.clone()).await.unwrap();
    let config = config(&["A=1"], &["FROM base", "ENV A=1", "COPY app"]);
    let manifest = push(&client, "v1", &[base.clone(), own.clone()], &config).await;
    let path = format!("/api/image?repo={APP}&ref=v1");
    lab.wait_until_stored().await;
    let warm = get(&client, &path).await;
    assert_eq!(warm["digest"], json!(sha256(&manifest)));
    assert_eq!(warm["manifest"], json!(String::from_utf8_lossy(&manifest)));
    assert_eq!(warm["tags"], json!(["v1"]));
    assert_eq!(warm["platform"], "linux/arm64/v8");
    assert_eq!(warm["platforms"][0]["variant"], "v8");
    let layers = warm["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 2);
    assert_eq!(layers[0]["shared_with"], json!(["team/base"]));
    assert_eq!(layers[1]["shared_with"], json!([]));
    assert_eq!(layers[1]["created_by"], "COPY app");
    assert_eq!(warm["history"].as_array().unwrap().len(), 3);
    assert_eq!(warm["config"]["entrypoint"], json!(["/app"]));
    assert_eq!(warm["config"]["env"], json!(["A=1"]));
    assert_eq!(warm["config"]["labels"], json!({ "version": "COPY app" }));
    assert_eq!(warm["config"]["exposed_ports"], json!(["8080/tcp"]));
    assert_eq!(warm["config_json"], config);
    assert_eq!(warm["created"], "2026-01-31T12:00:00Z");
    assert_eq!(warm["pushed_by"], "admin");
    assert_eq!(warm["durability"]["state"], "on_sftp");
    assert_eq!(warm["annotations"]["org.opencontainers.image.title"], "v1");
    let by_digest = format!("/api/image?repo={APP}&ref={}", sha256(&manifest));
    assert_eq!(get(&client, &by_digest).await["layers"], warm["layers"]);

    lab.make_cold().await;
    assert_eq!(get(&client, &path).await["config"], warm["config"]);
    for (query, status) in [
        ("ref=v2", 404),
        ("ref=a%20b", 400),
        ("ref=v1&platform=linux/amd64", 404),
    ] {
        client
            .get(&format!("/api/image?repo={APP}&{query}"))
            .await
            .gives(status);
    }
}

#[tokio::test]
async fn an_image_is_shown_without_the_configuration_that_cannot_be_had() {
    let mut lab = Lab::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&client, APP, "v1").await.unwrap();
    // Larger than any that is read.
    let large = json!({ "os": "linux", "architecture": "amd64", "x": "x".repeat(1_100_000) });
    push(&client, "large", &[], &large).await;
    lab.make_cold().await;
    lab.sshd_mut().kill();
    let shown = get(&client, &format!("/api/image?repo={APP}&ref=v1")).await;
    assert_eq!(
        (&shown["config"], &shown["platform"]),
        (&Value::Null, &Value::Null)
    );
    assert!(shown["config_unavailable"].is_string(), "{shown}");
    assert_eq!(shown["layers"].as_array().unwrap().len(), 1);
    lab.sshd_mut().restart().unwrap();
    let shown = get(&client, &format!("/api/image?repo={APP}&ref=large")).await;
    let why = shown["config_unavailable"].as_str().unwrap();
    assert!(why.contains("1048576"), "{why}");
}

#[tokio::test]
async fn an_index_shows_its_platforms_and_keeps_attestations_apart() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let images = ["s390x", "amd64"].map(|it| Image::random_for(it, Format::Oci, 1, 200));
    for image in &images {
        image.push(&client, APP, &image.digest()).await.unwrap();
    }
    let provenance = Image::random_for("unknown", Format::Oci, 1, 50);
    provenance
        .push(&client, APP, &provenance.digest())
        .await
        .unwrap();
    let entry = |image: &Image, os: &str| {
        let mut entry = descriptor(MANIFEST, &image.manifest);
        entry["platform"] = json!({ "os": os, "architecture": image.architecture });
        entry
    };
    let mut about = entry(&provenance, "unknown");
    about["annotations"] = json!({ "vnd.docker.reference.digest": images[0].digest() });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry(&images[0], "linux"), entry(&images[1], "linux"), about],
    });
    let media_type = "application/vnd.oci.image.index.v1+json";
    client
        .put_manifest(APP, "v1", media_type, index.to_string())
        .await
        .gives(201);
    let path = format!("/api/image?repo={APP}&ref=v1");
    let shown = get(&client, &path).await;
    let platforms = shown["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 2);
    assert_eq!(platforms[0]["architecture"], "s390x");
    assert!(platforms[0]["size"].as_u64().unwrap() > 200);
    assert_eq!(
        shown["attestations"][0]["digest"],
        json!(provenance.digest())
    );
    assert_eq!(shown["attestations"][0]["about"], json!(images[0].digest()));
    assert_eq!(shown["platform"], "linux/amd64", "the usual one");
    assert_eq!(shown["image_digest"], json!(images[1].digest()));
    let other = get(&client, &format!("{path}&platform=linux/s390x")).await;
    assert_eq!(other["image_digest"], json!(images[0].digest()));
    assert_eq!(
        other["layers"][0]["digest"],
        json!(sha256(&images[0].layers[0]))
    );
    let absent = client
        .get(&format!("{path}&platform=linux/riscv64"))
        .await
        .gives(404);
    assert!(
        message(&absent).contains("linux/s390x, linux/amd64"),
        "{absent:?}"
    );
    let tags = get(&client, &format!("/api/tags?repo={APP}")).await;
    assert_eq!(
        tags["items"][0]["platforms"],
        json!(["linux/s390x", "linux/amd64"])
    );
}

#[tokio::test]
async fn two_images_are_compared() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let layers: Vec<Bytes> = (1..=4).map(|n| random::bytes(n * 100)).collect();
    push(
        &client,
        "v1",
        &layers[..3],
        &config(&["A=1", "B=2"], &["a", "b", "c"]),
    )
    .await;
    let after = [layers[0].clone(), layers[1].clone(), layers[3].clone()];
    push(
        &client,
        "v2",
        &after,
        &config(&["A=1", "B=3"], &["a", "b", "d"]),
    )
    .await;
    let diff = get(&client, &format!("/api/diff?repo={APP}&from=v1&to=v2")).await;
    let digests = |kind: &str| -> Vec<String> {
        let all = diff["layers"][kind].as_array().unwrap();
        all.iter()
            .map(|it| it["digest"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(digests("same"), [sha256(&layers[0]), sha256(&layers[1])]);
    assert_eq!(digests("added"), [sha256(&layers[3])]);
    assert_eq!(digests("removed"), [sha256(&layers[2])]);
    assert_eq!(diff["download_bytes"], 400);
    assert_eq!(diff["env"], json!({ "B": { "from": "2", "to": "3" } }));
    assert_eq!(
        diff["labels"],
        json!({ "version": { "from": "c", "to": "d" } })
    );
    assert_eq!(diff["entrypoint"]["changed"], false);
    client
        .get(&format!("/api/diff?repo={APP}&from=v1&to=v3"))
        .await
        .gives(404);
}

#[tokio::test]
async fn referrers_are_listed_by_pages() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let index = Index::random(Format::Oci, &["amd64"], 1, 100);
    index.push(&client, APP, "v1").await.unwrap();
    client.push_blob(APP, "{}".into()).await.unwrap();
    for n in 0..3 {
        let empty = descriptor("application/vnd.oci.empty.v1+json", b"{}");
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/spdx+json",
            "config": empty, "layers": [empty], "annotations": { "n": n.to_string() },
            "subject": descriptor(index.media_type(), &index.manifest),
        });
        let manifest = manifest.to_string();
        let digest = sha256(manifest.as_bytes());
        client
            .put_manifest(APP, &digest, MANIFEST, manifest)
            .await
            .gives(201);
    }
    let path = format!(
        "/api/referrers?repo={APP}&digest={}&limit=2",
        index.digest()
    );
    let page = get(&client, &path).await;
    assert_eq!(
        (&page["total"], page["items"].as_array().unwrap().len()),
        (&json!(3), 2)
    );
    assert_eq!(page["items"][0]["artifact_type"], "application/spdx+json");
    let next = page["next_cursor"].as_str().unwrap();
    let page = get(&client, &format!("{path}&cursor={next}")).await;
    assert_eq!(page["items"][0]["annotations"], json!({ "n": "2" }));
    let none = format!("/api/referrers?repo={APP}&digest={}", sha256(b"nothing"));
    assert_eq!(get(&client, &none).await["total"], 0);
}
