//! An object without read access answers exactly like one that does not exist.

use refity_tests::app::TestApp;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use reqwest::Method;
use serde_json::json;

use super::{BOB, account, each, get, json, message};

#[tokio::test]
async fn users_see_only_what_they_may_read() {
    let lab = TestApp::builder()
        .group("secret")
        .group("empty")
        .start()
        .await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    for repository in ["team/app", "secret/app"] {
        image.push(&client, repository, "hidden").await.unwrap();
    }
    lab.wait_until_stored().await;
    lab.uploader(0).terminate().await;
    let database = lab.database();
    database.fail_job(database.tag_job("secret/app", "hidden"));
    let bob = account(&lab, BOB, &[("team", 1)]);
    let nobody = account(&lab, "nobody", &[]);
    let groups = get(&bob, "/api/groups").await;
    assert_eq!(groups["groups"], json!(["team"]));
    let repositories = get(&bob, "/api/repos").await;
    assert_eq!(each(&repositories, "name"), ["team/app"]);
    assert_eq!(repositories["total"], 1);
    assert_eq!(repositories["items"][0]["rights"], json!(["pull"]));
    let all = get(&client, "/api/repos?sort=size").await;
    assert_eq!(all["total"], 2);
    let rights = &all["items"][0]["rights"];
    assert_eq!(*rights, json!(["pull", "push", "delete", "manage"]));
    let overview = get(&bob, "/api/overview").await;
    assert_eq!(
        (&overview["groups"], &overview["repos"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(overview["recent"].as_array().unwrap().len(), 1);
    // Transfers too are counted as far as one may read of them.
    let overview = get(&nobody, "/api/overview").await;
    let none = json!({ "queued": 0, "running": 0, "failed": 0 });
    assert_eq!(overview["jobs"], none, "{overview}");
    let summary = get(&client, "/api/jobs/summary").await;
    assert_eq!(summary["failed"], 1, "{summary}");
    let overview = get(&client, "/api/overview").await;
    assert_eq!(overview["jobs"]["failed"], 1, "{overview}");
    let found = get(&bob, "/api/search?q=app").await;
    assert_eq!(found["repos"], json!(["team/app"]));
    let found = get(&bob, "/api/search?q=hidden").await;
    assert_eq!(
        found["tags"],
        json!([{ "repo": "team/app", "tag": "hidden" }])
    );
    let shown = get(&bob, "/api/image?repo=team/app&ref=hidden").await;
    assert_eq!(shown["layers"][0]["shared_with"], json!([]), "{shown}");
    let shown = get(&client, "/api/image?repo=team/app&ref=hidden").await;
    assert_eq!(shown["layers"][0]["shared_with"], json!(["secret/app"]));
    let none = get(&nobody, "/api/repos").await;
    assert_eq!((&none["total"], &none["items"]), (&json!(0), &json!([])));
    let dashboard = get(&nobody, "/api/dashboard").await;
    assert_eq!(dashboard["groups"], json!([]));

    // What is hidden and what is absent are told in the same words.
    let digest = image.digest();
    for path in [
        "/api/tags?repo=NAME".to_owned(),
        "/api/image?repo=NAME&ref=hidden".to_owned(),
        format!("/api/referrers?repo=NAME&digest={digest}"),
        "/api/diff?repo=NAME&from=hidden&to=hidden".to_owned(),
        "/api/groups/GROUP/repositories/app/tags".to_owned(),
    ] {
        let mut answers = Vec::new();
        for group in ["secret", "absent"] {
            let path = path
                .replace("NAME", &format!("{group}/app"))
                .replace("GROUP", group);
            let answer = bob.get(&path).await.gives(404);
            answers.push(message(&answer).replace(group, "GROUP"));
        }
        assert_eq!(answers[0], answers[1], "{path}");
    }
    for path in ["/api/repos?group=secret", "/api/groups/secret/repositories"] {
        assert_eq!(
            message(&bob.get(path).await.gives(404)),
            "there is no group secret"
        );
    }
    // What may be read and not be done is refused in words that say who may.
    for (method, path) in [
        (Method::DELETE, "/api/repos?repo=team/app".to_owned()),
        (
            Method::DELETE,
            format!("/api/image?repo=team/app&digest={digest}"),
        ),
        (Method::DELETE, "/api/repositories/team/app".to_owned()),
        (
            Method::DELETE,
            "/api/repositories/team/app/tags/hidden".to_owned(),
        ),
    ] {
        let refused = bob.bare(method.clone(), &path).await.gives(403);
        assert!(
            message(&refused).contains("who manages the group team"),
            "{refused:?}"
        );
        let hidden = bob
            .bare(method, &path.replace("team/", "secret/"))
            .await
            .gives(404);
        assert_eq!(message(&hidden), "there is no repository secret/app");
    }
    let order = json!({ "repo": "team/app", "tags": ["hidden"], "dry_run": true });
    json(&bob, Method::POST, "/api/tags/delete", &order)
        .await
        .gives(403);
    client.get_manifest("team/app", "hidden").await.gives(200);
    let anonymous = refity_tests::client::Client::anonymous(lab.address(0));
    for path in [
        "/api/groups",
        "/api/repos",
        "/api/overview",
        "/api/config",
        "/api/search?q=a",
    ] {
        anonymous.get(path).await.gives(401);
    }
}
