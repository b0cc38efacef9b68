//! Tests of late calls by dead or silent processes: targets that a late call
//! could change are checked again afterwards, even if the desired state has
//! changed.

use JobKind::{LinkBlob, StoreBlob};
use refity_types::deletion::Deletion;

use super::*;

fn later() -> Duration {
    LAST_CALL + Duration::from_secs(1)
}

/// Creates a store with one blob whose removal from the repository is running.
async fn removal_under_way() -> (Place, Claim) {
    let place = Place::new().await;
    place.push_blob(b"layer").await;
    place.finish_all().await;
    let digest = Digest::sha256(b"layer");
    assert_eq!(place.delete(Deletion::Blob { digest }).await, Deleted::Yes);
    let (claim, desired) = place.claim("hung").await.unwrap();
    assert!(matches!(
        desired,
        DesiredState::LinkBlob { present: false, .. }
    ));
    (place, claim)
}

/// Like [`Place::finish_all`], for jobs that may have to wait first.
async fn run_all(place: &Place) -> Vec<JobKind> {
    let mut kinds = Vec::new();
    while let Some(claim) = place.claim_alone("worker").await {
        let result = match place.store.desired(&claim).await.unwrap() {
            Desired::State(desired) => {
                kinds.push(claim.kind);
                RunResult::Reconciled(desired.generation())
            }
            Desired::NotYet => RunResult::NotYet,
            Desired::NoTarget => RunResult::NoTarget,
        };
        place.store.finish(vec![(claim, result)]).await.unwrap();
    }
    kinds
}

/// Asserts that the blob's link is checked once more after the last possible
/// late call, and not again after that.
async fn assert_looked_at_once(place: &Place) {
    assert!(place.claim("worker").await.is_none());
    place.forward(later());
    assert_eq!(place.finish_all().await, [LinkBlob]);
    place.forward(later());
    assert_eq!(place.finish_all().await, []);
}

fn uncertain() -> Retry {
    Retry {
        after: Duration::ZERO,
        counts: true,
        parked: false,
        uncertain: true,
        trouble: Trouble {
            code: "connection".to_owned(),
            message: "no answer".to_owned(),
            hint: None,
        },
    }
}

#[tokio::test]
async fn a_removal_reversed_before_its_owner_died() {
    let (place, _) = removal_under_way().await;
    place.push_blob(b"layer").await;
    assert_eq!(place.store.release_jobs("hung").await.unwrap(), 1);
    assert_eq!(run_all(&place).await, [StoreBlob, LinkBlob]);
    assert_looked_at_once(&place).await;
}

#[tokio::test]
async fn a_removal_reversed_before_its_owner_fell_silent() {
    let (place, _) = removal_under_way().await;
    place.push_blob(b"layer").await;
    place.forward(LEASE + Duration::from_secs(1));
    // It may still be removing.
    assert_eq!(place.store.end_expired_leases().await.unwrap(), 0);
    place.forward(LAST_CALL);
    assert_eq!(place.store.end_expired_leases().await.unwrap(), 1);
    place.forward(Duration::from_secs(1));
    assert_eq!(run_all(&place).await, [StoreBlob, LinkBlob]);
    assert_looked_at_once(&place).await;
}

#[tokio::test]
async fn a_removal_reversed_before_its_call_timed_out() {
    let (place, claim) = removal_under_way().await;
    place.push_blob(b"layer").await;
    assert!(place.store.retry(&claim, uncertain()).await.unwrap());
    assert_eq!(run_all(&place).await, [StoreBlob, LinkBlob]);
    assert_looked_at_once(&place).await;
}

#[tokio::test]
async fn a_push_that_joins_a_recheck_does_not_replace_it() {
    let (place, _) = removal_under_way().await;
    assert_eq!(place.store.release_jobs("hung").await.unwrap(), 1);
    assert_eq!(place.finish_all().await, [LinkBlob]);
    place.push_blob(b"layer").await;
    assert_eq!(run_all(&place).await, [StoreBlob, LinkBlob]);
    assert_looked_at_once(&place).await;
}

#[tokio::test]
async fn a_run_that_began_before_the_last_late_call_is_not_a_recheck() {
    let (place, _) = removal_under_way().await;
    assert_eq!(place.store.release_jobs("hung").await.unwrap(), 1);
    let (claim, desired) = place.claim("worker").await.unwrap();
    place.forward(later());
    place.finish(&claim, &desired).await;
    assert_eq!(place.finish_all().await, [LinkBlob]);
    place.forward(later());
    assert_eq!(place.finish_all().await, []);
}

#[tokio::test]
async fn a_push_reversed_before_its_desired_state_is_read_is_a_removal() {
    let place = Place::new().await;
    place.push_blob(b"layer").await;
    let (stores, desired) = place.claim("worker").await.unwrap();
    place.finish(&stores, &desired).await;
    let links = place.claim_alone("hung").await.unwrap();
    let digest = Digest::sha256(b"layer");
    place.delete(Deletion::Blob { digest }).await;
    let desired = place.store.desired(&links).await.unwrap();
    assert!(matches!(
        desired,
        Desired::State(DesiredState::LinkBlob { present: false, .. })
    ));
    place.push_blob(b"layer").await;
    place.store.release_jobs("hung").await.unwrap();
    assert_eq!(run_all(&place).await, [StoreBlob, LinkBlob]);
    assert_looked_at_once(&place).await;
}

#[tokio::test]
async fn a_run_of_another_boot_is_rechecked_too() {
    let (place, _) = removal_under_way().await;
    place.push_blob(b"layer").await;
    let path = place.folder.path().join("refity.db");
    let other = testing::open(&path);
    other
        .run("UPDATE jobs SET boot_id = 'x' WHERE state = 'running'", ())
        .unwrap();
    assert_eq!(place.store.end_expired_leases().await.unwrap(), 1);
    other
        .run(
            "UPDATE jobs SET suspect_boot = 'x' WHERE suspect_boot IS NOT NULL",
            (),
        )
        .unwrap();
    place.forward(Duration::from_secs(1));
    assert_eq!(run_all(&place).await, [StoreBlob, LinkBlob]);
    assert_looked_at_once(&place).await;
}
