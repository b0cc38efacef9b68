//! Who did what: recorded, found, exported, and kept at a clean end.

use refity_tests::app::TestApp;
use refity_tests::client::{Client, send};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::{ADMIN, Lab, PASSWORD};
use refity_tests::wait;
use reqwest::Method;
use serde_json::{Value, json};

use super::user;

async fn log(client: &Client, query: &str) -> Vec<Value> {
    let log = client.get(&format!("/api/audit?{query}")).await;
    let log = log.gives(200).json();
    log["items"].as_array().expect("items").clone()
}

/// Who, what, on what, how many times.
fn short(entry: &Value) -> (String, String, String, i64) {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let count = entry["count"].as_i64().unwrap_or_default();
    (text("actor"), text("action"), text("target"), count)
}

fn is(who: &str, what: &str, target: &str, count: i64) -> (String, String, String, i64) {
    (who.to_owned(), what.to_owned(), target.to_owned(), count)
}

async fn login(client: &Client, user: &str, password: &str) -> u16 {
    let body = json!({ "username": user, "password": password });
    let answer = client.post_json("/api/auth/login", &body).await;
    answer.expect("an answer").status
}

#[tokio::test]
async fn pushes_pulls_and_deletes_are_recorded_with_who_and_where() {
    let lab = TestApp::start().await;
    let (client, bob) = (lab.client(), user(&lab, "bob", 1));
    let image = Image::random(Format::Oci, 1, 10);
    image.push(&client, "team/app", "v1").await.unwrap();
    for _ in 0..3 {
        bob.get_manifest("team/app", "v1").await.gives(200);
        bob.head_manifest("team/app", "v1").await.gives(200);
    }
    client
        .get_manifest("team/app", &image.digest())
        .await
        .gives(200);
    client.delete_manifest("team/app", "v1").await.gives(202);
    let found: Vec<_> = log(&client, "repo=team/app&order=asc").await;
    let mut shown: Vec<_> = found.iter().map(short).collect();
    shown.sort();
    let by_digest = format!("team/app@{}", image.digest());
    let mut expected = vec![
        is(ADMIN, "push", "team/app:v1", 1),
        is("bob", "pull", "team/app:v1", 3),
        is(ADMIN, "pull", &by_digest, 1),
        is(ADMIN, "delete", "team/app:v1", 1),
    ];
    expected.sort();
    assert_eq!(
        shown, expected,
        "a pull is a GET; midnight makes two days of one"
    );
    for entry in &found {
        assert_eq!(entry["address"], "127.0.0.1", "{entry}");
        assert_eq!(entry["credential"], "password", "{entry}");
        assert_eq!(entry["refused"], false, "{entry}");
    }
    let push = log(&client, "action=push&actor=admin").await;
    assert_eq!(push[0]["detail"], image.digest());
    let of_bob = log(&client, "actor=bob").await;
    let mut actions: Vec<_> = of_bob.iter().map(|entry| short(entry).1).collect();
    actions.sort();
    actions.dedup();
    assert_eq!(actions, ["login", "pull"]);
    assert_eq!(log(&client, "since=2100-01-01").await.len(), 0);
    assert_eq!(log(&client, "until=2000-01-01T00:00:00Z").await.len(), 0);
    bob.get("/api/audit").await.gives(403);
    for query in ["since=yesterday", "action=dance", "repo=A", "cursor=x"] {
        client.get(&format!("/api/audit?{query}")).await.gives(400);
    }
}

#[tokio::test]
async fn logins_are_recorded_and_failures_counted() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let anonymous = Client::anonymous(lab.address(0));
    assert_eq!(login(&anonymous, ADMIN, PASSWORD).await, 200);
    for _ in 0..3 {
        assert_eq!(login(&anonymous, ADMIN, "wrong").await, 401);
    }
    let wrong = anonymous.with_credentials(ADMIN, "wrong");
    wrong.get("/api/token?service=refity").await.gives(401);
    let entries = log(&client, "action=login").await;
    let good: Vec<_> = entries.iter().filter(|it| it["refused"] == false).collect();
    // By the API, and by the Basic credentials with which the log is read.
    assert_eq!(good.len(), 2, "{entries:?}");
    let failures: Vec<_> = entries.iter().filter(|it| it["refused"] == true).collect();
    let count: i64 = failures.iter().filter_map(|it| it["count"].as_i64()).sum();
    // Each minute has an entry; few minutes pass.
    assert_eq!(count, 4, "{entries:?}");
    let text = json!(entries).to_string();
    assert!(
        !text.contains("wrong") && !text.contains(PASSWORD),
        "{text}"
    );
}

#[tokio::test]
async fn who_sends_a_credential_with_each_request_is_noted_once_an_hour() {
    let lab = TestApp::builder().gateways(2).start().await;
    let bob = user(&lab, "bob", 2);
    let made = bob.post_json("/api/tokens", &json!({ "name": "x" })).await;
    let made = made.gives(201).json();
    let token = made["secret"].as_str().unwrap();
    let by = |entry: &Value| {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        (text("credential"), text("address"), text("detail"))
    };
    let noted = async || {
        // Each gateway writes down what it has before it reads the log.
        for gateway in 0..2 {
            let client = lab.client_of(gateway);
            client.get("/api/audit?limit=1").await.gives(200);
        }
        let mut noted: Vec<_> = log(&lab.client(), "actor=bob&action=login").await;
        noted.retain(|entry| entry["refused"] == false);
        let mut noted: Vec<_> = noted.iter().map(by).collect();
        noted.sort();
        noted
    };
    let asked = "/api/token?service=refity&scope=repository:team/app:pull";
    // What docker does, by each gateway; scripts; and a token, by both doors.
    for gateway in 0..2 {
        let bob = bob.at(lab.address(gateway));
        let program = bob.with_credentials("bob", token);
        for _ in 0..3 {
            bob.get(asked).await.gives(200);
            bob.ping().await.gives(200);
            bob.get("/api/groups").await.gives(200);
            program.ping().await.gives(200);
            let bearer = Client::anonymous(lab.address(gateway));
            let bearer = bearer
                .request(Method::GET, "/api/groups")
                .bearer_auth(token);
            send(bearer).await.gives(200);
        }
    }
    let elsewhere = Client::anonymous_from([127, 0, 0, 9], lab.address(0));
    elsewhere
        .with_credentials("bob", PASSWORD)
        .ping()
        .await
        .gives(200);
    let word = |credential: &str, address: &str, detail: &str| {
        (credential.to_owned(), address.to_owned(), detail.to_owned())
    };
    let token = format!("token {}", made["id"]);
    let first = [
        word("password", "127.0.0.1", ""),
        word("password", "127.0.0.9", ""),
        word("token", "127.0.0.1", &token),
    ];
    // The hour of a clock may have ended meanwhile: then all is noted again.
    let mut found = noted().await;
    found.dedup();
    assert_eq!(found, first);
    let before = noted().await.len();
    lab.clock_forward(60 * 60 * 1000);
    bob.ping().await.gives(200);
    assert_eq!(noted().await.len(), before + 1);
    // Whose session it is signed in before.
    let body = json!({ "username": "bob", "password": PASSWORD });
    let session = bob.post_json("/api/auth/login", &body).await.gives(200);
    let session = session.json()["token"].as_str().unwrap().to_owned();
    let count = noted().await.len();
    let me = Client::anonymous(lab.address(0)).request(Method::GET, "/api/auth/me");
    send(me.bearer_auth(session)).await.gives(200);
    assert_eq!((count, noted().await.len()), (before + 2, before + 2));
}

#[tokio::test]
async fn the_log_is_exported_whole_and_harmless() {
    let lab = TestApp::start().await;
    let client = lab.client();
    lab.database().add_audited_pushes(2500);
    let request = client.request(Method::GET, "/api/audit?action=push");
    let by_accept = send(request.header("accept", "text/csv")).await.gives(200);
    let by_query = client.get("/api/audit?action=push&format=csv").await;
    for answer in [by_accept, by_query.gives(200)] {
        let kind = answer.header("content-type").unwrap();
        assert!(kind.starts_with("text/csv"), "{kind}");
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(text.ends_with("\r\n"));
        let lines: Vec<&str> = text.trim_end().split("\r\n").collect();
        assert_eq!(lines.len(), 2501);
        assert!(lines[0].starts_with("id,at,actor,"), "{}", lines[0]);
        assert!(lines[1].contains(",'=cmd(),password,push,team/app:2500,,192.0.2.1,false,1,"));
        assert!(lines[1].ends_with(",\"a,\"\"b\"\"\""), "{}", lines[1]);
        assert!(lines[2500].contains("team/app:1,"), "{}", lines[2500]);
    }
}

#[tokio::test]
async fn nothing_is_missing_after_a_clean_end_and_old_entries_go() {
    let lab = Lab::builder().env("AUDIT_DAYS", "30").start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 10);
    image.push(&client, "team/app", "v1").await.unwrap();
    for n in 0..20 {
        let tag = format!("t{n}");
        let put = client.put_manifest("team/app", &tag, image.media_type(), image.manifest.clone());
        put.await.gives(201);
        client.get_manifest("team/app", &tag).await.gives(200);
    }
    client.post_json("/api/gc", &json!({})).await.gives(200);
    lab.gateway(0).terminate().await;
    let count = |action: &str| lab.database().audit_count(action);
    assert_eq!(
        (count("push"), count("pull"), count("collect")),
        (21, 20, 1)
    );
    lab.start_all().await;
    lab.clock_forward(31 * 24 * 60 * 60 * 1000);
    let limit = std::time::Duration::from_secs(120);
    wait::until("old entries are gone", limit, async || count("push") == 0).await;
}
