//! Tests of deletes and garbage collection: the order of removals, and the
//! effect of earlier and later pushes.

use refity_config::CollectRules;
use refity_types::deletion::Deletion;

use super::*;

const DAY: Duration = Duration::from_secs(25 * 60 * 60);

impl Place {
    pub(super) async fn delete_of(&self, generation: i64, deletion: Deletion) -> Deleted {
        let new = NewDelete {
            repository: app(),
            deletion,
            generation,
            intent: IntentId::random(),
        };
        self.store.delete(new).await.unwrap()
    }

    pub(super) async fn delete(&self, deletion: Deletion) -> Deleted {
        let generation = self.store.next_generation().await.unwrap();
        self.delete_of(generation, deletion).await
    }

    async fn collect(&self) -> Vec<Collected> {
        self.collect_by(CollectRules::default()).await
    }

    async fn collect_by(&self, rules: CollectRules) -> Vec<Collected> {
        let mut all = Vec::new();
        let collection = self.store.collect(rules, false, |one| all.push(one)).await;
        assert!(matches!(collection.unwrap(), Collect::Done(_)));
        all
    }

    /// Pushes an index of these manifests with a tag.
    async fn push_index(&self, bytes: &[u8], manifests: &[&[u8]], tag: &str) {
        let new = NewManifest {
            repository: app(),
            digest: Digest::sha256(bytes),
            media_type: refity_types::media_type::OCI_INDEX,
            bytes: Bytes::copy_from_slice(bytes),
            platform: None,
            blobs: Vec::new(),
            optional_blobs: Vec::new(),
            manifests: manifests.iter().map(|it| Digest::sha256(it)).collect(),
            referral: None,
            tags: vec![tag.parse().unwrap()],
            generation: self.store.next_generation().await.unwrap(),
            intent: IntentId::random(),
            user: None,
        };
        let put = self.store.put_manifest(new).await.unwrap();
        assert!(matches!(put, PutManifest::Put { .. }), "{put:?}");
    }

    /// Runs jobs until one of this kind is claimed, which is left running.
    async fn until(&self, kind: JobKind) -> (Claim, DesiredState) {
        loop {
            let (claim, desired) = self.claim("worker").await.expect("a job of that kind");
            if claim.kind == kind {
                return (claim, desired);
            }
            self.finish(&claim, &desired).await;
        }
    }

    /// Creates a store with a stored image `v1` of one layer, a day old.
    pub(super) async fn with_image() -> Self {
        let place = Self::new().await;
        place.push_blob(b"layer").await;
        place.push_manifest(b"manifest", &[b"layer"], "v1").await;
        place.finish_all().await;
        place
    }
}

pub(super) fn tag(name: &str) -> Deletion {
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
async fn removals_run_from_the_tag_to_the_bytes() {
    use JobKind::{LinkBlob, PublishManifest, PublishTag, StoreBlob};
    let place = Place::with_image().await;
    assert_eq!(place.delete(manifest(&["v1"])).await, Deleted::Yes);
    place.forward(DAY);
    assert_eq!(place.collect().await.len(), 3);
    let kinds = place.finish_all().await;
    assert_eq!(kinds[..2], [PublishTag, PublishManifest]);
    let at = |kind| kinds.iter().position(|k| *k == kind).unwrap();
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    // The manifest's own bytes may be removed before the layer's link.
    let last = kinds.iter().rposition(|kind| *kind == StoreBlob).unwrap();
    assert!(at(PublishManifest) < at(LinkBlob) && at(LinkBlob) < last);
}

#[tokio::test]
async fn what_is_pushed_waits_for_nothing_that_is_removed() {
    let place = Place::with_image().await;
    place.delete(manifest(&["v1"])).await;
    place.forward(DAY);
    place.collect().await;
    // All removals are still waiting, and all of them are reversed.
    place.push_blob(b"layer").await;
    place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    assert_eq!(place.finish_all().await.len(), 5);
    assert_eq!(place.tag("v1").await, b"manifest");
    assert!(place.collect().await.is_empty());
}

#[tokio::test]
async fn a_push_during_a_removal_runs_after_it() {
    let place = Place::with_image().await;
    place.delete(manifest(&["v1"])).await;
    let (claim, desired) = place.claim("worker").await.unwrap();
    assert!(matches!(
        desired,
        DesiredState::PublishTag { manifest: None, .. }
    ));
    place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    assert_eq!(place.finish(&claim, &desired).await, Finished::Again);
    let kinds = place.finish_all().await;
    assert_eq!(kinds.last(), Some(&JobKind::PublishTag));
    assert_eq!(place.tag("v1").await, b"manifest");
}

#[tokio::test]
async fn a_late_older_delete_removes_nothing() {
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
async fn a_late_older_push_restores_nothing() {
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
async fn a_delete_with_an_unlisted_tag_changes_nothing() {
    let place = Place::with_image().await;
    assert_eq!(place.delete(manifest(&[])).await, Deleted::TagsMoved);
    assert_eq!(place.tag("v1").await, b"manifest");
    assert!(place.finish_all().await.is_empty());
}

#[tokio::test]
async fn referenced_blobs_are_not_deleted() {
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
    // The client pushes the layer again, after learning that it is deleted.
    place.push_blob(b"layer").await;
    place
        .push_manifest_of(generation, b"manifest", &[b"layer"], "v1")
        .await;
    place.finish_all().await;
    assert_eq!(place.tag("v1").await, b"manifest");
}

#[tokio::test]
async fn a_pushs_intent_waits_for_that_of_the_earlier_delete() {
    let place = Place::with_image().await;
    place.push_blob(b"slow").await;
    place.push_manifest(b"manifest", &[b"layer"], "v2").await;
    place.finish_all().await;
    let done = place.store.completed_intents().await.unwrap();
    place.store.forget_intents(done).await.unwrap();
    // The delete is not complete while one of the jobs of its tags runs.
    place.delete(manifest(&["v1", "v2"])).await;
    let (slow, desired) = place.claim("worker").await.unwrap();
    assert!(matches!(
        desired,
        DesiredState::PublishTag { manifest: None, .. }
    ));
    place.push_manifest(b"manifest", &[b"layer"], "v3").await;
    place.finish_all().await;
    assert_eq!(place.store.completed_intents().await.unwrap(), []);
    place.finish(&slow, &desired).await;
    place.finish_all().await;
    // The intents of the delete and of the push.
    assert_eq!(place.store.completed_intents().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_rechecked_removal_is_still_a_removal() {
    let place = Place::with_image().await;
    place.delete(tag("v1")).await;
    let (claim, _) = place.claim("worker").await.unwrap();
    place.store.release_jobs("worker").await.unwrap();
    assert_eq!(place.finish_all().await, [JobKind::PublishTag]);
    place.forward(LAST_CALL + Duration::from_secs(1));
    let (again, desired) = place.claim("worker").await.unwrap();
    assert!(again.job != claim.job);
    assert!(matches!(
        desired,
        DesiredState::PublishTag { manifest: None, .. }
    ));
    // The storage is full, but removals continue.
    place.store.release_jobs("worker").await.unwrap();
    place.store.report_full(DAY).await.unwrap();
    assert!(place.claim("worker").await.is_some());
}

#[tokio::test]
async fn a_delete_renews_the_grace_of_untagged_manifests_too() {
    let place = Place::with_image().await;
    let rules = CollectRules {
        untagged_after: Some(30 * DAY),
    };
    place.forward(60 * DAY);
    place.delete(tag("v1")).await;
    assert!(place.collect_by(rules).await.is_empty());
    place.forward(DAY);
    assert_eq!(place.collect_by(rules).await.len(), 4);
}

#[tokio::test]
async fn the_grace_period_begins_with_the_last_delete() {
    let place = Place::with_image().await;
    place.delete(tag("v1")).await;
    place.push_index(b"index", &[b"manifest"], "index").await;
    place.finish_all().await;
    place.forward(30 * DAY);
    let digest = Digest::sha256(b"index");
    let tags = vec!["index".parse().unwrap()];
    let deleted = place.delete(Deletion::Manifest { digest, tags }).await;
    assert_eq!(deleted, Deleted::Yes);
    place.finish_all().await;
    let collected = place.collect().await;
    assert!(collected.is_empty(), "{collected:?}");
    place.forward(DAY);
    assert_eq!(place.collect().await.len(), 5);
}

#[tokio::test]
async fn a_manifest_is_kept_while_a_tag_on_sftp_may_point_to_it() {
    let place = Place::with_image().await;
    place.push_blob(b"slow").await;
    let (slow, slow_desired) = place.until(JobKind::StoreBlob).await;
    place.push_manifest(b"manifest", &[b"layer"], "t").await;
    // SFTP has the tag, but its row does not record this yet.
    let (running, desired) = place.until(JobKind::PublishTag).await;
    place.push_manifest(b"next", &[b"slow"], "t").await;
    assert_eq!(place.finish(&running, &desired).await, Finished::Again);
    assert_eq!(place.delete(manifest(&["v1"])).await, Deleted::Yes);
    let kinds = place.finish_all().await;
    assert!(!kinds.contains(&JobKind::PublishManifest), "{kinds:?}");
    place.finish(&slow, &slow_desired).await;
    let kinds = place.finish_all().await;
    let at = |kind| kinds.iter().rposition(|k| *k == kind).unwrap();
    assert!(at(JobKind::PublishTag) < at(JobKind::PublishManifest));
    assert_eq!(place.tag("t").await, b"next");
}

#[tokio::test]
async fn a_tag_moved_back_and_forth_during_its_job_ends_right() {
    let place = Place::with_image().await;
    place.push_manifest(b"two", &[], "v1").await;
    let (running, desired) = place.until(JobKind::PublishTag).await;
    place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    place.push_manifest(b"three", &[], "v1").await;
    assert_eq!(place.delete(manifest(&[])).await, Deleted::Yes);
    assert_eq!(place.finish(&running, &desired).await, Finished::Again);
    place.finish_all().await;
    assert_eq!(place.tag("v1").await, b"three");
    let left = place.store.job_counts().await.unwrap();
    assert_eq!((left.waiting, left.pending, left.running), (0, 0, 0));
}

#[tokio::test]
async fn a_partial_index_prevents_collection_and_deletes() {
    let place = Place::with_image().await;
    place.push_blob(b"alone").await;
    place.store.note_partial_index().await.unwrap();
    place.forward(DAY);
    let rules = CollectRules::default();
    let collect = place.store.collect(rules, false, |one| panic!("{one:?}"));
    assert_eq!(collect.await.unwrap(), Collect::PartialIndex);
    let digest = Digest::sha256(b"alone");
    let deleted = place.delete(Deletion::Blob { digest }).await;
    assert_eq!(deleted, Deleted::PartialIndex);
    let deleted = place.delete(manifest(&["v1"])).await;
    assert_eq!(deleted, Deleted::PartialIndex);
    assert_eq!(place.delete(tag("v1")).await, Deleted::Yes);
}

#[tokio::test]
async fn queries_of_removals_use_indexes() {
    let place = Place::new().await;
    let steps = place.store.read(|db| {
        let queries = crate::gc::reachability::QUERIES.iter();
        Ok(queries
            .flat_map(|query| testing::plan(db, query))
            .collect::<Vec<_>>())
    });
    let steps = steps.await.unwrap();
    for step in steps {
        let scans = step.starts_with("SCAN") && !step.contains("CONSTANT");
        let all_of_a_repository =
            step.contains("tags_listed") || step.ends_with("(repository_id=?)");
        assert!(!scans && !all_of_a_repository, "{step}");
    }
}

#[tokio::test]
async fn purges_use_indexes_of_old_or_removed_rows() {
    let place = Place::new().await;
    let plans = |db: &Db| -> Result<Vec<(String, Vec<String>)>, StoreError> {
        let mut queries = vec![crate::gc::sweep::OLD_JOBS.to_owned()];
        queries.extend(crate::gc::forget::queries());
        let plans = queries.into_iter().map(|query| {
            let plan = testing::plan(db, &query);
            (query, plan)
        });
        Ok(plans.collect())
    };
    for (query, steps) in place.store.read(plans).await.unwrap() {
        for step in steps {
            let by_index = !step.starts_with("SCAN") || step.contains("_removed");
            assert!(by_index && !step.contains("TEMP B-TREE"), "{step}: {query}");
        }
    }
}

#[tokio::test]
async fn deleting_a_row_finds_the_rows_that_refer_to_it_in_an_index() {
    let place = Place::new().await;
    let scans = place.store.read(|db| {
        let tables = db.all(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
            (),
            |row| row.get::<String>(0),
        )?;
        assert!(tables.iter().any(|table| table == "users"), "{tables:?}");
        let scans_of = |table: &String| {
            let own = format!("SCAN {table}");
            let plan = testing::plan(db, &format!("DELETE FROM {table}"));
            plan.into_iter()
                .filter(move |step| step.starts_with("SCAN ") && !step.starts_with(&own))
        };
        Ok(tables.iter().flat_map(scans_of).collect::<Vec<_>>())
    });
    assert_eq!(scans.await.unwrap(), [""; 0]);
}
