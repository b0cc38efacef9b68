//! Tests of which process holds a job, and of when no process may claim it.

use super::*;

#[tokio::test]
async fn a_lost_lease_cannot_finish() {
    let place = Place::new().await;
    place.push_blob(b"layer").await;
    let (zombie, desired) = place.claim("zombie").await.unwrap();
    assert_eq!(place.store.release_jobs("zombie").await.unwrap(), 1);
    let (claim, _) = place.claim("heir").await.unwrap();
    assert_eq!(claim.job, zombie.job);
    assert_eq!(place.finish(&zombie, &desired).await, Finished::LeaseLost);
    let held = place.store.heartbeat("zombie", vec![(zombie.job, 0)]).await;
    assert!(held.unwrap().is_empty());
    assert!(matches!(
        place.finish(&claim, &desired).await,
        Finished::Done { .. }
    ));
}

#[tokio::test]
async fn a_silent_owner_keeps_an_overwriting_job_longer() {
    let place = Place::new().await;
    place.push_manifest(b"one", &[], "v").await;
    place.push_blob(b"layer").await;
    let mut silent = Vec::new();
    while let Some((claim, desired)) = place.claim("silent").await {
        match claim.kind {
            JobKind::PublishTag | JobKind::LinkBlob => silent.push(claim.kind),
            _ => drop(place.finish(&claim, &desired).await),
        }
    }
    assert_eq!(silent.len(), 2);
    place.forward(LEASE + Duration::from_secs(1));
    assert_eq!(place.store.end_expired_leases().await.unwrap(), 1);
    place.forward(Duration::from_secs(1));
    let (claim, _) = place.claim("heir").await.unwrap();
    assert_eq!(claim.kind, JobKind::LinkBlob);
    place.forward(LAST_CALL);
    assert!(place.store.has_expired_lease().await.unwrap());
    place.store.end_expired_leases().await.unwrap();
    place.forward(Duration::from_secs(1));
    let (claim, _) = place.claim("heir").await.unwrap();
    assert_eq!(claim.kind, JobKind::PublishTag);
}

/// Asserts that a job is shown as released because its process died.
async fn assert_shown_as_died(place: &Place, job: JobId, attempt: i64) {
    let shown = place.store.job(job, Readable::All).await.unwrap().unwrap();
    assert_eq!((shown.state, shown.attempt), (JobState::Pending, attempt));
    assert_eq!(shown.error.unwrap().0, "process_died");
}

#[tokio::test]
async fn a_job_that_kills_its_process_is_retried_with_backoff_and_an_error() {
    let place = Place::new().await;
    place.push_blob(b"layer").await;
    let mut wait = Duration::from_secs(1);
    for attempt in 1..=12 {
        let (claim, _) = place.claim("dead").await.unwrap();
        if attempt % 2 == 0 {
            place.forward(LEASE + Duration::from_secs(1));
            assert_eq!(place.store.end_expired_leases().await.unwrap(), 1);
        } else {
            assert_eq!(place.store.release_jobs_of_dead("dead").await.unwrap(), 1);
        }
        assert_shown_as_died(&place, claim.job, attempt).await;
        place.forward(wait - Duration::from_millis(500));
        assert!(place.claim("heir").await.is_none(), "{attempt}: too early");
        place.forward(Duration::from_millis(500));
        wait = (wait * 2).min(Duration::from_secs(300));
        if attempt == 9 {
            wait = Duration::from_secs(300);
        }
    }
    // When the job succeeds, the error is cleared.
    let (claim, desired) = place.claim("heir").await.unwrap();
    place.finish(&claim, &desired).await;
    let shown = place.store.job(claim.job, Readable::All).await;
    let shown = shown.unwrap().unwrap();
    assert_eq!((shown.attempt, shown.error), (0, None));
}

#[tokio::test]
async fn a_clean_shutdown_counts_no_attempt() {
    let place = Place::new().await;
    place.push_blob(b"layer").await;
    let (claim, _) = place.claim("ends").await.unwrap();
    assert_eq!(place.store.release_jobs("ends").await.unwrap(), 1);
    let (again, _) = place.claim("heir").await.unwrap();
    assert_eq!((again.job, again.attempt), (claim.job, 0));
}

#[tokio::test]
async fn the_tag_of_a_dead_owner_is_rechecked_later() {
    let place = Place::new().await;
    place.push_manifest(b"one", &[], "v").await;
    while let Some((claim, desired)) = place.claim("dead").await {
        if claim.kind != JobKind::PublishTag {
            place.finish(&claim, &desired).await;
        }
    }
    place.store.release_jobs("dead").await.unwrap();
    assert_eq!(place.finish_all().await, [JobKind::PublishTag]);
    assert!(place.claim("worker").await.is_none());
    place.forward(LAST_CALL + Duration::from_secs(1));
    assert_eq!(place.finish_all().await, [JobKind::PublishTag]);
    place.forward(LAST_CALL + Duration::from_secs(1));
    assert_eq!(place.finish_all().await, []);
}

#[tokio::test]
async fn no_job_is_claimed_while_the_storage_is_failing() {
    let place = Place::new().await;
    place.push_blob(b"layer").await;
    let trouble = Trouble {
        code: "connection".to_owned(),
        message: "refused".to_owned(),
        hint: None,
    };
    let wait = Duration::from_secs(60);
    let store = &place.store;
    store
        .report_trouble(HealthState::Down(trouble), wait)
        .await
        .unwrap();
    assert!(place.claim("worker").await.is_none());
    assert!(!store.claim_probe("a").await.unwrap());
    place.forward(wait + Duration::from_secs(1));
    assert!(store.claim_probe("a").await.unwrap());
    assert!(!store.claim_probe("b").await.unwrap());
    store.report_up().await.unwrap();
    assert!(place.claim("worker").await.is_some());
}

#[tokio::test]
async fn an_ending_owner_releases_its_storage_probe() {
    let place = Place::new().await;
    let store = &place.store;
    store.probe_now().await.unwrap();
    assert!(store.claim_probe("a").await.unwrap());
    assert!(!store.claim_probe("b").await.unwrap());
    assert_eq!(store.owners().await.unwrap(), ["a"]);
    assert_eq!(store.release_jobs("b").await.unwrap(), 0);
    assert!(!store.claim_probe("b").await.unwrap());
    store.release_jobs("a").await.unwrap();
    assert!(store.owners().await.unwrap().is_empty());
    assert!(store.claim_probe("b").await.unwrap());
}

#[tokio::test]
async fn a_full_storage_stops_stores_for_a_while() {
    let place = Place::new().await;
    place.push_blob(b"layer").await;
    let wait = Duration::from_secs(60);
    place.store.report_full(wait).await.unwrap();
    assert!(place.claim("worker").await.is_none());
    place.forward(wait + Duration::from_secs(1));
    assert!(place.claim("worker").await.is_some());
}

#[tokio::test]
async fn a_claimed_tag_waits_if_its_new_desired_state_needs_unstored_blobs() {
    let place = Place::new().await;
    place.push_manifest(b"one", &[], "v").await;
    let claim = loop {
        let (claim, desired) = place.claim("worker").await.unwrap();
        if claim.kind == JobKind::PublishTag {
            break claim;
        }
        place.finish(&claim, &desired).await;
    };
    // The job is claimed, but its desired state is not read yet when the tag
    // moves.
    place.push_blob(b"slow layer").await;
    place.push_manifest(b"two", &[b"slow layer"], "v").await;
    let desired = place.store.desired(&claim).await.unwrap();
    assert_eq!(desired, Desired::NotYet);
    let finished = place
        .store
        .finish(vec![(claim, RunResult::NotYet)])
        .await
        .unwrap();
    assert_eq!(finished, [Finished::Again]);
    let kinds = place.finish_all().await;
    assert_eq!(kinds.last(), Some(&JobKind::PublishTag));
    assert!(kinds.contains(&JobKind::StoreBlob));
}
