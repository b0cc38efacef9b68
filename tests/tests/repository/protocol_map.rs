//! `tests/PROTOCOL.md` says which test proves which rule: each test that it
//! names is there.

use std::collections::BTreeSet;
use std::path::Path;

/// The tests of the sources below a folder, as the map names them.
fn tests_below(folder: &Path, module: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy();
        let below = match (&*name, module) {
            ("mod" | "lib" | "main" | "suite", _) => module.to_owned(),
            (_, "") => name.into_owned(),
            _ => format!("{module}::{name}"),
        };
        if path.is_dir() {
            tests_below(&path, &below, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).expect("a source");
            let tests = tests_of(&source).into_iter();
            found.extend(tests.map(|test| format!("{below}::{test}")));
        }
    }
}

/// The names of a source's functions that are run as tests.
fn tests_of(source: &str) -> Vec<&str> {
    let mut tests = Vec::new();
    let (mut is_test, mut is_ignored) = (false, false);
    for line in source.lines().map(str::trim) {
        is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
        is_ignored |= line.starts_with("#[ignore");
        if !line.starts_with("#[") {
            let line = line.strip_prefix("async ").unwrap_or(line);
            let function = line.strip_prefix("fn ");
            if let Some(rest) = function.filter(|_| is_test && !is_ignored) {
                tests.extend(rest.split('(').next());
            }
            (is_test, is_ignored) = (false, false);
        }
    }
    tests
}

/// The rows of all tables: what is required, and the tests that prove it.
fn rows(map: &str) -> Vec<(&str, Vec<&str>)> {
    let mut rows = Vec::new();
    for line in map.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [.., rule, tests] = cells[..] else {
            panic!("a row of one cell: {line}")
        };
        let is_head = rule.starts_with("---") || tests == "proved by";
        if !is_head {
            // Every other piece between two backticks is a name.
            rows.push((rule, tests.split('`').skip(1).step_by(2).collect()));
        }
    }
    rows
}

#[test]
fn every_rule_names_tests_that_exist() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = std::fs::read_to_string(package.join("PROTOCOL.md")).expect("PROTOCOL.md");
    let mut tests = BTreeSet::new();
    tests_below(&package.join("tests"), "", &mut tests);
    for part in [
        "gateway",
        "shared/config",
        "shared/node",
        "shared/spool",
        "shared/storage",
        "shared/store",
        "shared/types",
        "uploader",
    ] {
        let sources = package.join("..").join(part).join("src");
        tests_below(&sources, &part.replace('/', "::"), &mut tests);
    }
    assert!(tests.contains("repository::protocol_map::every_rule_names_tests_that_exist"));

    let rows = rows(&map);
    assert!(rows.len() > 80, "only {} rows were read", rows.len());
    let mut wrong = Vec::new();
    for (rule, named) in &rows {
        if named.is_empty() {
            wrong.push(format!("no test: {rule}"));
        }
        let lost = named.iter().filter(|test| !tests.contains(**test));
        wrong.extend(lost.map(|test| format!("there is no {test}: {rule}")));
    }
    assert!(wrong.is_empty(), "PROTOCOL.md:\n{}", wrong.join("\n"));
}

#[test]
fn only_functions_that_are_run_count_as_tests() {
    let source = "
        #[test]
        fn plain() {}
        #[tokio::test(flavor = \"multi_thread\")]
        #[should_panic]
        async fn with_attributes() {}
        #[ignore = \"slow\"]
        #[tokio::test]
        async fn ignored_first() {}
        #[test]
        #[ignore]
        fn ignored() {}
        fn none() {}
    ";
    assert_eq!(tests_of(source), ["plain", "with_attributes"]);
}
