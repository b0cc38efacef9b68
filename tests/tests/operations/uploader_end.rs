//! How an uploader ends when it is asked to: what it is sending is finished
//! or given back, and nothing new is begun.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use refity_tests::client::sha256;
use refity_tests::lab::Lab;
use refity_tests::{random, wait};
use rustix::process::Signal;
use serde_json::json;

const APP: &str = "team/app";

/// How long a test waits for what should come soon.
const SOON: Duration = Duration::from_secs(60);

fn on_sftp(lab: &Lab, bytes: &Bytes) -> PathBuf {
    let digest = sha256(bytes);
    let hex = &digest["sha256:".len()..];
    let path = format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
    lab.tree().join(path)
}

/// A lab whose uploader is in the middle of this blob, and whose storage has
/// fallen silent.
async fn in_mid_transfer() -> (Lab, Bytes) {
    const TRIES: usize = 20;
    let lab = Lab::start().await;
    let tmp = lab.tree().join("docker/registry/v2/_refity/tmp");
    for _ in 0..TRIES {
        lab.wait_until_stored().await;
        let large = random::bytes(80_000_000);
        lab.client().push_blob(APP, large.clone()).await.unwrap();
        wait::until("the transfer", SOON, async || {
            let files = std::fs::read_dir(&tmp).into_iter().flatten().flatten();
            let mut sizes = files.filter_map(|file| file.metadata().ok());
            sizes.any(|meta| meta.len() > 1_000_000) || on_sftp(&lab, &large).exists()
        })
        .await;
        lab.sshd().signal_sessions(Signal::STOP);
        if !on_sftp(&lab, &large).exists() {
            return (lab, large);
        }
        // It was faster than our look.
        lab.sshd().signal_sessions(Signal::CONT);
    }
    panic!("no transfer of {TRIES} was seen");
}

/// Asks the uploader to end, and waits until it has heard it.
async fn ask_to_end(lab: &Lab) {
    lab.uploader(0).signal(Signal::TERM);
    wait::until("the end's beginning", SOON, async || {
        lab.uploader(0).log().contains("ending")
    })
    .await;
}

#[tokio::test]
async fn a_transfer_that_runs_is_finished_before_the_end_and_none_is_begun() {
    let (lab, large) = in_mid_transfer().await;
    ask_to_end(&lab).await;
    let late = random::bytes(1000);
    lab.client().push_blob(APP, late.clone()).await.unwrap();
    lab.sshd().signal_sessions(Signal::CONT);
    let status = lab.uploader(0).ended(SOON).await;
    assert_eq!(status.code(), Some(0), "{}", lab.uploader(0).log_tail());
    let stored = std::fs::read(on_sftp(&lab, &large)).unwrap_or_default();
    assert!(stored == large, "{} bytes", stored.len());
    assert!(!on_sftp(&lab, &late).exists(), "begun after the end");
    lab.uploader(0).restart();
    let report = lab.assert_stored_whole().await;
    assert!(report.has_blob(APP, &sha256(&late)));
}

#[tokio::test]
async fn a_transfer_that_hangs_at_the_end_is_given_back_for_the_next_uploader() {
    let (lab, large) = in_mid_transfer().await;
    ask_to_end(&lab).await;
    // Within the minute that a service manager waits before it kills.
    let status = lab.uploader(0).ended(SOON).await;
    assert_eq!(status.code(), Some(0), "{}", lab.uploader(0).log_tail());
    assert!(!on_sftp(&lab, &large).exists(), "torn");
    let summary = lab.client().jobs_summary().await.unwrap().json();
    assert_eq!(summary["running"], json!(0), "{summary}");
    let pending = lab.client().get("/api/jobs?state=pending").await;
    let pending = pending.unwrap().expect_status(200).json();
    let given_back = pending["items"].as_array().unwrap().iter();
    let kinds: Vec<_> = given_back.map(|job| &job["kind"]).collect();
    assert_eq!(kinds, ["store_blob"], "{pending}");

    lab.sshd().kill_sessions();
    lab.uploader(0).restart();
    let report = lab.assert_stored_whole().await;
    assert!(report.has_blob(APP, &sha256(&large)));
}
