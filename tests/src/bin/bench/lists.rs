//! Pages of long lists beside short ones: what comes before a page, and what
//! comes after, costs nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use refity_tests::client::{Client, sha256};
use refity_tests::image::{Format, Image, descriptor};
use refity_tests::lab::Lab;
use serde_json::{Value, json};

use crate::Scale;
use crate::contestant::{basic, our_credentials};
use crate::load::Connection;
use crate::rows::{
    add_referrers, add_repositories, add_tags, remove_repositories, repository, tag,
};
use crate::table::{Limit, Table, median};

const LIMIT: Limit = Limit::AtMost(1.5);
const SHORT: usize = 100;
const PAGE: usize = 1000;
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// How often a page is read in a row. The first few are not counted: they
/// find the server's caches filled with other pages.
const IN_A_ROW: usize = 20;
const NOT_COUNTED: usize = 5;

/// A page: what it is called, who has it, where, and how many entries it has.
pub(crate) struct Page<'a> {
    pub(crate) name: String,
    pub(crate) lab: &'a Lab,
    pub(crate) path: String,
    pub(crate) list: &'static str,
    pub(crate) entries: usize,
}

/// Measures pages in turn; answers the median of each, in milliseconds.
/// Before a page is read it is prepared, by its number.
pub(crate) fn medians(rounds: usize, pages: &[Page<'_>], prepare: impl Fn(usize)) -> Vec<f64> {
    let authorization = basic(&our_credentials());
    let connect = |page: &Page<'_>| Connection::open(page.lab.address(0), &authorization);
    let mut connections: Vec<Connection> = pages.iter().map(connect).collect();
    let mut times = vec![Vec::new(); pages.len()];
    for _ in 0..rounds {
        for (n, page) in pages.iter().enumerate() {
            prepare(n);
            let (_, body) = connections[n].get(&page.path);
            let body: Value = serde_json::from_slice(body).expect("JSON");
            let entries = body[page.list].as_array().map_or(0, Vec::len);
            assert_eq!(entries, page.entries, "{}: {}", page.name, page.path);
            for count in 0..IN_A_ROW {
                let (time, _) = connections[n].get(&page.path);
                if count >= NOT_COUNTED {
                    times[n].push(time.as_secs_f64() * 1000.0);
                }
            }
        }
    }
    times.iter().map(|times| median(times)).collect()
}

/// Compares each page with the one that stands first.
pub(crate) fn compare(pages: &[Page<'_>], medians: &[f64], limit: Limit, table: &mut Table) {
    for (page, median) in pages.iter().zip(medians).skip(1) {
        let short = (&*pages[0].name, medians[0]);
        table.compare(&page.name, "ms", *median, short, limit);
    }
}

pub(crate) async fn measure(scale: Scale, table: &mut Table) {
    let lab = Lab::start().await;
    tags(&lab, scale, table).await;
    api(
        &lab,
        "/api/tags?repo=team/long",
        ["name", "pushed"],
        scale,
        table,
    )
    .await;
    referrers(&lab, scale, table).await;
    drop(lab);
    // One that has no other repositories.
    let lab = Lab::start().await;
    catalog(&lab, scale, table).await;
    api(
        &lab,
        "/api/repos?group=team",
        ["name", "size"],
        scale,
        table,
    )
    .await;
}

/// Where pages of a long list begin: `?last=` of the first, one in the
/// middle, and the last.
fn places(length: usize, page: usize) -> [(&'static str, Option<usize>); 3] {
    let last = length - page - 1;
    [
        ("first", None),
        ("middle", Some(length / 2)),
        ("last", Some(last)),
    ]
}

async fn tags(lab: &Lab, scale: Scale, table: &mut Table) {
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    for (name, count) in [("team/short", SHORT), ("team/long", scale.list)] {
        image
            .push(&client, name, &tag(0))
            .await
            .expect("a pushed image");
        add_tags(lab, name, count);
    }
    let page = |name: String, path: String, entries| Page {
        name,
        lab,
        path,
        list: "tags",
        entries,
    };
    for (n, what) in [(PAGE, "a page"), (SHORT, "as many")] {
        let short = format!("/v2/team/short/tags/list?n={n}");
        let mut pages = vec![page(format!("all of {SHORT}"), short, SHORT)];
        for (place, last) in places(scale.list, n) {
            let last = last.map_or(String::new(), |last| format!("&last={}", tag(last)));
            pages.push(page(
                format!("tags/list: {what} ({n}) of {}, {place}", scale.list),
                format!("/v2/team/long/tags/list?n={n}{last}"),
                n,
            ));
        }
        let medians = medians(scale.list_rounds, &pages, |_| {});
        compare(&pages, &medians, LIMIT, table);
    }
}

/// How many rows a page of the API has.
const API_PAGE: usize = 50;

/// The first page of a list of the API, one in the middle and the last. Their
/// cursors are made up: each begins beside a row that the names or the keys of
/// [`crate::rows`] tell.
async fn api(lab: &Lab, path: &str, sorts: [&str; 2], scale: Scale, table: &mut Table) {
    let client = lab.client();
    for sort in sorts {
        let first = format!("{path}&limit={API_PAGE}&sort={sort}");
        let answer = client.get(&first).await.expect("an answer");
        let answer = answer.expect_status(200).json();
        let next = answer["next_cursor"].as_str().expect("a page behind it");
        let next = URL_SAFE_NO_PAD.decode(next).expect("base64");
        let next: Value = serde_json::from_slice(&next).expect("a cursor");
        // Names rise; rows of one key fall by their ids.
        let beside = |place: usize| {
            let mut cursor = next.clone();
            if cursor["key"].is_string() && path.contains("tags") {
                cursor["key"] = json!(tag(place));
            } else if cursor["key"].is_string() {
                cursor["key"] = json!(repository(place));
            } else {
                let id = cursor["id"].as_u64().expect("an id");
                cursor["id"] = json!(id + API_PAGE as u64 - place as u64);
            }
            URL_SAFE_NO_PAD.encode(cursor.to_string())
        };
        let page = |name: &str, path: String| Page {
            name: format!("{path}: {name} of {}", scale.list),
            lab,
            path,
            list: "items",
            entries: API_PAGE,
        };
        let (middle, last) = (beside(scale.list / 2), beside(scale.list - 2 * API_PAGE));
        let mut pages = vec![page("first", first.clone())];
        for (name, cursor) in [("middle", middle), ("nearly last", last)] {
            pages.push(Page {
                name: format!("{path} by {sort}: {name} {API_PAGE} of {}", scale.list),
                ..page(name, format!("{first}&cursor={cursor}"))
            });
        }
        let medians = medians(scale.list_rounds, &pages, |_| {});
        compare(&pages, &medians, LIMIT, table);
    }
}

/// The same registry has few repositories and many in turn: two processes
/// differ by more than what is measured.
async fn catalog(lab: &Lab, scale: Scale, table: &mut Table) {
    let image = Image::random(Format::Oci, 1, 100);
    let beside = "team/beside";
    let pushed = image.push(&lab.client(), beside, "v1").await;
    pushed.expect("a pushed image");
    lab.wait_until_stored().await;
    let page = |name: String, path: String, entries| Page {
        name,
        lab,
        path,
        list: "repositories",
        entries,
    };
    let short = format!("/v2/_catalog?n={PAGE}");
    let mut pages = vec![page(format!("all of {SHORT}"), short, SHORT)];
    for (n, what) in [(PAGE, "a page"), (SHORT, "as many")] {
        for (place, last) in places(scale.list, n) {
            let last = last.map_or(String::new(), |last| format!("&last={}", repository(last)));
            pages.push(page(
                format!("_catalog: {what} ({n}) of {}, {place}", scale.list),
                format!("/v2/_catalog?n={n}{last}"),
                n,
            ));
        }
    }
    add_repositories(lab, beside, scale.list);
    let medians = medians(scale.list_rounds, &pages, |page| match page {
        0 => {
            remove_repositories(lab, beside, scale.list);
            add_repositories(lab, beside, SHORT - 1);
        }
        1 => {
            remove_repositories(lab, beside, SHORT - 1);
            add_repositories(lab, beside, scale.list);
        }
        _ => {}
    });
    compare(&pages, &medians, LIMIT, table);
}

/// Pushes an artifact that refers to `subject`.
async fn push_referrer(client: &Client, repository: &str, subject: &[u8]) {
    let empty = "application/vnd.oci.empty.v1+json";
    let pushed = client.push_blob(repository, Bytes::from_static(b"{}"));
    pushed.await.expect("a pushed blob");
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/vnd.example.sbom+json",
        "config": descriptor(empty, b"{}"),
        "layers": [descriptor(empty, b"{}")],
        "subject": descriptor(MANIFEST, subject),
        "annotations": { "org.opencontainers.image.created": "2026-01-01T00:00:00Z" },
    });
    let manifest = manifest.to_string();
    let digest = sha256(manifest.as_bytes());
    let put = client.put_manifest(repository, &digest, MANIFEST, manifest);
    put.await.expect("an answer").expect_status(201);
}

async fn referrers(lab: &Lab, scale: Scale, table: &mut Table) {
    let client = lab.client();
    let path = |name: &str| format!("/v2/{name}/referrers/{}", sha256(name.as_bytes()));
    for (name, count) in [
        ("team/few", SHORT - 1),
        ("team/signed", scale.referrers - 1),
    ] {
        push_referrer(&client, name, name.as_bytes()).await;
        add_referrers(lab, name, count);
    }
    let page = |name: String, path: String, entries| Page {
        name,
        lab,
        path,
        list: "manifests",
        entries,
    };
    let (few, many) = (path("team/few"), path("team/signed"));
    let middle = place_of(&client, &many, scale.referrers / 2).await;
    let last = place_of(&client, &many, scale.referrers - SHORT).await;
    let whole_page = client.get(&many).await.expect("an answer").json();
    let whole_page = whole_page["manifests"].as_array().map_or(0, Vec::len);
    let of = scale.referrers;
    let named = |what: &str, n: usize| format!("referrers: {what} ({n}) of {of}");
    let pages = [
        page(format!("all of {SHORT}"), few, SHORT),
        page(named("first", SHORT), format!("{many}?n={SHORT}"), SHORT),
        page(
            named("middle", SHORT),
            format!("{many}?n={SHORT}&last={middle}"),
            SHORT,
        ),
        page(
            named("last", SHORT),
            format!("{many}?n={SHORT}&last={last}"),
            SHORT,
        ),
    ];
    compare(
        &pages,
        &medians(scale.list_rounds, &pages, |_| {}),
        LIMIT,
        table,
    );
    // Without `n` a page is as large as an index may be: shown as it is, since
    // nobody can send a hundred times as much in the same time.
    let pages = [
        page(format!("all of {SHORT}"), pages[0].path.clone(), SHORT),
        page(named("without n", whole_page), many, whole_page),
    ];
    compare(
        &pages,
        &medians(scale.list_rounds, &pages, |_| {}),
        Limit::None,
        table,
    );
}

/// Where the page begins that has so many referrers before it: the `last` of
/// its link.
async fn place_of(client: &Client, path: &str, before: usize) -> String {
    let mut target = format!("{path}?n={SHORT}");
    for _ in 0..before / SHORT {
        let answer = client.get(&target).await.expect("an answer");
        target = answer.next_page().expect("a page behind it");
    }
    let last = target.split("last=").nth(1).expect("where it begins");
    last.split('&').next().unwrap_or_default().to_owned()
}
