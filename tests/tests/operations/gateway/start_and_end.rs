//! How a gateway starts, why it does not, and how it ends.

use std::time::Duration;

use refity_tests::client::Client;
use refity_tests::processes::Program;
use refity_tests::wait;
use refity_tests::wire::Wire;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::lone::{Lone, PASSWORD, program, run};

/// Starts what must not start: its exit status, and its one line of words.
async fn refused(program: &Program) -> (Option<i32>, String) {
    let output = run(program).await;
    let words = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), words)
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let gateway = Lone::start().await;
    let port = gateway.address.rsplit(':').next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let second = program(folder.path(), port.parse().unwrap(), &[]).env("LOG_LEVEL", "error");
    let (status, words) = refused(&second).await;
    assert_eq!(status, Some(1), "{words}");
    assert!(
        words.starts_with("error: ") && words.lines().count() == 1,
        "{words}"
    );
    assert!(
        words.contains(&gateway.address) && words.contains("PORT"),
        "{words}"
    );
}

#[tokio::test]
async fn configurations_that_cannot_work_end_with_2() {
    for (variable, value, named) in [
        ("FTP_HOST", "", "FTP_HOST is not set"),
        ("FTP_HOST", "sftp.example.com", "placeholder"),
        ("PORT", "ssh", "PORT"),
        ("ADMIN_PASSWORD", "short", "ADMIN_PASSWORD"),
        ("JWT_SECRET", "short", "JWT_SECRET"),
        ("LISTEN_ADDRESS", "192.0.2.1", "LISTEN_ADDRESS"),
        ("DATA_DIR", "/proc/refity", "DATA_DIR"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let program = program(folder.path(), wait::free_port(), &[(variable, value)]);
        let (status, words) = refused(&program).await;
        assert_eq!(status, Some(2), "{variable}={value}: {words}");
        assert!(words.contains(named), "{variable}={value}: {words}");
    }
}

#[tokio::test]
async fn a_check_of_the_configuration_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let program = program(folder.path(), wait::free_port(), &[]).args(["--check-config"]);
    let output = run(&program).await;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let (status, _) = refused(&program.env("FTP_PORT", "0")).await;
    assert_eq!(status, Some(2));
}

#[tokio::test]
async fn a_database_that_is_not_ours_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let foreign = b"SQLite format 3\0 of another program";
    std::fs::write(data.join("refity.db"), foreign).unwrap();
    let (status, words) = refused(&program(folder.path(), wait::free_port(), &[])).await;
    assert_eq!(status, Some(2), "{words}");
    assert_eq!(std::fs::read(data.join("refity.db")).unwrap(), foreign);
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1);
}

#[tokio::test]
async fn a_lost_database_is_not_replaced_by_an_empty_one() {
    let gateway = Lone::start().await;
    let client = gateway.client();
    client
        .create_group("team")
        .await
        .unwrap()
        .expect_status(201);
    let blob = bytes::Bytes::from_static(b"acknowledged");
    client.push_blob("team/app", blob).await.unwrap();
    gateway.process.terminate().await;
    for file in ["refity.db", "refity.db-wal", "refity.db-shm"] {
        let _ = std::fs::remove_file(gateway.data_dir().join(file));
    }
    gateway.process.restart();
    let status = gateway.process.ended(Duration::from_secs(30)).await;
    assert_eq!(status.code(), Some(2));
    assert!(gateway.process.log().contains("rebuild-index"));
    assert!(!gateway.data_dir().join("refity.db").exists());
}

#[tokio::test]
async fn both_ports_serve_the_same() {
    let web = wait::free_port().to_string();
    let gateway = Lone::start_with(&[("ADMIN_PASSWORD", PASSWORD), ("WEB_PORT", &web)]).await;
    for client in [
        gateway.client(),
        gateway.client().at(&format!("127.0.0.1:{web}")),
    ] {
        client.ping().await.unwrap().expect_status(200);
        client.get("/api/groups").await.unwrap().expect_status(200);
        let page = client.get("/").await.unwrap().expect_status(200);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    }
}

#[tokio::test]
async fn an_answer_under_way_is_finished_before_the_end() {
    let gateway = Lone::start().await;
    let client = gateway.client();
    client
        .create_group("team")
        .await
        .unwrap()
        .expect_status(201);
    let session = client.start_upload("team/app").await.unwrap().location();
    let mut wire = Wire::connect(&gateway.address).await;
    // admin:correct horse. The 100 says that the gateway reads the body.
    let head = format!(
        "PATCH {session} HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\nExpect: 100-continue\r\n\
         Authorization: Basic YWRtaW46Y29ycmVjdCBob3JzZQ==\r\n\r\n"
    );
    wire.send(head.as_bytes()).await;
    assert_eq!(wire.answer().await.status, 100);
    wire.send(b"half").await;
    gateway.process.signal(Signal::TERM);
    let limit = Duration::from_secs(30);
    wait::until("new connections are refused", limit, async || {
        tokio::net::TcpStream::connect(&gateway.address)
            .await
            .is_err()
    })
    .await;
    wire.send(b"half").await;
    assert_eq!(wire.answer().await.status, 202);
    let status = gateway.process.ended(limit).await;
    assert_eq!(status.code(), Some(0));
    let owners = std::fs::read_dir(gateway.data_dir().join("owners")).unwrap();
    assert_eq!(owners.count(), 0, "it has signed off");
}

/// What `GET /readyz` says as soon as it has this status.
async fn ready(client: &Client, status: u16) -> Value {
    // What was found counts for a moment.
    let answer = wait::until_some(Duration::from_secs(60), async || {
        let answer = client.get("/readyz").await.unwrap();
        (answer.status == status).then(|| answer.json())
    });
    answer.await.unwrap_or_else(|| panic!("never {status}"))
}

#[tokio::test]
async fn a_gateway_is_not_ready_while_another_process_holds_the_database() {
    let gateway = Lone::start().await;
    let held = gateway.database().hold();
    for client in [gateway.anonymous(), gateway.client()] {
        let body = ready(&client, 503).await;
        assert_eq!(body["ready"], false);
        let reason = body["reasons"][0].as_str().unwrap();
        assert!(reason.starts_with("the database "), "{body}");
    }
    // It serves all the same: nobody is to start it again.
    let answer = gateway.anonymous().get("/healthz").await;
    answer.unwrap().expect_status(200);
    gateway.client().ping().await.unwrap().expect_status(200);
    held.release();
    let body = ready(&gateway.anonymous(), 200).await;
    assert_eq!(body["reasons"], json!([]));
}

#[tokio::test]
async fn readiness_is_about_pushes_and_not_about_sftp() {
    let gateway = Lone::start().await;
    let nobody = gateway.anonymous();
    let body = ready(&nobody, 200).await;
    assert_eq!(
        body,
        json!({ "ready": true, "reasons": [], "storage": { "state": "unknown" } })
    );
    let (intents, away) = (
        gateway.data_dir().join("spool/intents"),
        gateway.data_dir().join("away"),
    );
    std::fs::rename(&intents, &away).unwrap();
    // Nobody in particular is told no paths; an administrator is.
    let body = ready(&nobody, 503).await;
    assert_eq!(body["ready"], false);
    assert_eq!(body["reasons"], json!(["the spool cannot take pushes"]));
    let wrong = nobody.with_credentials("admin", "wrong horse");
    assert_eq!(ready(&wrong, 503).await, body);
    let body = ready(&gateway.client(), 503).await;
    let reason = body["reasons"][0].as_str().unwrap();
    assert!(reason.contains("spool/intents"), "{reason}");
    nobody.get("/healthz").await.unwrap().expect_status(200);
    std::fs::rename(&away, &intents).unwrap();
    ready(&nobody, 200).await;
}

#[tokio::test]
async fn readiness_is_looked_for_once_a_second_at_most() {
    let gateway = Lone::start().await;
    let database = gateway.database();
    // Each check writes a new generation.
    let generation = || database.generation();
    let started = std::time::Instant::now();
    let (mut last, mut looks) = (generation(), 0);
    let nobody = gateway.anonymous();
    for _ in 0..500 {
        nobody.get("/readyz").await.unwrap().expect_status(200);
        let now = generation();
        looks += u64::from(now != last);
        last = now;
    }
    let seconds = started.elapsed().as_secs();
    assert!(looks <= seconds + 2, "{looks} in {seconds} s");
}
