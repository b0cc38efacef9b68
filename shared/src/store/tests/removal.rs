//! Deletes and the collection: in which order jobs remove, and what a push
//! that comes before or after changes.

use super::*;
use crate::deletion::Deletion;

const DAY: Duration = Duration::from_secs(25 * 60 * 60);

impl Place {
    async fn delete_of(&self, generation: i64, deletion: Deletion) -> Deleted {
        let new = NewDelete {
            repository: app(),
            deletion,
            generation,
            intent: IntentId::random(),
        };
        self.store.delete(new).await.unwrap()
    }

    async fn delete(&self, deletion: Deletion) -> Deleted {
        let generation = self.store.next_generation().await.unwrap();
        self.delete_of(generation, deletion).await
    }

    async fn collect(&self) -> Vec<Collected> {
        let mut all = Vec::new();
        let rules = CollectRules::default();
        let collection = self.store.collect(rules, false, |one| all.push(one)).await;
        assert!(matches!(collection.unwrap(), Collect::Done(_)));
        all
    }

    /// A store whose image `v1` of one layer is stored, and a day old.
    async fn with_image() -> Self {
        let place = Self::new().await;
        place.push_blob(b"layer").await;
        place.push_manifest(b"manifest", &[b"layer"], "v1").await;
        place.finish_all().await;
        place
    }
}

fn tag(name: &str) -> Deletion {
    Deletion::Tag {
        tag: name.parse().unwrap(),
    }
}

fn manifest(tags: &[&str]) -> Deletion {
    Deletion::Manifest {
        digest: Digest::sha256(b"manifest"),
        tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
    }
}

fn layer() -> Deletion {
    Deletion::Blob {
        digest: Digest::sha256(b"layer"),
    }
}

#[tokio::test]
async fn removals_go_from_the_tag_to_the_bytes() {
    use JobKind::{LinkBlob, PublishManifest, PublishTag, StoreBlob};
    let place = Place::with_image().await;
    assert_eq!(place.delete(manifest(&["v1"])).await, Deleted::Yes);
    place.forward(DAY);
    assert_eq!(place.collect().await.len(), 3);
    let kinds = place.finish_all().await;
    assert_eq!(kinds[..2], [PublishTag, PublishManifest]);
    let at = |kind| kinds.iter().position(|k| *k == kind).unwrap();
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    // The manifest's own bytes may go before the layer's link.
    let last = kinds.iter().rposition(|kind| *kind == StoreBlob).unwrap();
    assert!(at(PublishManifest) < at(LinkBlob) && at(LinkBlob) < last);
}

#[tokio::test]
async fn what_is_pushed_waits_for_nothing_that_is_removed() {
    let place = Place::with_image().await;
    place.delete(manifest(&["v1"])).await;
    place.forward(DAY);
    place.collect().await;
    // Every removal still waits; all of it turns round.
    place.push_blob(b"layer").await;
    place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    assert_eq!(place.finish_all().await.len(), 5);
    assert_eq!(place.tag("v1").await, b"manifest");
    assert!(place.collect().await.is_empty());
}

#[tokio::test]
async fn a_removal_that_runs_while_it_is_pushed_again_is_followed_by_the_push() {
    let place = Place::with_image().await;
    place.delete(manifest(&["v1"])).await;
    let (claim, wish) = place.claim("worker").await.unwrap();
    assert!(matches!(wish, Wish::PublishTag { manifest: None, .. }));
    place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    assert_eq!(place.finish(&claim, &wish).await, Finished::Again);
    let kinds = place.finish_all().await;
    assert_eq!(kinds.last(), Some(&JobKind::PublishTag));
    assert_eq!(place.tag("v1").await, b"manifest");
}

#[tokio::test]
async fn an_older_delete_that_comes_late_removes_nothing() {
    let place = Place::with_image().await;
    let old = place.store.next_generation().await.unwrap();
    place.push_blob(b"layer").await;
    place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    for deletion in [tag("v1"), manifest(&["v1"])] {
        assert_eq!(place.delete_of(old, deletion).await, Deleted::Overtaken);
    }
    assert_eq!(place.tag("v1").await, b"manifest");
}

#[tokio::test]
async fn an_older_push_that_comes_late_brings_nothing_back() {
    let place = Place::with_image().await;
    let old = place.store.next_generation().await.unwrap();
    place.delete(manifest(&["v1"])).await;
    place
        .push_manifest_of(old, b"manifest", &[b"layer"], "late")
        .await;
    place.finish_all().await;
    for reference in ["v1", "late"] {
        let reference = Reference::Tag(reference.parse().unwrap());
        let found = place.store.manifest(&app(), &reference).await.unwrap();
        assert_eq!(found, None);
    }
}

#[tokio::test]
async fn a_delete_that_does_not_list_a_tag_changes_nothing() {
    let place = Place::with_image().await;
    assert_eq!(place.delete(manifest(&[])).await, Deleted::TagsMoved);
    assert_eq!(place.tag("v1").await, b"manifest");
    assert!(place.finish_all().await.is_empty());
}

#[tokio::test]
async fn a_blob_that_a_manifest_names_stays() {
    let place = Place::with_image().await;
    let by = Digest::sha256(b"manifest");
    assert_eq!(place.delete(layer()).await, Deleted::NamedBy(by));
    place.delete(manifest(&["v1"])).await;
    assert_eq!(place.delete(layer()).await, Deleted::Yes);
    assert_eq!(place.delete(layer()).await, Deleted::Unknown);
}

#[tokio::test]
async fn a_push_that_began_before_the_collection_wins_over_it() {
    let place = Place::with_image().await;
    place.delete(tag("v1")).await;
    place.finish_all().await;
    place.forward(DAY);
    let generation = place.store.next_generation().await.unwrap();
    assert_eq!(place.collect().await.len(), 4);
    // The client has sent the layer again, having been told that it is gone.
    place.push_blob(b"layer").await;
    place
        .push_manifest_of(generation, b"manifest", &[b"layer"], "v1")
        .await;
    place.finish_all().await;
    assert_eq!(place.tag("v1").await, b"manifest");
}

#[tokio::test]
async fn the_intent_of_a_push_stays_as_long_as_that_of_the_delete_before() {
    let place = Place::with_image().await;
    let done = place.store.carried_out_intents().await.unwrap();
    place.store.forget_intents(done).await.unwrap();
    place.push_blob(b"slow").await;
    place.push_manifest(b"manifest", &[b"layer"], "v2").await;
    place.finish_all().await;
    // The delete is not carried out as long as one of its tags' jobs runs.
    place.delete(manifest(&["v1", "v2"])).await;
    let (slow, wish) = place.claim("worker").await.unwrap();
    assert!(matches!(wish, Wish::PublishTag { manifest: None, .. }));
    place.push_manifest(b"manifest", &[b"layer"], "v3").await;
    place.finish_all().await;
    assert_eq!(place.store.carried_out_intents().await.unwrap(), []);
    place.finish(&slow, &wish).await;
    place.finish_all().await;
    // Both pushes' and the delete's.
    assert_eq!(place.store.carried_out_intents().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_removal_that_is_looked_at_again_is_still_a_removal() {
    let place = Place::with_image().await;
    place.delete(tag("v1")).await;
    let (claim, _) = place.claim("worker").await.unwrap();
    place.store.give_back("worker").await.unwrap();
    assert_eq!(place.finish_all().await, [JobKind::PublishTag]);
    place.forward(LAST_CALL + Duration::from_secs(1));
    let (again, wish) = place.claim("worker").await.unwrap();
    assert!(again.job != claim.job);
    assert!(matches!(wish, Wish::PublishTag { manifest: None, .. }));
    // The storage has no room: removals go on all the same.
    place.store.give_back("worker").await.unwrap();
    place.store.report_full(DAY).await.unwrap();
    assert!(place.claim("worker").await.is_some());
}
