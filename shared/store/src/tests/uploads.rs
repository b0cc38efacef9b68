//! Open uploads, and the files in the spool that rows refer to.

use super::*;

async fn begin(place: &Place) -> UploadId {
    let id = UploadId::random();
    let hash = Hasher::new(Algorithm::Sha256);
    let begun = place.store.begin_upload(id, &app(), &hash, None).await;
    assert_eq!(begun.unwrap(), PushTarget::Open);
    id
}

#[tokio::test]
async fn an_upload_continues_at_its_recorded_offset_until_it_is_canceled() {
    let place = Place::new().await;
    let store = &place.store;
    let id = begin(&place).await;
    let mut hash = Hasher::new(Algorithm::Sha256);
    hash.update(b"abc");
    assert!(store.advance_upload(id, 3, &hash).await.unwrap());
    let upload = store.upload(id, &app()).await.unwrap().unwrap();
    assert_eq!(upload.offset, 3);
    assert!(store.cancel_upload(id).await.unwrap());
    assert!(!store.cancel_upload(id).await.unwrap());
    assert!(!store.advance_upload(id, 4, &hash).await.unwrap());
    assert!(store.upload(id, &app()).await.unwrap().is_none());
}

#[tokio::test]
async fn only_uploads_without_activity_are_purged() {
    let place = Place::new().await;
    let store = &place.store;
    let old = begin(&place).await;
    place.forward(Duration::from_secs(60));
    let before = store.clock().wall_ms();
    place.forward(Duration::from_secs(60));
    let new = begin(&place).await;
    assert_eq!(store.purge_uploads(before).await.unwrap(), 1);
    assert!(store.upload(old, &app()).await.unwrap().is_none());
    assert!(store.upload(new, &app()).await.unwrap().is_some());
}

#[tokio::test]
async fn files_of_blobs_and_open_uploads_are_named() {
    let place = Place::new().await;
    let store = &place.store;
    let open = FileId::from(begin(&place).await);
    let (id, _) = place.push_blob(b"layer").await;
    let (pushed, stray) = (FileId::from(id), FileId::from(UploadId::random()));
    let named = store.named_files(vec![open, pushed, stray]).await.unwrap();
    assert_eq!(named, [open, pushed].into());
}

#[tokio::test]
async fn bytes_are_cached_from_when_the_storage_has_them() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"layer").await;
    assert_eq!(store.cached_bytes().await.unwrap(), 0);
    place.finish_all().await;
    assert_eq!(store.cached_bytes().await.unwrap(), 5);
}

#[tokio::test]
async fn use_of_a_blob_is_recorded_from_time_to_time() {
    let place = Place::new().await;
    let store = &place.store;
    for bytes in [b"one", b"two"] {
        place.push_blob(bytes).await;
    }
    place.finish_all().await;
    let digest = Digest::sha256(b"one");
    let blob = store.blob(&app(), &digest).await.unwrap().unwrap();
    place.forward(Duration::from_secs(2 * 60 * 60));
    store.touch_blob(&blob).await.unwrap();
    assert!(store.renew_blob(&blob).await.unwrap());
    // The blob that was not used is evicted first.
    let now = store.clock().wall_ms() + 1000;
    let candidates = store.eviction_candidates(now, 9).await.unwrap();
    let digests: Vec<_> = candidates.into_iter().map(|it| it.digest).collect();
    assert_eq!(digests, [Digest::sha256(b"two"), digest]);
}

#[tokio::test]
async fn evicted_bytes_can_be_cached_again() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"layer").await;
    place.finish_all().await;
    let now = store.clock().wall_ms() + 1000;
    let candidates = store.eviction_candidates(now, 9).await.unwrap();
    assert!(store.detach_file(&candidates[0], now).await.unwrap());
    assert_eq!(store.cached_bytes().await.unwrap(), 0);
    let blob = store.blob(&app(), &Digest::sha256(b"layer")).await;
    let blob = blob.unwrap().unwrap().id;
    let file = || FileId::from(UploadId::random());
    assert!(store.cache_blob(blob, file()).await.unwrap());
    assert!(!store.cache_blob(blob, file()).await.unwrap());
    assert_eq!(store.cached_bytes().await.unwrap(), 5);
}
