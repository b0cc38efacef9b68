//! Groups: made with settings, changed, removed when they are empty.

use refity_tests::app::TestApp;
use refity_tests::expect::Expect as _;
use refity_tests::random;
use reqwest::Method;
use serde_json::json;

use super::{APP, account, each, get, json, message};

#[tokio::test]
async fn a_group_has_settings_and_goes_when_it_is_empty() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let new = json!({ "name": "closed", "public": true, "create_on_push": false });
    let made = client
        .post_json("/api/groups", &new)
        .await
        .gives(201)
        .json();
    assert_eq!(made["create_on_push"], false, "{made}");
    let push = client.start_upload("closed/app").await;
    push.refuses(403, "DENIED");
    let repository = json!({ "name": "closed/app" });
    client.post_json("/api/repos", &repository).await.gives(201);
    let again = client.post_json("/api/repos", &repository).await.gives(409);
    assert!(message(&again).contains("closed/app"), "{again:?}");
    client
        .push_blob("closed/app", random::bytes(10))
        .await
        .unwrap();
    client.get("/v2/closed/app/tags/list").await.gives(200);

    let change = json!({ "public": false });
    let path = "/api/groups/closed";
    let changed = json(&client, Method::PATCH, path, &change)
        .await
        .gives(200)
        .json();
    assert_eq!(
        changed,
        json!({ "name": "closed", "public": false, "create_on_push": false })
    );
    for bad in [json!({ "publik": true }), json!({ "public": "yes" })] {
        json(&client, Method::PATCH, path, &bad).await.gives(400);
    }
    let absent = json(&client, Method::PATCH, "/api/groups/absent", &change).await;
    assert_eq!(message(&absent.gives(404)), "there is no group absent");

    lab.wait_until_stored().await;
    let full = client.bare(Method::DELETE, path).await.gives(409);
    assert!(message(&full).contains("remove them first"), "{full:?}");
    client
        .bare(Method::DELETE, "/api/repos?repo=closed/app")
        .await
        .gives(200);
    client.bare(Method::DELETE, path).await.gives(204);
    client.bare(Method::DELETE, path).await.gives(404);
    lab.wait_until_stored().await;
    let marker = lab.tree().join("docker/registry/v2/_refity/groups/closed");
    assert!(!marker.exists(), "the marker is still there");
    client
        .start_upload("closed/app")
        .await
        .refuses(403, "DENIED");
    // Another of the same name begins as every group does.
    client.create_group("closed").await.gives(201);
    client.start_upload("closed/app").await.gives(202);
    lab.assert_stored_whole().await;
    assert!(marker.exists());
}

#[tokio::test]
async fn a_page_of_groups_is_asked_for_or_all_are_answered() {
    let lab = TestApp::builder()
        .group("a")
        .group("b")
        .group("c")
        .start()
        .await;
    let client = lab.client();
    let all = get(&client, "/api/groups").await;
    assert_eq!(all["groups"], json!(["a", "b", "c", "team"]));
    assert_eq!(each(&all, "name"), ["a", "b", "c", "team"]);
    let page = get(&client, "/api/groups?limit=3").await;
    assert_eq!(page["groups"], json!(["a", "b", "c"]));
    assert_eq!(page["total"], 4);
    let next = page["next_cursor"].as_str().unwrap();
    let page = get(&client, &format!("/api/groups?limit=3&cursor={next}")).await;
    assert_eq!(page["groups"], json!(["team"]));
    let found = get(&client, "/api/groups?q=EA").await;
    assert_eq!(found["groups"], json!(["team"]));
}

#[tokio::test]
async fn who_manages_a_group_changes_it_and_others_are_told_who_may() {
    let lab = TestApp::builder().group("other").start().await;
    lab.client()
        .push_blob(APP, random::bytes(10))
        .await
        .unwrap();
    let manager = account(&lab, "mia", &[("team", 8)]);
    let reader = account(&lab, "rob", &[("team", 1)]);
    let (team, change) = ("/api/groups/team", json!({ "create_on_push": false }));
    json(&manager, Method::PATCH, team, &change)
        .await
        .gives(200);
    let refused = json(&reader, Method::PATCH, team, &change).await.gives(403);
    assert!(
        message(&refused).contains("only who manages the group team"),
        "{refused:?}"
    );
    let hidden = json(&reader, Method::PATCH, "/api/groups/other", &change)
        .await
        .gives(404);
    assert_eq!(message(&hidden), "there is no group other");
    for client in [&manager, &reader] {
        client.create_group("mine").await.gives(403);
        client.bare(Method::DELETE, team).await.gives(403);
        let hidden = client
            .bare(Method::DELETE, "/api/groups/other")
            .await
            .gives(404);
        assert_eq!(message(&hidden), "there is no group other");
    }
    let new = json!({ "name": "team/new" });
    manager.post_json("/api/repos", &new).await.gives(201);
    let new = json!({ "name": "team/newer" });
    reader.post_json("/api/repos", &new).await.gives(403);
    let new = json!({ "name": "other/new" });
    manager.post_json("/api/repos", &new).await.gives(404);
}
