//! The first user, and the one door that its first password opens.

use refity_tests::app::TestApp;
use refity_tests::client::{Answer, Client};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::{ADMIN, GROUP, Lab, PASSWORD};
use refity_tests::random;
use reqwest::Method;
use serde_json::json;

use super::{change_password, login, with_token};

const NEW: &str = "a password of one's own";

fn registry_words(answer: &Answer) -> String {
    let message = &answer.json()["errors"][0]["message"];
    message.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_first_password_can_do_nothing_but_be_changed() {
    let lab = TestApp::builder()
        .env("ADMIN_PASSWORD", "")
        .without_groups()
        .start()
        .await;
    let first = Client::anonymous(lab.address(0)).with_credentials(ADMIN, "admin");
    let image = Image::random(Format::Oci, 1, 10);
    let put = first.put_manifest("team/app", "v1", image.media_type(), image.manifest);
    for refused in [
        first.ping().await,
        first.start_upload("team/app").await,
        first.tags("team/app").await,
        put.await,
    ] {
        let refused = refused.refuses(403, "DENIED");
        let words = registry_words(&refused);
        assert!(words.contains("/api/auth/password"), "{words}");
    }
    let code = |answer: &Answer| answer.json()["error"]["code"].clone();
    for path in ["/api/groups", "/api/jobs", "/api/jobs/summary"] {
        let refused = first.get(path).await.gives(403);
        assert_eq!(code(&refused), "PASSWORD_CHANGE_REQUIRED", "{path}");
    }
    first.create_group(GROUP).await.gives(403);

    let signed_in = login(&first, ADMIN, "admin").await.gives(200).json();
    assert_eq!(signed_in["must_change_password"], true, "{signed_in}");
    let token = signed_in["token"].as_str().expect("a token").to_owned();
    let refused = with_token(&first, Method::GET, "/api/groups", &token).await;
    refused.gives(403);
    // Else a page could not know which form to show.
    let me = with_token(&first, Method::GET, "/api/auth/me", &token);
    let me = me.await.gives(200).json();
    assert_eq!(me["must_change_password"], true, "{me}");
    assert_eq!(
        (&me["admin"], &me["groups"]),
        (&json!(false), &json!([])),
        "{me}"
    );

    change_password(&first, "admin", "short").await.gives(400);
    change_password(&first, "admin", "admin").await.gives(400);
    change_password(&first, "wrong", NEW).await.gives(403);
    first.ping().await.gives(403);
    change_password(&first, "admin", NEW).await.gives(204);

    first.ping().await.refuses(401, "UNAUTHORIZED");
    with_token(&first, Method::GET, "/api/groups", &token)
        .await
        .gives(401);
    let own = first.with_credentials(ADMIN, NEW);
    own.ping().await.gives(200);
    own.create_group(GROUP).await.gives(201);
    own.push_blob("team/app", random::bytes(10)).await.unwrap();
    let signed_in = login(&own, ADMIN, NEW).await.gives(200).json();
    assert_eq!(signed_in["must_change_password"], false, "{signed_in}");
}

#[tokio::test]
async fn the_password_of_the_configuration_counts_only_while_there_is_no_user() {
    let lab = Lab::start().await;
    let client = lab.client();
    let admin_admin = client.with_credentials(ADMIN, "admin");
    admin_admin.ping().await.refuses(401, "UNAUTHORIZED");
    let me = client.get("/api/auth/me").await.gives(200).json();
    assert_eq!(
        (&me["username"], &me["role"]),
        (&json!(ADMIN), &json!("admin"))
    );

    change_password(&client, PASSWORD, NEW).await.gives(204);
    // It starts with the old password in its environment.
    lab.stop_all().await;
    lab.start_all().await;
    client.ping().await.refuses(401, "UNAUTHORIZED");
    client.with_credentials(ADMIN, NEW).ping().await.gives(200);
}
