//! When an intent may go, and what a replay of those that stayed leads to.

use super::*;

#[tokio::test]
async fn an_intent_is_carried_out_with_its_last_job() {
    let place = Place::new().await;
    place.push_manifest(b"manifest", &[], "v1").await;
    let mut carried_out = Vec::new();
    while let Some((claim, wish)) = place.claim("worker").await {
        assert!(carried_out.is_empty(), "{:?} came after", claim.kind);
        if let Finished::Done { carried_out: ids } = place.finish(&claim, &wish).await {
            carried_out.extend(ids);
        }
    }
    assert_eq!(carried_out.len(), 1);
    let open = place.store.carried_out_intents().await.unwrap();
    assert_eq!(open, carried_out);
    place.store.forget_intents(carried_out).await.unwrap();
    assert_eq!(place.store.carried_out_intents().await.unwrap(), []);
}

#[tokio::test]
async fn the_intent_that_overtook_another_stays_as_long_as_that() {
    let place = Place::new().await;
    place.push_blob(b"slow layer").await;
    place.push_manifest(b"one", &[b"slow layer"], "v").await;
    place.push_manifest(b"two", &[], "v").await;
    // All but the slow layer, which is claimed and does not end.
    let mut slow = None;
    while let Some((claim, wish)) = place.claim("worker").await {
        match &wish {
            Wish::StoreBlob { digest, .. } if *digest == Digest::sha256(b"slow layer") => {
                slow = Some((claim, wish));
            }
            _ => assert!(!matches!(
                place.finish(&claim, &wish).await,
                Finished::Done { carried_out } if !carried_out.is_empty()
            )),
        }
    }
    assert_eq!(place.tag("v").await, b"two");
    assert_eq!(place.store.carried_out_intents().await.unwrap(), []);
    let (claim, wish) = slow.unwrap();
    place.finish(&claim, &wish).await;
    place.finish_all().await;
    assert_eq!(place.store.carried_out_intents().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_push_after_a_replay_is_newer_whatever_the_clock_said() {
    let place = Place::new().await;
    let ahead = place.store.clock().wall_ms() + 3_600_000;
    place.push_manifest_of(ahead, b"old", &[], "v").await;
    place.push_manifest(b"new", &[], "v").await;
    assert_eq!(place.tag("v").await, b"new");
}
