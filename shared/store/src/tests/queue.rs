//! Queries of the queue: ready and finished jobs, and lists of them.

use std::collections::HashSet;

use refity_config::CollectRules;
use refity_types::deletion::Deletion;

use super::*;

fn filter(state: Option<JobState>, text: Option<&str>) -> JobFilter {
    JobFilter {
        readable: Readable::All,
        state,
        repository: None,
        text: text.map(str::to_owned),
    }
}

async fn list(store: &Store, filter: JobFilter) -> (Vec<String>, i64) {
    let request = PageRequest::everything(Order::Asc);
    let page = store.jobs(filter, request).await.unwrap();
    let kinds = page.items.iter().map(|job| job.kind.clone()).collect();
    (kinds, page.total)
}

/// Runs jobs until one that publishes a manifest is claimed.
async fn claim_publication(place: &Place) -> Claim {
    loop {
        let (claim, desired) = place.claim("worker").await.unwrap();
        if claim.kind == JobKind::PublishManifest {
            return claim;
        }
        place.finish(&claim, &desired).await;
    }
}

#[tokio::test]
async fn a_small_limit_leaves_no_large_job_ready() {
    let place = Place::new().await;
    let store = &place.store;
    assert!(!store.has_ready_job(None).await.unwrap());
    place.push_blob(b"layer").await;
    assert!(store.has_ready_job(None).await.unwrap());
    assert!(store.has_ready_job(Some(5)).await.unwrap());
    assert!(!store.has_ready_job(Some(4)).await.unwrap());
}

#[tokio::test]
async fn the_jobs_of_a_blob_are_listed_until_they_are_done() {
    let place = Place::new().await;
    let store = &place.store;
    let since = store.clock().wall_ms();
    let (_, committed) = place.push_blob(b"layer").await;
    let Committed::Blob { jobs, .. } = committed else {
        panic!("{committed:?}");
    };
    let digest = Digest::sha256(b"layer");
    assert_eq!(store.blob_jobs(&app(), &digest).await.unwrap(), jobs);
    let numbers: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    let unfinished = store.unfinished_jobs(numbers.clone()).await.unwrap();
    assert_eq!(unfinished, jobs.iter().copied().collect());
    place.finish_all().await;
    assert_eq!(store.blob_jobs(&app(), &digest).await.unwrap(), []);
    let unfinished = store.unfinished_jobs(numbers).await.unwrap();
    assert!(unfinished.is_empty());
    let done = store.jobs_done_since(since).await.unwrap();
    assert!(jobs.iter().all(|job| done.contains(job)), "{done:?}");
    place.forward(Duration::from_secs(1));
    let now = store.clock().wall_ms();
    assert_eq!(store.jobs_done_since(now).await.unwrap(), []);
}

#[tokio::test]
async fn a_manifest_names_the_blobs_that_must_be_stored_before() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"layer").await;
    place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    let claim = claim_publication(&place).await;
    let named = store.named_blobs(&claim).await.unwrap();
    let mut digests: Vec<_> = named.into_iter().map(|it| it.digest).collect();
    digests.sort();
    let mut expected = [Digest::sha256(b"layer"), Digest::sha256(b"manifest")];
    expected.sort();
    assert_eq!(digests, expected);
}

#[tokio::test]
async fn intents_have_a_row_until_they_are_forgotten() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"layer").await;
    place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    place.finish_all().await;
    let completed = store.completed_intents().await.unwrap();
    let [intent] = completed[..] else {
        panic!("{completed:?}");
    };
    let both = vec![intent, IntentId::random()];
    let named = store.named_intents(both.clone()).await.unwrap();
    assert_eq!(named, [intent].into());
    store.forget_intents(completed).await.unwrap();
    assert!(store.named_intents(both).await.unwrap().is_empty());
}

#[tokio::test]
async fn jobs_are_filtered_by_state_and_by_name() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"layer").await;
    let (pending, total) = list(store, filter(Some(JobState::Pending), None)).await;
    assert_eq!((pending, total), (vec!["store_blob".to_owned()], 1));
    let (named, total) = list(store, filter(None, Some("team/app"))).await;
    assert_eq!((named, total), (vec!["link_blob".to_owned()], 1));
    let (none, total) = list(store, filter(None, Some("team/none"))).await;
    assert_eq!((none, total), (Vec::new(), 0));
}

#[tokio::test]
async fn finished_jobs_of_a_repository_are_listed_in_both_directions() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"layer").await;
    place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    place.finish_all().await;
    let done = async |order| {
        let mut filter = filter(Some(JobState::Done), None);
        filter.repository = Some(app().to_string());
        let page = store.jobs(filter, PageRequest::everything(order)).await;
        let ids = page.unwrap().items.into_iter().map(|job| job.id.0);
        ids.collect::<Vec<_>>()
    };
    let oldest_first = done(Order::Asc).await;
    assert_eq!(oldest_first.len(), 5);
    assert!(oldest_first.is_sorted());
    let mut newest_first = done(Order::Desc).await;
    newest_first.reverse();
    assert_eq!(newest_first, oldest_first);
}

#[tokio::test]
async fn unfinished_jobs_are_listed_newest_first_for_every_viewer() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"layer").await;
    place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    let everything = PageRequest::everything(Order::Desc);
    for readable in [Readable::All, Readable::public()] {
        let all = readable == Readable::All;
        for repository in [None, Some("team/app".to_owned())] {
            for state in [None, Some(JobState::Waiting)] {
                let filter = JobFilter {
                    readable: readable.clone(),
                    repository: repository.clone(),
                    ..filter(state, None)
                };
                let page = store.jobs(filter, everything.clone()).await.unwrap();
                assert_eq!(page.items.len(), usize::try_from(page.total).unwrap());
                assert_eq!(page.items.is_empty(), !all);
                let newest_first = page.items.is_sorted_by_key(|job| -job.id.0);
                assert!(newest_first, "{:?}", page.items);
            }
        }
    }
}

#[tokio::test]
async fn a_blob_seen_on_the_storage_is_not_looked_for_again() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"layer").await;
    place.finish_all().await;
    place.forward(Duration::from_secs(60));
    place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    let claim = claim_publication(&place).await;
    let seen = async || {
        let blobs = store.named_blobs(&claim).await.unwrap();
        let layer = Digest::sha256(b"layer");
        let blob = blobs.into_iter().find(|blob| blob.digest == layer).unwrap();
        (blob.blob, blob.confirmed_at.unwrap())
    };
    let (blob, before) = seen().await;
    store.confirm_stored(vec![blob]).await.unwrap();
    let (_, after) = seen().await;
    assert!(after >= before + 60_000, "{before} {after}");
}

#[tokio::test]
async fn old_jobs_and_the_rows_of_deleted_content_are_purged() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"layer").await;
    place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    place.finish_all().await;
    let deletion = Deletion::Manifest {
        digest: Digest::sha256(b"manifest"),
        tags: vec!["v1".parse().unwrap()],
    };
    assert_eq!(place.delete(deletion).await, Deleted::Yes);
    place.forward(Duration::from_secs(50 * 60 * 60));
    let collected = store.collect(CollectRules::default(), false, |_| {}).await;
    assert!(collected.unwrap().done().is_ok());
    place.finish_all().await;
    let intents = store.completed_intents().await.unwrap();
    store.forget_intents(intents).await.unwrap();
    assert_eq!(store.forget_removed(100).await.unwrap(), 0);
    place.forward(Duration::from_secs(60));
    let now = store.clock().wall_ms();
    assert_eq!(store.prune_jobs(0, 100).await.unwrap(), 0);
    assert!(store.prune_jobs(now, 100).await.unwrap() > 0);
    // The tag, both links and the manifest. The layer stays as long as the spool
    // has its file.
    assert_eq!(store.forget_removed(100).await.unwrap(), 4);
    assert_eq!(store.forget_removed(100).await.unwrap(), 0);
}

#[tokio::test]
async fn current_activity_has_the_newest_jobs_of_each_state() {
    let place = Place::new().await;
    let store = &place.store;
    let since = store.clock().wall_ms() + 1000;
    place.forward(Duration::from_secs(2));
    place.push_blob(b"layer").await;
    place.finish_all().await;
    place.push_blob(b"other").await;
    let (jobs, complete) = store.jobs_going_on(since, 10).await.unwrap();
    let states: Vec<_> = jobs.iter().map(|it| it.job.state).collect();
    let expected = [
        JobState::Pending,
        JobState::Waiting,
        JobState::Done,
        JobState::Done,
    ];
    assert_eq!((states, complete), (expected.to_vec(), true));
    let (jobs, complete) = store.jobs_going_on(since, 1).await.unwrap();
    assert_eq!((jobs.len(), complete), (3, false));
}

#[tokio::test]
async fn the_next_probe_of_a_failing_storage_can_be_made_due() {
    let place = Place::new().await;
    let store = &place.store;
    let trouble = Trouble {
        code: "unreachable".to_owned(),
        message: "connection refused".to_owned(),
        hint: None,
    };
    let hour = Duration::from_secs(60 * 60);
    let reported = store.report_trouble(HealthState::Down(trouble), hour);
    reported.await.unwrap();
    assert!(!store.claim_probe("worker").await.unwrap());
    store.probe_soon().await.unwrap();
    assert!(store.claim_probe("worker").await.unwrap());
}

#[tokio::test]
async fn a_push_shows_its_blobs_before_and_after_its_manifest_arrives() {
    let place = Place::new().await;
    let store = &place.store;
    let (_, committed) = place.push_blob(b"layer").await;
    let Committed::Blob { jobs, .. } = committed else {
        panic!("{committed:?}");
    };
    let progress = async |job| {
        let pushes = store.pushes(vec![job]).await.unwrap();
        let [push] = &pushes[..] else {
            panic!("{pushes:?}");
        };
        (push.blobs_done, push.blobs_total, push.bytes_total)
    };
    let link = *jobs.last().unwrap();
    assert_eq!(progress(link).await, (0, 1, 5));
    place.finish_all().await;
    assert_eq!(progress(link).await, (1, 1, 5));
    let put = place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    let PutManifest::Put { jobs } = put else {
        panic!("{put:?}");
    };
    assert_eq!(progress(jobs[0]).await, (1, 1, 5));
}

impl Place {
    /// Mounts blobs, already stored, in a repository. Their links are ready.
    async fn mount_all(&self, repository: &str, blobs: u8) {
        for n in 0..blobs {
            let (any, digest) = (MountSource::Any(Readable::All), Digest::sha256(&[n]));
            let repository = repository.parse().unwrap();
            let mounted = self.store.mount(&repository, any, &digest).await.unwrap();
            assert!(matches!(mounted, Mounted::Yes), "{mounted:?}");
        }
    }
}

#[tokio::test]
async fn links_of_one_repository_are_claimed_and_finished_together() {
    let place = Place::new().await;
    let store = &place.store;
    for n in 0..40 {
        place.push_blob(&[n]).await;
    }
    place.finish_all().await;
    place.mount_all("team/one", 40).await;
    place.mount_all("team/two", 3).await;
    let mut sizes = Vec::new();
    for sessions in [1, 2, 100, 1, 1] {
        let claims = store.claim("worker", None, sessions).await.unwrap();
        sizes.push(claims.len());
        let mut results = Vec::new();
        let mut repositories = HashSet::new();
        for claim in claims {
            let desired = store.desired(&claim).await.unwrap();
            let Desired::State(DesiredState::LinkBlob {
                repository,
                generation,
                ..
            }) = desired
            else {
                panic!("{desired:?}");
            };
            repositories.insert(repository.to_string());
            results.push((claim, RunResult::Reconciled(generation)));
        }
        assert_eq!(repositories.len(), 1, "{repositories:?}");
        for finished in store.finish(results).await.unwrap() {
            assert!(matches!(finished, Finished::Done { .. }), "{finished:?}");
        }
    }
    // 40, 8, 4 and 3 links were ready, and then those of the other repository.
    assert_eq!(sizes, [32, 4, 1, 3, 3]);
    assert!(store.claim("worker", None, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_link_that_failed_before_is_claimed_alone() {
    let place = Place::new().await;
    let store = &place.store;
    for n in 0..3 {
        place.push_blob(&[n]).await;
    }
    place.finish_all().await;
    place.mount_all("team/one", 3).await;
    let failed = store
        .claim("worker", None, usize::MAX)
        .await
        .unwrap()
        .remove(0);
    let retry = Retry {
        after: Duration::ZERO,
        counts: true,
        parked: false,
        uncertain: false,
        trouble: Trouble {
            code: "transient".to_owned(),
            message: "try again".to_owned(),
            hint: None,
        },
    };
    assert!(store.retry(&failed, retry).await.unwrap());
    let others = store.claim("worker", None, 1).await.unwrap();
    assert!(others.iter().all(|claim| claim.job != failed.job));
    assert_eq!(others.len(), 2);
    let alone = store.claim("worker", None, 1).await.unwrap();
    assert_eq!(alone.len(), 1);
    assert_eq!(alone[0].job, failed.job);
}
