//! Robots: owned by a group, with secrets that can be rotated.

use refity_tests::app::TestApp;
use refity_tests::expect::Expect as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::{call, delete, give, message, user};

fn robot(name: &str, repositories: &str, right: &str) -> Value {
    let scope = json!({ "repositories": repositories, "rights": [right] });
    json!({ "name": name, "description": "Builds <main>", "scopes": [scope] })
}

#[tokio::test]
async fn a_robot_belongs_to_its_group_and_survives_who_made_it() {
    let lab = TestApp::builder().group("other").start().await;
    let admin = lab.client();
    let mia = user(&lab, "mia").await;
    let refused = mia
        .post_json("/api/robots", &robot("team+ci", "team/*", "push"))
        .await;
    message(&refused.gives(404));
    give(&lab, "mia", "team", &["manage"]).await;
    let made = mia
        .post_json("/api/robots", &robot("team+ci", "team/*", "push"))
        .await;
    let made = made.gives(201).json();
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("rfr_"), "{secret}");
    assert_eq!(
        (&made["name"], &made["created_by"]),
        (&json!("team+ci"), &json!("mia"))
    );
    let exists = mia
        .post_json("/api/robots", &robot("team+ci", "team/*", "pull"))
        .await;
    message(&exists.gives(409));
    for outside in ["*", "other/*", "other/app", "teams/app"] {
        let refused = mia
            .post_json("/api/robots", &robot("team+x", outside, "pull"))
            .await;
        assert!(
            message(&refused.gives(400)).contains("within the group"),
            "{outside}"
        );
    }
    message(
        &mia.post_json("/api/robots", &robot("other+ci", "other/*", "pull"))
            .await
            .gives(404),
    );

    let ci = admin.with_credentials("team+ci", secret);
    ci.start_upload("team/app").await.gives(202);
    ci.start_upload("other/app").await.refuses(403, "DENIED");
    let denied = ci.get("/api/auth/me").await.gives(403);
    assert!(message(&denied).contains("robot"), "{denied:?}");
    message(
        &ci.post_json("/api/tokens", &json!({ "name": "x" }))
            .await
            .gives(403),
    );
    message(&ci.get("/api/robots?group=team").await.gives(403));

    delete(&admin, "/api/users/mia").await.gives(204);
    ci.start_upload("team/app").await.gives(202);
    let listed = admin.get("/api/robots?group=team").await.gives(200).json();
    assert_eq!(listed["items"][0]["created_by"], Value::Null, "{listed}");
    assert!(!listed.to_string().contains(secret));

    // What it may do, and whether at all, changes at its next request.
    let path = "/api/robots/team+ci";
    let scopes = json!([{ "repositories": "team/app", "rights": ["pull"] }]);
    let changed = call(&admin, Method::PATCH, path, &json!({ "scopes": &scopes })).await;
    assert_eq!(changed.gives(200).json()["scopes"], scopes);
    ci.start_upload("team/app").await.refuses(403, "DENIED");
    let outside = json!({ "scopes": [{ "repositories": "other/*", "rights": ["pull"] }] });
    message(&call(&admin, Method::PATCH, path, &outside).await.gives(400));
    call(&admin, Method::PATCH, path, &json!({ "disabled": true }))
        .await
        .gives(200);
    ci.ping().await.gives(401);
    call(&admin, Method::PATCH, path, &json!({ "disabled": false }))
        .await
        .gives(200);
    ci.ping().await.gives(200);
    let shown = admin.get("/api/robots/team%2Bci").await.gives(200).json();
    assert_eq!(
        shown["secrets"][0]["last_used_from"], "127.0.0.1",
        "{shown}"
    );
    delete(&admin, path).await.gives(204);
    ci.ping().await.gives(401);
    message(&delete(&admin, path).await.gives(404));
}

#[tokio::test]
async fn an_old_secret_goes_on_as_long_as_it_is_said() {
    let lab = TestApp::start().await;
    let admin = lab.client();
    let made = admin
        .post_json("/api/robots", &robot("team+ci", "team/*", "pull"))
        .await;
    let first = made.gives(201).json()["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let rotate = async |body: Value| {
        let answer = admin.post_json("/api/robots/team+ci/rotate", &body).await;
        answer.gives(200).json()["secret"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let good = async |secret: &str| {
        let ci = admin.with_credentials("team+ci", secret);
        ci.ping().await.unwrap().status == 200
    };
    let second = rotate(json!({ "overlap": 600 })).await;
    assert!(good(&first).await && good(&second).await);
    lab.clock_forward(601_000);
    assert!(!good(&first).await && good(&second).await);
    // A day where nothing is said.
    let third = rotate(json!({})).await;
    lab.clock_forward(23 * 60 * 60 * 1000);
    assert!(good(&second).await && good(&third).await);
    lab.clock_forward(2 * 60 * 60 * 1000);
    assert!(!good(&second).await && good(&third).await);
    let fourth = rotate(json!({ "overlap": 0 })).await;
    assert!(!good(&third).await && good(&fourth).await);
    for bad in [
        json!({ "overlap": 31 * 24 * 60 * 60 }),
        json!({ "overlap": -1 }),
        json!({ "overlap": 1.5 }),
        json!({ "overlap": u64::MAX }),
        json!({ "overlaps": 1 }),
    ] {
        let refused = admin.post_json("/api/robots/team+ci/rotate", &bad).await;
        message(&refused.gives(400));
    }
    let shown = admin.get("/api/robots/team+ci").await.gives(200).json();
    assert_eq!(shown["secrets"].as_array().unwrap().len(), 4, "{shown}");
}
