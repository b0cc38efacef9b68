//! Tests of garbage collection: when it stops, and that a scheduled one runs
//! once.

use refity_config::CollectRules;

use super::*;

const DAY: Duration = Duration::from_secs(25 * 60 * 60);

impl Place {
    /// Creates a store with this many unreferenced blobs.
    async fn with_garbage(count: u32) -> Self {
        let place = Self::new().await;
        for n in 0..count {
            place.push_blob(&n.to_le_bytes()).await;
        }
        place.finish_all().await;
        place.forward(DAY);
        place
    }

    /// Changes the database as another process would.
    fn elsewhere(&self, change: &str) {
        let path = self.folder.path().join("refity.db");
        testing::run_all(&testing::open(&path), change);
    }
}

#[tokio::test]
async fn a_collection_stops_if_the_storage_fails() {
    // More targets than one transaction marks.
    let place = Place::with_garbage(150).await;
    let mut found = 0;
    let collect = place
        .store
        .collect(CollectRules::default(), false, |_| {
            if found == 0 {
                place.elsewhere("UPDATE storage_health SET state = 'down'");
            }
            found += 1;
        })
        .await
        .unwrap();
    let Collect::StorageFailing(before) = collect else {
        panic!("{collect:?}")
    };
    assert_eq!(before.links + before.blobs, found);
    assert!((1..300).contains(&found), "{found}");
    let words = collect.done().unwrap_err();
    assert!(
        words.contains("stopped because the storage is failing"),
        "{words}"
    );

    place.store.report_up().await.unwrap();
    let rest = place.store.collect(CollectRules::default(), false, |_| {});
    let rest = rest.await.unwrap().done().unwrap();
    assert_eq!(before.links + rest.links, 150);
}

#[tokio::test]
async fn a_scheduled_collection_is_retried_until_it_is_complete() {
    let place = Place::new().await;
    let store = &place.store;
    let due = store.clock().wall_ms() + millis(DAY);
    let begin = async |owner| store.begin_scheduled_collection(due, owner).await.unwrap();
    assert!(begin("one").await);
    assert!(!begin("two").await, "another does it");
    store.end_scheduled_collection(None, "one").await.unwrap();
    assert!(!begin("two").await, "not at once");
    place.forward(COLLECTION_PAUSE);
    assert!(begin("two").await);
    // The process dies, and its death is detected.
    assert_eq!(store.owners().await.unwrap(), ["two"]);
    place.forward(COLLECTION_PAUSE);
    assert!(!begin("one").await);
    store.release_jobs("two").await.unwrap();
    assert!(begin("one").await);
    // A late report of a process that lost its claim has no effect.
    let late = store.end_scheduled_collection(Some(due), "two");
    late.await.unwrap();
    store
        .end_scheduled_collection(Some(due), "one")
        .await
        .unwrap();
    place.forward(COLLECTION_PAUSE);
    assert!(!begin("one").await, "it is done");
    let next = store.begin_scheduled_collection(due + 1, "two");
    assert!(next.await.unwrap(), "the next time");
}
