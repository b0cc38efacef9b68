//! The collection: when it stops.

use super::*;

const DAY: Duration = Duration::from_secs(25 * 60 * 60);

impl Place {
    /// A store with so many blobs that nothing names.
    async fn with_garbage(count: u32) -> Self {
        let place = Self::new().await;
        for n in 0..count {
            place.push_blob(&n.to_le_bytes()).await;
        }
        place.finish_all().await;
        place.forward(DAY);
        place
    }

    /// Does to the database what another process would.
    fn elsewhere(&self, change: &str) {
        let path = self.folder.path().join("refity.db");
        let other = Connection::open(path).unwrap();
        other.busy_timeout(BUSY_TIMEOUT).unwrap();
        other.execute_batch(change).unwrap();
    }
}

#[tokio::test]
async fn it_stops_when_the_storage_becomes_unwell_on_the_way() {
    // More than are marked at once.
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
    let Collect::StorageUnwell(before) = collect else {
        panic!("{collect:?}")
    };
    assert_eq!(before.links + before.blobs, found);
    assert!((1..300).contains(&found), "{found}");
    let words = collect.done().unwrap_err();
    assert!(words.contains("stopped: the storage is unwell"), "{words}");

    place.store.report_up().await.unwrap();
    let rest = place.store.collect(CollectRules::default(), false, |_| {});
    let rest = rest.await.unwrap().done().unwrap();
    assert_eq!(before.links + rest.links, 150);
}
