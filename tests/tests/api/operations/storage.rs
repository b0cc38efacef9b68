//! How much room there is, and how the SFTP server is.

use std::time::Duration;

use refity_tests::app::TestApp;
use refity_tests::client::sha256;
use refity_tests::expect::Expect as _;
use refity_tests::faulty_sftp::FaultySftp;
use refity_tests::lab::Lab;
use refity_tests::{random, wait};
use reqwest::Method;
use serde_json::Value;

use super::user;

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn room_and_bytes_are_told_with_their_source() {
    let lab = TestApp::builder().group("other").start().await;
    let (client, reader) = (lab.client(), user(&lab, "reader", 1));
    let shared = random::bytes(1000);
    for repository in ["team/app", "other/app"] {
        client.push_blob(repository, shared.clone()).await.unwrap();
    }
    client
        .push_blob("team/app", random::bytes(500))
        .await
        .unwrap();
    client
        .push_blob("other/app", random::bytes(100))
        .await
        .unwrap();
    lab.wait_until_stored().await;
    let capacity = wait::until_some(LIMIT, async || {
        let storage = client.get("/api/storage").await.gives(200).json();
        (storage["capacity"]["source"] == "statvfs").then_some(storage)
    });
    let storage = capacity.await.expect("the server's own word");
    let (capacity, staging) = (&storage["capacity"], &storage["staging"]);
    assert!(capacity["free"].as_u64() < capacity["total"].as_u64());
    assert_eq!(staging["floor"], 100 << 20, "{staging}");
    assert_eq!(staging["pending"], 0, "{staging}");
    wait::until("the sums are new", LIMIT, async || {
        let storage = client.get("/api/storage").await.gives(200).json();
        let stored = &storage["stored"];
        stored["unique"] == 1600 && stored["logical"] == 2600
    })
    .await;

    let top = client.get("/api/storage/top").await.gives(200).json();
    let rows = |top: &Value| -> Vec<(String, i64, i64)> {
        let items = top["items"].as_array().unwrap().iter();
        let row = |it: &Value| {
            let number = |name: &str| it[name].as_i64().unwrap();
            let repo = it["repo"].as_str().unwrap().to_owned();
            (repo, number("unique_bytes"), number("logical_bytes"))
        };
        items.map(row).collect()
    };
    let (team, other) = ("team/app".to_owned(), "other/app".to_owned());
    let expected = [(team.clone(), 500, 1500), (other, 100, 1100)];
    assert_eq!(rows(&top), expected);
    let top = reader.get("/api/storage/top?by=logical").await.gives(200);
    assert_eq!(rows(&top.json()), [(team, 500, 1500)]);
    for query in ["by=name", "limit=0", "limit=101"] {
        let refused = client.get(&format!("/api/storage/top?{query}")).await;
        refused.gives(400);
    }
}

#[tokio::test]
async fn a_forecast_takes_two_weeks() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let sampled = || lab.database().storage_days();
    wait::until("a day is written", LIMIT, async || sampled() > 0).await;
    let path = "/api/storage/history?days=30";
    let history = client.get(path).await.gives(200).json();
    assert_eq!(history["forecast"]["words"], "not enough data");
    assert!(history["items"].as_array().is_some_and(|it| !it.is_empty()));
    lab.database().add_shrinking_days();
    let history = client.get(path).await.gives(200).json();
    let forecast = &history["forecast"];
    assert_eq!(forecast["bytes_per_day"], 100, "{forecast}");
    assert_eq!(forecast["days_left"], 50, "{forecast}");
    client.get("/api/storage/history?days=31").await.gives(400);
}

#[tokio::test]
async fn a_check_goes_step_by_step_and_leaves_nothing() {
    let mut lab = Lab::start().await;
    let (client, reader) = (lab.client(), user(&lab, "reader", 1));
    lab.wait_until_stored().await;
    let path = "/api/sftp/check";
    reader.bare(Method::POST, path).await.gives(403);
    let check = client.bare(Method::POST, path).await.gives(200).json();
    let steps = |check: &Value| -> Vec<(String, bool)> {
        let steps = check["steps"].as_array().unwrap().iter();
        let step = |it: &Value| (it["name"].as_str().unwrap().to_owned(), it["ok"] == true);
        steps.map(step).collect()
    };
    let names = ["connect", "sign_in", "write", "rename", "remove", "disk"];
    let all: Vec<_> = names.map(|name| (name.to_owned(), true)).into();
    assert_eq!(steps(&check), all, "{check}");
    assert_eq!(check["ok"], true);
    let sign_in = check["steps"][1]["words"].as_str().unwrap();
    assert!(sign_in.contains("SHA256:"), "{sign_in}");
    lab.check().assert_clean();

    let health = wait::until_some(LIMIT, async || {
        let health = client.get("/api/sftp/health").await.gives(200).json();
        health["latency_ms"].is_number().then_some(health)
    });
    let health = health.await.expect("a look at the storage");
    assert_eq!(health["state"], "up");
    let key = health["host_key"].as_str().unwrap();
    assert!(sign_in.contains(key), "{sign_in} {key}");
    let offered = health["extensions"].as_array().unwrap();
    assert!(
        offered.contains(&"posix-rename@openssh.com".into()),
        "{health}"
    );
    assert!(health["connections"]["limit"].is_number());
    let told = reader.get("/api/sftp/health").await.gives(200).json();
    assert_eq!(told["state"], "up");
    for secret in ["server", "host_key", "connections", "error"] {
        assert!(told[secret].is_null(), "{told}");
    }

    lab.sshd_mut().kill();
    let check = client.bare(Method::POST, path).await.gives(200).json();
    assert_eq!(steps(&check), [("connect".to_owned(), false)], "{check}");
    client
        .push_blob("team/app", random::bytes(10))
        .await
        .unwrap();
    let down = wait::until_some(LIMIT, async || {
        let health = client.get("/api/sftp/health").await.gives(200).json();
        (health["state"] == "down").then_some(health)
    });
    let down = down.await.expect("it is seen");
    assert!(down["error"]["message"].is_string(), "{down}");
    let told = reader.get("/api/sftp/health").await.gives(200).json();
    assert!(told["error"].is_null(), "{told}");
}

#[tokio::test]
async fn a_server_that_hangs_up_is_said_to_do_so() {
    let server = FaultySftp::start();
    let lab = Lab::builder().storage(&server).start().await;
    lab.wait_until_stored().await;
    server.faults().refuse_connections = u64::MAX;
    let client = lab.client();
    let check = client.bare(Method::POST, "/api/sftp/check").await;
    let check = check.gives(200).json();
    let words = check["steps"][0]["words"].to_string();
    assert!(words.contains("closes the connection"), "{check}");
}

#[tokio::test]
async fn what_only_this_machine_has_is_pending() {
    let mut lab = Lab::start().await;
    lab.wait_until_stored().await;
    lab.sshd_mut().kill();
    let client = lab.client();
    let bytes = random::bytes(777);
    let digest = client.push_blob("team/app", bytes.clone()).await.unwrap();
    assert_eq!(digest, sha256(&bytes));
    wait::until("it is counted", LIMIT, async || {
        let storage = client.get("/api/storage").await.gives(200).json();
        storage["staging"]["pending"] == 777
    })
    .await;
}
