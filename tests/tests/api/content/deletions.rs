//! Deleting tags, images and repositories: what it says before is what it
//! does, for good, and to nothing else.

use refity_tests::app::TestApp;
use refity_tests::client::sha256;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, Index};
use refity_tests::lab::Lab;
use refity_tests::random;
use refity_tests::registry::Registry;
use reqwest::Method;
use serde_json::{Value, json};

use super::{APP, get, json, words};

const DAY_MS: i64 = 25 * 60 * 60 * 1000;

fn bytes(image: &Image) -> u64 {
    let blobs: usize = image.blobs().map(bytes::Bytes::len).sum();
    (blobs + image.manifest.len()) as u64
}

#[tokio::test]
async fn a_preview_of_tags_is_what_the_collection_then_frees() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let shared = random::bytes(3000);
    let image = |own: usize| {
        let layers = vec![shared.clone(), random::bytes(own)];
        Image::of_layers("amd64", Format::Oci, layers)
    };
    let (first, second) = (image(500), image(700));
    for (image, repository, tag) in [
        (&first, APP, "v1"),
        (&first, APP, "same"),
        (&second, APP, "v2"),
        (&second, "team/other", "v2"),
    ] {
        image.push(&client, repository, tag).await.unwrap();
    }
    lab.wait_until_stored().await;
    let order = async |tags: &[&str], dry_run: bool| {
        let body = json!({ "repo": APP, "tags": tags, "dry_run": dry_run });
        json(&client, Method::POST, "/api/tags/delete", &body).await
    };
    let one = order(&["v1"], true).await.gives(200).json();
    assert_eq!(
        (&one["also_tagged"], &one["frees_bytes"]),
        (&json!(["same"]), &json!(0))
    );
    let all = order(&["v1", "same", "gone"], true).await.gives(200).json();
    assert_eq!(all["tags"], json!(["v1", "same"]));
    assert_eq!(
        (&all["missing"], &all["also_tagged"]),
        (&json!(["gone"]), &json!([]))
    );
    let frees = bytes(&first) - 3000;
    assert_eq!(
        (&all["frees_bytes"], &all["kept_here_bytes"]),
        (&json!(frees), &json!(3000))
    );
    assert_eq!(all["kept_shared_bytes"], 0);
    assert!(
        all["freed_after"].is_string() && all["dry_run"] == true,
        "{all}"
    );
    client.get_manifest(APP, "v1").await.gives(200);

    let done = order(&["v1", "same"], false).await.gives(200).json();
    assert_eq!(
        (&done["dry_run"], &done["frees_bytes"]),
        (&json!(false), &json!(frees))
    );
    client.get_manifest(APP, "v1").await.gives(404);
    order(&["v1", "same"], false).await.gives(404);
    let rest = order(&["v2"], true).await.gives(200).json();
    assert_eq!(
        (&rest["frees_bytes"], &rest["shared_with"]),
        (&json!(0), &json!(["team/other"]))
    );
    assert_eq!(rest["kept_shared_bytes"], json!(bytes(&second)));

    lab.wait_until_stored().await;
    lab.clock_forward(DAY_MS);
    let collected = client
        .post_json("/api/gc", &json!({}))
        .await
        .gives(200)
        .json();
    assert_eq!(collected["bytes"], json!(frees), "{collected}");
    lab.assert_stored_whole().await;
    for body in [
        json!({ "repo": APP, "tags": [] }),
        json!({ "repo": APP, "tags": ["a b"] }),
        json!({ "repo": "Team", "tags": ["v"] }),
        json!({ "repo": APP, "tags": ["v"], "dry-run": true }),
    ] {
        json(&client, Method::POST, "/api/tags/delete", &body)
            .await
            .gives(400);
    }
}

#[tokio::test]
async fn an_image_is_deleted_by_digest_unless_an_index_names_it() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let index = Index::random(Format::Oci, &["amd64", "arm64"], 1, 400);
    index.push(&client, APP, "v1").await.unwrap();
    let path = |digest: &str| format!("/api/image?repo={APP}&digest={digest}");
    let child = path(&index.images[0].digest());
    for query in [child.clone(), format!("{child}&dry_run=true")] {
        let refused = client.bare(Method::DELETE, &query).await.gives(409);
        assert!(words(&refused).contains(&index.digest()), "{refused:?}");
    }
    let whole = path(&index.digest());
    let frees: u64 = index.images.iter().map(bytes).sum::<u64>() + index.manifest.len() as u64;
    let dry = json!({ "dry_run": true });
    let preview = json(&client, Method::DELETE, &whole, &dry)
        .await
        .gives(200)
        .json();
    assert_eq!(
        (&preview["frees_bytes"], &preview["tags"]),
        (&json!(frees), &json!(["v1"]))
    );
    json(&client, Method::DELETE, &whole, &json!({ "dry": 1 }))
        .await
        .gives(400);
    client.get_manifest(APP, "v1").await.gives(200);
    client.bare(Method::DELETE, &whole).await.gives(200);
    client.get_manifest(APP, "v1").await.gives(404);
    client.bare(Method::DELETE, &whole).await.gives(404);
    lab.assert_stored_whole().await;
}

/// Whether a repository of this name has folders of its own on SFTP.
fn has_folders(lab: &Registry, repository: &str) -> bool {
    let folder = lab
        .tree()
        .join("docker/registry/v2/repositories")
        .join(repository);
    ["_layers", "_manifests", "_uploads"]
        .iter()
        .any(|own| folder.join(own).exists())
}

#[tokio::test]
async fn a_removed_repository_goes_from_everywhere_and_those_below_it_stay() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let kept = Image::random(Format::Oci, 2, 600);
    let index = Index::random(Format::Oci, &["amd64", "arm64"], 2, 400);
    index.push(&client, APP, "v1").await.unwrap();
    kept.push(&client, APP, "v2").await.unwrap();
    client.push_blob(APP, "alone".into()).await.unwrap();
    kept.push(&client, "team/app/below", "v1").await.unwrap();
    lab.wait_until_stored().await;

    let path = format!("/api/repos?repo={APP}");
    let preview = client
        .bare(Method::DELETE, &format!("{path}&dry_run=true"))
        .await;
    let preview = preview.gives(200).json();
    assert_eq!(
        (&preview["tag_count"], &preview["manifests"]),
        (&json!(2), &json!(4))
    );
    assert_eq!(preview["shared_with"], json!(["team/app/below"]));
    let own = &get(&client, &format!("/api/repos?repo={APP}")).await["items"][0]["unique_bytes"];
    assert_eq!(preview["frees_bytes"], *own);
    client.bare(Method::DELETE, &path).await.gives(200);
    let again = client.bare(Method::DELETE, &path).await.gives(404);
    assert_eq!(words(&again), format!("there is no repository {APP}"));
    client.tags(APP).await.refuses(404, "NAME_UNKNOWN");
    let catalog = get(&client, "/v2/_catalog").await;
    assert_eq!(catalog["repositories"], json!(["team/app/below"]));
    assert_eq!(get(&client, "/api/repos").await["total"], 1);
    lab.wait_until_stored().await;
    lab.wait_for_sweep("no folders of the repository", async || {
        !has_folders(&lab, APP)
    })
    .await;
    assert!(has_folders(&lab, "team/app/below"));
    kept.assert_pullable(&client, "team/app/below", "v1").await;
    let report = lab.check();
    report.assert_clean();
    assert!(!report.repositories.contains_key(APP));

    // And it is there again with the next push.
    kept.push(&client, APP, "v3").await.unwrap();
    kept.assert_pullable(&client, APP, "v3").await;
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.tag(APP, "v3"), Some(&*kept.digest()));
    assert!(has_folders(&lab, APP));
    let row = &get(&client, &format!("/api/repos?repo={APP}")).await["items"][0];
    assert_eq!(row["tags"], 1, "{row}");
}

#[tokio::test]
async fn a_removal_survives_a_lost_database() {
    let lab = Lab::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 2, 600);
    image.push(&client, APP, "v1").await.unwrap();
    image.push(&client, "team/kept", "v1").await.unwrap();
    lab.assert_stored_whole().await;
    lab.uploader(0).terminate().await;
    client
        .bare(Method::DELETE, &format!("/api/repos?repo={APP}"))
        .await
        .gives(200);
    lab.stop_all().await;
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(lab.data_dir().join(format!("refity.db{suffix}")));
    }
    let rebuilt = lab.uploader_command(&["rebuild-index"]).await;
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    lab.start_all().await;
    lab.wait_until_stored().await;
    client.tags(APP).await.refuses(404, "NAME_UNKNOWN");
    let report = lab.check();
    report.assert_clean();
    assert_eq!(report.tag(APP, "v1"), None);
    assert_eq!(report.tag("team/kept", "v1"), Some(&*image.digest()));
}

#[tokio::test]
async fn removals_and_pushes_at_once_leave_a_whole_registry() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let path = format!("/api/repos?repo={APP}");
    let pushes = (0..4).map(|n| {
        let client = client.clone();
        tokio::spawn(async move {
            for turn in 0..6 {
                let image = Image::random(Format::Oci, 1, 300);
                // Blobs may be taken away between their push and the manifest's.
                let _ = image.push(&client, APP, &format!("v{n}-{turn}")).await;
            }
        })
    });
    let pushes: Vec<_> = pushes.collect();
    let removals = (0..2).map(|_| {
        let (client, path) = (client.clone(), path.clone());
        tokio::spawn(async move {
            for _ in 0..8 {
                let status = client
                    .bare(Method::DELETE, &path)
                    .await
                    .expect("an answer")
                    .status;
                assert!(matches!(status, 200 | 404 | 409), "{status}");
            }
        })
    });
    let removals: Vec<_> = removals.collect();
    for task in pushes.into_iter().chain(removals) {
        task.await.unwrap();
    }
    // An upload that began before goes on after.
    let upload = client.start_upload(APP).await.gives(202).location();
    let status = client
        .bare(Method::DELETE, &path)
        .await
        .expect("an answer")
        .status;
    assert!(matches!(status, 200 | 404), "{status}");
    client
        .finish(&upload, &sha256(b"late"), "late")
        .await
        .gives(201);
    client.head_blob(APP, &sha256(b"late")).await.gives(200);
    lab.assert_stored_whole().await;
    client.bare(Method::DELETE, &path).await.gives(200);
    let report = lab.assert_stored_whole().await;
    let left = report.repositories.get(APP);
    let left = left.map_or(0, |it| it.layers.len() + it.revisions.len());
    assert_eq!(left, 0);
    let all: Value = get(&client, "/api/repos").await;
    assert_eq!(all["total"], 0, "{all}");
}
