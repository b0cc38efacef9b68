//! Invalid input is answered with a 4xx and a message.

use refity_tests::app::TestApp;
use refity_tests::bad_input::changed;
use refity_tests::expect::Expect as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::{call, message};

const NAMES: [&str; 12] = [
    "",
    " ",
    "'; DROP TABLE users; --",
    "<script>alert(1)</script>",
    "a b",
    "a:b",
    "a\u{0}b",
    "a\nb",
    "\u{202e}bob",
    "../etc/passwd",
    "%00",
    "a+b+c",
];

#[tokio::test]
async fn each_field_has_its_limits() {
    let lab = TestApp::start().await;
    let admin = lab.client();
    let scope = json!([{ "repositories": "team/*", "rights": ["pull"] }]);
    let user = json!({ "name": "bob", "password": "long enough" });
    let token = json!({ "name": "x", "scopes": scope });
    let robot = json!({ "name": "team+ci", "scopes": scope });
    let grant = json!({ "user": "admin", "group": "team", "rights": ["pull"] });
    let post = Method::POST;
    let mut tried: Vec<(Method, &str, Value)> = Vec::new();
    for name in NAMES {
        tried.push((
            post.clone(),
            "/api/users",
            changed(&user, "name", json!(name)),
        ));
        tried.push((
            post.clone(),
            "/api/robots",
            changed(&robot, "name", json!(name)),
        ));
        tried.push((
            Method::PUT,
            "/api/grants",
            changed(&grant, "user", json!(name)),
        ));
        tried.push((
            Method::PUT,
            "/api/grants",
            changed(&grant, "group", json!(name)),
        ));
        tried.push((
            Method::PUT,
            "/api/grants",
            changed(&grant, "repository", json!(name)),
        ));
    }
    for name in [
        "",
        " ",
        "'; DROP TABLE users; --",
        "<b>",
        "a\nb",
        "\u{202e}x",
    ] {
        tried.push((
            post.clone(),
            "/api/tokens",
            changed(&token, "name", json!(name)),
        ));
    }
    let (long, endless) = ("ж".repeat(65), "e\u{301}".repeat(10_000));
    for name in [&long, &endless] {
        tried.push((
            post.clone(),
            "/api/users",
            changed(&user, "name", json!(name)),
        ));
        tried.push((
            post.clone(),
            "/api/tokens",
            changed(&token, "name", json!(name)),
        ));
        let robot = changed(&robot, "name", json!(format!("team+{name}")));
        tried.push((post.clone(), "/api/robots", robot));
    }
    for password in ["", "seven77", "admin", &"x".repeat(257), "ä"] {
        tried.push((
            post.clone(),
            "/api/users",
            changed(&user, "password", json!(password)),
        ));
    }
    let description = changed(&robot, "description", json!("x".repeat(257)));
    tried.push((post.clone(), "/api/robots", description));
    for scopes in [
        json!([]),
        json!("team/*"),
        json!([{ "repositories": "team/*", "rights": [] }]),
        json!([{ "repositories": "team/*", "rights": ["fly"] }]),
        json!([{ "repositories": "Team/*", "rights": ["pull"] }]),
        json!([{ "repositories": "' OR 1=1 --", "rights": ["pull"] }]),
        json!([{ "repositories": "team/*", "rights": ["pull"], "until": 1 }]),
        json!([{ "repositories": "team/*" }]),
        Value::Array(vec![scope[0].clone(); 101]),
    ] {
        tried.push((
            post.clone(),
            "/api/tokens",
            changed(&token, "scopes", scopes.clone()),
        ));
        tried.push((
            post.clone(),
            "/api/robots",
            changed(&robot, "scopes", scopes),
        ));
    }
    for (path, good) in [
        ("/api/users", &user),
        ("/api/tokens", &token),
        ("/api/robots", &robot),
    ] {
        tried.push((post.clone(), path, changed(good, "unknown", json!(1))));
        tried.push((post.clone(), path, changed(good, "name", json!(7))));
        tried.push((post.clone(), path, json!({})));
        tried.push((post.clone(), path, Value::Null));
    }
    tried.push((
        Method::PUT,
        "/api/grants",
        changed(&grant, "admin", json!(true)),
    ));
    tried.push((Method::PATCH, "/api/users/admin", json!({ "name": "root" })));
    tried.push((Method::PATCH, "/api/users/admin", json!({ "role": "root" })));
    for (method, path, body) in tried {
        let answer = call(&admin, method.clone(), path, &body).await.gives(400);
        assert!(message(&answer).len() > 10, "{method} {path} {answer:?}");
    }
    // The good ones are good.
    admin.post_json("/api/users", &user).await.gives(201);
    admin.post_json("/api/tokens", &token).await.gives(201);
    admin.post_json("/api/robots", &robot).await.gives(201);
    let longest = changed(&user, "name", json!("ж".repeat(64)));
    admin.post_json("/api/users", &longest).await.gives(201);
    let password = json!({ "name": "ann", "password": "ä".repeat(256) });
    admin.post_json("/api/users", &password).await.gives(201);

    let large = json!({ "name": "bob", "password": "x".repeat(1_000_000) });
    message(&admin.post_json("/api/users", &large).await.gives(413));
    assert_eq!(admin.get("/api/users").await.gives(200).json()["total"], 4);
}

#[tokio::test]
async fn paths_and_queries_have_their_limits() {
    let lab = TestApp::start().await;
    let admin = lab.client();
    for path in [
        "/api/users/%3Cscript%3E",
        "/api/users/a%20b",
        "/api/users/%27%3B%20DROP%20TABLE%20users",
        "/api/users/%FF",
        "/api/users?sort=password_hash",
        "/api/users?order=up",
        "/api/users?limit=0",
        "/api/users?limit=1001",
        "/api/users?limit=x",
        "/api/users?cursor=x",
        "/api/tokens?user=a%20b",
        "/api/grants?group=Team",
        "/api/robots",
        "/api/robots?group=%3Cb%3E",
        "/api/robots/ci",
        "/api/robots/team+CI",
    ] {
        message(&admin.get(path).await.gives(400));
    }
    let long = format!("/api/users?q={}", "x".repeat(300));
    message(&admin.get(&long).await.gives(400));
    for path in [
        "/api/users/nobody",
        "/api/robots/team+nobody",
        "/api/robots/none+ci",
    ] {
        message(&admin.get(path).await.gives(404));
    }
    for path in ["/api/tokens/7", "/api/sessions/7", "/api/sessions/%3Cb%3E"] {
        message(&super::delete(&admin, path).await.gives(404));
    }
    for path in [
        "/api/tokens/x",
        "/api/tokens/1e3",
        "/api/tokens/99999999999999999999",
    ] {
        message(&super::delete(&admin, path).await.gives(400));
    }
    // Nothing of SQL means anything in a search.
    for (q, total) in [("%25", 0), ("_", 0), ("'", 0), ("ADM", 1), ("", 1)] {
        let found = admin.get(&format!("/api/users?q={q}")).await.gives(200);
        assert_eq!(found.json()["total"], total, "{q}");
    }
}
