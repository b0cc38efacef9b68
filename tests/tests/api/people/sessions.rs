//! Sessions of browsers: a cookie that only our own pages can use, and that is
//! worth nothing outside of the API.

use refity_tests::app::TestApp;
use refity_tests::client::{Answer, Client, send};
use refity_tests::expect::Expect as _;
use refity_tests::lab::{ADMIN, PASSWORD};
use reqwest::Method;
use serde_json::{Value, json};

use super::{anonymous, delete, login, message, password_of, user, with_bearer};

/// Signs in as the web interface does; hands back the `name=value` of the
/// cookie and the answer.
pub(super) async fn sign_in(client: &Client, name: &str, password: &str) -> (String, Answer) {
    let body = json!({ "username": name, "password": password });
    let request = anonymous(client).request(Method::POST, "/api/auth/login");
    let request = request.header("x-refity-client", "web").json(&body);
    let answer = send(request).await.gives(200);
    let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
    let (pair, rest) = cookie.split_once("; ").unwrap();
    for attribute in ["Path=/api", "HttpOnly", "SameSite=Strict"] {
        assert!(rest.split("; ").any(|it| it == attribute), "{cookie}");
    }
    (pair.to_owned(), answer)
}

/// A request of our own page.
pub(super) async fn by_cookie(client: &Client, cookie: &str, method: Method, path: &str) -> Answer {
    let headers = [
        ("origin", client.base()),
        ("content-type", "application/json"),
        ("x-refity-client", "web"),
    ];
    with_headers(client, cookie, method, path, &headers, "{}").await
}

async fn with_headers(
    client: &Client,
    cookie: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let request = anonymous(client)
        .request(method, path)
        .header("cookie", cookie);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    send(request.body(body.to_owned())).await.unwrap()
}

#[tokio::test]
async fn only_our_own_pages_can_use_the_cookie_and_only_for_the_api() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let (cookie, answer) = sign_in(&client, ADMIN, PASSWORD).await;
    let body = answer.json();
    assert_eq!(body["user"]["username"], ADMIN);
    assert!(
        body["expires_at"].is_string() && body["token"].is_string(),
        "{body}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(!answer.header("set-cookie").unwrap().contains("Secure"));

    let me = by_cookie(&client, &cookie, Method::GET, "/api/auth/me").await;
    assert!(me.expect_status(200).json()["expires_at"].is_string());
    let (base, json) = (client.base(), "application/json");
    let good = [
        ("origin", base),
        ("content-type", json),
        ("x-refity-client", "web"),
    ];
    let group = |name: &str| json!({ "name": name }).to_string();
    let post = async |headers: &[(&str, &str)], name: &str| {
        let body = group(name);
        with_headers(
            &client,
            &cookie,
            Method::POST,
            "/api/groups",
            headers,
            &body,
        )
        .await
    };
    post(&good, "made").await.expect_status(201);
    for (at, value) in [
        (0, None),
        (0, Some("null")),
        (0, Some("http://evil.example")),
        (0, Some("http://127.0.0.1")),
        (1, None),
        (1, Some("text/plain")),
        (2, None),
    ] {
        let mut headers = good.to_vec();
        match value {
            Some(value) => headers[at].1 = value,
            None => drop(headers.remove(at)),
        }
        let refused = post(&headers, "stolen").await.expect_status(403);
        assert!(message(&refused).len() > 20, "{refused:?}");
    }
    let listed = client.get("/api/groups").await.gives(200).json();
    assert_eq!(listed["groups"], json!(["made", "team"]));

    // The registry and its token service know no cookies.
    for path in ["/v2/", "/v2/team/app/tags/list", "/v2/_catalog"] {
        let refused = by_cookie(&client, &cookie, Method::GET, path).await;
        assert_eq!(refused.status, 401, "{path}");
    }
    let path = "/api/token?service=refity&scope=repository:team/app:pull,push";
    let token = by_cookie(&client, &cookie, Method::GET, path).await;
    assert_eq!(token.expect_status(200).json()["scope"], "");
    // Nor does a script get one unasked.
    let scripted = login(&anonymous(&client), ADMIN, PASSWORD).await.gives(200);
    assert_eq!(scripted.header("set-cookie"), None);
    let request = anonymous(&client).request(Method::POST, "/api/auth/login");
    let request = request
        .header("origin", "http://evil.example")
        .header("x-refity-client", "web")
        .json(&json!({ "username": ADMIN, "password": PASSWORD }));
    assert_eq!(send(request).await.gives(200).header("set-cookie"), None);
}

#[tokio::test]
async fn a_session_ends_at_once_on_every_gateway() {
    let lab = TestApp::builder().gateways(2).start().await;
    let clients = [lab.client_of(0), lab.client_of(1)];
    user(&lab, "bob").await;
    let (cookie, _) = sign_in(&clients[0], "bob", &password_of("bob")).await;
    let (other, _) = sign_in(&clients[1], "bob", &password_of("bob")).await;
    let me = async |n: usize, cookie: &str| {
        let answer = by_cookie(&clients[n], cookie, Method::GET, "/api/auth/me").await;
        answer.status
    };
    assert_eq!((me(0, &cookie).await, me(1, &cookie).await), (200, 200));
    let listed = by_cookie(&clients[1], &cookie, Method::GET, "/api/sessions").await;
    let listed = listed.expect_status(200).json();
    assert_eq!(listed["total"], 2, "{listed}");
    let items = listed["items"].as_array().unwrap();
    let current: Vec<&Value> = items.iter().filter(|it| it["current"] == true).collect();
    assert_eq!(current.len(), 1, "{listed}");
    assert_eq!(
        (&current[0]["kind"], &current[0]["address"]),
        (&json!("browser"), &json!("127.0.0.1"))
    );
    let elsewhere = items.iter().find(|it| it["current"] == false).unwrap();
    let path = format!("/api/sessions/{}", elsewhere["id"].as_str().unwrap());
    // Not everybody's.
    message(&delete(&clients[0], &path).await.gives(404));
    assert_eq!(me(0, &other).await, 200);
    let ended = by_cookie(&clients[0], &cookie, Method::DELETE, &path).await;
    ended.expect_status(204);
    assert_eq!((me(0, &other).await, me(1, &other).await), (401, 401));

    let out = by_cookie(&clients[0], &cookie, Method::POST, "/api/auth/logout").await;
    let out = out.expect_status(200);
    assert!(
        out.header("set-cookie").unwrap().contains("Max-Age=0"),
        "{out:?}"
    );
    assert_eq!((me(0, &cookie).await, me(1, &cookie).await), (401, 401));
    // Once more is no error, and neither is a script's.
    let again = by_cookie(&clients[1], &cookie, Method::POST, "/api/auth/logout").await;
    again.expect_status(200);
    let token = login(&clients[0], "bob", &password_of("bob"))
        .await
        .gives(200)
        .json();
    let token = token["token"].as_str().unwrap();
    let path = "/api/auth/logout";
    with_bearer(&clients[0], token, Method::POST, path)
        .await
        .gives(200);
    let me = with_bearer(&clients[1], token, Method::GET, "/api/auth/me").await;
    me.gives(401);
}

#[tokio::test]
async fn a_browser_stays_signed_in_while_it_is_used() {
    const HOUR: i64 = 60 * 60 * 1000;
    let lab = TestApp::start().await;
    let client = lab.client();
    let (idle, _) = sign_in(&client, ADMIN, PASSWORD).await;
    let (used, _) = sign_in(&client, ADMIN, PASSWORD).await;
    let me = async |cookie: &str| {
        let answer = by_cookie(&client, cookie, Method::GET, "/api/auth/me").await;
        answer.status
    };
    for _ in 0..3 {
        lab.clock_forward(11 * HOUR);
        assert_eq!(me(&used).await, 200);
    }
    assert_eq!(me(&idle).await, 401);
    lab.clock_forward(12 * HOUR + 1000);
    assert_eq!(me(&used).await, 401);
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_but_hands_the_browser_a_new_one() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let (cookie, _) = sign_in(&client, ADMIN, PASSWORD).await;
    let (other, _) = sign_in(&client, ADMIN, PASSWORD).await;
    let body = json!({ "current_password": PASSWORD, "new_password": "another of the admin" });
    let headers = [
        ("origin", client.base()),
        ("content-type", "application/json"),
        ("x-refity-client", "web"),
    ];
    let (path, body) = ("/api/auth/password", body.to_string());
    let changed = with_headers(&client, &cookie, Method::PUT, path, &headers, &body).await;
    let changed = changed.expect_status(204);
    let new = changed
        .header("set-cookie")
        .unwrap()
        .split("; ")
        .next()
        .unwrap();
    for (cookie, status) in [(cookie.as_str(), 401), (&other, 401), (new, 200)] {
        let me = by_cookie(&client, cookie, Method::GET, "/api/auth/me").await;
        me.expect_status(status);
    }
}

#[tokio::test]
async fn behind_https_the_cookie_is_a_secure_one() {
    let lab = TestApp::builder()
        .env("TRUSTED_PROXIES", "127.0.0.1")
        .start()
        .await;
    let client = lab.client();
    let proxied = |request: reqwest::RequestBuilder| {
        request
            .header("x-forwarded-for", "192.0.2.7")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", "registry.example.org")
    };
    let body = json!({ "username": ADMIN, "password": PASSWORD });
    let request = anonymous(&client).request(Method::POST, "/api/auth/login");
    let request = request
        .header("origin", "https://registry.example.org")
        .json(&body);
    let answer = send(proxied(request)).await.gives(200);
    let cookie = answer
        .header("set-cookie")
        .expect("by Origin alone")
        .to_owned();
    assert!(cookie.starts_with("__Secure-refity_session_"), "{cookie}");
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    let pair = cookie.split("; ").next().unwrap();
    let me = |pair: &str| {
        let request = anonymous(&client).request(Method::GET, "/api/auth/me");
        proxied(request.header("cookie", pair))
    };
    send(me(pair)).await.gives(200);
    // What came without HTTPS does not count there.
    send(me(pair.trim_start_matches("__Secure-")))
        .await
        .gives(401);
}
