//! A storage that is away, refuses us or lost something: pushes go on, words
//! say what is wrong, and nothing is lost when it is mended.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use refity_tests::checker::{self, Tmp};
use refity_tests::client::{Answer, sha256};
use refity_tests::faulty_sftp::FaultySftp;
use refity_tests::image::{Format, Image};
use refity_tests::lab::{GROUP, Lab};
use refity_tests::random;
use refity_tests::retrying_client::RetryingClient;
use refity_tests::sshd::Sshd;
use refity_tests::wait;
use rustix::process::Signal;
use serde_json::Value;

/// How long a test waits for what should come soon.
const SOON: Duration = Duration::from_secs(60);

/// How long pushes may take whose sessions are killed.
const PUSHES: Duration = Duration::from_secs(400);

/// Longer than the wait between two tries of a storage that needs a person.
const NEXT_TRY_MS: i64 = 301_000;

fn repository() -> String {
    format!("{GROUP}/app")
}

async fn push(lab: &Lab, image: &Image, tag: &str) {
    image.push(&lab.client(), &repository(), tag).await.unwrap();
}

async fn push_many(lab: &Lab, count: usize) -> Vec<Image> {
    let mut images = Vec::new();
    for n in 0..count {
        let image = Image::random(Format::Oci, 2, 3000);
        push(lab, &image, &format!("v{n}")).await;
        images.push(image);
    }
    images
}

async fn assert_arrives(lab: &Lab, images: &[Image]) {
    let report = lab.assert_stored_whole().await;
    for (n, image) in images.iter().enumerate() {
        let tag = format!("v{n}");
        let digest = image.digest();
        assert_eq!(report.tag(&repository(), &tag), Some(digest.as_str()));
    }
}

/// What `GET /readyz` says of the storage.
async fn storage(lab: &Lab) -> Value {
    let answer = lab.client().get("/readyz").await.unwrap();
    answer.expect_status(200).json()["storage"].clone()
}

async fn wait_for_trouble(lab: &Lab, state: &str, words: &str) {
    let mut last = Value::Null;
    let told = wait::until_some(SOON, async || {
        last = storage(lab).await;
        (last["state"] == state && last.to_string().contains(words)).then_some(())
    });
    assert!(told.await.is_some(), "not {state} with {words:?}: {last}");
}

/// How many failed tries the uploaders have noted. The next try is due five
/// minutes after the note, not after the connection.
fn noted_tries(lab: &Lab, uploaders: usize) -> usize {
    let logs = (0..uploaders).map(|n| lab.uploader(n).log());
    logs.map(|log| log.matches("next_try_s").count()).sum()
}

#[tokio::test]
async fn pushes_go_on_while_the_storage_is_away() {
    let mut lab = Lab::start().await;
    lab.wait_until_stored().await;
    lab.sshd_mut().kill();
    let mut images = push_many(&lab, 10).await;
    wait_for_trouble(&lab, "down", "message").await;
    lab.clock_forward(3 * 60 * 60 * 1000);
    let late = Image::random(Format::Docker, 2, 3000);
    push(&lab, &late, "v10").await;
    images.push(late);
    // All of it can be pulled meanwhile.
    images[3]
        .assert_pullable(&lab.client(), &repository(), "v3")
        .await;
    lab.sshd_mut().restart().unwrap();
    assert_arrives(&lab, &images).await;
}

/// How often somebody has connected so far.
fn dials(sshd: &Sshd) -> usize {
    sshd.log().matches("Connection from").count()
}

fn make_key(path: &Path) {
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-N", "", "-t", "ed25519", "-f"])
        .arg(path);
    assert!(command.status().unwrap().success());
}

#[tokio::test]
async fn a_wrong_key_is_tried_once_in_five_minutes_however_much_waits() {
    let keys = tempfile::tempdir().unwrap();
    let key = keys.path().join("key");
    make_key(&key);
    let lab = Lab::builder()
        .uploaders(2)
        .env("FTP_PRIVATE_KEY", key.to_str().unwrap())
        .start()
        .await;
    wait_for_trouble(&lab, "needs_person", "refuses the key").await;
    let images = push_many(&lab, 60).await;
    let summary = lab.client().jobs_summary().await.unwrap().json();
    assert!(summary["pending"].as_i64().unwrap() >= 180, "{summary}");

    // Each start may try once, with a mended configuration.
    let first = dials(lab.sshd());
    assert!(first <= 1 + 2, "{}", lab.sshd().log());
    for before in first..first + 3 {
        let noted_before = noted_tries(&lab, 2);
        lab.clock_forward(NEXT_TRY_MS);
        wait::until("the next try", SOON, async || dials(lab.sshd()) > before).await;
        let noted = async || noted_tries(&lab, 2) > noted_before;
        wait::until("the note of its failure", SOON, noted).await;
        // Work that arrives wakes the uploaders, and makes none of them try.
        push(&lab, &images[0], "v0").await;
        assert_eq!(dials(lab.sshd()), before + 1, "{}", lab.sshd().log());
    }

    lab.stop_all().await;
    assert_eq!(dials(lab.sshd()), first + 3, "{}", lab.sshd().log());
    std::fs::copy(lab.sshd().private_key(), &key).unwrap();
    lab.start_all().await;
    assert_arrives(&lab, &images).await;
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_in_five_minutes_however_much_waits() {
    let storage = FaultySftp::start();
    storage.faults().wrong_password = true;
    let lab = Lab::builder().storage(&storage).start().await;
    wait_for_trouble(&lab, "needs_person", "password").await;
    let (client, home) = (lab.client(), repository());
    for _ in 0..500 {
        client.push_blob(&home, random::bytes(10)).await.unwrap();
    }
    let summary = lab.client().jobs_summary().await.unwrap().json();
    let queued = summary["pending"].as_i64().unwrap() + summary["waiting"].as_i64().unwrap();
    assert!(queued > 1000, "{summary}");
    assert_eq!(storage.connections(), 1);
    for before in 1..4 {
        let noted_before = noted_tries(&lab, 1);
        lab.clock_forward(NEXT_TRY_MS);
        let dialed = async || storage.connections() > before;
        wait::until("the next try", SOON, dialed).await;
        let noted = async || noted_tries(&lab, 1) > noted_before;
        wait::until("the note of its failure", SOON, noted).await;
        // Work that arrives wakes the uploader, and does not make it try.
        client.push_blob(&home, random::bytes(10)).await.unwrap();
        assert_eq!(storage.connections(), before + 1);
    }
    storage.heal();
    lab.clock_forward(NEXT_TRY_MS);
    lab.wait_until_stored().await;
    checker::check(storage.root(), &Tmp::MustBeEmpty).assert_clean();
}

#[tokio::test]
async fn a_changed_host_key_is_refused_until_a_person_agrees() {
    let mut lab = Lab::start().await;
    let old = Image::random(Format::Oci, 1, 3000);
    push(&lab, &old, "old").await;
    lab.wait_until_stored().await;
    lab.sshd_mut().kill();
    let images = push_many(&lab, 3).await;
    let before = checker::check_live(&lab.tree());
    lab.sshd().change_host_key().unwrap();
    let signed_in = lab.sshd().log().matches("Accepted").count();
    lab.sshd_mut().restart().unwrap();
    // The storage was away: the next try comes by itself.
    wait_for_trouble(&lab, "needs_person", "host key").await;
    wait_for_trouble(&lab, "needs_person", "known_hosts").await;
    assert!(lab.uploader(0).log().contains("nothing was sent"));
    assert_eq!(lab.sshd().log().matches("Accepted").count(), signed_in);
    assert_eq!(checker::check_live(&lab.tree()), before);

    let known_hosts = lab.data_dir().join("known_hosts");
    assert_eq!(
        std::fs::read_to_string(&known_hosts)
            .unwrap()
            .lines()
            .count(),
        1
    );
    std::fs::write(&known_hosts, "").unwrap();
    lab.clock_forward(NEXT_TRY_MS);
    assert_arrives(&lab, &images).await;
}

async fn start_session(lab: &Lab) -> String {
    let answer = lab.client().start_upload(&repository()).await.unwrap();
    answer.expect_status(202).location()
}

#[tokio::test]
async fn a_push_in_step_with_a_dead_storage_is_told_to_wait_and_then_joins() {
    let mut lab = Lab::builder()
        .sync(true)
        .env("SFTP_SYNC_TIMEOUT", "3s")
        .start()
        .await;
    let client = lab.client();
    lab.wait_until_stored().await;
    lab.sshd_mut().kill();
    let bytes = random::bytes(2_000_000);
    let digest = sha256(&bytes);
    let session = start_session(&lab).await;
    let answer = client.patch(&session, bytes.clone(), None).await.unwrap();
    answer.expect_status(202);
    let put = async || -> Answer {
        let put = client.finish(&session, &digest, Bytes::new()).await;
        put.unwrap()
    };
    for _ in 0..2 {
        let refused = put().await.expect_status(503);
        assert_eq!(refused.error_code(), "UNAVAILABLE");
        assert!(refused.header("retry-after").is_some(), "{refused:?}");
    }
    lab.sshd_mut().restart().unwrap();
    let hex = &digest["sha256:".len()..];
    let path = format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
    let stored = lab.tree().join(path);
    wait::until("a PUT that succeeds", SOON, async || {
        let answer = put().await;
        if answer.status == 201 {
            assert_eq!(sha256(&std::fs::read(&stored).unwrap()), digest, "a lie");
        }
        answer.status == 201
    })
    .await;
    lab.assert_stored_whole().await;
}

/// The jobs with a file being written on SFTP, by its name without the attempt.
fn jobs_that_write(lab: &Lab) -> BTreeSet<String> {
    let folder = lab.tree().join("docker/registry/v2/_refity/tmp");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let jobs = names.map(|name| match name.rsplit_once('.') {
        Some((job, _)) => job.to_owned(),
        None => name,
    });
    jobs.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_in_step_never_lies_while_sessions_are_killed() {
    let lab = Lab::builder()
        .sync(true)
        .env("SFTP_SYNC_TIMEOUT", "20s")
        .start()
        .await;
    let (client, tree) = (lab.client(), lab.tree());
    let pushes = tokio::spawn(async move {
        let mut client = RetryingClient::new(vec![client]);
        for n in 0..4 {
            let image = Image::random(Format::Oci, 2, 4_000_000);
            let tag = format!("v{n}");
            client.push(&image, &repository(), &tag).await;
            let report = checker::check_live(&tree);
            report.assert_clean();
            let digest = image.digest();
            assert_eq!(report.tag(&repository(), &tag), Some(digest.as_str()));
        }
    });
    // Each job loses its session once: the first time that it writes.
    let mut seen = BTreeSet::new();
    wait::until("the pushes", PUSHES, async || {
        let jobs = jobs_that_write(&lab);
        if !jobs.is_subset(&seen) {
            lab.sshd().kill_sessions();
            seen.extend(jobs);
        }
        pushes.is_finished()
    })
    .await;
    assert!(!seen.is_empty(), "no session was killed");
    pushes.await.unwrap();
    lab.clock_forward(NEXT_TRY_MS);
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn a_session_that_hangs_holds_up_its_own_job_only() {
    // Two for the uploader: each that hangs is found out one after the other.
    let lab = Lab::builder()
        .env("FTP_CONNECTIONS", "3")
        .env("LOG_LEVEL", "debug")
        .start()
        .await;
    lab.wait_until_stored().await;
    let large = Image::random(Format::Oci, 1, 80_000_000);
    push(&lab, &large, "large").await;
    // The bytes are on their way: all sessions fall silent.
    let tmp = lab.tree().join("docker/registry/v2/_refity/tmp");
    wait::until("the transfer", SOON, async || {
        let files = std::fs::read_dir(&tmp).into_iter().flatten().flatten();
        files
            .filter_map(|file| file.metadata().ok())
            .any(|meta| meta.len() > 1_000_000)
    })
    .await;
    lab.sshd().signal_sessions(Signal::STOP);
    let small = Image::random(Format::Oci, 1, 1000);
    push(&lab, &small, "small").await;
    let link = format!(
        "docker/registry/v2/repositories/{}/_manifests/tags/small/current/link",
        repository()
    );
    wait::until("the small image", SOON, async || {
        lab.tree().join(&link).exists()
    })
    .await;
    lab.sshd().signal_sessions(Signal::CONT);
    let report = lab.assert_stored_whole().await;
    let digest = large.digest();
    assert_eq!(report.tag(&repository(), "large"), Some(digest.as_str()));
}

fn blob_on_sftp(lab: &Lab, bytes: &Bytes) -> PathBuf {
    let digest = sha256(bytes);
    let hex = &digest["sha256:".len()..];
    let path = format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
    lab.tree().join(path)
}

#[tokio::test]
async fn a_push_repairs_what_is_wrong_on_sftp() {
    let lab = Lab::start().await;
    let image = Image::random(Format::Oci, 3, 50_000);
    push(&lab, &image, "v").await;
    lab.assert_stored_whole().await;
    let [truncated, flipped, removed] = [0, 1, 2].map(|n| &image.layers[n]);
    std::fs::write(blob_on_sftp(&lab, truncated), &truncated[..1000]).unwrap();
    std::fs::write(blob_on_sftp(&lab, flipped), random::bytes(flipped.len())).unwrap();
    std::fs::remove_file(blob_on_sftp(&lab, removed)).unwrap();
    assert!(lab.check().findings.len() > 2);

    push(&lab, &image, "v").await;
    let report = lab.assert_stored_whole().await;
    assert_eq!(
        report.tag(&repository(), "v"),
        Some(image.digest().as_str())
    );
    lab.stop_all().await;
    lab.empty_spool();
    lab.start_all().await;
    image
        .assert_pullable(&lab.client(), &repository(), "v")
        .await;
}

#[tokio::test]
async fn an_uploader_that_dies_while_it_tries_the_storage_leaves_its_turn() {
    for killed in [true, false] {
        let storage = FaultySftp::start();
        storage.faults().hang = true;
        let lab = Lab::builder().storage(&storage).uploaders(2).start().await;
        let first = wait::until_some(SOON, async || lab.database().prober());
        let first = first.await.expect("a process that tries the storage");
        let of = |n: usize| format!("uploader-{}-", lab.uploader(n).pid().unwrap());
        let (n, other) = if first.starts_with(&of(0)) {
            (0, of(1))
        } else {
            (1, of(0))
        };
        assert!(first.starts_with(&of(n)), "{first}");
        if killed {
            lab.uploader(n).kill9();
        } else {
            lab.uploader(n).terminate().await;
        }
        // Long before the turn would have run out.
        wait::until("the other's turn", SOON, async || {
            lab.database()
                .prober()
                .is_some_and(|now| now.starts_with(&other))
        })
        .await;
        storage.faults().hang = false;
        push_many(&lab, 1).await;
        lab.wait_until_stored().await;
        checker::check(storage.root(), &Tmp::MustBeEmpty).assert_clean();
    }
}
