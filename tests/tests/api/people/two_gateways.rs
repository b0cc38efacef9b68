//! Two gateways on one database: a revocation on one is enforced by the other
//! at the next request, though it knew better a moment ago.

use refity_tests::client::{Client, send, with_form};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::Lab;
use reqwest::Method;
use serde_json::{Value, json};

use super::sessions::{by_cookie, sign_in};
use super::{anonymous, call, delete, give, login, password_of, user, with_bearer};

const TAGS: &str = "/v2/team/app/tags/list";
const TOKEN: &str = "/api/token?service=refity&scope=repository:team/app:pull";

/// Somebody's secret, and what a gateway gave for it.
struct Held {
    client: Client,
    /// A token of the token service.
    token: String,
}

impl Held {
    /// Uses the secret in every way, so that the gateway knows it.
    async fn at(gateway: &Client, name: &str, secret: &str) -> Self {
        let client = gateway.with_credentials(name, secret);
        let granted = client.get(TOKEN).await.gives(200).json();
        let token = granted["token"].as_str().unwrap().to_owned();
        let held = Self { client, token };
        assert_eq!(held.opens().await, [200, 200, 200], "{name}");
        held
    }

    /// What the gateway answers to the secret, to the secret at the token
    /// service, and to the token.
    async fn opens(&self) -> [u16; 3] {
        let token = with_bearer(&self.client, &self.token, Method::GET, TAGS);
        let status = |sent: refity_tests::client::Sent| sent.unwrap().status;
        [
            status(self.client.get(TAGS).await),
            status(self.client.get(TOKEN).await),
            status(token.await),
        ]
    }
}

async fn lab() -> Lab {
    let lab = Lab::builder().gateways(2).start().await;
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&lab.client(), "team/app", "v1").await.unwrap();
    lab
}

/// Somebody who may pull.
async fn reader(lab: &Lab, name: &str) -> Client {
    let client = user(lab, name).await;
    give(lab, name, "team", &["pull"]).await;
    client
}

async fn secret_of(client: &Client, path: &str, name: &str) -> Value {
    let scopes = json!([{ "repositories": "team/*", "rights": ["pull"] }]);
    let body = json!({ "name": name, "scopes": scopes });
    client.post_json(path, &body).await.gives(201).json()
}

#[tokio::test]
async fn a_secret_that_ends_on_one_gateway_is_refused_by_the_other_at_once() {
    let lab = lab().await;
    let (one, other) = (lab.client_of(0), anonymous(&lab.client_of(1)));
    let none = [401, 401, 401];

    let bob = reader(&lab, "bob").await;
    let token = secret_of(&bob, "/api/tokens", "laptop").await;
    let held = Held::at(&other, "bob", token["secret"].as_str().unwrap()).await;
    let path = format!("/api/tokens/{}", token["id"]);
    delete(&bob, &path).await.gives(204);
    assert_eq!(held.opens().await, none, "a token is removed");

    let robot = secret_of(&one, "/api/robots", "team+ci").await;
    let held = Held::at(&other, "team+ci", robot["secret"].as_str().unwrap()).await;
    let rotate = "/api/robots/team+ci/rotate";
    let rotated = one.post_json(rotate, &json!({ "overlap": 0 })).await;
    assert_eq!(held.opens().await, none, "a robot's secret is another");
    let rotated = rotated.gives(200).json();
    let held = Held::at(&other, "team+ci", rotated["secret"].as_str().unwrap()).await;
    let robot = "/api/robots/team+ci";
    let disable = json!({ "disabled": true });
    call(&one, Method::PATCH, robot, &disable).await.gives(200);
    assert_eq!(held.opens().await, none, "a robot is disabled");
    let enable = json!({ "disabled": false });
    call(&one, Method::PATCH, robot, &enable).await.gives(200);
    assert_eq!(held.opens().await, [200, 200, 200]);
    delete(&one, robot).await.gives(204);
    assert_eq!(held.opens().await, none, "a robot is removed");

    let by_password = Held::at(&other, "bob", &password_of("bob")).await;
    let token = secret_of(&bob, "/api/tokens", "another").await;
    let by_token = Held::at(&other, "bob", token["secret"].as_str().unwrap()).await;
    let account = "/api/users/bob";
    call(&one, Method::PATCH, account, &disable)
        .await
        .gives(200);
    assert_eq!(by_password.opens().await, none, "an account is disabled");
    assert_eq!(by_token.opens().await, none, "and its token");
    call(&one, Method::PATCH, account, &enable).await.gives(200);
    assert_eq!(by_token.opens().await, [200, 200, 200]);
    delete(&one, account).await.gives(204);
    assert_eq!(by_password.opens().await, none, "an account is removed");
    assert_eq!(by_token.opens().await, none, "and its token");
}

#[tokio::test]
async fn a_password_that_is_changed_on_one_gateway_is_the_old_one_on_the_other() {
    let lab = lab().await;
    let (one, other) = (lab.client_of(0), anonymous(&lab.client_of(1)));
    let bob = reader(&lab, "bob").await;
    let old = password_of("bob");
    let held = Held::at(&other, "bob", &old).await;
    let refresh = refresh_token(&other, "bob", &old).await;
    let session = login(&other, "bob", &old).await.gives(200).json();
    let session = session["token"].as_str().unwrap();
    let me = async || with_bearer(&other, session, Method::GET, "/api/auth/me").await;
    me().await.gives(200);
    let change = json!({ "current_password": old, "new_password": "the-next-of-bob" });
    bob.put_json("/api/auth/password", &change).await.gives(204);
    assert_eq!(held.opens().await, [401, 401, 401]);
    me().await.gives(401);
    form(
        &other,
        &[("grant_type", "refresh_token"), ("refresh_token", &refresh)],
        401,
    )
    .await;

    let held = Held::at(&other, "bob", "the-next-of-bob").await;
    let reset = json!({ "password": "given-to-bob-anew" });
    let path = "/api/users/bob/password";
    one.put_json(path, &reset).await.gives(204);
    assert_eq!(held.opens().await, [401, 401, 401], "by an administrator");
}

#[tokio::test]
async fn a_right_that_is_taken_on_one_gateway_is_missing_on_the_other() {
    let lab = lab().await;
    let (one, other) = (lab.client_of(0), anonymous(&lab.client_of(1)));
    let bob = reader(&lab, "bob").await;
    let token = secret_of(&bob, "/api/tokens", "laptop").await;
    let held = [
        Held::at(&other, "bob", &password_of("bob")).await,
        Held::at(&other, "bob", token["secret"].as_str().unwrap()).await,
    ];
    delete(&one, "/api/grants?user=bob&group=team")
        .await
        .gives(204);
    for held in &held {
        // Who it is is known still.
        assert_eq!(held.opens().await, [403, 200, 403]);
        let granted = held.client.get(TOKEN).await.gives(200).json();
        assert_eq!(granted["scope"], "", "{granted}");
    }

    // A group that is no longer public.
    let public = json!({ "public": true });
    call(&one, Method::PATCH, "/api/groups/team", &public)
        .await
        .gives(200);
    let granted = other.get(TOKEN).await.gives(200).json();
    let anyones = granted["token"].as_str().unwrap();
    let pulls = async || with_bearer(&other, anyones, Method::GET, TAGS).await;
    pulls().await.gives(200);
    let closed = json!({ "public": false });
    call(&one, Method::PATCH, "/api/groups/team", &closed)
        .await
        .gives(200);
    pulls().await.gives(401);

    // One who is no administrator any more.
    let new = json!({ "name": "ada", "password": password_of("ada"), "role": "admin",
        "must_change_password": false });
    one.post_json("/api/users", &new).await.gives(201);
    let ada = other.with_credentials("ada", &password_of("ada"));
    ada.get("/api/users").await.gives(200);
    let lower = json!({ "role": "user" });
    call(&one, Method::PATCH, "/api/users/ada", &lower)
        .await
        .gives(200);
    ada.get("/api/users").await.gives(403);
}

#[tokio::test]
async fn a_browser_that_signed_in_on_one_gateway_is_signed_out_on_the_other() {
    let lab = lab().await;
    let (one, other) = (lab.client_of(0), lab.client_of(1));
    user(&lab, "bob").await;
    let password = password_of("bob");
    let me = async |gateway: &Client, cookie: &str| {
        let answer = by_cookie(gateway, cookie, Method::GET, "/api/auth/me").await;
        answer.status
    };
    let signed_in = async || {
        let (cookie, _) = sign_in(&one, "bob", &password).await;
        assert_eq!(
            (me(&one, &cookie).await, me(&other, &cookie).await),
            (200, 200)
        );
        cookie
    };
    // By its own list of sessions.
    let cookie = signed_in().await;
    let listed = by_cookie(&other, &cookie, Method::GET, "/api/sessions").await;
    let listed = listed.expect_status(200).json();
    let id = listed["items"][0]["id"].as_str().unwrap();
    let path = format!("/api/sessions/{id}");
    by_cookie(&other, &cookie, Method::DELETE, &path)
        .await
        .expect_status(204);
    assert_eq!(me(&one, &cookie).await, 401, "revoked");
    // By its button.
    let cookie = signed_in().await;
    by_cookie(&other, &cookie, Method::POST, "/api/auth/logout")
        .await
        .expect_status(200);
    assert_eq!(me(&one, &cookie).await, 401, "signed out");
    // By an administrator.
    let cookie = signed_in().await;
    let disable = json!({ "disabled": true });
    call(&other, Method::PATCH, "/api/users/bob", &disable)
        .await
        .gives(200);
    assert_eq!(me(&one, &cookie).await, 401, "disabled");
}

/// `POST /api/token` with this form, which gives this status.
async fn form(gateway: &Client, form: &[(&str, &str)], status: u16) -> Value {
    let request = gateway.request(Method::POST, "/api/token");
    let answer = send(with_form(request, form)).await;
    answer.gives(status).json()
}

async fn refresh_token(gateway: &Client, name: &str, password: &str) -> String {
    let asked = [
        ("grant_type", "password"),
        ("username", name),
        ("password", password),
        ("access_type", "offline"),
        ("client_id", "test"),
    ];
    let granted = form(gateway, &asked, 200).await;
    granted["refresh_token"].as_str().unwrap().to_owned()
}
