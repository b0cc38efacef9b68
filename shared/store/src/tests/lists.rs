//! Lists of names match the rows after every kind of write.

use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::*;
use crate::engine::value::params;

/// Statements that change the names in a list. They affect ?2 numbers, starting
/// at ?1, and skip every third one if ?3 is 1.
const CHANGES: [&str; 6] = [
    "INSERT INTO tags (repository_id, name, manifest_id, generation, pushed_at)
     SELECT t.repository_id, printf('t%d', n), t.manifest_id, 1, 1
     FROM numbers, (SELECT * FROM tags WHERE name = 'first') t WHERE true
     ON CONFLICT (repository_id, name) DO UPDATE SET manifest_id = excluded.manifest_id",
    "UPDATE tags SET manifest_id = NULL WHERE name IN (SELECT printf('t%d', n) FROM numbers)",
    "DELETE FROM tags WHERE name IN (SELECT printf('t%d', n) FROM numbers)",
    "INSERT OR IGNORE INTO repositories (group_id, name, created_at)
     SELECT group_id, printf('team/r%d', n), 1
     FROM numbers, (SELECT * FROM repositories WHERE name = 'team/app')",
    "UPDATE repositories SET removed_at = iif(removed_at IS NULL, 1, NULL)
     WHERE name IN (SELECT printf('team/r%d', n) FROM numbers)",
    "DELETE FROM repositories WHERE name IN (SELECT printf('team/r%d', n) FROM numbers)",
];

const NUMBERS: &str = "WITH RECURSIVE numbers (n) AS (
    SELECT ?1 UNION ALL SELECT n + 1 + (?3 AND n % 3 = 1) FROM numbers WHERE n + 1 < ?1 + ?2)";

fn column(db: &Db, query: &str) -> Vec<String> {
    db.all(query, (), |row| row.get(0)).unwrap()
}

/// Returns the requested page of a list.
fn page(all: &[String], last: Option<&str>, limit: Option<u32>) -> Vec<String> {
    let after = all
        .iter()
        .filter(|name| last.is_none_or(|last| name.as_str() > last));
    let limit = limit.map_or(usize::MAX, |limit| limit as usize);
    after.take(limit).cloned().collect()
}

fn owned(names: &Names) -> Vec<String> {
    names.iter().map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn lists_match_their_rows(
        changes in prop::collection::vec(
            (0..CHANGES.len(), 0..1200_u32, 1..500_u32, any::<bool>()), 1..20),
        asked in prop::collection::vec(
            (prop::option::of("(t|team/r)?[0-9]{0,4}"), prop::option::of(0..300_u32)), 1..20),
    ) {
        let (runtime, app) = (Runtime::new().unwrap(), app());
        let place = runtime.block_on(async {
            let place = Place::new().await;
            place.push_manifest(b"manifest", &[], "first").await;
            place
        });
        // The next read sees the commits of another process.
        let other = testing::open(&place.folder.path().join("refity.db"));
        for (change, from, count, gaps) in changes {
            let change = format!("{NUMBERS} {}", CHANGES[change]);
            other.run(&change, params![from, count, gaps]).unwrap();
            let tags = column(
                &other, "SELECT name FROM tags WHERE manifest_id IS NOT NULL ORDER BY name");
            let repositories = column(&other, "SELECT name FROM repositories WHERE removed_at IS NULL ORDER BY name");
            for (last, limit) in &asked {
                let found = place.store.tags(&app, last.clone(), *limit);
                let found = runtime.block_on(found).unwrap().unwrap();
                prop_assert_eq!(owned(&found), page(&tags, last.as_deref(), *limit));
                let limit = limit.unwrap_or(1000);
                let found = place.store.repositories(&Readable::All, last.clone(), limit);
                let found = runtime.block_on(found).unwrap();
                prop_assert_eq!(owned(&found), page(&repositories, last.as_deref(), Some(limit)));
            }
        }
    }
}

#[tokio::test]
async fn the_catalog_continues_after_a_name() {
    let place = Place::new().await;
    for name in ["team/a", "team/b", "team/c"] {
        let name = name.parse().unwrap();
        place.store.create_repository(&name).await.unwrap();
    }
    for (last, expected) in [
        (None, vec!["team/a", "team/b"]),
        (Some("team/b"), vec!["team/c"]),
        (Some("team/c"), vec![]),
    ] {
        let team = Readable::Some {
            granted_to: None,
            within: Some(vec!["team/*".parse().unwrap()]),
        };
        for readable in [Readable::All, team] {
            let last = last.map(str::to_owned);
            let found = place.store.repositories(&readable, last, 2).await;
            let found = found.unwrap();
            let names: Vec<_> = found.iter().collect();
            assert_eq!(names, expected);
        }
    }
}
