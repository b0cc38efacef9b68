//! Pages of repositories and tags, sorted in every way.

use refity_tests::app::TestApp;
use refity_tests::client::Client;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, Index};
use refity_tests::lab::Lab;
use serde_json::{Value, json};

use super::{APP, each, get};

/// All names of a list, by pages of two, there and back again.
async fn walk(client: &Client, path: &str) -> Vec<String> {
    let (mut names, mut pages) = (Vec::new(), Vec::new());
    let mut cursor = Value::Null;
    loop {
        let query = match cursor.as_str() {
            Some(cursor) => format!("{path}&limit=2&cursor={cursor}"),
            None => format!("{path}&limit=2"),
        };
        let page = get(client, &query).await;
        names.extend(each(&page, "name").iter().map(ToString::to_string));
        cursor = page["next_cursor"].clone();
        pages.push(page);
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(pages[0]["total"], names.len(), "{path}");
    while let Some(page) = pages.pop() {
        let Some(cursor) = page["prev_cursor"].as_str() else {
            assert!(pages.is_empty());
            break;
        };
        let before = get(client, &format!("{path}&limit=2&cursor={cursor}")).await;
        // How far each is on its way to SFTP may have changed meanwhile.
        assert_eq!(
            each(&before, "name"),
            each(pages.last().unwrap(), "name"),
            "{path}"
        );
    }
    names
}

#[tokio::test]
async fn repositories_are_sorted_by_what_they_have() {
    let lab = TestApp::builder().group("other").start().await;
    let client = lab.client();
    let shared = Image::random(Format::Oci, 1, 50_000);
    for (repository, own, tags) in [
        ("team/b", 20_000, 1),
        ("team/a/deep", 5_000, 3),
        ("team/c", 40_000, 2),
        ("other/x", 100, 0),
    ] {
        shared
            .push(&client, repository, &shared.digest())
            .await
            .unwrap();
        let image = Image::random(Format::Oci, 1, own);
        image
            .push(&client, repository, &image.digest())
            .await
            .unwrap();
        for n in 0..tags {
            image
                .push(&client, repository, &format!("v{n}"))
                .await
                .unwrap();
        }
    }
    for (query, expected) in [
        ("sort=name", "other/x team/a/deep team/b team/c"),
        ("sort=name&order=desc", "team/c team/b team/a/deep other/x"),
        ("sort=size", "team/c team/b team/a/deep other/x"),
        ("sort=tags", "team/a/deep team/c team/b other/x"),
        ("sort=tags&order=asc", "other/x team/b team/c team/a/deep"),
        ("sort=pushed", "other/x team/c team/a/deep team/b"),
        ("group=team&sort=size", "team/c team/b team/a/deep"),
        ("group=team&sort=pushed", "team/c team/a/deep team/b"),
        ("q=A/D", "team/a/deep"),
        ("repo=team/b", "team/b"),
    ] {
        let names = walk(&client, &format!("/api/repos?{query}")).await;
        assert_eq!(names.join(" "), expected, "{query}");
    }
    let row = &get(&client, "/api/repos?repo=team/b").await["items"][0];
    let (own, all) = (
        row["unique_bytes"].as_u64().unwrap(),
        row["logical_bytes"].as_u64().unwrap(),
    );
    assert!(own > 20_000 && own < 30_000, "{row}");
    assert!(all > 70_000 && all < 85_000, "{row}");
    assert_eq!(
        (&row["group"], &row["tags"], &row["pulls"]),
        (&json!("team"), &json!(1), &json!(0))
    );
    for bad in [
        "sort=best",
        "limit=0",
        "limit=1001",
        "cursor=x",
        "order=up",
        "group=Team",
    ] {
        client.get(&format!("/api/repos?{bad}")).await.gives(400);
    }
}

#[tokio::test]
async fn tags_are_sorted_in_every_way_and_say_what_they_are() {
    let lab = TestApp::start().await;
    let client = lab.client();
    for (tag, bytes) in [
        ("1.10.0", 300),
        ("1.9.0", 4000),
        ("latest", 20_000),
        ("1.10.0-rc.1", 90_000),
    ] {
        let image = Image::random_for("arm64", Format::Oci, 1, bytes);
        image.push(&client, APP, tag).await.unwrap();
    }
    let index = Index::random(Format::Docker, &["amd64", "s390x"], 1, 200_000);
    index.push(&client, APP, "2").await.unwrap();
    for (query, expected) in [
        ("", "2 1.10.0-rc.1 latest 1.9.0 1.10.0"),
        (
            "&sort=pushed&order=asc",
            "1.10.0 1.9.0 latest 1.10.0-rc.1 2",
        ),
        ("&sort=name", "1.10.0 1.10.0-rc.1 1.9.0 2 latest"),
        ("&sort=semver", "2 1.10.0 1.10.0-rc.1 1.9.0 latest"),
        (
            "&sort=semver&order=asc",
            "1.9.0 1.10.0-rc.1 1.10.0 2 latest",
        ),
        ("&sort=size", "2 1.10.0-rc.1 latest 1.9.0 1.10.0"),
        ("&sort=name&q=RC", "1.10.0-rc.1"),
    ] {
        let names = walk(&client, &format!("/api/tags?repo={APP}{query}")).await;
        assert_eq!(names.join(" "), expected, "{query}");
    }
    lab.wait_until_stored().await;
    let tags = get(&client, &format!("/api/tags?repo={APP}")).await;
    let (two, rc) = (&tags["items"][0], &tags["items"][1]);
    assert_eq!(two["digest"], json!(index.digest()));
    assert_eq!(two["media_type"], json!(index.media_type()));
    assert_eq!(two["platforms"], json!(["linux/amd64", "linux/s390x"]));
    assert_eq!(rc["platforms"], json!(["linux/arm64"]), "{rc}");
    assert_eq!(
        (&two["pushed_by"], &two["pulled_at"]),
        (&json!("admin"), &Value::Null)
    );
    let durability = &two["durability"];
    assert_eq!(
        (&durability["state"], &durability["percent"]),
        (&json!("on_sftp"), &json!(100))
    );
    assert_eq!(durability["bytes_total"], two["size"]);
    assert!(
        two["size"].as_u64().unwrap() > 400_000,
        "all of its images: {two}"
    );
}

#[tokio::test]
async fn an_image_that_only_this_host_has_says_so() {
    let mut lab = Lab::start().await;
    let client = lab.client();
    lab.wait_until_stored().await;
    lab.sshd_mut().kill();
    let image = Image::random(Format::Oci, 2, 1000);
    image.push(&client, APP, "v1").await.unwrap();
    let tags = get(&client, &format!("/api/tags?repo={APP}")).await;
    let durability = &tags["items"][0]["durability"];
    assert_ne!(durability["state"], "on_sftp", "{tags}");
    assert_eq!(durability["bytes_stored"], 0, "{tags}");
    let overview = get(&client, "/api/overview").await;
    assert_eq!(
        overview["staged_bytes"], durability["bytes_total"],
        "{overview}"
    );
    assert_eq!(overview["stored_bytes"], 0, "{overview}");
    assert!(
        overview["jobs"]["queued"].as_u64().unwrap() > 0,
        "{overview}"
    );
    assert_eq!(overview["recent"][0]["tag"], "v1", "{overview}");
    lab.sshd_mut().restart().unwrap();
    lab.wait_until_stored().await;
    let overview = get(&client, "/api/overview").await;
    assert_eq!(
        (&overview["staged_bytes"], &overview["sftp"]["state"]),
        (&json!(0), &json!("up"))
    );
    let config = get(&client, "/api/config").await;
    assert_eq!(config["registry_host"], json!(lab.address(0)), "{config}");
}

#[tokio::test]
async fn the_last_pushes_come_the_newest_first() {
    let lab = TestApp::start().await;
    let client = lab.client();
    for tag in ["v1", "v2", "v3"] {
        let image = Image::random(Format::Oci, 1, 100);
        image.push(&client, "team/app", tag).await.unwrap();
    }
    let overview = get(&client, "/api/overview").await;
    let recent = overview["recent"].as_array().unwrap();
    let tags: Vec<_> = recent
        .iter()
        .map(|it| it["tag"].as_str().unwrap())
        .collect();
    assert_eq!(tags, ["v3", "v2", "v1"], "{overview}");
}
