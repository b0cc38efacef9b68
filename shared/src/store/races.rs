//! What several processes may do to one database at the same time.

use super::*;
use crate::clock::{Clock, millis};

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

#[tokio::test]
async fn a_heartbeat_renews_only_the_jobs_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.report_up().await.unwrap();
    for group in ["one", "two"] {
        store.create_group(&group.parse().unwrap()).await.unwrap();
    }
    let forgotten = store.claim("worker", None).await.unwrap().unwrap();
    let named = store.claim("worker", None).await.unwrap().unwrap();
    let half = millis(LEASE) / 2;
    for offset in [half, 2 * half + 1000] {
        std::fs::write(folder.path().join("offset"), offset.to_string()).unwrap();
        let held = store.heartbeat("worker", vec![(named.job, 0)]).await;
        assert_eq!(held.unwrap(), [(named.job, named.lease)].into());
    }
    assert_eq!(store.end_expired_leases().await.unwrap(), 1);
    let repeated = store.claim("other", None).await.unwrap().unwrap();
    assert_eq!(repeated.job, forgotten.job);
}
