//! Removing a repository with all its contents.

use refity_tests::app::TestApp;
use refity_tests::client::sha256;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, Index};
use refity_tests::lab::Lab;
use refity_tests::registry::Registry;
use reqwest::Method;
use serde_json::{Value, json};

use super::{APP, get, message};

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
    assert_eq!(message(&again), format!("there is no repository {APP}"));
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
    let index = Index::random(Format::Oci, &["amd64", "arm64"], 2, 400);
    image.push(&client, APP, "v1").await.unwrap();
    index.push(&client, APP, "index").await.unwrap();
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
    let left = report.repositories.get(APP);
    let left = left.map_or(0, |it| it.layers.len() + it.revisions.len());
    assert_eq!(
        (report.tag(APP, "v1"), report.tag(APP, "index"), left),
        (None, None, 0)
    );
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

#[tokio::test]
async fn a_removal_continues_after_both_programs_are_killed() {
    let lab = Lab::start().await;
    let client = lab.client();
    let path = format!("/api/repos?repo={APP}");
    let image = Image::random(Format::Oci, 2, 600);
    // More tags than one transaction marks.
    for n in 0..120 {
        image.push(&client, APP, &format!("v{n}")).await.unwrap();
    }
    image.push(&client, "team/kept", "v1").await.unwrap();
    lab.assert_stored_whole().await;
    lab.database().prevent_end_of_removals();
    client.bare(Method::DELETE, &path).await.gives(200);

    // Clients no longer see it, and cannot push to it yet.
    client.tags(APP).await.refuses(404, "NAME_UNKNOWN");
    client.get_manifest(APP, "v119").await.gives(404);
    client.bare(Method::DELETE, &path).await.gives(404);
    let catalog = get(&client, "/v2/_catalog").await;
    assert_eq!(catalog["repositories"], json!(["team/kept"]));
    let refused = client.start_upload(APP).await.gives(503);
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    let text = String::from_utf8_lossy(&refused.body).into_owned();
    assert!(text.contains("is being removed; try again"), "{text}");
    let body = json!({ "name": APP });
    let created = client.post_json("/api/repos", &body).await.gives(409);
    assert!(
        message(&created).contains("is being removed"),
        "{created:?}"
    );

    lab.wait_until_stored().await;
    lab.gateway(0).kill9();
    lab.uploader(0).kill9();
    lab.database().allow_end_of_removals();
    lab.start_all().await;
    lab.wait_until_stored().await;
    lab.wait_for_sweep("no folders of the repository", async || {
        !has_folders(&lab, APP)
    })
    .await;
    let report = lab.check();
    report.assert_clean();
    assert!(!report.repositories.contains_key(APP));
    let client = lab.client();
    image.assert_pullable(&client, "team/kept", "v1").await;
    image.push(&client, APP, "v1").await.unwrap();
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.tag(APP, "v1"), Some(&*image.digest()));
    assert_eq!(report.tag(APP, "v2"), None);
}
