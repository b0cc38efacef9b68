//! Lists of people, by pages.

use refity_tests::app::TestApp;
use refity_tests::client::Client;
use refity_tests::expect::Expect as _;
use serde_json::{Value, json};

use super::user;

/// All rows of a list, page after page, and back again.
async fn walk(client: &Client, path: &str, field: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = path.to_owned();
    let mut pages: Vec<Value> = Vec::new();
    loop {
        let page = client.get(&at).await.gives(200).json();
        let items = page["items"].as_array().unwrap();
        names.extend(
            items
                .iter()
                .map(|it| it[field].as_str().unwrap().to_owned()),
        );
        let next = page["next_cursor"].as_str().map(str::to_owned);
        pages.push(page);
        match next {
            Some(cursor) => at = format!("{path}&cursor={cursor}"),
            None => break,
        }
    }
    assert!(pages[0]["prev_cursor"].is_null());
    for pair in pages.windows(2).rev() {
        let cursor = pair[1]["prev_cursor"].as_str().unwrap();
        let before = client
            .get(&format!("{path}&cursor={cursor}"))
            .await
            .gives(200);
        assert_eq!(before.json()["items"], pair[0]["items"], "{path}");
    }
    assert_eq!(pages[0]["total"], names.len());
    names
}

#[tokio::test]
async fn pages_of_a_list_join_in_every_order() {
    let lab = TestApp::start().await;
    let admin = lab.client();
    for name in ["Bob", "ann", "carol", "dave"] {
        user(&lab, name).await.ping().await.gives(200);
        super::give(&lab, name, "team", &["pull"]).await;
        let token = json!({ "name": format!("for {name}") });
        admin.post_json("/api/tokens", &token).await.gives(201);
        let robot = json!({
            "name": format!("team+{}", name.to_lowercase()),
            "scopes": [{ "repositories": "team/*", "rights": ["pull"] }],
        });
        admin.post_json("/api/robots", &robot).await.gives(201);
    }
    for (path, field, expected) in [
        ("/api/users?limit=2", "name", "admin ann Bob carol dave"),
        (
            "/api/users?limit=2&order=desc",
            "name",
            "dave carol Bob ann admin",
        ),
        (
            "/api/users?limit=2&sort=created&order=asc",
            "name",
            "admin Bob ann carol dave",
        ),
        (
            "/api/users?limit=1&q=A&sort=name",
            "name",
            "admin ann carol dave",
        ),
        (
            "/api/grants?limit=3&group=team",
            "user",
            "ann Bob carol dave",
        ),
        (
            "/api/robots?limit=3&group=team",
            "name",
            "team+ann team+bob team+carol team+dave",
        ),
    ] {
        assert_eq!(
            walk(&admin, path, field).await.join(" "),
            expected,
            "{path}"
        );
    }
    let by_login = walk(&admin, "/api/users?limit=3&sort=last_login", "name").await;
    assert_eq!(by_login.len(), 5, "{by_login:?}");
    let tokens = walk(&admin, "/api/tokens?limit=3&sort=name", "name").await;
    assert_eq!(tokens, ["for Bob", "for ann", "for carol", "for dave"]);
    let newest = walk(&admin, "/api/tokens?limit=3", "name").await;
    assert_eq!(newest, ["for dave", "for carol", "for ann", "for Bob"]);
}
