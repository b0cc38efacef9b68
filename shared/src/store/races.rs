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
