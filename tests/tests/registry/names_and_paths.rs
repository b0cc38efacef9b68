//! Names of repositories, groups and tags, and paths that mean harm.

use refity_tests::app::TestApp;
use refity_tests::client::{Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::GROUP;
use refity_tests::random;
use refity_tests::registry::Registry;
use refity_tests::wire::{Wire, WireAnswer, head};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Sends a request whose target no well-behaved client would leave as it is.
async fn raw(lab: &Registry, method: &str, target: &str, body: &str) -> WireAnswer {
    let length = body.len().to_string();
    let headers = [("Content-Length", length.as_str())];
    let mut wire = Wire::connect(lab.address(0)).await;
    let head = head(&lab.client(), method, target, &headers);
    wire.send(head.as_bytes()).await;
    wire.send(body.as_bytes()).await;
    wire.answer().await
}

fn code(answer: &WireAnswer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let code = body["errors"][0]["code"].as_str();
    code.unwrap_or_default().to_owned()
}

/// Everything that lies in and beside the lab's folders, but the database.
fn files(lab: &Registry) -> Vec<std::path::PathBuf> {
    fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), found);
            } else {
                found.push(entry.path());
            }
        }
    }
    let mut found = Vec::new();
    walk(&lab.tree(), &mut found);
    walk(&lab.data_dir().join("spool"), &mut found);
    found.sort();
    found
}

#[tokio::test]
async fn paths_that_climb_out_are_refused_and_touch_nothing() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let app = format!("{GROUP}/app");
    let bytes = random::bytes(100);
    client.push_blob(&app, bytes.clone()).await.unwrap();
    lab.wait_until_stored().await;
    let session = client.start_upload(&app).await.gives(202).location();
    client.patch(&session, bytes.clone(), None).await.gives(202);
    let before = files(&lab);

    for digest in [
        "../../x",
        "..%2f..%2fx",
        "sha256:../../../../etc/passwd",
        "sha256%3A..%2F..%2Fx",
        "%00",
    ] {
        let answer = raw(&lab, "PUT", &format!("{session}?digest={digest}"), "").await;
        assert_eq!(
            (answer.status, &*code(&answer)),
            (400, "DIGEST_INVALID"),
            "{digest}"
        );
        let uploads = format!("/v2/{app}/blobs/uploads/?digest={digest}");
        let answer = raw(&lab, "POST", &uploads, "bytes").await;
        assert_eq!(
            (answer.status, &*code(&answer)),
            (400, "DIGEST_INVALID"),
            "{digest}"
        );
        let answer = raw(&lab, "GET", &format!("/v2/{app}/blobs/{digest}"), "").await;
        assert_eq!(answer.status, 404, "{digest}");
    }
    for digest in [
        "sha256:zz",
        "..%2f..%2fx",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
    ] {
        client.head_blob(&app, digest).await.gives(404);
        client.head_manifest(&app, digest).await.gives(404);
    }
    for id in [
        "..",
        "%252E",
        "%252e%252e%252f",
        "..%2f..%2fx",
        "%2e%2e",
        "x",
    ] {
        for method in ["GET", "PATCH", "PUT", "DELETE"] {
            let digest = sha256(b"bytes");
            let target = format!("/v2/{app}/blobs/uploads/{id}?digest={digest}");
            let answer = raw(&lab, method, &target, "bytes").await;
            assert_eq!(answer.status, 400, "{method} {target}");
        }
    }
    for reference in ["..", "..%2f..%2fx", ".x", "sha256:zz"] {
        let target = format!("/v2/{app}/manifests/{reference}");
        assert_eq!(raw(&lab, "GET", &target, "").await.status, 404, "{target}");
        assert_eq!(
            raw(&lab, "PUT", &target, "{}").await.status,
            400,
            "{target}"
        );
    }
    for name in [
        "..",
        "../team/app",
        "team/..",
        "team%2f..%2f..",
        "team//app",
        "%2e%2e/x",
    ] {
        let target = format!("/v2/{name}/blobs/uploads/");
        let answer = raw(&lab, "POST", &target, "").await;
        assert_eq!(
            (answer.status, &*code(&answer)),
            (400, "NAME_INVALID"),
            "{name}"
        );
    }
    assert_eq!(files(&lab), before);
    client
        .finish(&session, &sha256(&bytes), "")
        .await
        .gives(201);
}

#[tokio::test]
async fn names_of_one_component_and_of_many_are_names() {
    let lab = TestApp::builder().group("nginx").start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    let mut names = vec!["nginx".to_owned()];
    for deeper in [
        "a",
        "a/b",
        "a/b/c/d",
        "a/b/c/d/e/f",
        "x.y_z__w-v--u/0",
        "blobs/uploads",
    ] {
        names.push(format!("{GROUP}/{deeper}"));
    }
    for name in &names {
        image.push(&client, name, "v1").await.unwrap();
        image.assert_pullable(&client, name, "v1").await;
    }
    let long = format!("{GROUP}/{}", "a".repeat(251));
    for name in [
        "team/App",
        "TEAM/app",
        "team/-a",
        "team/a_",
        "team/a..b",
        "team/ä",
        &long,
    ] {
        client.start_upload(name).await.refuses(400, "NAME_INVALID");
        client.tags(name).await.refuses(400, "NAME_INVALID");
        let put = client.put_manifest(name, "v1", image.media_type(), image.manifest.clone());
        put.await.refuses(400, "NAME_INVALID");
    }
    let report = lab.assert_stored_whole().await;
    for name in &names {
        assert_eq!(report.tag(name, "v1"), Some(&*image.digest()), "{name}");
    }
}

#[tokio::test]
async fn tags_are_what_the_specification_says() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let app = format!("{GROUP}/app");
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&client, &app, "latest").await.unwrap();
    let put = async |tag: &str| {
        let manifest = image.manifest.clone();
        client
            .put_manifest(&app, tag, image.media_type(), manifest)
            .await
    };
    let longest = "x".repeat(128);
    let good = ["1.2.3", "v1.0", "_x", "A", "0", "a--b..c__d", &longest];
    for tag in good {
        put(tag).await.gives(201);
        let answer = client.get_manifest(&app, tag).await.gives(200);
        assert_eq!(answer.body, image.manifest, "{tag}");
    }
    let too_long = "x".repeat(129);
    for tag in [".x", "-x", "a+b", "ä", "a%20b", &too_long] {
        put(tag).await.gives(400);
        client.get_manifest(&app, tag).await.gives(404);
    }
    let listed = client.tags(&app).await.gives(200).json();
    assert_eq!(listed["tags"].as_array().unwrap().len(), good.len() + 1);
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn a_tag_list_holds_tags_only_and_is_never_null() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let app = format!("{GROUP}/app");
    client.tags(&app).await.refuses(404, "NAME_UNKNOWN");

    client.push_blob(&app, random::bytes(10)).await.unwrap();
    let listed = client.tags(&app).await.gives(200);
    assert_eq!(listed.json(), json!({ "name": app, "tags": [] }));

    let image = Image::random(Format::Docker, 1, 100);
    image.push(&client, &app, &image.digest()).await.unwrap();
    let listed = client.tags(&app).await.gives(200);
    assert_eq!(listed.json(), json!({ "name": app, "tags": [] }));

    image.push(&client, &app, "v1").await.unwrap();
    let listed = client.tags(&app).await.gives(200);
    assert_eq!(listed.json(), json!({ "name": app, "tags": ["v1"] }));
}

/// Every way to begin a push.
async fn pushes(client: &Client, repository: &str) -> Vec<refity_tests::client::Answer> {
    let image = Image::random(Format::Oci, 1, 10);
    let digest = sha256(b"bytes");
    let single = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
    let single = client.request(reqwest::Method::POST, &single).body("bytes");
    vec![
        client.start_upload(repository).await.gives(403),
        refity_tests::client::send(single).await.gives(403),
        client
            .mount(repository, &digest, "team/app")
            .await
            .gives(403),
        client
            .put_manifest(repository, "v1", image.media_type(), image.manifest)
            .await
            .gives(403),
    ]
}

#[tokio::test]
async fn a_push_into_no_group_says_how_to_make_one_and_keeps_nothing() {
    let lab = TestApp::builder().group("a_b").start().await;
    let client = lab.client();
    let app = format!("{GROUP}/app");
    client.push_blob(&app, "bytes".into()).await.unwrap();
    lab.wait_until_stored().await;
    let before = files(&lab);
    for (repository, group) in [
        ("none/app", "none"),
        ("none/deep/er", "none"),
        ("nginx", "nginx"),
        ("axb/app", "axb"),
        ("a-b/app", "a-b"),
        ("teams/app", "teams"),
    ] {
        for refused in pushes(&client, repository).await {
            assert_eq!(refused.error_code(), "DENIED", "{repository}");
            let words = refused.json()["errors"][0]["message"].to_string();
            assert!(words.contains(&format!("group {group} ")), "{words}");
            assert!(words.contains("/api/groups"), "{words}");
            let single = repository == group;
            assert_eq!(words.contains("<group>/nginx"), single, "{words}");
        }
        client.tags(repository).await.gives(404);
    }
    assert_eq!(files(&lab), before);
    let groups = client.get("/api/groups").await.gives(200).json();
    assert_eq!(groups["groups"], json!(["a_b", GROUP]));

    // The words help: what they say to do is all that was missing.
    client.create_group("axb").await.gives(201);
    client
        .push_blob("axb/app", random::bytes(10))
        .await
        .unwrap();
    // `_` and `%` stand for themselves, also where the index is searched.
    let groups = client.get("/api/groups").await.gives(200).json();
    let counts = groups["items"].as_array().unwrap().iter();
    let counts: Vec<_> = counts.map(|group| group["repositories"].clone()).collect();
    assert_eq!(groups["groups"], json!(["a_b", "axb", GROUP]));
    assert_eq!(counts, [json!(0), json!(1), json!(1)]);
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn a_group_may_keep_new_repositories_from_appearing() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let (old, new) = (format!("{GROUP}/old"), format!("{GROUP}/new"));
    client.push_blob(&old, "bytes".into()).await.unwrap();
    // No request sets it yet.
    lab.database().forbid_create_on_push();
    for refused in pushes(&client, &new).await {
        assert_eq!(refused.error_code(), "DENIED");
        let words = refused.json()["errors"][0]["message"].to_string();
        assert!(words.contains(&new) && words.contains(GROUP), "{words}");
    }
    client.tags(&new).await.gives(404);
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&client, &old, "v1").await.unwrap();
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.repositories.len(), 1);
}

#[tokio::test]
async fn fifty_first_pushes_to_one_repository_make_one_repository() {
    let lab = TestApp::builder().gateways(2).start().await;
    let app = format!("{GROUP}/new");
    let mut pushes = JoinSet::new();
    let images: Vec<_> = (0..50)
        .map(|_| Image::random(Format::Oci, 1, 500))
        .collect();
    for (n, image) in images.iter().cloned().enumerate() {
        let (client, app) = (lab.client_of(n % 2), app.clone());
        pushes.spawn(async move { image.push(&client, &app, &format!("v{n}")).await });
    }
    for pushed in pushes.join_all().await {
        pushed.expect("a push");
    }
    let groups = lab.client().get("/api/groups").await.gives(200).json();
    assert_eq!(groups["items"][0]["repositories"], 1, "{groups}");
    let listed = lab.client().tags(&app).await.gives(200).json();
    assert_eq!(listed["tags"].as_array().unwrap().len(), 50);
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.repositories.len(), 1);
    for (n, image) in images.iter().enumerate() {
        assert_eq!(report.tag(&app, &format!("v{n}")), Some(&*image.digest()));
    }
}
