//! Tags: names that move, and lists of them.

use refity_tests::app::TestApp;
use refity_tests::client::{Answer, Client};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::registry::Registry;
use serde_json::json;

use super::APP;

async fn put(client: &Client, tag: &str, image: &Image) {
    let put = client.put_manifest(APP, tag, image.media_type(), image.manifest.clone());
    put.await.gives(201);
}

#[tokio::test]
async fn of_two_tags_on_one_manifest_one_moves_and_the_other_stays() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let (first, second) = (
        Image::random(Format::Oci, 1, 100),
        Image::random(Format::Docker, 1, 100),
    );
    first.push(&client, APP, "stable").await.unwrap();
    put(&client, "latest", &first).await;
    second.push(&client, APP, "latest").await.unwrap();

    first.assert_pullable(&client, APP, "stable").await;
    second.assert_pullable(&client, APP, "latest").await;
    first.assert_pullable(&client, APP, &first.digest()).await;
    let listed = client.tags(APP).await.gives(200).json();
    assert_eq!(listed["tags"], json!(["latest", "stable"]));
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.tag(APP, "stable"), Some(&*first.digest()));
    assert_eq!(report.tag(APP, "latest"), Some(&*second.digest()));
}

#[tokio::test]
async fn a_tag_that_is_pushed_again_and_again_stays_one_tag() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let images = [
        Image::random(Format::Oci, 2, 100),
        Image::random(Format::Oci, 2, 100),
    ];
    for n in 0..10 {
        let image = &images[n % 2];
        image.push(&client, APP, "v1").await.unwrap();
        image.assert_pullable(&client, APP, "v1").await;
    }
    let listed = client.tags(APP).await.gives(200).json();
    assert_eq!(listed["tags"], json!(["v1"]));
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.tag(APP, "v1"), Some(&*images[1].digest()));
    let repository = &report.repositories[APP];
    assert_eq!(
        (repository.revisions.len(), repository.layers.len()),
        (2, 6)
    );

    assert_rows_fit(&lab);

    // The last of many that come at once, and none but one of them, stands.
    let mut pushes = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (client, image) = (lab.client(), images[n % 2].clone());
        pushes.spawn(async move { image.push(&client, APP, "v1").await });
    }
    for pushed in pushes.join_all().await {
        pushed.expect("a push");
    }
    let digest = client.head_manifest(APP, "v1").await.gives(200);
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.tag(APP, "v1"), digest.digest());
    assert_rows_fit(&lab);
}

/// No row of the index names another that is not there.
fn assert_rows_fit(lab: &Registry) {
    let broken = lab.database().broken_references();
    assert_eq!(broken, 0, "rows without what they refer to");
}

#[tokio::test]
async fn tags_are_listed_bytewise_and_by_pages() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&client, APP, "b").await.unwrap();
    for tag in ["a", "B", "10", "9", "_", "a.1", "a-1", "Z"] {
        put(&client, tag, &image).await;
    }
    let sorted = ["10", "9", "B", "Z", "_", "a", "a-1", "a.1", "b"];
    let path = format!("/v2/{}/tags/list", APP);
    let page = async |query: &str| client.get(&format!("{path}?{query}")).await.gives(200);
    let tags = |answer: &Answer| answer.json()["tags"].clone();

    let all = client.tags(APP).await.gives(200);
    assert_eq!((tags(&all), all.next_page()), (json!(sorted), None));
    assert_eq!(all.header("content-type"), Some("application/json"));
    assert_eq!(all.json()["name"], json!(APP));

    for size in [1, 2, 4, 8] {
        let mut target = Some(format!("{path}?n={size}"));
        let mut seen = Vec::new();
        while let Some(page) = target {
            let answer = client.get(&page).await.gives(200);
            let tags = answer.json()["tags"].as_array().expect("a list").clone();
            assert!(!tags.is_empty() && tags.len() <= size, "{answer:?}");
            seen.extend(tags);
            target = answer.next_page();
        }
        assert_eq!(json!(seen), json!(sorted), "by pages of {size}");
    }
    for (query, expected, more) in [
        ("n=0", &sorted[..0], false),
        ("n=9", &sorted[..], false),
        ("n=1000000", &sorted[..], false),
        ("n=99999999999999999999", &sorted[..], false),
        ("last=a", &sorted[6..], false),
        ("n=2&last=a", &sorted[6..8], true),
        ("n=3&last=a", &sorted[6..], false),
        ("last=aa", &sorted[8..], false),
        ("last=zzz", &sorted[..0], false),
    ] {
        let answer = page(query).await;
        assert_eq!(tags(&answer), json!(expected), "{query}");
        assert_eq!(answer.next_page().is_some(), more, "{query}");
    }
    for query in ["n=-1", "n=x", "n="] {
        client.get(&format!("{path}?{query}")).await.gives(400);
    }
}
