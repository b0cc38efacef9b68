//! The paths of the legacy system, each with its complete answer.

use refity_tests::app::TestApp;
use refity_tests::client::{Client, send};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::{ADMIN, PASSWORD};
use reqwest::Method;
use serde_json::json;

use super::{get, settled};

#[tokio::test]
async fn legacy_scripts_still_work() {
    let lab = TestApp::builder().without_groups().start().await;
    let client = lab.client();
    let made = client.create_group("team").await.gives(201).json();
    assert_eq!(
        made,
        json!({
            "success": true, "group": "team", "message": "Group team created successfully",
            "name": "team", "public": false, "create_on_push": true,
        })
    );
    let new = json!({ "name": "team/empty" });
    let made = client
        .post_json("/api/repositories", &new)
        .await
        .gives(200)
        .json();
    assert_eq!(
        settled(made),
        json!({
            "success": true, "message": "Repository team/empty created successfully",
            "repository": { "name": "team/empty", "created_at": "<time>" },
        })
    );
    let image = Image::random(Format::Oci, 1, 1000);
    let size: usize = image.blobs().map(bytes::Bytes::len).sum();
    let size = size + image.manifest.len();
    for (repository, tag) in [
        ("team/app", "v1"),
        ("team/app", "v2"),
        ("team/app/deep", "v1"),
    ] {
        image.push(&client, repository, tag).await.unwrap();
    }
    let groups = get(&client, "/api/groups").await;
    assert_eq!(
        settled(groups),
        json!({
            "groups": ["team"], "total": 1, "next_cursor": null, "prev_cursor": null,
            "items": [{
                "name": "team", "public": false, "create_on_push": true, "repositories": 3,
                "tags": 3, "logical_bytes": 2 * size, "last_push_at": "<time>", "created_at": "<time>",
                "rights": ["pull", "push", "delete", "manage"],
            }],
        })
    );
    let dashboard = get(&client, "/api/dashboard").await;
    let group = json!([{ "name": "team", "repositories": 3 }]);
    assert_eq!(
        dashboard,
        json!({
            "groups": group, "total_images": 3, "total_size": 2 * size, "total_repositories": 3,
        })
    );
    let tag = |name: &str| json!({ "name": name, "size": size, "created_at": "<time>" });
    let repositories = get(&client, "/api/groups/team/repositories").await;
    assert_eq!(
        settled(repositories),
        json!({
            "group": "team", "total": 3,
            "repositories": [
                { "name": "app", "tags": [tag("v1"), tag("v2")] },
                { "name": "app/deep", "tags": [tag("v1")] },
                { "name": "empty", "tags": [] },
            ],
        })
    );
    let all = get(&client, "/api/repositories").await;
    assert_eq!(
        settled(all),
        json!({
            "repositories": [
                { "name": "team/app", "tags": [tag("v1"), tag("v2")] },
                { "name": "team/app/deep", "tags": [tag("v1")] },
                { "name": "team/empty", "tags": [] },
            ],
            "total": 3, "groups": group, "total_images": 3, "total_size": 2 * size,
        })
    );
    for (path, name, tags) in [
        ("app/tags", "app", json!([tag("v1"), tag("v2")])),
        ("app/deep/tags", "app/deep", json!([tag("v1")])),
        ("app%2Fdeep/tags", "app/deep", json!([tag("v1")])),
        ("empty/tags", "empty", json!([])),
    ] {
        let path = format!("/api/groups/team/repositories/{path}");
        let shown = get(&client, &path).await;
        let total = tags.as_array().unwrap().len();
        let expected = json!({ "group": "team", "repository": name, "tags": tags, "total": total });
        assert_eq!(settled(shown), expected, "{path}");
    }

    for (path, message) in [
        (
            "team/app/tags/v1",
            "Tag v1 deleted from repository team/app",
        ),
        (
            "team%2Fapp%2Fdeep/tags/v1",
            "Tag v1 deleted from repository team/app/deep",
        ),
        ("team%2Fapp%2Fdeep", "Repository team/app/deep deleted"),
        ("team/app", "Repository team/app deleted"),
    ] {
        let path = format!("/api/repositories/{path}");
        let deleted = client.bare(Method::DELETE, &path).await.gives(200).json();
        assert_eq!(
            deleted,
            json!({ "success": true, "message": message }),
            "{path}"
        );
        client.bare(Method::DELETE, &path).await.gives(404);
    }
    let repositories = get(&client, "/api/groups/team/repositories").await;
    assert_eq!(repositories["total"], 1, "{repositories}");
    for path in [
        "/api/groups/team/repositories/app",
        "/api/groups/team/repositories/tags",
        "/api/groups/team/repositories/absent/tags",
    ] {
        client.get(path).await.gives(404);
    }
    client
        .bare(Method::DELETE, "/api/repositories/Team")
        .await
        .gives(400);
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn legacy_scripts_sign_in_and_out() {
    let lab = TestApp::start().await;
    let nobody = Client::anonymous(lab.address(0));
    let login = json!({ "username": ADMIN, "password": PASSWORD });
    let login = nobody.post_json("/api/auth/login", &login).await.gives(200);
    // Browsers ask for their cookie; a script has the token.
    assert_eq!(login.header("set-cookie"), None);
    let mut login = login.json();
    let token = login["token"].take();
    let with_token = async |method: Method, path: &str| {
        let request = nobody.request(method, path);
        send(request.bearer_auth(token.as_str().unwrap())).await
    };
    let user = json!({ "id": 1, "username": ADMIN, "role": "admin" });
    assert_eq!(
        settled(login),
        json!({
            "success": true, "message": "signed in", "token": null, "user": user,
            "expires_at": "<time>", "must_change_password": false,
        })
    );
    let me = with_token(Method::GET, "/api/auth/me").await.gives(200);
    assert_eq!(
        settled(me.json()),
        json!({
            "id": 1, "username": ADMIN, "role": "admin", "user": user, "expires_at": "<time>",
            "must_change_password": false, "admin": true, "groups": [], "repositories": [],
        })
    );
    let usage = with_token(Method::GET, "/api/ftp/usage").await.gives(200);
    assert_eq!(usage.json(), json!({ "enabled": false }));
    let logout = with_token(Method::POST, "/api/auth/logout").await;
    assert_eq!(
        logout.gives(200).json(),
        json!({ "success": true, "message": "signed out" })
    );
    // It was a no-op once.
    with_token(Method::GET, "/api/auth/me").await.gives(401);
}

#[tokio::test]
async fn legacy_lists_are_complete_without_pages() {
    const MANY: usize = 1001;
    let lab = TestApp::builder().uploaders(0).start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 10);
    image.push(&client, "team/app", "t0").await.unwrap();
    for n in 1..MANY {
        let tag = format!("t{n}");
        let put = client.put_manifest("team/app", &tag, image.media_type(), image.manifest.clone());
        put.await.gives(201);
        let new = json!({ "name": format!("team/r{n}") });
        client.post_json("/api/repos", &new).await.gives(201);
    }
    let tags = get(&client, "/api/groups/team/repositories/app/tags").await;
    assert_eq!(tags["tags"].as_array().unwrap().len(), MANY);
    for path in ["/api/repositories", "/api/groups/team/repositories"] {
        let all = get(&client, path).await;
        let repositories = all["repositories"].as_array().unwrap();
        assert_eq!(
            (&all["total"], repositories.len()),
            (&json!(MANY), MANY),
            "{path}"
        );
        assert_eq!(
            repositories[0]["tags"].as_array().unwrap().len(),
            MANY,
            "{path}"
        );
    }
}
