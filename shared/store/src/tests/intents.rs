//! Tests of when an intent is removed, and of replaying the remaining ones.

use super::*;

#[tokio::test]
async fn an_intent_is_completed_by_its_last_job() {
    let place = Place::new().await;
    place.push_manifest(b"manifest", &[], "v1").await;
    let mut completed = Vec::new();
    while let Some((claim, desired)) = place.claim("worker").await {
        assert!(completed.is_empty(), "{:?} came after", claim.kind);
        if let Finished::Done {
            completed_intents: ids,
        } = place.finish(&claim, &desired).await
        {
            completed.extend(ids);
        }
    }
    assert_eq!(completed.len(), 1);
    let open = place.store.completed_intents().await.unwrap();
    assert_eq!(open, completed);
    place.store.forget_intents(completed).await.unwrap();
    assert_eq!(place.store.completed_intents().await.unwrap(), []);
}

#[tokio::test]
async fn a_newer_intent_waits_for_the_one_it_overtook() {
    let place = Place::new().await;
    place.push_blob(b"slow layer").await;
    place.push_manifest(b"one", &[b"slow layer"], "v").await;
    place.push_manifest(b"two", &[], "v").await;
    // All jobs except that of the slow layer, which is claimed and does not
    // finish.
    let mut slow = None;
    while let Some((claim, desired)) = place.claim("worker").await {
        match &desired {
            DesiredState::StoreBlob { digest, .. } if *digest == Digest::sha256(b"slow layer") => {
                slow = Some((claim, desired));
            }
            _ => assert!(!matches!(
                place.finish(&claim, &desired).await,
                Finished::Done { completed_intents } if !completed_intents.is_empty()
            )),
        }
    }
    assert_eq!(place.tag("v").await, b"two");
    assert_eq!(place.store.completed_intents().await.unwrap(), []);
    let (claim, desired) = slow.unwrap();
    place.finish(&claim, &desired).await;
    place.finish_all().await;
    assert_eq!(place.store.completed_intents().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_push_after_a_replay_is_newer_under_any_clock() {
    let place = Place::new().await;
    let ahead = place.store.clock().wall_ms() + 3_600_000;
    place.push_manifest_of(ahead, b"old", &[], "v").await;
    place.push_manifest(b"new", &[], "v").await;
    assert_eq!(place.tag("v").await, b"new");
}

/// Pushes a manifest with these tags.
async fn push(place: &Place, bytes: &[u8], blobs: &[&[u8]], tags: &[&str]) -> IntentId {
    let intent = IntentId::random();
    let new = NewManifest {
        repository: app(),
        digest: Digest::sha256(bytes),
        media_type: OCI_MANIFEST,
        bytes: Bytes::copy_from_slice(bytes),
        platform: None,
        blobs: blobs.iter().map(|bytes| Digest::sha256(bytes)).collect(),
        optional_blobs: Vec::new(),
        manifests: Vec::new(),
        referral: None,
        tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
        generation: place.store.next_generation().await.unwrap(),
        intent,
        user: None,
    };
    place.store.put_manifest(new).await.unwrap();
    intent
}

#[tokio::test]
async fn an_intent_waits_for_a_waiting_intent_that_it_overtook() {
    let place = Place::new().await;
    place.push_blob(b"slow layer").await;
    let (slow, desired) = place.claim("worker").await.unwrap();
    let mut expected = Vec::new();
    expected.push(push(&place, b"one", &[b"slow layer"], &["a"]).await);
    expected.push(push(&place, b"two", &[], &["a", "b"]).await);
    expected.push(push(&place, b"three", &[], &["b"]).await);
    place.finish_all().await;
    // The second intent has to wait, since its replay would move `b` back.
    assert_eq!(place.store.completed_intents().await.unwrap(), []);
    place.finish(&slow, &desired).await;
    place.finish_all().await;
    // The files are removed in this order.
    let completed = place.store.completed_intents().await.unwrap();
    assert_eq!(completed, expected);
}

/// Completes this many pushes of one tag at once, and returns the number of
/// steps that SQLite takes to find the intents to remove.
async fn steps_for(pushes: usize) -> i32 {
    let place = Place::new().await;
    let mut put = Vec::new();
    for _ in 0..pushes {
        let place = (
            place.store.clone(),
            place.store.next_generation().await.unwrap(),
        );
        put.push(tokio::spawn(async move {
            let (store, generation) = place;
            let new = NewManifest {
                repository: app(),
                digest: Digest::sha256(b"manifest"),
                media_type: OCI_MANIFEST,
                bytes: Bytes::from_static(b"manifest"),
                platform: None,
                blobs: Vec::new(),
                optional_blobs: Vec::new(),
                manifests: Vec::new(),
                referral: None,
                tags: vec!["v".parse().unwrap()],
                generation,
                intent: IntentId::random(),
                user: None,
            };
            store.put_manifest(new).await.unwrap()
        }));
    }
    for put in put {
        put.await.unwrap();
    }
    place.finish_all().await;
    let looked = place.store.read(|db| {
        let tag = db.one("SELECT max(job_id) FROM intents", (), |row| row.get(0))?;
        // Count from here on. No other test uses this connection.
        steps(db);
        let begun = std::time::Instant::now();
        let completed = crate::queue::intents::completed_intents(db, tag)?;
        println!("{} intents: {:?}", completed.len(), begun.elapsed());
        Ok((completed.len(), steps(db)))
    });
    let (completed, steps) = looked.await.unwrap();
    assert_eq!(completed, pushes);
    steps
}

/// Returns the number of steps since the last call.
fn steps(db: &Db) -> i32 {
    let queries = crate::queue::intents::QUERIES.iter();
    queries.map(|query| testing::steps(db, query)).sum()
}

#[tokio::test]
async fn completing_an_intent_costs_the_same_with_many_intents() {
    let (some, many) = (steps_for(250).await, steps_for(1000).await);
    assert!(some > 0 && many < 6 * some, "{some} steps, then {many}");
}
