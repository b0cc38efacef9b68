//! Pages of lists: a client that follows the links sees each entry exactly once, in
//! order, for any entries and page sizes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use axum::http::header::LINK;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use refity_fuzz::check;
use refity_store::{NewManifest, Referral};
use refity_types::digest::Digest;
use refity_types::media_type::OCI_MANIFEST;
use refity_types::name::IntentId;
use serde_json::Value;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::registry::tests::Registry;

/// The number of lists after which a new registry is created, so that none
/// grows large.
const LISTS: usize = 250;

/// A registry and its contents.
struct Filled {
    runtime: Runtime,
    registry: Registry,
    repositories: BTreeSet<String>,
}

impl Filled {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let registry = runtime.block_on(Registry::start());
        Self {
            runtime,
            registry,
            repositories: BTreeSet::new(),
        }
    }

    /// Returns this registry, or a new one if this one has become large.
    fn not_full(&mut self) -> &mut Self {
        if self.repositories.len() >= LISTS {
            *self = Self::start();
        }
        self
    }

    /// Pushes a manifest of random bytes with these tags. Returns its digest.
    fn put(&mut self, repository: &str, tags: &[String], referral: Option<Referral>) -> String {
        let bytes = Uuid::new_v4().as_bytes().to_vec();
        let digest = Digest::sha256(&bytes);
        let store = &self.registry.state.node.store;
        self.runtime.block_on(async {
            let new = NewManifest {
                repository: repository.parse().unwrap(),
                digest: digest.clone(),
                media_type: OCI_MANIFEST,
                bytes: bytes.into(),
                platform: None,
                blobs: Vec::new(),
                optional_blobs: Vec::new(),
                manifests: Vec::new(),
                referral,
                tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
                generation: store.next_generation().await.unwrap(),
                intent: IntentId::random(),
                user: None,
            };
            store.put_manifest(new).await.unwrap();
        });
        self.repositories.insert(repository.to_owned());
        digest.to_string()
    }

    /// Returns the pages from this one on, as `entries` parses them.
    fn pages(&self, first: String, entries: impl Fn(&Value) -> Vec<String>) -> Vec<Vec<String>> {
        let (mut next, mut pages) = (Some(first), Vec::new());
        while let Some(path) = next {
            let answer = self.runtime.block_on(self.registry.get(&path));
            assert_eq!(answer.status, 200, "{path}");
            pages.push(entries(&serde_json::from_slice(&answer.body).unwrap()));
            next = answer.headers.get(LINK).map(|link| {
                let link = link.to_str().unwrap();
                let target = link.strip_prefix('<').unwrap();
                target.strip_suffix(">; rel=\"next\"").unwrap().to_owned()
            });
            assert!(pages.len() < 10_000, "the pages of {path} have no end");
        }
        pages
    }
}

fn strings(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap();
    let text = |entry: &Value| entry.as_str().unwrap().to_owned();
    list.iter().map(text).collect()
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Checks that each page but the last is full, and that only a single page may
/// be empty.
fn well_cut(pages: &[Vec<String>], n: usize) -> Result<(), TestCaseError> {
    let (last, before) = pages.split_last().unwrap();
    prop_assert!(before.iter().all(|page| page.len() == n));
    prop_assert!(last.len() <= n && (before.is_empty() || !last.is_empty()));
    Ok(())
}

/// Where a reader without a link may start: anywhere.
fn start() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        "[a-zA-Z0-9._/-]{0,6}".prop_map(Some),
        "\\PC{0,4}".prop_map(Some),
    ]
}

fn after<'a>(all: &'a BTreeSet<String>, start: Option<&'a str>) -> Vec<String> {
    let start = start.unwrap_or_default();
    all.iter()
        .filter(|entry| entry.as_str() > start)
        .cloned()
        .collect()
}

#[test]
fn fuzz_tag_pages() {
    let tag = prop_oneof![
        // Few letters, so that many names have a common prefix.
        4 => "[aAz_09][aA.-]{0,3}",
        1 => "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}",
    ];
    let input = (btree_set(tag, 0..40), 1..45_usize, start());
    let filled = RefCell::new(Filled::start());
    check("tag pages", &input, |(tags, n, start)| {
        let mut filled = filled.borrow_mut();
        let filled = filled.not_full();
        let repository = format!("team/{}", Uuid::new_v4());
        let listed: Vec<String> = tags.iter().rev().cloned().collect();
        filled.put(&repository, &listed, None);
        let path = format!("/v2/{repository}/tags/list");
        let tags_of = |body: &Value| strings(&body["tags"]);

        let whole = filled.pages(path.clone(), tags_of);
        prop_assert_eq!(whole, vec![after(&tags, None)]);
        let pages = filled.pages(format!("{path}?n={n}"), tags_of);
        well_cut(&pages, n)?;
        prop_assert_eq!(pages.concat(), after(&tags, None));
        if let Some(start) = &start {
            let first = format!("{path}?last={}&n={n}", encoded(start));
            let pages = filled.pages(first, tags_of);
            prop_assert_eq!(pages.concat(), after(&tags, Some(start)));
        }
        Ok(())
    });
}

#[test]
fn fuzz_catalog_pages() {
    let name = "[a-c0-1](-|_|__|\\.)?[a-c0-1](/[a-c0-1]{1,2}){0,2}";
    let input = (vec(name, 1..4), 1..45_usize, start());
    let filled = RefCell::new(Filled::start());
    check("catalog pages", &input, |(names, n, start)| {
        let mut filled = filled.borrow_mut();
        let filled = filled.not_full();
        for name in &names {
            filled.put(&format!("team/{name}"), &[], None);
        }
        let names_of = |body: &Value| strings(&body["repositories"]);
        let pages = filled.pages(format!("/v2/_catalog?n={n}"), names_of);
        well_cut(&pages, n)?;
        prop_assert_eq!(pages.concat(), after(&filled.repositories, None));
        if let Some(start) = start.map(|start| format!("team/{start}")) {
            let first = format!("/v2/_catalog?n={n}&last={}", encoded(&start));
            let pages = filled.pages(first, names_of);
            prop_assert_eq!(pages.concat(), after(&filled.repositories, Some(&start)));
        }
        Ok(())
    });
}

#[test]
fn fuzz_referrer_pages() {
    let kinds = ["application/a", "application/a+json", "x/$&^_.+-!#", "a/b"];
    let kind = prop::option::of(select(kinds.to_vec()));
    // Some are so large that a page ends before it has the requested number of
    // entries.
    let annotation = prop_oneof![30 => 0..100_usize, 1 => 500_000..900_000_usize];
    let referrers = vec((kind.clone(), annotation), 0..8);
    let input = (referrers, prop::option::of(1..10_usize), kind);
    let filled = RefCell::new(Filled::start());
    check("referrer pages", &input, |(referrers, n, wanted)| {
        let mut filled = filled.borrow_mut();
        let filled = filled.not_full();
        let repository = format!("team/{}", Uuid::new_v4());
        let subject = Digest::sha256(repository.as_bytes());
        let mut expected = Vec::new();
        for (kind, annotation) in referrers {
            let note = ("note".to_owned(), "\"".repeat(annotation));
            let referral = Referral {
                subject: subject.clone(),
                artifact_type: kind.map(str::to_owned),
                annotations: BTreeMap::from([note]),
            };
            let digest = filled.put(&repository, &[], Some(referral));
            if wanted.is_none() || kind == wanted {
                expected.push(digest);
            }
        }
        let mut query = Vec::new();
        query.extend(n.map(|n| format!("n={n}")));
        query.extend(wanted.map(|wanted| format!("artifactType={}", encoded(wanted))));
        let path = format!("/v2/{repository}/referrers/{subject}?{}", query.join("&"));
        let digests_of = |body: &Value| {
            let list = body["manifests"].as_array().unwrap();
            let digest = |entry: &Value| entry["digest"].as_str().unwrap().to_owned();
            // No index may be larger than a manifest.
            assert!(body.to_string().len() <= 4 * 1024 * 1024);
            list.iter().map(digest).collect()
        };
        let pages = filled.pages(path, digests_of);
        prop_assert!(n.is_none_or(|n| pages.iter().all(|page| page.len() <= n)));
        prop_assert!(pages.len() == 1 || pages.iter().all(|page| !page.is_empty()));
        prop_assert_eq!(pages.concat(), expected);
        Ok(())
    });
}
