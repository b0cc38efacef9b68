//! Stored sums equal a full recount after every sequence of changes.

use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::*;
use crate::accounts::audit::Pulls;

const REPOSITORIES: [&str; 3] = ["team/a", "team/b", "team/c"];

/// The last one has the bytes of a manifest.
const BLOBS: [&[u8]; 5] = [b"x", b"xx", b"xxxx", b"xxxxxxxx", b"manifest 1"];

/// Rows whose stored sum differs from the recomputed one.
const WRONG: &str = "
    WITH held AS (
        SELECT repository_id, blob_id FROM repository_blobs WHERE desired
        UNION SELECT repository_id, manifest_id FROM repository_manifests WHERE desired),
    sums (what, stored, counted) AS (
        SELECT r.name || ' tags', r.tags,
               (SELECT count(*) FROM tags t
                WHERE t.repository_id = r.id AND t.manifest_id IS NOT NULL)
        FROM repositories r
        UNION ALL
        SELECT r.name || ' logical', r.logical_bytes,
               (SELECT sum(b.size) FROM held h JOIN blobs b ON b.id = h.blob_id
                WHERE h.repository_id = r.id)
        FROM repositories r
        UNION ALL
        SELECT r.name || ' unique', r.unique_bytes,
               (SELECT sum(b.size) FROM held h JOIN blobs b ON b.id = h.blob_id
                WHERE h.repository_id = r.id AND NOT EXISTS (
                    SELECT 1 FROM held o
                    WHERE o.blob_id = h.blob_id AND o.repository_id <> r.id))
        FROM repositories r
        UNION ALL
        SELECT r.name || ' pulls', r.pulls,
               (SELECT sum(p.count) FROM pulls p WHERE p.repository_id = r.id)
        FROM repositories r
        UNION ALL
        SELECT t.name || ' size', t.size,
               (SELECT m.size FROM manifests m WHERE m.blob_id = t.manifest_id)
        FROM tags t
        UNION ALL
        SELECT t.name || ' pulls', t.pulls,
               (SELECT sum(p.count) FROM pulls p
                WHERE p.repository_id = t.repository_id AND p.reference = t.name)
        FROM tags t
        UNION ALL
        SELECT 'stored', stored_bytes, (SELECT sum(size) FROM blobs WHERE stored_at IS NOT NULL)
        FROM totals
        UNION ALL
        SELECT 'blobs', stored_blobs, (SELECT count(*) FROM blobs WHERE stored_at IS NOT NULL)
        FROM totals
        UNION ALL
        SELECT 'logical', logical_bytes,
               (SELECT sum(b.size) FROM held h JOIN blobs b ON b.id = h.blob_id)
        FROM totals
        UNION ALL
        SELECT 'pending', pending_bytes,
               (SELECT sum(size) FROM blobs WHERE file IS NOT NULL AND stored_at IS NULL)
        FROM totals
        UNION ALL
        SELECT 'cached', cached_bytes,
               (SELECT sum(size) FROM blobs WHERE file IS NOT NULL AND stored_at IS NOT NULL)
        FROM totals
        UNION ALL
        SELECT 'done jobs', done_jobs, (SELECT count(*) FROM jobs WHERE state = 'done')
        FROM totals
        UNION ALL
        SELECT r.name || ' done jobs', r.done_jobs,
               (SELECT count(*) FROM job_repositories p JOIN jobs j ON j.id = p.job_id
                WHERE p.repository_id = r.id AND j.state = 'done' AND NOT p.shared)
        FROM repositories r
        UNION ALL
        SELECT 'job ' || p.job_id, p.shared,
               (SELECT count(*) > 1 FROM job_repositories o WHERE o.job_id = p.job_id)
        FROM job_repositories p)
    SELECT what || ': ' || stored || ', counted ' || coalesce(counted, 0)
    FROM sums WHERE stored <> coalesce(counted, 0)";

/// A change, with numbers that select its targets.
type Step = (u8, usize, usize, usize);

impl Place {
    async fn wrong_sums(&self) -> Vec<String> {
        let wrong = self.store.read(|db| db.all(WRONG, (), |row| row.get(0)));
        wrong.await.unwrap()
    }

    pub(super) async fn assert_sums(&self) {
        assert_eq!(self.wrong_sums().await, Vec::<String>::new());
    }

    /// Asserts that every viewer finds as many jobs as the list counts.
    async fn assert_job_pages(&self) {
        let mine = Readable::Some {
            granted_to: None,
            within: Some(vec!["team/a".parse().unwrap(), "team/c".parse().unwrap()]),
        };
        for readable in [Readable::All, mine, Readable::public()] {
            for repository in [None, Some("team/a".to_owned())] {
                for state in [None, Some(JobState::Done), Some(JobState::Pending)] {
                    let filter = JobFilter {
                        readable: readable.clone(),
                        state,
                        repository: repository.clone(),
                        text: None,
                    };
                    let page = self
                        .store
                        .jobs(filter, PageRequest::everything(Order::Desc));
                    let page = page.await.unwrap();
                    assert_eq!(
                        page.items.len() as i64,
                        page.total,
                        "{readable:?} {state:?}"
                    );
                    assert!(page.items.is_sorted_by(|one, next| one.id.0 > next.id.0));
                }
            }
        }
    }

    async fn blob_of(&self, repository: &str, bytes: &[u8]) -> Option<crate::Blob> {
        let digest = Digest::sha256(bytes);
        self.store.blob(&name(repository), &digest).await.unwrap()
    }

    async fn play(&self, (step, a, b, c): Step) {
        let store = &self.store;
        let (repository, blob) = (REPOSITORIES[a], BLOBS[b]);
        let manifest = format!("manifest {c}");
        let tag = format!("v{b}");
        match step {
            0 => self.link(repository, blob).await,
            1..=4 => {
                self.image(repository, manifest.as_bytes(), &BLOBS[b..], &tag)
                    .await;
            }
            5 => {
                let tag = tag.parse().unwrap();
                self.drop_of(repository, Deletion::Tag { tag }).await;
            }
            6 => {
                let deletion = Deletion::Manifest {
                    digest: Digest::sha256(manifest.as_bytes()),
                    tags: tags(&["v0", "v1", "v2", "v3", "v4"]),
                };
                self.drop_of(repository, deletion).await;
            }
            7 => {
                let digest = Digest::sha256(blob);
                self.drop_of(repository, Deletion::Blob { digest }).await;
            }
            8 => {
                let source = MountSource::Any(Readable::All);
                let (to, digest) = (name(repository), Digest::sha256(blob));
                store.mount(&to, source, &digest).await.unwrap();
            }
            9 => {
                // Run some of the jobs.
                for _ in 0..=c {
                    if let Some((claim, desired)) = self.claim("worker").await {
                        self.finish(&claim, &desired).await;
                    }
                }
            }
            10 => {
                self.freed().await;
                store.forget_removed(1000).await.unwrap();
            }
            11 => {
                let now = store.clock().wall_ms() + 1;
                for candidate in store.eviction_candidates(now, 2).await.unwrap() {
                    store.detach_file(&candidate, now).await.unwrap();
                }
            }
            12 => {
                if let Some(blob) = self.blob_of(repository, blob).await {
                    match blob.file {
                        Some(file) => {
                            store.file_lost(blob.id, file).await.unwrap();
                        }
                        None => {
                            let cached =
                                store.cache_blob(blob.id, FileId::from(UploadId::random()));
                            cached.await.unwrap();
                        }
                    }
                }
            }
            13 => {
                if let Some(blob) = self.blob_of(repository, blob).await {
                    let lost = store.blob_lost_on_remote(blob.id, "gone".to_owned());
                    lost.await.unwrap();
                    store.confirm_stored(vec![blob.id]).await.unwrap();
                }
            }
            14 => {
                let now = store.clock().wall_ms();
                let pulls = Pulls {
                    repository: name(repository),
                    reference: tag,
                    day: now / millis(Duration::from_secs(24 * 60 * 60)),
                    actor: "somebody".to_owned(),
                    credential: "none",
                    address: String::new(),
                    count: 3,
                    last_at: now,
                };
                store.note_pulls(vec![pulls]).await.unwrap();
            }
            15 => {
                let now = store.clock().wall_ms();
                store.purge_audit(now, 2).await.unwrap();
                let done = store.completed_intents().await.unwrap();
                store.forget_intents(done).await.unwrap();
                store
                    .prune_jobs(now - i64::try_from(c).unwrap() * 1000, 200)
                    .await
                    .unwrap();
            }
            _ => {
                let repository = name(repository);
                if c % 2 == 0 {
                    self.remove(repository.as_str()).await;
                    store.mark_removals().await.unwrap();
                    store.create_repository(&repository).await.unwrap();
                } else {
                    store.remove_if_empty(&repository).await.unwrap();
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn sums_stay_right_after_pushes_deletes_and_collections(
        steps in prop::collection::vec((0..17_u8, 0..3_usize, 0..5_usize, 0..6_usize), 1..60),
    ) {
        Runtime::new().unwrap().block_on(async {
            let place = Place::new().await;
            for step in steps {
                place.play(step).await;
                prop_assert_eq!(place.wrong_sums().await, Vec::<String>::new(), "{:?}", step);
                place.assert_job_pages().await;
            }
            Ok(())
        })?;
    }
}
