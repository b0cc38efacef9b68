//! `_catalog`: the names of the repositories, by pages.

use refity_tests::app::TestApp;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use serde_json::json;

#[tokio::test]
async fn repositories_are_listed_bytewise_and_by_pages() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let none = client.get("/v2/_catalog").await.gives(200);
    assert_eq!(none.json(), json!({ "repositories": [] }));

    let image = Image::random(Format::Oci, 1, 100);
    for name in [
        "team/b", "team/a/z", "team/a", "team/a-b", "team/10", "team/9",
    ] {
        image.push(&client, name, "v1").await.unwrap();
    }
    let sorted = [
        "team/10", "team/9", "team/a", "team/a-b", "team/a/z", "team/b",
    ];
    for size in [1, 2, 5, 6, 7] {
        let mut target = Some(format!("/v2/_catalog?n={size}"));
        let mut seen = Vec::new();
        while let Some(page) = target {
            let answer = client.get(&page).await.gives(200);
            let names = answer.json()["repositories"].as_array().unwrap().clone();
            assert!(!names.is_empty() && names.len() <= size, "{answer:?}");
            seen.extend(names);
            target = answer.next_page();
        }
        assert_eq!(json!(seen), json!(sorted), "by pages of {size}");
    }
    for (query, expected, more) in [
        ("", &sorted[..], false),
        ("?n=0", &sorted[..0], false),
        ("?last=team/a", &sorted[3..], false),
        ("?last=team%2Fa&n=2", &sorted[3..5], true),
        ("?last=zzz", &sorted[..0], false),
        ("?n=99999999999999999999", &sorted[..], false),
    ] {
        let answer = client.get(&format!("/v2/_catalog{query}")).await.gives(200);
        assert_eq!(answer.json()["repositories"], json!(expected), "{query}");
        assert_eq!(answer.next_page().is_some(), more, "{query}");
    }
    for query in ["n=-1", "n=x", "n=", "n=1&n=2"] {
        client
            .get(&format!("/v2/_catalog?{query}"))
            .await
            .gives(400);
    }
    client
        .bare(reqwest::Method::DELETE, "/v2/_catalog")
        .await
        .refuses(405, "UNSUPPORTED");
}
