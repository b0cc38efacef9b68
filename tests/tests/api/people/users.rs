//! Accounts: who administers them, and the last one who can.

use refity_tests::app::TestApp;
use refity_tests::expect::Expect as _;
use refity_tests::lab::{ADMIN, PASSWORD};
use reqwest::Method;
use serde_json::json;

use super::{call, delete, give, login, message, password_of, user};

#[tokio::test]
async fn an_account_is_made_changed_and_removed() {
    let lab = TestApp::start().await;
    let admin = lab.client();
    // The name in two code points where one would do.
    let new = json!({ "name": "Zoe\u{308}", "password": "her first password" });
    let made = admin.post_json("/api/users", &new).await.gives(201).json();
    assert_eq!(made["name"], "Zo\u{eb}");
    assert_eq!(made["role"], "user");
    assert_eq!(made["must_change_password"], true);
    assert_eq!(made["grants"], json!([]));
    let again = json!({ "name": "zO\u{eb}", "password": "her first password" });
    let refused = admin.post_json("/api/users", &again).await.gives(409);
    assert!(message(&refused).contains("already"), "{refused:?}");

    // The first password opens one door only.
    let zoe = admin.with_credentials("zoë", "her first password");
    let refused = zoe.get("/api/groups").await.gives(403);
    assert!(message(&refused).contains("/api/auth/password"));
    let change = json!({ "current_password": "her first password", "new_password": "her own one" });
    let changed = zoe.put_json("/api/auth/password", &change).await;
    changed.gives(204);
    let zoe = admin.with_credentials("ZOË", "her own one");
    let me = zoe.get("/api/auth/me").await.gives(200).json();
    assert_eq!(
        (&me["username"], &me["admin"]),
        (&json!("Zoë"), &json!(false))
    );

    give(&lab, "zoë", "team", &["push"]).await;
    let path = "/api/users/Zo%C3%AB";
    let shown = admin.get(path).await.gives(200).json();
    assert_eq!(shown["grants"][0]["group"], "team");
    assert_eq!(shown["grants"][0]["rights"], json!(["push"]));
    assert!(shown["last_login_at"].is_string(), "{shown}");

    // Only administrators can see accounts.
    for (method, path) in [
        (Method::GET, "/api/users"),
        (Method::GET, path),
        (Method::DELETE, "/api/users/admin"),
    ] {
        message(&zoe.bare(method, path).await.gives(403));
    }
    message(&zoe.post_json("/api/users", &new).await.gives(403));

    // Disabled: at the next request, with session and all.
    let token = login(&zoe, "zoë", "her own one").await.gives(200).json();
    let token = token["token"].as_str().unwrap().to_owned();
    let me = super::with_bearer(&zoe, &token, Method::GET, "/api/auth/me");
    me.await.gives(200);
    let disabled = call(&admin, Method::PATCH, path, &json!({ "disabled": true })).await;
    assert_eq!(disabled.gives(200).json()["disabled"], true);
    zoe.get("/api/auth/me").await.gives(401);
    zoe.ping().await.gives(401);
    let me = super::with_bearer(&zoe, &token, Method::GET, "/api/auth/me");
    me.await.gives(401);
    let enabled = json!({ "disabled": false, "role": "admin" });
    call(&admin, Method::PATCH, path, &enabled).await.gives(200);
    zoe.get("/api/users").await.gives(200);

    // A reset ends sessions, and the new password must be changed.
    let body = json!({ "password": "a third one, of the admin" });
    call(&admin, Method::PUT, &format!("{path}/password"), &body)
        .await
        .gives(204);
    zoe.get("/api/auth/me").await.gives(401);
    let zoe = admin.with_credentials("zoë", "a third one, of the admin");
    zoe.get("/api/groups").await.gives(403);
    let me = zoe.get("/api/auth/me").await.gives(200).json();
    assert_eq!(me["must_change_password"], true, "{me}");
    let own = call(&admin, Method::PUT, "/api/users/admin/password", &body).await;
    assert!(message(&own.gives(409)).contains("/api/auth/password"));

    delete(&admin, path).await.gives(204);
    message(&admin.get(path).await.gives(404));
    message(&delete(&admin, path).await.gives(404));
    zoe.ping().await.gives(401);
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    let lab = TestApp::start().await;
    let admin = lab.client();
    user(&lab, "bob").await;
    let changes = [json!({ "role": "user" }), json!({ "disabled": true })];
    for change in &changes {
        let refused = call(&admin, Method::PATCH, "/api/users/admin", change).await;
        assert!(message(&refused.gives(409)).contains("last administrator"));
    }
    let refused = delete(&admin, "/api/users/admin").await.gives(409);
    assert!(message(&refused).contains("last administrator"));
    // One that is disabled cannot step in.
    let bob = json!({ "role": "admin", "disabled": true });
    call(&admin, Method::PATCH, "/api/users/bob", &bob)
        .await
        .gives(200);
    delete(&admin, "/api/users/admin").await.gives(409);
    let bob = json!({ "disabled": false });
    call(&admin, Method::PATCH, "/api/users/bob", &bob)
        .await
        .gives(200);
    delete(&admin, "/api/users/admin").await.gives(204);
    admin.ping().await.gives(401);
    let bob = admin.with_credentials("bob", &password_of("bob"));
    assert_eq!(bob.get("/api/users").await.gives(200).json()["total"], 1);
    login(&admin, ADMIN, PASSWORD).await.gives(401);
}

#[tokio::test]
async fn what_is_done_with_accounts_is_on_record_and_no_secret_with_it() {
    let lab = TestApp::start().await;
    let bob = user(&lab, "bob").await;
    login(&bob, "bob", &password_of("bob")).await.gives(200);
    login(&bob, "bob", "a wrong one of bob").await.gives(401);
    // Somebody typed the password where the name belongs.
    login(&bob, "hunter2hunter2", "bob").await.gives(401);
    // Failures are gathered; reading the log writes them first.
    lab.client().get("/api/audit").await.gives(200);
    let entries = lab.database().audit();
    let mut short: Vec<(&str, &str, bool)> = entries
        .iter()
        .filter(|entry| entry.action == "login" || entry.action == "user_create")
        .map(|entry| (entry.actor.as_str(), entry.action.as_str(), entry.refused))
        .collect();
    // Failures that are written together have no order.
    short.sort_unstable();
    assert_eq!(
        short,
        [
            ("(unknown name)", "login", true),
            // With the request that made the account.
            ("admin", "login", false),
            ("admin", "user_create", false),
            ("bob", "login", false),
            ("bob", "login", true),
        ]
    );
    let all = format!("{entries:?}");
    for secret in ["hunter2", "a wrong one", &password_of("bob"), "argon2"] {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
}
