//! A storage that has no room or gives no right: the job says so and waits,
//! leaves nothing half behind, and goes on when it is mended.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use refity_tests::checker::{self, Tmp};
use refity_tests::client::{Client, sha256};
use refity_tests::faulty_sftp::{FaultySftp, Kind, PASSWORD, StatusCode, USERNAME};
use refity_tests::image::{Format, Image};
use refity_tests::lab::{GROUP, Lab};
use refity_tests::{random, wait};
use serde_json::Value;
use tokio::task::JoinSet;

const SOON: Duration = Duration::from_secs(60);

/// Longer than a job rests that needs a person.
const NEXT_TRY_MS: i64 = 16 * 60 * 1000;

fn repository() -> String {
    format!("{GROUP}/app")
}

/// A registry whose storage misbehaves as the test says.
async fn lab_on(server: &FaultySftp) -> Lab {
    let lab = Lab::builder()
        .env("FTP_PORT", &server.port().to_string())
        .env("FTP_USERNAME", USERNAME)
        .env("FTP_PASSWORD", PASSWORD)
        .env("FTP_PRIVATE_KEY", "")
        .start()
        .await;
    lab.wait_until_stored().await;
    lab
}

async fn push(lab: &Lab, image: &Image, tag: &str) {
    image.push(&lab.client(), &repository(), tag).await.unwrap();
}

/// Waits for a job that needs a person.
async fn parked(lab: &Lab) -> Value {
    let parked = wait::until_some(SOON, async || {
        let jobs = lab.client().get("/api/jobs?state=failed").await.unwrap();
        let jobs = jobs.expect_status(200).json();
        let first = &jobs["items"][0];
        (!first.is_null()).then(|| first["error"].clone())
    });
    parked.await.expect("a parked job")
}

async fn assert_goes_on(lab: &Lab, server: &FaultySftp, image: &Image, tag: &str) {
    server.heal();
    lab.clock_forward(NEXT_TRY_MS);
    lab.wait_until_stored().await;
    let report = checker::check(server.root(), &Tmp::MustBeEmpty);
    report.assert_clean();
    let digest = image.digest();
    assert_eq!(report.tag(&repository(), tag), Some(digest.as_str()));
    image
        .assert_pullable(&lab.client(), &repository(), tag)
        .await;
}

/// Nothing under a blob's final name.
fn assert_nothing_half(root: &Path, image: &Image) {
    let digest = refity_tests::client::sha256(&image.layers[0]);
    let hex = &digest["sha256:".len()..];
    let base = root.join("docker/registry/v2");
    let blob = base.join(format!("blobs/sha256/{}/{hex}/data", &hex[..2]));
    assert!(!blob.exists(), "a partial blob is visible");
}

/// Waits for a moment between two tries: each removes what it wrote.
async fn nothing_left_in_tmp(root: &Path) {
    let tmp = root.join("docker/registry/v2/_refity/tmp");
    wait::until("an empty tmp", SOON, async || {
        std::fs::read_dir(&tmp).unwrap().next().is_none()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_parks_the_job_until_there_is_room() {
    let server = FaultySftp::start();
    let lab = lab_on(&server).await;
    server.faults().disk_full_after = Some(700_000);
    let image = Image::random(Format::Oci, 1, 3_000_000);
    push(&lab, &image, "v").await;
    let error = parked(&lab).await;
    assert_eq!(error["code"], "no_space", "{error}");
    assert!(error["hint"].as_str().unwrap().contains("space"), "{error}");
    assert_nothing_half(server.root(), &image);
    nothing_left_in_tmp(server.root()).await;
    let answer = lab.client().get_manifest(&repository(), "v").await.unwrap();
    answer.expect_status(200);
    assert_goes_on(&lab, &server, &image, "v").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_that_is_told_at_the_close_leaves_nothing_half() {
    let server = FaultySftp::start();
    let lab = lab_on(&server).await;
    server.faults().quota_at_close = true;
    let image = Image::random(Format::Oci, 1, 100_000);
    push(&lab, &image, "v").await;
    wait::until("words of a try that failed", SOON, async || {
        let jobs = lab.client().jobs().await.unwrap().json();
        let mut jobs = jobs["items"].as_array().unwrap().iter();
        jobs.any(|job| !job["error"].is_null())
    })
    .await;
    assert!(
        server.removed("_refity/tmp/") > 0,
        "its file was left there"
    );
    assert_nothing_half(server.root(), &image);
    nothing_left_in_tmp(server.root()).await;
    assert_goes_on(&lab, &server, &image, "v").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_right_parks_its_own_job_only() {
    let server = FaultySftp::start();
    let lab = lab_on(&server).await;
    let image = Image::random(Format::Oci, 1, 100_000);
    let digest = refity_tests::client::sha256(&image.layers[0]);
    let hex = digest["sha256:".len()..].to_owned();
    for kind in [Kind::Rename, Kind::PosixRename] {
        server
            .faults()
            .fail_next(kind, &hex, StatusCode::PermissionDenied);
    }
    push(&lab, &image, "v").await;
    let error = parked(&lab).await;
    assert_eq!(error["code"], "permission", "{error}");
    assert!(error["message"].as_str().unwrap().contains(&hex), "{error}");
    assert_nothing_half(server.root(), &image);
    nothing_left_in_tmp(server.root()).await;

    let other = Image::random(Format::Oci, 1, 5000);
    push(&lab, &other, "other").await;
    wait::until("the other image", SOON, async || {
        let report = checker::check_live(server.root());
        report.assert_clean();
        assert_eq!(report.tag(&repository(), "v"), None);
        report.tag(&repository(), "other") == Some(other.digest().as_str())
    })
    .await;
    assert_goes_on(&lab, &server, &image, "v").await;
}

/// Reads a cold blob as clients do: who is told to come again comes again.
async fn read(client: Client, bytes: Bytes) {
    loop {
        let answer = client.get_blob(&repository(), &sha256(&bytes), None).await;
        match answer {
            Ok(answer) if answer.status == 200 => return assert!(answer.body == bytes),
            Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
            Err(_) => {}
        }
        tokio::time::sleep(wait::POLL).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_and_goes_over_one_dial_of_four_ends_and_then_all_sessions_are_back() {
    const SESSIONS: usize = 4;
    let server = FaultySftp::start();
    let lab = Lab::builder()
        .storage(&server)
        .env("FTP_CONNECTIONS", &SESSIONS.to_string())
        .start()
        .await;
    let client = lab.client();
    let mut cold = Vec::new();
    for _ in 0..8 {
        let bytes = random::bytes(200_000);
        client
            .push_blob(&repository(), bytes.clone())
            .await
            .unwrap();
        cold.push(bytes);
    }
    lab.make_cold().await;

    server.faults().serves_one_dial_of = 4;
    server.reset_connections();
    let mut clients = JoinSet::new();
    for bytes in cold.clone() {
        clients.spawn(read(lab.client(), bytes));
    }
    for n in 0..8 {
        let client = lab.client();
        clients.spawn(async move {
            let image = Image::random(Format::Oci, 2, 100_000);
            let tag = format!("v{n}");
            image.push(&client, &repository(), &tag).await.unwrap();
        });
    }
    let all = tokio::time::timeout(Duration::from_secs(120), clients.join_all());
    all.await.expect("nobody hangs");
    lab.wait_until_stored().await;
    checker::check(server.root(), &Tmp::MustBeEmpty).assert_clean();

    // Nothing of it is left: under load there are as many as there may be.
    server.heal();
    server.reset_connections();
    lab.make_cold().await;
    // Else two sessions may be enough for all that clients bring.
    server.faults().thinks_for = Duration::from_millis(50);
    let load = async {
        loop {
            let mut clients = JoinSet::new();
            for bytes in cold.clone() {
                let client = lab.client();
                clients.spawn(async move {
                    // A part does not warm a blob.
                    let (from, digest) = (repository(), sha256(&bytes));
                    let part = client.get_blob(&from, &digest, Some("bytes=1-")).await;
                    assert_eq!(part.unwrap().body, bytes.slice(1..));
                });
                let client = lab.client();
                clients.spawn(async move {
                    let large = random::bytes(500_000);
                    client.push_blob(&repository(), large).await.unwrap();
                });
            }
            clients.join_all().await;
        }
    };
    let full = wait::until("all sessions", SOON, async || {
        server.live_connections() == SESSIONS
    });
    tokio::select! {
        () = full => {}
        () = load => unreachable!("it goes on for ever"),
    }
    server.heal();
    lab.wait_until_stored().await;
    assert_eq!(server.most_connections(), SESSIONS);
    checker::check(server.root(), &Tmp::MustBeEmpty).assert_clean();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_fails_many_times_is_tried_until_it_succeeds() {
    const FAILURES: u64 = 12;
    let server = FaultySftp::start();
    let lab = lab_on(&server).await;
    let image = Image::random(Format::Oci, 1, 10_000);
    let digest = refity_tests::client::sha256(&image.layers[0]);
    let hex = digest["sha256:".len()..].to_owned();
    for _ in 0..FAILURES {
        for kind in [Kind::Rename, Kind::PosixRename] {
            let mut faults = server.faults();
            faults.fail_next(kind, &hex, StatusCode::Failure);
        }
    }
    push(&lab, &image, "v").await;
    let client = lab.client();
    for tries in 1..=FAILURES {
        wait::until("a try that failed", SOON, async || {
            let jobs = client.jobs().await.unwrap().json();
            let mut jobs = jobs["items"].as_array().unwrap().iter();
            jobs.any(|job| {
                job["digest"] == digest.as_str() && job["attempt"].as_u64() >= Some(tries)
            })
        })
        .await;
        assert_nothing_half(server.root(), &image);
        lab.clock_forward(NEXT_TRY_MS);
    }
    assert_goes_on(&lab, &server, &image, "v").await;
}
