//! What lists show: sums that stay right whatever happens, pages that begin
//! anywhere, and previews that say what a collection then frees.

use super::*;
use crate::deletion::Deletion;

const DAY: Duration = Duration::from_secs(25 * 60 * 60);

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn tags(names: &[&str]) -> Vec<crate::name::Tag> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

impl Place {
    async fn link(&self, repository: &str, bytes: &[u8]) {
        let (id, hash) = (UploadId::random(), Hasher::new(Algorithm::Sha256));
        let (repository, digest) = (name(repository), Digest::sha256(bytes));
        let begun = self.store.begin_upload(id, &repository, &hash, None).await;
        begun.unwrap();
        let size = bytes.len() as u64;
        let committed = self
            .store
            .commit_upload(id, &repository, &digest, size, None);
        assert!(matches!(committed.await.unwrap(), Committed::Blob { .. }));
    }

    async fn image(&self, repository: &str, bytes: &[u8], blobs: &[&[u8]], tag: &str) {
        for blob in blobs {
            self.link(repository, blob).await;
        }
        let media_type = OCI_MANIFEST;
        self.put(repository, bytes, media_type, blobs, &[], &[tag])
            .await;
    }

    async fn put(
        &self,
        repository: &str,
        bytes: &[u8],
        media_type: crate::media_type::MediaType,
        blobs: &[&[u8]],
        manifests: &[&[u8]],
        names: &[&str],
    ) {
        let digests =
            |all: &[&[u8]]| -> Vec<Digest> { all.iter().map(|it| Digest::sha256(it)).collect() };
        let new = NewManifest {
            repository: name(repository),
            digest: Digest::sha256(bytes),
            media_type,
            bytes: bytes.to_vec(),
            blobs: digests(blobs),
            optional_blobs: Vec::new(),
            manifests: digests(manifests),
            referral: None,
            tags: tags(names),
            generation: self.store.next_generation().await.unwrap(),
            intent: IntentId::random(),
            user: None,
        };
        let put = self.store.put_manifest(new).await.unwrap();
        assert!(matches!(put, PutManifest::Put { .. }), "{put:?}");
    }

    async fn drop_of(&self, repository: &str, deletion: Deletion) -> Deleted {
        let new = NewDelete {
            repository: name(repository),
            deletion,
            generation: self.store.next_generation().await.unwrap(),
            intent: IntentId::random(),
        };
        self.store.delete(new).await.unwrap()
    }

    async fn untag(&self, repository: &str, names: &[&str]) {
        for tag in tags(names) {
            let deleted = self.drop_of(repository, Deletion::Tag { tag }).await;
            assert_eq!(deleted, Deleted::Yes);
        }
    }

    /// A day later, what a collection frees.
    async fn freed(&self) -> u64 {
        self.finish_all().await;
        self.forward(DAY);
        let collected = self
            .store
            .collect(CollectRules::default(), false, |_| {})
            .await
            .unwrap();
        let Collect::Done(collection) = collected else {
            panic!("{collected:?}");
        };
        self.finish_all().await;
        collection.bytes
    }

    async fn preview(&self, repository: &str, what: Previewed) -> Preview {
        let repository = name(repository);
        let preview = self.store.preview(&repository, what, Readable::All);
        preview.await.unwrap().unwrap()
    }

    async fn repositories(&self, sort: RepositorySort, order: Order) -> Vec<RepositoryRow> {
        let filter = RepositoryFilter::default();
        let page = self
            .store
            .repository_page(Readable::All, None, filter, sort, first(order));
        page.await.unwrap().items
    }

    async fn repository(&self, repository: &str) -> RepositoryRow {
        let all = self.repositories(RepositorySort::Name, Order::Asc).await;
        let found = all.into_iter().find(|it| it.name == name(repository));
        found.unwrap()
    }

    async fn tag_rows(&self, repository: &str, sort: TagSort, order: Order) -> Vec<TagRow> {
        let repository = name(repository);
        let page = self.store.tag_page(&repository, None, sort, first(order));
        page.await.unwrap().unwrap().items
    }

    async fn tag_names(&self, sort: TagSort, order: Order) -> Vec<String> {
        let rows = self.tag_rows("team/app", sort, order).await;
        rows.iter().map(|tag| tag.name.to_string()).collect()
    }

    /// Compares what is kept of sums with what they are.
    async fn assert_sums(&self) {
        let wrong: Vec<String> = self
            .store
            .read(|db| {
                let mut query = db.prepare(
                    "WITH held AS (
                     SELECT repository_id, blob_id FROM repository_blobs WHERE wanted
                     UNION SELECT repository_id, manifest_id FROM repository_manifests WHERE wanted
                 )
                 SELECT r.name || ': ' || r.tags || ' ' || r.logical_bytes || ' ' || r.unique_bytes
                 FROM repositories r WHERE
                     r.tags <> (SELECT count(*) FROM tags t
                                WHERE t.repository_id = r.id AND t.manifest_id IS NOT NULL)
                  OR r.logical_bytes <> coalesce((SELECT sum(b.size) FROM held h
                         JOIN blobs b ON b.id = h.blob_id WHERE h.repository_id = r.id), 0)
                  OR r.unique_bytes <> coalesce((SELECT sum(b.size) FROM held h
                         JOIN blobs b ON b.id = h.blob_id WHERE h.repository_id = r.id
                          AND NOT EXISTS (SELECT 1 FROM held o WHERE o.blob_id = h.blob_id
                                           AND o.repository_id <> r.id)), 0)
                 UNION ALL
                 SELECT t.name || ': ' || t.size FROM tags t WHERE t.manifest_id IS NOT NULL
                     AND t.size <> (SELECT size FROM manifests WHERE blob_id = t.manifest_id)",
                )?;
                let rows = query.query_map([], |row| row.get(0))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
            .unwrap();
        assert_eq!(wrong, Vec::<String>::new());
    }
}

fn first(order: Order) -> PageRequest {
    PageRequest {
        order,
        cursor: None,
        limit: 100,
    }
}

#[tokio::test]
async fn sums_stay_right_whatever_is_pushed_deleted_and_collected() {
    let place = Place::new().await;
    let mut seed = 7_u32;
    let mut below = move |limit: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % limit
    };
    let repositories = ["team/a", "team/b", "team/c"];
    let blobs: [&[u8]; 5] = [b"x", b"xx", b"xxxx", b"xxxxxxxx", b"manifest 1"];
    for turn in 0..150 {
        let repository = repositories[below(3) as usize];
        let tag = format!("v{}", below(4));
        match below(6) {
            0 => place.link(repository, blobs[below(5) as usize]).await,
            1..=3 => {
                let manifest = format!("manifest {}", below(6));
                let some = &blobs[below(4) as usize..];
                let bytes = manifest.as_bytes();
                place.image(repository, bytes, some, &tag).await;
            }
            4 => {
                let tag = tag.parse().unwrap();
                place.drop_of(repository, Deletion::Tag { tag }).await;
            }
            _ => {
                let digest = Digest::sha256(format!("manifest {}", below(6)).as_bytes());
                let tags = tags(&["v0", "v1", "v2", "v3"]);
                let deletion = Deletion::Manifest { digest, tags };
                place.drop_of(repository, deletion).await;
            }
        }
        if turn % 30 == 29 {
            place.freed().await;
        }
        place.assert_sums().await;
    }
}

#[tokio::test]
async fn a_preview_says_what_a_collection_then_frees() {
    let place = Place::new().await;
    place
        .image("team/a", b"first", &[b"own 1", b"here", b"shared"], "v1")
        .await;
    place
        .image("team/a", b"second", &[b"own two", b"here", b"shared"], "v2")
        .await;
    place.image("team/b", b"other", &[b"shared"], "v1").await;
    place
        .image("team/a", b"first", &[b"own 1", b"here", b"shared"], "alias")
        .await;

    let v1 = Previewed::Tags(tags(&["v1", "v1", "absent"]));
    let preview = place.preview("team/a", v1).await;
    assert_eq!(preview.tags, tags(&["v1"]));
    assert_eq!(preview.missing, tags(&["absent"]));
    assert_eq!(preview.also_tagged, tags(&["alias"]));
    assert_eq!((preview.frees_bytes, preview.manifests), (0, 0));

    let both = Previewed::Tags(tags(&["v1", "alias"]));
    let preview = place.preview("team/a", both).await;
    assert_eq!(preview.also_tagged, []);
    assert_eq!(preview.frees_bytes, 5 + 5, "the manifest and its own layer");
    assert_eq!(preview.kept_here_bytes, 4 + 6);
    assert_eq!(preview.kept_shared_bytes, 0, "the second needs it here too");
    place.untag("team/a", &["v1", "alias"]).await;

    // What is let go of already needs nothing any more.
    let preview = place
        .preview("team/a", Previewed::Tags(tags(&["v2"])))
        .await;
    assert_eq!(preview.frees_bytes, 6 + 7 + 4);
    assert_eq!(preview.kept_shared_bytes, 6);
    assert_eq!(preview.shared_with, [name("team/b")]);
    let digest = Digest::sha256(b"second");
    let by_digest = place.preview("team/a", Previewed::Manifest(digest)).await;
    assert_eq!(by_digest.tags, tags(&["v2"]));
    assert_eq!(by_digest.frees_bytes, preview.frees_bytes);
    place.untag("team/a", &["v2"]).await;
    assert_eq!(place.freed().await, 10 + preview.frees_bytes);
}

#[tokio::test]
async fn an_index_takes_its_images_with_it_and_a_tagged_one_stays() {
    let place = Place::new().await;
    place
        .image("team/a", b"amd64", &[b"layer a"], "amd64")
        .await;
    place.link("team/a", b"layer bc").await;
    let image = OCI_MANIFEST;
    place
        .put("team/a", b"arm64", image, &[b"layer bc"], &[], &[])
        .await;
    let index = br#"{"manifests":[]}"#;
    let media_type = crate::media_type::OCI_INDEX;
    place
        .put(
            "team/a",
            index,
            media_type,
            &[],
            &[b"amd64", b"arm64"],
            &["all"],
        )
        .await;
    let preview = place
        .preview("team/a", Previewed::Tags(tags(&["all"])))
        .await;
    assert_eq!(preview.manifests, 2);
    assert_eq!(preview.frees_bytes, index.len() as u64 + 5 + 8);
    assert_eq!(preview.kept_here_bytes, 5 + 7);
    let child = Digest::sha256(b"arm64");
    let named = place.preview("team/a", Previewed::Manifest(child)).await;
    assert_eq!(named.named_by, Some(Digest::sha256(index)));
    let size = place.tag_rows("team/a", TagSort::Size, Order::Desc).await[0].size;
    assert_eq!(size, index.len() as i64 + 5 + 5 + 7 + 8);
    place.untag("team/a", &["all"]).await;
    assert_eq!(place.freed().await, preview.frees_bytes);
}

#[tokio::test]
async fn what_a_deleted_image_of_another_repository_needed_is_free_too() {
    let place = Place::new().await;
    place.image("team/a", b"first", &[b"shared"], "v1").await;
    place.image("team/b", b"other", &[b"shared"], "v1").await;
    place.untag("team/b", &["v1"]).await;
    let preview = place
        .preview("team/a", Previewed::Tags(tags(&["v1"])))
        .await;
    assert_eq!((preview.frees_bytes, preview.kept_shared_bytes), (11, 0));
    let whole = place.preview("team/a", Previewed::Repository).await;
    assert_eq!((whole.frees_bytes, whole.kept_shared_bytes), (5, 6));
    assert_eq!(whole.shared_with, [name("team/b")]);
}

#[tokio::test]
async fn tags_are_sorted_as_versions_both_ways_and_other_names_come_last() {
    let place = Place::new().await;
    for tag in ["latest", "1.10", "1.9", "1.10-rc.1", "edge", "v2"] {
        place.image("team/app", b"manifest", &[], tag).await;
    }
    let up = place.tag_names(TagSort::Semver, Order::Asc).await;
    assert_eq!(up, ["1.9", "1.10-rc.1", "1.10", "v2", "edge", "latest"]);
    let down = place.tag_names(TagSort::Semver, Order::Desc).await;
    assert_eq!(down, ["v2", "1.10", "1.10-rc.1", "1.9", "latest", "edge"]);
    let newest = place.tag_names(TagSort::Pushed, Order::Desc).await;
    assert_eq!(newest.len(), 6);
}

#[tokio::test]
async fn pages_are_found_by_an_index_and_never_sorted() {
    let place = Place::new().await;
    let plans = |db: &Connection| -> Result<Vec<String>, StoreError> {
        let tags = "tags t WHERE t.repository_id = 1 AND t.manifest_id IS NOT NULL";
        let all = "repositories r WHERE r.removed_at IS NULL";
        let group = "repositories r WHERE r.removed_at IS NULL AND r.group_id = 1";
        let mut lists: Vec<(&str, &str, &str)> = Vec::new();
        for key in [
            "name",
            "pushed_at",
            "size",
            "pulled_at",
            "version_key",
            "version_down",
        ] {
            lists.push((tags, "t", key));
        }
        for from in [all, group] {
            for key in ["name", "last_push_at", "unique_bytes", "tags"] {
                lists.push((from, "r", key));
            }
        }
        let mut steps = Vec::new();
        for (from, table, key) in lists {
            for (than, way) in [(">", "ASC"), ("<", "DESC")] {
                for beside in ["= 1 AND {table}.id", ""] {
                    let beside = beside.replace("{table}", table);
                    let query = format!(
                        "EXPLAIN QUERY PLAN SELECT * FROM {from}
                         AND {table}.{key} {beside} {than} 1
                         ORDER BY {table}.{key} {way}, {table}.id {way} LIMIT 9"
                    );
                    let mut plan = db.prepare(&query)?;
                    let rows = plan.query_map([], |row| row.get::<_, String>(3))?;
                    for step in rows {
                        steps.push(format!("{key}: {}", step?));
                    }
                }
            }
        }
        Ok(steps)
    };
    for step in place.store.read(plans).await.unwrap() {
        let (key, plan) = step.split_once(": ").unwrap();
        assert!(
            plan.starts_with("SEARCH")
                && ["=?", ">?", "<?"]
                    .iter()
                    .any(|it| plan.contains(&format!("{key}{it}"))),
            "{step}"
        );
    }
}

#[tokio::test]
async fn a_tag_is_staged_then_on_sftp_and_then_verified() {
    let place = Place::new().await;
    place
        .image("team/app", b"manifest", &[b"layer"], "v1")
        .await;
    let look = async || place.tag_rows("team/app", TagSort::Name, Order::Asc).await[0].durability;
    let staged = look().await;
    assert_eq!(staged.state, DurabilityState::Staged);
    assert_eq!((staged.bytes_total, staged.bytes_stored), (13, 0));
    let (claim, wish) = place.claim("worker").await.unwrap();
    assert_eq!(look().await.state, DurabilityState::Uploading);
    place.finish(&claim, &wish).await;
    let stored = look().await.bytes_stored;
    assert!(stored == 5 || stored == 8, "{stored}");
    place.finish_all().await;
    let there = look().await;
    assert_eq!(there.state, DurabilityState::OnSftp);
    assert_eq!((there.bytes_stored, there.bytes_verified), (13, 0));
    let verify = |db: &Connection| -> Result<(), StoreError> {
        db.execute("UPDATE blobs SET verified_at = 1", [])?;
        Ok(())
    };
    place.store.write(verify).await.unwrap();
    assert_eq!(look().await.state, DurabilityState::Verified);
    let layer = place.store.blob(&app(), &Digest::sha256(b"layer")).await;
    let layer = layer.unwrap().unwrap();
    place
        .store
        .file_lost(layer.id, layer.file.unwrap())
        .await
        .unwrap();
    place
        .store
        .blob_lost_on_remote(layer.id, "gone".to_owned())
        .await
        .unwrap();
    assert_eq!(look().await.state, DurabilityState::Damaged);
}

#[tokio::test]
async fn a_removed_repository_is_gone_until_it_is_pushed_to_again() {
    let place = Place::new().await;
    let store = &place.store;
    place
        .image("team/app", b"manifest", &[b"layer"], "v1")
        .await;
    place.finish_all().await;
    assert_eq!(
        store.remove_repository(&app()).await.unwrap(),
        RepositoryRemoved::NotEmpty
    );
    let outer = store.outer_manifests(&app(), 0, 9).await.unwrap();
    assert_eq!(outer.len(), 1);
    let deletion = Deletion::Manifest {
        digest: outer[0].1.clone(),
        tags: tags(&["v1"]),
    };
    assert_eq!(place.drop_of("team/app", deletion).await, Deleted::Yes);
    let blobs = store.linked_blobs(&app(), 0, 9).await.unwrap();
    assert_eq!(blobs.len(), 1);
    let deletion = Deletion::Blob {
        digest: blobs[0].1.clone(),
    };
    assert_eq!(place.drop_of("team/app", deletion).await, Deleted::Yes);
    assert_eq!(
        store.remove_repository(&app()).await.unwrap(),
        RepositoryRemoved::Yes
    );
    assert_eq!(
        store.remove_repository(&app()).await.unwrap(),
        RepositoryRemoved::Unknown
    );
    assert_eq!(store.tags(&app(), None, None).await.unwrap(), None);
    assert!(
        store
            .repositories(&Readable::All, None, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store.emptied_repositories(9).await.unwrap(),
        [],
        "links are still on SFTP"
    );

    place.finish_all().await;
    let emptied = store.emptied_repositories(9).await.unwrap();
    assert_eq!(emptied.len(), 1);
    // A manifest that lacks something leaves it removed.
    let put = place.push_manifest(b"another", &[b"nothing"], "v1").await;
    assert!(matches!(put, PutManifest::Missing(_)));
    assert!(!store.has_repository(&app()).await.unwrap());
    assert!(store.note_cleared(&emptied[0]).await.unwrap());
    assert_eq!(store.emptied_repositories(9).await.unwrap(), []);

    place
        .image("team/app", b"manifest", &[b"layer"], "v1")
        .await;
    assert!(!store.note_cleared(&emptied[0]).await.unwrap());
    let row = place.repository("team/app").await;
    assert_eq!((row.tags, row.logical_bytes, row.unique_bytes), (1, 13, 13));
    place.assert_sums().await;
    store.forget_removed_repositories(9).await.unwrap();
    assert!(store.has_repository(&app()).await.unwrap());
}

#[tokio::test]
async fn a_group_that_is_made_again_has_none_of_its_old_rights() {
    let place = Place::new().await;
    let (store, team) = (&place.store, "team".parse().unwrap());
    let new = NewUser {
        name: "bob".parse().unwrap(),
        password_hash: String::new(),
        role: Role::User,
        must_change_password: false,
    };
    let bob = store.create_user(new).await.unwrap().unwrap().id;
    let rights = [crate::rights::Right::Push].into_iter().collect();
    store.grant(bob, &team, None, rights).await.unwrap();
    place.link("team/app", b"layer").await;
    let removed = store.remove_group(&team).await.unwrap();
    assert_eq!(removed, GroupRemoved::NotEmpty(1));
    let digest = Digest::sha256(b"layer");
    place.drop_of("team/app", Deletion::Blob { digest }).await;
    store.remove_repository(&app()).await.unwrap();
    assert_eq!(store.remove_group(&team).await.unwrap(), GroupRemoved::Yes);
    assert_eq!(
        store.remove_group(&team).await.unwrap(),
        GroupRemoved::Unknown
    );
    assert_eq!(
        store.push_target(&app()).await.unwrap(),
        PushTarget::NoGroup
    );
    assert!(place.finish_all().await.contains(&JobKind::MarkGroup));
    let settings = GroupSettings {
        public: true,
        create_on_push: false,
    };
    let created = store.create_group_with(&team, settings).await.unwrap();
    assert_eq!(created, GroupCreated::Yes);
    let given = store.given(Some(bob), &app()).await.unwrap();
    assert_eq!(
        given,
        Given {
            public: true,
            rights: crate::rights::Rights::NONE
        }
    );
    assert_eq!(
        store.push_target(&app()).await.unwrap(),
        PushTarget::NoRepository
    );
    assert_eq!(
        store.create_repository(&app()).await.unwrap(),
        RepositoryCreated::Yes
    );
    assert_eq!(
        store.create_repository(&app()).await.unwrap(),
        RepositoryCreated::Exists
    );
    assert_eq!(store.push_target(&app()).await.unwrap(), PushTarget::Open);
}

#[tokio::test]
async fn what_an_earlier_version_left_out_is_worked_out_at_the_start() {
    let place = Place::new().await;
    place
        .image("team/app", b"manifest", &[b"layer"], "v1")
        .await;
    let undo = |db: &Connection| -> Result<(), StoreError> {
        db.execute_batch("UPDATE tags SET version_key = ''; UPDATE manifests SET size = 0;")?;
        Ok(())
    };
    place.store.write(undo).await.unwrap();
    let again = open(place.folder.path()).await;
    let repository = app();
    let page = again.tag_page(&repository, None, TagSort::Semver, first(Order::Asc));
    assert_eq!(page.await.unwrap().unwrap().items[0].size, 13);
    let missing = |db: &Connection| -> Result<i64, StoreError> {
        let count = "SELECT count(*) FROM tags WHERE version_key = ''";
        Ok(db.query_row(count, [], |row| row.get(0))?)
    };
    assert_eq!(again.read(missing).await.unwrap(), 0);
}

#[tokio::test]
async fn lists_show_what_may_be_read_and_nothing_else() {
    let place = Place::new().await;
    let store = &place.store;
    for group in ["open", "a_b", "axb"] {
        store.create_group(&group.parse().unwrap()).await.unwrap();
    }
    for repository in ["team/app", "team/api", "open/app", "a_b/app", "axb/app"] {
        place.image(repository, b"manifest", &[], "v1").await;
    }
    let public = GroupChange {
        public: Some(true),
        create_on_push: None,
    };
    store
        .change_group(&"open".parse().unwrap(), public)
        .await
        .unwrap();
    let pattern = |text: &str| text.parse::<crate::rights::Pattern>().unwrap();
    let within = |patterns: &[&str]| Readable::Some {
        granted_to: None,
        within: Some(patterns.iter().map(|text| pattern(text)).collect()),
    };
    for (readable, groups, repositories) in [
        (Readable::public(), "open", "open/app"),
        (within(&["team/app"]), "open team", "open/app team/app"),
        (within(&["a_b/*"]), "a_b open", "a_b/app open/app"),
        (
            Readable::All,
            "a_b axb open team",
            "a_b/app axb/app open/app team/api team/app",
        ),
    ] {
        let page = store
            .group_page(readable.clone(), None, None, first(Order::Asc))
            .await;
        let names: Vec<_> = page
            .unwrap()
            .items
            .iter()
            .map(|it| it.name.to_string())
            .collect();
        assert_eq!(names.join(" "), groups, "{readable:?}");
        let page = store.repository_page(
            readable.clone(),
            None,
            RepositoryFilter::default(),
            RepositorySort::Name,
            first(Order::Asc),
        );
        let names: Vec<_> = page
            .await
            .unwrap()
            .items
            .iter()
            .map(|it| it.name.to_string())
            .collect();
        assert_eq!(names.join(" "), repositories, "{readable:?}");
        let found = store
            .search(readable.clone(), "APP".to_owned(), 9)
            .await
            .unwrap();
        let count = repositories
            .split(' ')
            .filter(|name| name.ends_with("app"))
            .count();
        assert_eq!(found.repositories.len(), count, "{readable:?}");
        let found = store
            .search(readable.clone(), "v1".to_owned(), 9)
            .await
            .unwrap();
        assert_eq!(found.tags.len(), names.len(), "{readable:?}");
        let overview = store.overview(readable.clone(), 9).await.unwrap();
        let count = i64::try_from(names.len()).unwrap();
        assert_eq!(
            (overview.repositories, overview.tags),
            (count, count),
            "{readable:?}"
        );
        assert_eq!(overview.recent.len(), names.len(), "{readable:?}");
        let count = i64::try_from(groups.split(' ').count()).unwrap();
        assert_eq!(overview.groups, count, "{readable:?}");
        let (seen, all) = (store.backlog(readable.clone()), store.job_counts());
        let (seen, all) = (seen.await.unwrap().counts, all.await.unwrap());
        assert_eq!(overview.queued, seen.waiting + seen.pending, "{readable:?}");
        let sees_all = overview.queued == all.waiting + all.pending;
        assert_eq!(sees_all, readable == Readable::All, "{readable:?}");
        assert_eq!(overview.staged_bytes, 8, "{readable:?}");
        let layer = Digest::sha256(b"manifest");
        let shared = store
            .sharing(&name("team/api"), vec![layer], readable)
            .await
            .unwrap();
        assert_eq!(shared[0].repositories, [], "manifests are no layers");
    }
}
