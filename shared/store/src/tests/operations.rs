//! Tests of the data for operators: audit log, transfers, sizes.

use super::*;

fn page(order: Order, cursor: Option<Cursor>, limit: u32) -> PageRequest {
    PageRequest {
        order,
        cursor,
        limit,
    }
}

fn entry(actor: &str, action: AuditAction, repository: Option<&str>) -> AuditEntry {
    AuditEntry {
        actor: actor.to_owned(),
        credential: "password",
        action,
        target: repository.unwrap_or("thing").to_owned(),
        repository: repository.map(str::to_owned),
        address: "192.0.2.1".to_owned(),
        refused: false,
        detail: None,
    }
}

#[tokio::test]
async fn each_audit_log_filter_matches() {
    let place = Place::new().await;
    let store = &place.store;
    let now = store.clock().wall_ms();
    let entries = vec![
        (
            now - 3000,
            entry("alice", AuditAction::Push, Some("team/app")),
        ),
        (
            now - 2000,
            entry("bob", AuditAction::Push, Some("team/api")),
        ),
        (now - 1000, entry("alice", AuditAction::Login, None)),
    ];
    let batch = AuditBatch {
        entries,
        ..AuditBatch::default()
    };
    store.record_all(batch).await.unwrap();
    let found = async |filter: AuditFilter| {
        let page = store.audit(filter, page(Order::Asc, None, 10)).await;
        let page = page.unwrap();
        assert_eq!(page.total, i64::try_from(page.items.len()).unwrap());
        let first = page.items.iter().map(|it| (now - it.at) / 1000);
        first.collect::<Vec<_>>()
    };
    let filter = AuditFilter::default;
    assert_eq!(found(filter()).await, [3, 2, 1]);
    for (expected, filter) in [
        (
            vec![3, 1],
            AuditFilter {
                actor: Some("alice".to_owned()),
                ..filter()
            },
        ),
        (
            vec![3, 2],
            AuditFilter {
                action: Some(AuditAction::Push),
                ..filter()
            },
        ),
        (
            vec![2],
            AuditFilter {
                repository: Some("team/api".to_owned()),
                ..filter()
            },
        ),
        (
            vec![2],
            AuditFilter {
                since: Some(now - 2000),
                until: Some(now - 1000),
                ..filter()
            },
        ),
        (
            vec![2],
            AuditFilter {
                text: Some("API".to_owned()),
                ..filter()
            },
        ),
    ] {
        assert_eq!(found(filter.clone()).await, expected, "{filter:?}");
    }
    // An export has the same entries, latest first.
    let (lines, next) = store.audit_before(filter(), None, 2).await.unwrap();
    assert_eq!(lines.len(), 2);
    let (rest, end) = store.audit_before(filter(), next, 2).await.unwrap();
    assert_eq!((rest.len(), end), (1, None));
    assert!(rest[0].at < lines[1].at);
}

#[tokio::test]
async fn pulls_add_up_and_outlive_their_repository() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"layer").await;
    let pulls = |repository: &str, count, last_at| Pulls {
        repository: repository.parse().unwrap(),
        reference: "v1".to_owned(),
        day: 20_000,
        actor: "bob".to_owned(),
        credential: "token",
        address: "192.0.2.1".to_owned(),
        count,
        last_at,
    };
    for (count, at) in [(2, 1000), (3, 500)] {
        let both = vec![pulls("team/app", count, at), pulls("team/gone", count, at)];
        store.note_pulls(both).await.unwrap();
    }
    let row: (i64, i64, String) = store
        .read(|db| {
            let row = "SELECT count, last_at, last_by FROM pulls";
            db.one(row, (), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        })
        .await
        .unwrap();
    assert_eq!(
        row,
        (5, 1000, "bob".to_owned()),
        "one row, of what is there"
    );
    let log = store.audit(AuditFilter::default(), page(Order::Asc, None, 10));
    let log = log.await.unwrap().items;
    let shown: Vec<_> = log
        .iter()
        .map(|it| (&*it.target, it.count, it.at))
        .collect();
    assert_eq!(shown, [("team/app:v1", 5, 1000), ("team/gone:v1", 5, 1000)]);

    store
        .purge_audit(20_001 * crate::views::audit_log::DAY_MS, 10)
        .await
        .unwrap();
    let left = store.audit(AuditFilter::default(), page(Order::Asc, None, 10));
    assert_eq!(left.await.unwrap().total, 0);
    let left = store.read(|db| db.one("SELECT count(*) FROM pulls", (), |row| row.get::<i64>(0)));
    assert_eq!(left.await, Ok(0));
}

#[tokio::test]
async fn pages_of_the_log_are_found_in_an_index() {
    let place = Place::new().await;
    let plan = |sql: &'static str| {
        place
            .store
            .read(move |db| Ok(testing::plan(db, sql).join("; ")))
    };
    for (condition, index) in [
        ("", "audit_by_time"),
        ("AND actor = 'a'", "audit_by_actor"),
        ("AND action = 'push'", "audit_by_action"),
        (
            "AND repository = 'r' AND repository <> ''",
            "audit_by_repository",
        ),
    ] {
        let sql = format!(
            "SELECT * FROM audit WHERE true {condition} AND (at, id) < (5, 5)
             ORDER BY at DESC, id DESC LIMIT 50"
        );
        let plan = plan(sql.leak()).await.unwrap();
        assert!(
            plan.contains(index) && !plan.contains("TEMP B-TREE"),
            "{plan}"
        );
    }
}

async fn jobs(store: &Store, repository: Option<&str>, readable: Readable) -> Vec<Job> {
    let filter = JobFilter {
        readable,
        state: None,
        repository: repository.map(str::to_owned),
        text: None,
    };
    let page = store.jobs(filter, page(Order::Asc, None, 100)).await;
    page.unwrap().items
}

#[tokio::test]
async fn all_jobs_of_a_push_have_one_root() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"one").await;
    place.push_blob(b"two").await;
    let put = place
        .push_manifest(b"manifest", &[b"one", b"two"], "v1")
        .await;
    assert!(matches!(put, PutManifest::Put { .. }), "{put:?}");
    let of_push = jobs(store, Some("team/app"), Readable::All).await;
    assert!(of_push.len() >= 7, "{of_push:?}");
    let root = of_push.iter().find(|job| job.tag.as_deref() == Some("v1"));
    let root = root.expect("the tag's job").id;
    for job in &of_push {
        assert_eq!(
            (job.push, job.repository.as_deref()),
            (root, Some("team/app"))
        );
    }
    let push = store.pushes(vec![root]).await.unwrap().remove(0);
    assert_eq!(push.name.as_deref(), Some("team/app:v1"));
    assert_eq!((push.blobs_done, push.blobs_total), (0, 2));
    assert_eq!((push.bytes_stored, push.bytes_total), (0, 6));
    let backlog = store.backlog(Readable::All).await.unwrap();
    assert_eq!(backlog.bytes_waiting, 6 + 8, "blobs, and the manifest");
    place.finish_all().await;
    let push = store.pushes(vec![root]).await.unwrap().remove(0);
    assert_eq!((push.blobs_done, push.blobs_total), (2, 2));
    assert_eq!((push.bytes_stored, push.bytes_total), (6, 6));

    // An anonymous client sees only public content.
    let anonymous = Readable::public();
    assert_eq!(jobs(store, None, anonymous.clone()).await, []);
    assert_eq!(jobs(store, Some("team/app"), anonymous.clone()).await, []);
    assert_eq!(store.job(root, anonymous.clone()).await, Ok(None));
    assert_eq!(store.backlog(anonymous).await, Ok(Backlog::default()));
    let mine = Readable::Some {
        granted_to: None,
        within: Some(vec!["team/*".parse().unwrap()]),
    };
    assert_eq!(jobs(store, None, mine.clone()).await.len(), of_push.len());
    let seen = store.job(root, mine).await.unwrap().unwrap();
    assert_eq!(seen.repository.as_deref(), Some("team/app"));
}

#[tokio::test]
async fn only_failed_or_delayed_jobs_are_retried() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"bytes").await;
    let (claim, _) = place.claim("worker").await.unwrap();
    let of = claim.job;
    assert_eq!(store.retryable_jobs(Readable::All).await, Ok(Vec::new()));
    assert_eq!(store.retry_now(vec![of]).await, Ok(0), "it runs");
    for parked in [true, false] {
        let claim = match parked {
            true => claim.clone(),
            false => place.claim("worker").await.unwrap().0,
        };
        let retry = Retry {
            after: Duration::from_secs(3600),
            counts: true,
            parked,
            uncertain: false,
            trouble: Trouble {
                code: "permission".to_owned(),
                message: "refused".to_owned(),
                hint: None,
            },
        };
        assert!(store.retry(&claim, retry).await.unwrap());
        assert!(store.claim("worker", None, 1).await.unwrap().is_empty());
        let found = store.retryable_jobs(Readable::All).await.unwrap();
        assert_eq!(found, [(of, vec!["team/app".to_owned()])]);
        assert_eq!(store.retry_now(vec![of]).await, Ok(1));
        assert_eq!(store.retryable_jobs(Readable::All).await, Ok(Vec::new()));
    }
    assert!(!store.claim("worker", None, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn bytes_are_counted_once_and_by_repository() {
    let place = Place::new().await;
    let store = &place.store;
    place.push_blob(b"shared").await;
    place.push_blob(b"own").await;
    let before = store.stored_bytes().await.unwrap();
    assert_eq!((before.stored, before.logical), (0, 9));
    place.finish_all().await;
    let digest = Digest::sha256(b"shared");
    let other: RepositoryName = "team/other".parse().unwrap();
    let id = UploadId::random();
    let hash = Hasher::new(Algorithm::Sha256);
    store.begin_upload(id, &other, &hash, None).await.unwrap();
    let committed = store.commit_upload(id, &other, &digest, 6).await;
    committed.unwrap();
    place.finish_all().await;
    let bytes = store.stored_bytes().await.unwrap();
    assert_eq!((bytes.stored, bytes.logical, bytes.blobs), (9, 15, 2));
    let top = store.largest_repositories(Readable::All, LargestBy::Unique, 10);
    let top: Vec<_> = top.await.unwrap().into_iter().collect();
    let shown: Vec<_> = top
        .iter()
        .map(|it| (&*it.name, it.unique, it.logical))
        .collect();
    assert_eq!(shown, [("team/app", 3, 9), ("team/other", 0, 6)]);
    let hidden = store.largest_repositories(Readable::public(), LargestBy::Logical, 10);
    assert_eq!(hidden.await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_daily_sample_is_updated_until_the_day_ends() {
    let place = Place::new().await;
    let store = &place.store;
    let room = Capacity {
        total: 100,
        free: 40,
    };
    store.sample_storage(Some(room)).await.unwrap();
    store.sample_storage(None).await.unwrap();
    let days = store.storage_days(30).await.unwrap();
    // The test may run across midnight.
    assert!(matches!(days.len(), 1 | 2), "{days:?}");
    assert_eq!(days[0].capacity, Some(room), "what was known stays");
    place.forward(Duration::from_secs(2 * 24 * 60 * 60));
    store.sample_storage(None).await.unwrap();
    assert_eq!(store.storage_days(30).await.unwrap().len(), days.len() + 1);
    assert_eq!(store.storage_days(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn uploader_silence_begins_with_the_last_heartbeat() {
    let place = Place::new().await;
    let store = &place.store;
    assert_eq!(store.uploader_silence().await, Ok(None));
    store.uploader_runs("one").await.unwrap();
    place.forward(Duration::from_secs(60));
    let silence = store.uploader_silence().await.unwrap().unwrap();
    assert!(silence >= 60_000, "{silence}");
    store.uploader_runs("two").await.unwrap();
    let silence = store.uploader_silence().await.unwrap().unwrap();
    assert!(silence < 60_000, "{silence}");
    store.uploader_ended("two").await.unwrap();
    store.uploader_ended("one").await.unwrap();
    assert_eq!(store.uploader_silence().await, Ok(None));
}

#[tokio::test]
async fn failed_sign_ins_add_up_and_sign_ins_are_recorded_once() {
    let place = Place::new().await;
    let store = &place.store;
    let at = store.clock().wall_ms();
    let batch = || AuditBatch {
        sign_ins: vec![SignIn {
            actor: "bob".to_owned(),
            credential: "token",
            which: Some("laptop".to_owned()),
            address: "192.0.2.1".to_owned(),
            hour: 1,
            at,
        }],
        failures: vec![Failures {
            account: "eve".to_owned(),
            address: "192.0.2.2".to_owned(),
            minute: 1,
            count: 2,
            last_at: at,
        }],
        ..AuditBatch::default()
    };
    store.record_all(batch()).await.unwrap();
    store.record_all(batch()).await.unwrap();
    let request = page(Order::Asc, None, 10);
    let log = store.audit(AuditFilter::default(), request).await.unwrap();
    let lines: Vec<_> = log.items.iter().map(|it| (&*it.actor, it.count)).collect();
    assert_eq!(lines, [("bob", 1), ("eve", 4)]);
}

#[tokio::test]
async fn the_last_measurement_of_the_storage_is_kept() {
    let place = Place::new().await;
    let store = &place.store;
    assert_eq!(store.storage_seen().await.unwrap(), None);
    for latency_us in [1, 2] {
        let seen = StorageSeen {
            at: 3,
            latency_us,
            host_key: Some("SHA256:x".to_owned()),
            extensions: vec!["fsync".to_owned()],
            capacity: Some(Capacity { total: 9, free: 4 }),
        };
        store.note_storage(seen.clone()).await.unwrap();
        assert_eq!(store.storage_seen().await.unwrap(), Some(seen));
    }
}

#[tokio::test]
async fn repositories_are_created_empty_and_listed_by_group() {
    let place = Place::new().await;
    let store = &place.store;
    let created = store.create_repository(&app()).await.unwrap();
    assert_eq!(created, RepositoryCreated::Yes);
    let again = store.create_repository(&app()).await.unwrap();
    assert_eq!(again, RepositoryCreated::Exists);
    let nowhere = store.create_repository(&"none/app".parse().unwrap()).await;
    assert_eq!(nowhere.unwrap(), RepositoryCreated::NoGroup);
    for (group, expected) in [("team", 1), ("none", 0)] {
        let filter = RepositoryFilter {
            group: Some(group.parse().unwrap()),
            ..RepositoryFilter::default()
        };
        let request = page(Order::Asc, None, 10);
        let found =
            store.repository_page(Readable::All, None, filter, RepositorySort::Name, request);
        assert_eq!(found.await.unwrap().total, expected, "{group}");
    }
}
