//! Rights: given by who may give them, and worth what they say at once.

use refity_tests::app::TestApp;
use refity_tests::expect::Expect as _;
use refity_tests::random;
use reqwest::Method;
use serde_json::json;

use super::{call, delete, give, message, user};

#[tokio::test]
async fn rights_count_at_the_next_request() {
    let lab = TestApp::builder().group("other").start().await;
    let admin = lab.client();
    admin.push_blob("team/app", random::bytes(9)).await.unwrap();
    let bob = user(&lab, "bob").await;
    bob.start_upload("team/app").await.refuses(403, "DENIED");
    bob.tags("team/app").await.refuses(403, "DENIED");

    give(&lab, "bob", "team/app", &["pull"]).await;
    bob.tags("team/app").await.gives(200);
    bob.start_upload("team/app").await.refuses(403, "DENIED");
    bob.tags("team/api").await.refuses(403, "DENIED");
    give(&lab, "bob", "team", &["push"]).await;
    bob.start_upload("team/app").await.gives(202);
    bob.start_upload("team/api").await.gives(202);
    bob.start_upload("other/app").await.refuses(403, "DENIED");
    let me = bob.get("/api/auth/me").await.gives(200).json();
    let groups = json!([{ "name": "team", "rights": ["pull", "push"] }]);
    let repositories = json!([{ "name": "team/app", "rights": ["pull"] }]);
    assert_eq!(
        (&me["groups"], &me["repositories"]),
        (&groups, &repositories)
    );

    delete(&admin, "/api/grants?user=bob&group=team")
        .await
        .gives(204);
    bob.start_upload("team/app").await.refuses(403, "DENIED");
    bob.tags("team/app").await.gives(200);
    let none = json!({ "user": "bob", "group": "team", "repository": "team/app", "rights": [] });
    for _ in 0..2 {
        admin.put_json("/api/grants", &none).await.gives(204);
    }
    bob.tags("team/app").await.refuses(403, "DENIED");
    let gone = delete(&admin, "/api/grants?user=bob&group=team").await;
    message(&gone.gives(404));
}

#[tokio::test]
async fn who_manages_a_group_says_who_may_do_what_in_it_and_only_in_it() {
    let lab = TestApp::builder().group("other").start().await;
    let admin = lab.client();
    let (mia, bob) = (user(&lab, "mia").await, user(&lab, "bob").await);
    user(&lab, "carol").await;
    let to_bob = |group: &str| json!({ "user": "bob", "group": group, "rights": ["push"] });

    // What one may not read is not there; what one may read, one may not give.
    let missing = mia
        .put_json("/api/grants", &to_bob("team"))
        .await
        .gives(404);
    let nowhere = mia
        .put_json("/api/grants", &to_bob("nowhere"))
        .await
        .gives(404);
    let words_of = |answer| message(answer).replace("nowhere", "team");
    assert_eq!(words_of(&missing), words_of(&nowhere));
    give(&lab, "mia", "team/app", &["pull"]).await;
    let denied = mia
        .put_json("/api/grants", &to_bob("team"))
        .await
        .gives(403);
    assert!(message(&denied).contains("manage"), "{denied:?}");
    mia.get("/api/grants?group=team").await.gives(403);

    give(&lab, "mia", "team", &["manage"]).await;
    mia.put_json("/api/grants", &to_bob("team"))
        .await
        .gives(200);
    bob.start_upload("team/app").await.gives(202);
    mia.put_json("/api/grants", &to_bob("other"))
        .await
        .gives(404);
    // Names of those with rights there, and of nobody else.
    let listed = mia.get("/api/grants?group=team").await.gives(200).json();
    let names: Vec<&str> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["user"].as_str())
        .collect();
    assert_eq!(names, ["bob", "mia", "mia"], "{listed}");
    assert_eq!(listed["total"], 3);
    let found = mia
        .get("/api/grants?group=team&q=BOB")
        .await
        .gives(200)
        .json();
    assert_eq!(found["total"], 1, "{found}");
    message(&mia.get("/api/grants").await.gives(403));
    message(&mia.get("/api/grants?user=carol").await.gives(403));
    message(&mia.get("/api/users").await.gives(403));
    let unknown = json!({ "user": "nobody", "group": "team", "rights": ["pull"] });
    message(&mia.put_json("/api/grants", &unknown).await.gives(404));
    delete(&mia, "/api/grants?user=bob&group=team")
        .await
        .gives(204);
    bob.start_upload("team/app").await.refuses(403, "DENIED");

    let elsewhere = json!({
        "user": "bob", "group": "team", "repository": "other/app", "rights": ["pull"],
    });
    let refused = call(&admin, Method::PUT, "/api/grants", &elsewhere).await;
    assert!(message(&refused.gives(400)).contains("not in the group"));
    message(&admin.get("/api/grants").await.gives(400));
    let of_mia = admin.get("/api/grants?user=mia").await.gives(200).json();
    assert_eq!(of_mia["total"], 2, "{of_mia}");
}
