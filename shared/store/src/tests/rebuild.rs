//! Rows for objects that `rebuild-index` finds.

use super::*;

#[tokio::test]
async fn a_blob_in_the_spool_is_stored_again() {
    let place = Place::new().await;
    let store = &place.store;
    let digest = Digest::sha256(b"layer");
    let file = FileId::from(UploadId::random());
    let found = Adopted::Spool(file);
    let generation = store.next_generation().await.unwrap();
    store
        .adopt_blob(&app(), &digest, 5, found, generation)
        .await
        .unwrap();
    let blob = store.blob(&app(), &digest).await.unwrap().unwrap();
    assert_eq!((blob.file, blob.size, blob.stored), (Some(file), 5, false));
    let kinds = place.finish_all().await;
    assert_eq!(kinds, [JobKind::StoreBlob, JobKind::LinkBlob]);
}

#[tokio::test]
async fn the_size_on_the_storage_corrects_every_sum() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"layer").await;
    place.finish_all().await;
    let digest = Digest::sha256(b"layer");
    let generation = store.next_generation().await.unwrap();
    store
        .adopt_blob(&app(), &digest, 7, Adopted::Remote, generation)
        .await
        .unwrap();
    let blob = store.blob(&app(), &digest).await.unwrap().unwrap();
    assert_eq!((blob.size, blob.stored), (7, true));
    let bytes = store.stored_bytes().await.unwrap();
    assert_eq!((bytes.stored, bytes.logical), (7, 7));
}

#[tokio::test]
async fn a_removed_manifest_waits_for_tags_that_may_point_to_it_on_the_storage() {
    for rebuilt in [false, true] {
        let place = Place::new().await;
        let store = &place.store;
        for manifest in [b"one", b"two"] {
            place.push_manifest(manifest, &[], "v1").await;
        }
        if rebuilt {
            store.assume_earlier_runs_of_tags().await.unwrap();
        }
        let new = NewDelete {
            repository: app(),
            deletion: refity_types::deletion::Deletion::Manifest {
                digest: Digest::sha256(b"one"),
                tags: Vec::new(),
            },
            generation: store.next_generation().await.unwrap(),
            intent: IntentId::random(),
        };
        assert_eq!(store.delete(new).await.unwrap(), Deleted::Yes);
        let waiting = JobFilter {
            readable: Readable::All,
            state: Some(JobState::Waiting),
            repository: None,
            text: None,
        };
        let waiting = store.jobs(waiting, PageRequest::everything(Order::Asc));
        let waiting = waiting.await.unwrap().items;
        let removals = waiting.iter().filter(|job| job.removes);
        assert_eq!(removals.count(), usize::from(rebuilt), "{waiting:?}");
    }
}

#[tokio::test]
async fn removed_links_wait_for_the_tags_of_their_repository() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"layer").await;
    place.finish_all().await;
    let new = NewDelete {
        repository: app(),
        deletion: refity_types::deletion::Deletion::Blob {
            digest: Digest::sha256(b"layer"),
        },
        generation: store.next_generation().await.unwrap(),
        intent: IntentId::random(),
    };
    let deleted = store.delete(new).await.unwrap();
    assert!(matches!(deleted, Deleted::Yes), "{deleted:?}");
    place.push_blob(b"other").await;
    place.push_manifest(b"manifest", &[b"other"], "v1").await;
    store.links_wait_for_tags().await.unwrap();
    let kinds = place.finish_all().await;
    let tag = kinds.iter().position(|it| *it == JobKind::PublishTag);
    let links: Vec<_> = (0..kinds.len())
        .filter(|at| kinds[*at] == JobKind::LinkBlob)
        .collect();
    // The link of the new blob comes before the tag, the removal after it.
    assert_eq!(links.len(), 2);
    assert!(Some(links[0]) < tag && tag < Some(links[1]), "{kinds:?}");
}
