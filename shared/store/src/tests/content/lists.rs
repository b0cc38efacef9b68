//! Lists: their contents per account, and their order.

use refity_types::name::GroupName;

use super::*;
use crate::RecentPush;

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
    let plans = |db: &Db| -> Result<Vec<String>, StoreError> {
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
                        "SELECT * FROM {from}
                         AND {table}.{key} {beside} {than} 1
                         ORDER BY {table}.{key} {way}, {table}.id {way} LIMIT 9"
                    );
                    let plan = testing::plan(db, &query);
                    steps.extend(plan.iter().map(|step| format!("{key}: {step}")));
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
    let (claim, desired) = place.claim("worker").await.unwrap();
    assert_eq!(look().await.state, DurabilityState::Uploading);
    place.finish(&claim, &desired).await;
    let stored = look().await.bytes_stored;
    assert!(stored == 5 || stored == 8, "{stored}");
    place.finish_all().await;
    let there = look().await;
    assert_eq!(there.state, DurabilityState::OnSftp);
    assert_eq!((there.bytes_stored, there.bytes_verified), (13, 0));
    let verify = place
        .store
        .write(|db| db.run("UPDATE blobs SET verified_at = 1", ()));
    verify.await.unwrap();
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
async fn lists_contain_only_readable_content() {
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
    let pattern = |text: &str| text.parse::<refity_types::rights::Pattern>().unwrap();
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
        let found = store.search(readable.clone(), "e".to_owned(), 9);
        let seen: Vec<_> = groups
            .split(' ')
            .filter(|name| name.contains('e'))
            .collect();
        assert_eq!(
            found.await.unwrap().groups.len(),
            seen.len(),
            "{readable:?}"
        );
        let overview = store.overview(readable.clone(), 9).await.unwrap();
        let count = i64::try_from(names.len()).unwrap();
        assert_eq!(
            (overview.repositories, overview.tags),
            (count, count),
            "{readable:?}"
        );
        assert_eq!(overview.recent.len(), names.len(), "{readable:?}");
        let staged = |it: &RecentPush| it.durability.state == DurabilityState::Staged;
        assert!(overview.recent.iter().all(staged), "{readable:?}");
        let count = i64::try_from(groups.split(' ').count()).unwrap();
        assert_eq!(overview.groups, count, "{readable:?}");
        let largest = overview.largest_groups.iter();
        let mut largest: Vec<_> = largest.map(|it| it.name.as_str()).collect();
        let first = if readable == Readable::All {
            "team"
        } else {
            largest[0]
        };
        assert_eq!(largest[0], first, "team has two repositories");
        largest.sort_unstable();
        assert_eq!(largest.join(" "), groups, "{readable:?}");
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

#[tokio::test]
async fn names_that_begin_with_the_text_come_first() {
    let place = Place::new().await;
    for group in ["a-web", "b-web", "web"] {
        let group = group.parse().unwrap();
        place.store.create_group(&group).await.unwrap();
    }
    let found = place.store.search(Readable::All, "web".to_owned(), 2).await;
    let names = found.unwrap().groups;
    assert_eq!(
        names.iter().map(GroupName::as_str).collect::<Vec<_>>(),
        ["web", "a-web"]
    );
}
