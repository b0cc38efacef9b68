//! Queries: of uploads, of pages, and of tags that a push sets.

use axum::http::{Request, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use refity_fuzz::{Grammar, check, nearly};

use super::decoded;
use crate::registry::lists::page::{PageQuery, query};
use crate::registry::uploads::UploadQuery;

const NAMES: [&str; 8] = [
    "digest",
    "digest-algorithm",
    "mount",
    "from",
    "n",
    "last",
    "artifactType",
    "tag",
];

/// Returns the pairs of a query as the URL standard parses them
/// ("application/x-www-form-urlencoded parsing").
fn pairs(query: &str) -> Vec<(String, String)> {
    let plain = |text: &str| decoded(&text.replace('+', " "));
    let parts = query.split('&').filter(|part| !part.is_empty());
    let pair = |part: &str| match part.split_once('=') {
        Some((name, value)) => (plain(name), plain(value)),
        None => (plain(part), String::new()),
    };
    parts.map(pair).collect()
}

/// Returns the value of a parameter; `None` if there are several.
fn only(pairs: &[(String, String)], name: &str) -> Option<Option<String>> {
    let mut values = pairs
        .iter()
        .filter(|pair| pair.0 == name)
        .map(|pair| pair.1.clone());
    let first = values.next();
    values.next().is_none().then_some(first)
}

fn queries() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        "\\PC{0,10}".prop_map(|text| utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string()),
        "[a-zA-Z0-9+%._~:/-]{0,12}",
        "-?[0-9]{0,12}",
        "sha256(:|%3A|%3a)[0-9a-f]{64}",
        "sha512",
    ];
    let pair = (select(NAMES.to_vec()), value).prop_map(|(name, value)| format!("{name}={value}"));
    let whole = vec(pair, 0..5).prop_map(|pairs| pairs.join("&"));
    prop_oneof![3 => whole.clone(), 2 => nearly(whole), 1 => "[!-~]{0,60}"]
}

#[test]
fn fuzz_queries() {
    let whole_number = Grammar::new("[0-9]+");
    check("queries", &queries(), |text| {
        let Ok(uri) = format!("/v2/a/x?{text}").parse::<Uri>() else {
            return Ok(());
        };
        let written = pairs(uri.query().unwrap_or_default());
        let value = |name| only(&written, name);

        let read = UploadQuery::of(&uri);
        let fields = ["digest", "digest-algorithm", "mount", "from"].map(value);
        match read {
            Ok(read) => {
                let found = [
                    read.digest.clone(),
                    read.digest_algorithm.clone(),
                    read.mount.clone(),
                    read.from.clone(),
                ];
                prop_assert_eq!(found.map(Some), fields);
                let named = read.digest_algorithm.as_deref();
                let known = matches!(named, None | Some("sha256" | "sha512"));
                prop_assert_eq!(read.algorithm().is_ok(), known);
            }
            Err(_) => prop_assert!(fields.contains(&None)),
        }

        let (parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
        match query::<PageQuery>(&parts) {
            Ok(page) => {
                let (n, last) = (value("n"), value("last"));
                prop_assert_eq!(Some(page.last.clone()), last);
                let n = n.unwrap_or_default();
                let well_formed = n.as_deref().is_none_or(|n| whole_number.accepts(n));
                prop_assert_eq!(page.limit().is_ok(), well_formed);
                if let Ok(Some(limit)) = page.limit() {
                    // The database is asked for one more.
                    prop_assert!(limit < u32::MAX);
                    prop_assert_eq!(n.and_then(|n| n.parse().ok()), Some(limit));
                }
            }
            Err(_) => prop_assert!(value("n").is_none() || value("last").is_none()),
        }
        prop_assert_eq!(query::<Vec<(String, String)>>(&parts).ok(), Some(written));
        Ok(())
    });
}
