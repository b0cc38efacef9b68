//! Tests of concurrent operations of several processes on one database.

use refity_config::clock::{Clock, millis};

use crate::*;

async fn open(folder: &Path) -> Store {
    let clock = Clock::with_offset_file(&folder.join("offset")).unwrap();
    Store::open(&folder.join("refity.db"), clock).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_share_a_new_database() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let starts: Vec<_> = (0..4)
            .map(|_| {
                let folder = folder.path().to_owned();
                tokio::spawn(async move { open(&folder).await })
            })
            .collect();
        for start in starts {
            start.await.unwrap();
        }
    }
}

/// Environment variable with the folder of a database, for a process that only
/// opens it.
const OPEN_ONLY: &str = "REFITY_TEST_OPEN_ONLY";

#[tokio::test]
async fn open_only() {
    if let Some(folder) = std::env::var_os(OPEN_ONLY) {
        open(Path::new(&folder)).await;
    }
}

#[test]
fn other_processes_that_start_at_once_share_it_too() {
    let this = std::env::current_exe().unwrap();
    for round in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let start = || {
            std::process::Command::new(&this)
                .args(["--exact", "store::races::open_only"])
                .env(OPEN_ONLY, folder.path())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        };
        let starts: Vec<_> = (0..6).map(|_| start()).collect();
        for start in starts {
            let output = start.wait_with_output().unwrap();
            assert!(output.status.success(), "{round}: {output:?}");
        }
    }
}

#[tokio::test]
async fn a_heartbeat_renews_only_the_jobs_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.report_up().await.unwrap();
    for group in ["one", "two"] {
        store.create_group(&group.parse().unwrap()).await.unwrap();
    }
    let forgotten = store.claim("worker", None, 1).await.unwrap().remove(0);
    let named = store.claim("worker", None, 1).await.unwrap().remove(0);
    let half = millis(LEASE) / 2;
    for offset in [half, 2 * half + 1000] {
        std::fs::write(folder.path().join("offset"), offset.to_string()).unwrap();
        let held = store.heartbeat("worker", vec![(named.job, 0)]).await;
        assert_eq!(held.unwrap(), [(named.job, named.lease)].into());
    }
    assert_eq!(store.end_expired_leases().await.unwrap(), 1);
    let later = 2 * half + 2000;
    std::fs::write(folder.path().join("offset"), later.to_string()).unwrap();
    let repeated = store.claim("other", None, 1).await.unwrap().remove(0);
    assert_eq!(repeated.job, forgotten.job);
}
