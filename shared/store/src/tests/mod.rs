//! Tests of the store's guarantees, on a database in a temporary folder.

mod accounts;
mod collection;
mod content;
mod images;
mod intents;
mod late_calls;
mod leases;
mod lists;
mod operations;
mod queue;
mod races;
mod rebuild;
mod removal;
mod uploads;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use refity_config::clock::millis;
use refity_types::digest::{Algorithm, Digest, Hasher};
use refity_types::media_type::OCI_MANIFEST;
use refity_types::name::{FileId, IntentId, Reference, RepositoryName, UploadId};
use refity_types::platform::Platform;

use super::*;
use crate::engine::testing;

struct Place {
    folder: tempfile::TempDir,
    store: Store,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("offset"), "0").unwrap();
        let store = open(folder.path()).await;
        store.create_group(&"team".parse().unwrap()).await.unwrap();
        store.report_up().await.unwrap();
        let place = Self { folder, store };
        place.finish_all().await;
        place
    }

    /// Moves both clocks forward.
    fn forward(&self, by: Duration) {
        let path = self.folder.path().join("offset");
        let before: i64 = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        std::fs::write(path, (before + millis(by)).to_string()).unwrap();
    }

    async fn push_blob(&self, bytes: &[u8]) -> (UploadId, Committed) {
        let id = UploadId::random();
        let hash = Hasher::new(Algorithm::Sha256);
        let digest = Digest::sha256(bytes);
        self.store
            .begin_upload(id, &app(), &hash, None)
            .await
            .unwrap();
        let committed = self
            .store
            .commit_upload(id, &app(), &digest, bytes.len() as u64)
            .await
            .unwrap();
        (id, committed)
    }

    async fn push_manifest(&self, bytes: &[u8], blobs: &[&[u8]], tag: &str) -> PutManifest {
        let generation = self.store.next_generation().await.unwrap();
        self.push_manifest_of(generation, bytes, blobs, tag).await
    }

    async fn push_manifest_of(
        &self,
        generation: i64,
        bytes: &[u8],
        blobs: &[&[u8]],
        tag: &str,
    ) -> PutManifest {
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
            tags: vec![tag.parse().unwrap()],
            generation,
            intent: IntentId::random(),
            user: None,
        };
        self.store.put_manifest(new).await.unwrap()
    }

    /// Claims a single job.
    async fn claim_alone(&self, owner: &str) -> Option<Claim> {
        let claims = self.store.claim(owner, None, usize::MAX).await.unwrap();
        assert!(claims.len() < 2, "{claims:?}");
        claims.into_iter().next()
    }

    async fn claim(&self, owner: &str) -> Option<(Claim, DesiredState)> {
        let claim = self.claim_alone(owner).await?;
        match self.store.desired(&claim).await.unwrap() {
            Desired::State(desired) => Some((claim, desired)),
            other => panic!("{other:?}"),
        }
    }

    async fn finish(&self, claim: &Claim, desired: &DesiredState) -> Finished {
        let result = RunResult::Reconciled(desired.generation());
        let results = vec![(claim.clone(), result)];
        let mut finished = self.store.finish(results).await.unwrap();
        finished.remove(0)
    }

    /// Runs all ready jobs until there are none. Returns their kinds in order.
    async fn finish_all(&self) -> Vec<JobKind> {
        let mut kinds = Vec::new();
        while let Some((claim, desired)) = self.claim("worker").await {
            self.finish(&claim, &desired).await;
            kinds.push(claim.kind);
        }
        kinds
    }

    async fn tag(&self, tag: &str) -> Vec<u8> {
        let reference = Reference::Tag(tag.parse().unwrap());
        let manifest = self.store.manifest(&app(), &reference).await.unwrap();
        manifest.unwrap().bytes.to_vec()
    }
}

async fn open(folder: &Path) -> Store {
    let clock = Clock::with_offset_file(&folder.join("offset")).unwrap();
    Store::open(&folder.join("refity.db"), clock).await.unwrap()
}

fn app() -> RepositoryName {
    "team/app".parse().unwrap()
}

#[tokio::test]
async fn a_push_stores_blobs_first_and_its_tag_last() {
    use JobKind::{LinkBlob, PublishManifest, PublishTag, StoreBlob};
    let place = Place::new().await;
    place.push_blob(b"layer").await;
    place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    let kinds = place.finish_all().await;
    let at = |kind| kinds.iter().position(|k| *k == kind).unwrap();
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    assert!(at(StoreBlob) < at(LinkBlob));
    assert!(at(LinkBlob) < at(PublishManifest));
    assert_eq!(kinds[4], PublishTag);
    let stored = kinds.iter().rposition(|kind| *kind == StoreBlob).unwrap();
    assert!(stored < at(PublishManifest));
}

#[tokio::test]
async fn a_manifest_with_a_missing_blob_changes_nothing() {
    let place = Place::new().await;
    let put = place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    let layer = MissingReference::Blob(Digest::sha256(b"layer"));
    assert_eq!(put, PutManifest::Missing(vec![layer]));
    let tags = place.store.tags(&app(), None, None).await.unwrap();
    // Not even the repository is created.
    assert_eq!(tags, None);
    assert!(
        place
            .store
            .repositories(&Readable::All, None, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(place.finish_all().await, []);
}

#[tokio::test]
async fn a_tag_moved_during_its_job_ends_at_the_newer_manifest() {
    let place = Place::new().await;
    place.push_manifest(b"one", &[], "v").await;
    let (claim, desired) = loop {
        let (claim, desired) = place.claim("worker").await.unwrap();
        if claim.kind == JobKind::PublishTag {
            break (claim, desired);
        }
        place.finish(&claim, &desired).await;
    };
    place.push_manifest(b"two", &[], "v").await;
    assert_eq!(place.finish(&claim, &desired).await, Finished::Again);
    let mut last = None;
    while let Some((claim, desired)) = place.claim("worker").await {
        place.finish(&claim, &desired).await;
        last = Some(desired);
    }
    let Some(DesiredState::PublishTag { manifest, .. }) = last else {
        panic!("{last:?}");
    };
    assert_eq!(manifest, Some(Digest::sha256(b"two")));
    assert_eq!(place.tag("v").await, b"two");
}

#[tokio::test]
async fn a_late_older_generation_does_not_move_a_tag_back() {
    let place = Place::new().await;
    let older = place.store.next_generation().await.unwrap();
    place.push_manifest(b"new", &[], "v").await;
    place.push_manifest_of(older, b"old", &[], "v").await;
    assert_eq!(place.tag("v").await, b"new");
}

#[tokio::test]
async fn two_processes_never_use_one_generation_for_one_target() {
    let place = Place::new().await;
    let taken = place.store.next_generation().await.unwrap();
    place.push_manifest_of(taken, b"one", &[], "v").await;
    for (bytes, tag) in [(&b"two"[..], "v"), (b"one", "w")] {
        let put = place.push_manifest_of(taken, bytes, &[], tag).await;
        assert_eq!(put, PutManifest::GenerationTaken);
    }
    assert_eq!(place.tag("v").await, b"one");
    // Other targets may have the same generation.
    let put = place.push_manifest_of(taken, b"three", &[], "x").await;
    assert!(matches!(put, PutManifest::Put { .. }));
    // Each store draws a larger generation than any that another one
    // acknowledged.
    let other = open(place.folder.path()).await;
    for _ in 0..100 {
        let generation = other.next_generation().await.unwrap();
        let put = place.push_manifest_of(generation, b"two", &[], "v").await;
        assert!(matches!(put, PutManifest::Put { .. }));
        assert_eq!(place.tag("v").await, b"two");
        place.push_manifest(b"one", &[], "v").await;
        assert_eq!(place.tag("v").await, b"one");
    }
}

#[tokio::test]
async fn missing_references_are_reported_before_a_manifest_is_stored() {
    let place = Place::new().await;
    let mut new = NewManifest {
        repository: app(),
        digest: Digest::sha256(b"manifest"),
        media_type: OCI_MANIFEST,
        bytes: Bytes::from_static(b"manifest"),
        platform: None,
        blobs: vec![Digest::sha256(b"config"), Digest::sha256(b"layer")],
        optional_blobs: vec![Digest::sha256(b"foreign")],
        manifests: Vec::new(),
        referral: None,
        tags: Vec::new(),
        generation: 0,
        intent: IntentId::random(),
        user: None,
    };
    let config = Some(Digest::sha256(b"config"));
    let check = async |new: &NewManifest| {
        let config = config.clone();
        place.store.check_manifest(new, config).await.unwrap()
    };
    let missing = |bytes: &[u8]| MissingReference::Blob(Digest::sha256(bytes));
    let checked = check(&new).await;
    assert_eq!(checked.missing, [missing(b"config"), missing(b"layer")]);
    assert_eq!(checked.config, None);
    place.push_blob(b"config").await;
    assert_eq!(check(&new).await.missing, [missing(b"layer")]);
    place.push_blob(b"layer").await;
    let checked = check(&new).await;
    assert_eq!(checked.missing, []);
    assert_eq!(checked.config.map(|it| it.size), Some(6));
    new.generation = checked.generation;
    new.platform = Some(Platform {
        os: "linux".to_owned(),
        architecture: "arm64".to_owned(),
        variant: None,
    });
    let put = place.store.put_manifest(new.clone()).await.unwrap();
    assert!(matches!(put, PutManifest::Put { .. }));
    // The platform is known now.
    assert_eq!(check(&new).await.config, None);
}

#[tokio::test]
async fn the_second_of_two_uploads_of_one_digest_replaces_the_first() {
    let place = Place::new().await;
    let (first, committed) = place.push_blob(b"layer").await;
    let replaced = |committed| match committed {
        Committed::Blob { replaced, .. } => replaced,
        other => panic!("{other:?}"),
    };
    assert_eq!(replaced(committed), None);
    let (second, committed) = place.push_blob(b"layer").await;
    assert_eq!(replaced(committed), Some(FileId::from(first)));
    let digest = Digest::sha256(b"layer");
    let blob = place.store.blob(&app(), &digest).await.unwrap().unwrap();
    assert_eq!(blob.file, Some(FileId::from(second)));
    let (late, first) = (blob.id, FileId::from(first));
    let lost = place.store.file_lost(late, first).await.unwrap();
    assert!(!lost, "the row names another file");
    let kinds = place.finish_all().await;
    assert_eq!(kinds, [JobKind::StoreBlob, JobKind::LinkBlob]);
}

#[tokio::test]
async fn blobs_of_other_repositories_are_not_found() {
    let place = Place::new().await;
    place.push_blob(b"layer").await;
    let (other, digest) = ("team/other".parse().unwrap(), Digest::sha256(b"layer"));
    assert_eq!(place.store.blob(&other, &digest).await.unwrap(), None);
    let mounted = place
        .store
        .mount(&other, MountSource::Repository(app()), &digest)
        .await;
    assert_eq!(mounted.unwrap(), Mounted::Yes);
    assert!(place.store.blob(&other, &digest).await.unwrap().is_some());
}

#[tokio::test]
async fn only_blobs_stored_long_enough_are_evicted() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"layer").await;
    let now = store.clock().wall_ms() + 1000;
    assert_eq!(store.eviction_candidates(now, 9).await.unwrap(), []);
    place.finish_all().await;
    let candidates = store.eviction_candidates(now, 9).await.unwrap();
    assert_eq!(candidates.len(), 1);
    // An unpublished manifest needs the blob.
    place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    assert!(!store.detach_file(&candidates[0], now).await.unwrap());
    place.finish_all().await;
    assert!(store.detach_file(&candidates[0], now).await.unwrap());
    assert!(!store.detach_file(&candidates[0], now).await.unwrap());
}

#[tokio::test]
async fn a_blob_without_bytes_is_damaged_until_the_next_push() {
    let place = Place::new().await;
    let store = &place.store;
    let (id, _) = place.push_blob(b"layer").await;
    let digest = Digest::sha256(b"layer");
    let blob = store.blob(&app(), &digest).await.unwrap().unwrap();
    store.file_lost(blob.id, FileId::from(id)).await.unwrap();
    assert_eq!(store.blob(&app(), &digest).await.unwrap(), None);
    place.push_blob(b"layer").await;
    assert!(store.blob(&app(), &digest).await.unwrap().is_some());
}

#[tokio::test]
async fn a_manifest_waits_for_a_blob_that_the_storage_lost() {
    let place = Place::new().await;
    place.push_blob(b"layer").await;
    place.push_manifest(b"manifest", &[b"layer"], "v1").await;
    let (claim, _) = loop {
        let (claim, desired) = place.claim("worker").await.unwrap();
        if claim.kind == JobKind::PublishManifest {
            break (claim, desired);
        }
        place.finish(&claim, &desired).await;
    };
    let layer = place.store.blob(&app(), &Digest::sha256(b"layer")).await;
    let missing = vec![(layer.unwrap().unwrap().id, "gone".to_owned())];
    let retry = Retry {
        after: Duration::ZERO,
        counts: true,
        parked: true,
        uncertain: false,
        trouble: Trouble {
            code: "blob_missing".to_owned(),
            message: "gone".to_owned(),
            hint: None,
        },
    };
    let waits = place.store.await_missing(&claim, missing, retry).await;
    assert!(waits.unwrap());
    let kinds = place.finish_all().await;
    assert_eq!(
        kinds,
        [
            JobKind::StoreBlob,
            JobKind::PublishManifest,
            JobKind::PublishTag
        ]
    );
}

#[tokio::test]
async fn fifty_first_pushes_at_once_make_one_repository() {
    let place = Place::new().await;
    let pushes = (0..50_u8).map(|n| {
        let store = place.store.clone();
        async move {
            let id = UploadId::random();
            let hash = Hasher::new(Algorithm::Sha256);
            store.begin_upload(id, &app(), &hash, None).await.unwrap();
            let digest = Digest::sha256(&[n]);
            store.commit_upload(id, &app(), &digest, 1).await
        }
    });
    let handles: Vec<_> = pushes.map(tokio::spawn).collect();
    for handle in handles {
        let committed = handle.await.unwrap().unwrap();
        assert!(matches!(committed, Committed::Blob { .. }));
    }
    let groups = place.store.groups().await.unwrap();
    assert_eq!(groups[0].repositories, 1);
}

#[tokio::test]
async fn tags_are_listed_bytewise_and_by_pages() {
    let place = Place::new().await;
    for tag in ["b", "B", "a", "_", "10", "9"] {
        place.push_manifest(b"manifest", &[], tag).await;
    }
    let all = place.store.tags(&app(), None, None).await.unwrap();
    let sorted = ["10", "9", "B", "_", "a", "b"];
    assert_eq!(all.unwrap(), Names::from_iter(sorted));
    let page = place.store.tags(&app(), Some("B".into()), Some(2)).await;
    assert_eq!(page.unwrap().unwrap(), Names::from_iter(["_", "a"]));
    let absent = "team/absent".parse().unwrap();
    assert_eq!(place.store.tags(&absent, None, None).await.unwrap(), None);
}

#[tokio::test]
async fn changes_are_reported_across_stores() {
    let place = Place::new().await;
    let other = open(place.folder.path()).await;
    let mut changes = other.changes();
    place.push_blob(b"layer").await;
    let told = tokio::time::timeout(Duration::from_secs(30), changes.next());
    told.await.unwrap();
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused_unchanged() {
    let place = Place::new().await;
    let path = place.folder.path().join("refity.db");
    let database = testing::open(&path);
    let version = |db: &Db| -> i64 { db.one("PRAGMA user_version", (), |row| row.get(0)).unwrap() };
    let newer = version(&database) + 3;
    testing::run_all(&database, &format!("PRAGMA user_version = {newer}"));
    let opened = Store::open(&path, place.store.clock().clone()).await;
    let Some(StoreError::Newer { seen, known }) = opened.err() else {
        panic!("the database of a later version was opened");
    };
    assert_eq!(seen, known + 3);
    assert_eq!(version(&database), newer);
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("refity.db");
    let other = testing::open(&path);
    testing::run_all(&other, "CREATE TABLE images (id)");
    drop(other);
    let before = std::fs::read(&path).unwrap();
    let opened = Store::open(&path, Clock::system().unwrap()).await;
    assert_eq!(opened.err(), Some(StoreError::Foreign));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Leaves the journal of a process that was killed while writing to a database
/// with this many pages.
fn leave_journal(database: &Path, pages: u32) {
    let mut journal = vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    // The number of saved pages is 0; then a nonce, and the sizes of sector and
    // page.
    for number in [0, 7, pages, 512, 4096] {
        journal.extend_from_slice(&u32::to_be_bytes(number));
    }
    journal.resize(512, 0);
    let mut name = database.as_os_str().to_owned();
    name.push("-journal");
    std::fs::write(name, journal).unwrap();
}

#[tokio::test]
async fn an_interrupted_creation_is_completed_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("refity.db");
    let killed = testing::open(&path);
    testing::run_all(&killed, "PRAGMA journal_mode = WAL");
    drop(killed);
    leave_journal(&path, 0);
    let looked = Store::check(&path).await;
    assert_eq!(looked, Ok(false));
    let store = Store::open(&path, Clock::system().unwrap()).await.unwrap();
    store.next_generation().await.unwrap();
    assert_eq!(Store::check(&path).await, Ok(true));
}

#[tokio::test]
async fn a_journal_of_another_program_is_left_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("refity.db");
    let other = testing::open(&path);
    testing::run_all(&other, "CREATE TABLE images (id)");
    drop(other);
    leave_journal(&path, 2);
    let before = std::fs::read(&path).unwrap();
    assert_eq!(Store::check(&path).await, Err(StoreError::Foreign));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("refity.db");
    std::fs::write(&path, vec![b'x'; 8192]).unwrap();
    let opened = Store::open(&path, Clock::system().unwrap()).await;
    let error = opened.err().unwrap();
    assert!(matches!(error, StoreError::Corrupt(_)));
    assert!(error.to_string().contains("rebuild-index"));
}

#[tokio::test]
async fn sessions_of_another_boot_have_ended() {
    let place = Place::new().await;
    let id = UploadId::random();
    let hash = Hasher::new(Algorithm::Sha256);
    let store = &place.store;
    store.begin_upload(id, &app(), &hash, None).await.unwrap();
    assert!(store.upload(id, &app()).await.unwrap().is_some());
    let path = place.folder.path().join("refity.db");
    let other = testing::open(&path);
    other.run("UPDATE uploads SET boot_id = 'x'", ()).unwrap();
    assert!(store.upload(id, &app()).await.unwrap().is_none());
}

#[tokio::test]
async fn generations_grow_in_a_new_database_too() {
    let place = Place::new().await;
    let first = place.store.next_generation().await.unwrap();
    let again = Place::new().await;
    assert!(place.store.next_generation().await.unwrap() > first);
    assert!(again.store.next_generation().await.unwrap() >= first);
}

#[tokio::test]
async fn a_waiting_request_learns_which_problem_needs_a_person() {
    let place = Place::new().await;
    let (_, committed) = place.push_blob(b"layer").await;
    let Committed::Blob { jobs, .. } = committed else {
        panic!("{committed:?}");
    };
    assert_eq!(
        place.store.wait_status(&jobs).await.unwrap(),
        WaitStatus::Waiting
    );
    let (claim, _) = place.claim("worker").await.unwrap();
    let trouble = Trouble {
        code: "permission".to_owned(),
        message: "read-only".to_owned(),
        hint: None,
    };
    let retry = Retry {
        after: Duration::from_secs(900),
        counts: true,
        parked: true,
        uncertain: false,
        trouble: trouble.clone(),
    };
    place.store.retry(&claim, retry).await.unwrap();
    let status = place.store.wait_status(&jobs).await.unwrap();
    assert_eq!(status, WaitStatus::Parked(trouble));
    place.push_blob(b"layer").await;
    place.finish_all().await;
    assert_eq!(
        place.store.wait_status(&jobs).await.unwrap(),
        WaitStatus::Done
    );
}
