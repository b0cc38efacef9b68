//! Requests about accounts, rights, tokens, robots and sessions.

use refity_tests::client::{claims, send};
use serde_json::json;

use super::super::principals::{Principal, Scene};
use super::{Body, Call, bare, with};

/// What a principal's password is changed to, for a moment.
pub(super) fn another_password(principal: &Principal) -> String {
    format!("{} and more", principal.secret)
}

/// The request, if the route is one of these.
pub(super) async fn call(
    scene: &Scene,
    principal: &Principal,
    method: &str,
    route: &str,
) -> Option<Call> {
    if let Some(call) = signing_in(scene, principal, method, route).await {
        return Some(call);
    }
    let scopes = json!([{ "repositories": "team/*", "rights": ["pull"] }]);
    let call = match (method, route) {
        ("GET", "/api/users") => bare(route),
        ("POST", "/api/users") => {
            let name = format!("new{}", scene.number());
            with(route, json!({ "name": name, "password": "a password" }))
        }
        ("GET", "/api/users/{name}") => bare("/api/users/guest"),
        ("PATCH", "/api/users/{name}") => with("/api/users/guest", json!({ "disabled": false })),
        ("DELETE", "/api/users/{name}") => {
            let name = format!("old{}", scene.number());
            scene.account(&name).await;
            bare(format!("/api/users/{name}"))
        }
        ("PUT", "/api/users/{name}/password") => with(
            "/api/users/guest/password",
            json!({ "password": "a password" }),
        ),
        ("POST", "/api/users/{name}/unlock") => bare("/api/users/guest/unlock"),
        ("GET", "/api/grants") => bare("/api/grants?group=team"),
        ("PUT", "/api/grants") => {
            let grant = json!({ "user": "guest", "group": "team", "rights": ["pull"] });
            with(route, grant)
        }
        ("DELETE", "/api/grants") => {
            scene.grant("guest", "team", "pull").await;
            bare("/api/grants?user=guest&group=team")
        }
        ("GET", "/api/robots") => bare("/api/robots?group=team"),
        ("POST", "/api/robots") => {
            let name = format!("team+new{}", scene.number());
            with(route, json!({ "name": name, "scopes": scopes }))
        }
        ("GET", "/api/robots/{name}") => bare("/api/robots/team+ci"),
        ("PATCH", "/api/robots/{name}") => {
            with("/api/robots/team+ci", json!({ "description": "builds" }))
        }
        ("DELETE", "/api/robots/{name}") => bare(format!("/api/robots/{}", robot(scene).await)),
        ("POST", "/api/robots/{name}/rotate") => with(
            format!("/api/robots/{}/rotate", robot(scene).await),
            json!({ "overlap": 60 }),
        ),
        _ => return None,
    };
    Some(call)
}

/// A robot of its own.
async fn robot(scene: &Scene) -> String {
    let name = format!("team+r{}", scene.number());
    scene.robot(&name).await;
    name
}

async fn signing_in(
    scene: &Scene,
    principal: &Principal,
    method: &str,
    route: &str,
) -> Option<Call> {
    let (name, secret) = (&principal.account, &principal.secret);
    let call = match (method, route) {
        ("POST", "/api/auth/login") => with(route, json!({ "username": name, "password": secret })),
        ("POST", "/api/auth/logout")
        | ("GET", "/api/auth/me" | "/api/sessions" | "/api/tokens") => bare(route),
        ("PUT", "/api/auth/password") => with(
            route,
            json!({ "current_password": secret, "new_password": another_password(principal) }),
        ),
        ("GET", "/api/token") => bare("/api/token?service=refity&scope=repository:team/app:pull"),
        ("POST", "/api/token") => Call {
            path: route.to_owned(),
            body: Body::Form(exchange(principal)),
        },
        ("DELETE", "/api/sessions/{id}") => {
            let body = json!({ "username": name, "password": secret });
            let login = scene
                .request(principal, "POST", "/api/auth/login")
                .json(&body);
            let id = if principal.is_known() && name != "team+ci" {
                let session = send(login).await.expect("an answer").expect_status(200);
                let claims = claims(session.json()["token"].as_str().expect("a token"));
                claims["sid"].as_str().expect("an id").to_owned()
            } else {
                "5f2b6c1e-6f5c-4a0e-9d53-0f6f1f1f2a77".to_owned()
            };
            bare(format!("/api/sessions/{id}"))
        }
        ("POST", "/api/tokens") => with(route, json!({ "name": "new" })),
        ("DELETE", "/api/tokens/{id}") => {
            let new = scene.request(principal, "POST", "/api/tokens");
            let made = send(new.json(&json!({ "name": "old" })))
                .await
                .expect("an answer");
            let id = made.json()["id"].as_i64().unwrap_or(7);
            bare(format!("/api/tokens/{id}"))
        }
        _ => return None,
    };
    Some(call)
}

/// What the token service is sent: a name with a password, or what was a
/// refresh token once.
fn exchange(principal: &Principal) -> Vec<(&'static str, String)> {
    let text = str::to_owned;
    if principal.is_known() || principal.name == "anonymous" {
        vec![
            ("grant_type", text("password")),
            ("service", text("refity")),
            ("username", principal.account.clone()),
            ("password", principal.secret.replace(' ', "%20")),
        ]
    } else {
        vec![
            ("grant_type", text("refresh_token")),
            ("service", text("refity")),
            ("refresh_token", principal.secret.clone()),
        ]
    }
}
