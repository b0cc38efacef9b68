//! Deleting tags, images and repositories: what it says before is what it
//! does, for good, and to nothing else.

use refity_tests::app::TestApp;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, Index};
use refity_tests::random;
use reqwest::Method;
use serde_json::json;

use super::{APP, json, message};

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
        assert!(message(&refused).contains(&index.digest()), "{refused:?}");
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
