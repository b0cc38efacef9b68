//! The crates depend on one another one way, as ARCHITECTURE.md draws it, and
//! the programs carry nothing that only tests or the sandbox need.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Which crates of this workspace each may name, outside its tests.
const ALLOWED: [(&str, &[&str]); 9] = [
    ("refity-types", &[]),
    ("refity-config", &[]),
    ("refity-store", &["refity-types", "refity-config"]),
    ("refity-spool", &["refity-types", "refity-config"]),
    ("refity-storage", &["refity-types", "refity-config"]),
    (
        "refity-node",
        &[
            "refity-types",
            "refity-config",
            "refity-store",
            "refity-spool",
        ],
    ),
    (
        "refity-gateway",
        &[
            "refity-types",
            "refity-config",
            "refity-store",
            "refity-spool",
            "refity-storage",
            "refity-node",
        ],
    ),
    (
        "refity-uploader",
        &[
            "refity-types",
            "refity-config",
            "refity-store",
            "refity-spool",
            "refity-storage",
            "refity-node",
        ],
    ),
    ("refity-sandbox", &[]),
];

/// Crates that only one of ours may name: its seam hides them.
const HIDDEN: [(&str, &str); 3] = [
    ("rusqlite", "refity-store"),
    ("ssh2", "refity-storage"),
    ("deadpool", "refity-storage"),
];

/// The names of the packages that each package needs to be built, direct ones
/// only, without its tests and build scripts.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .args(["--manifest-path", manifest])
        .output()
        .expect("cargo");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {error}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let names: BTreeMap<&str, &str> = packages
        .filter_map(|package| Some((package["id"].as_str()?, package["name"].as_str()?)))
        .collect();
    let nodes = metadata["resolve"]["nodes"].as_array().expect("nodes");
    let normal = |dependency: &&Value| {
        let mut kinds = dependency["dep_kinds"].as_array().into_iter().flatten();
        kinds.any(|kind| kind["kind"].is_null())
    };
    let of_node = |node: &Value| {
        let needed = node["deps"].as_array().into_iter().flatten();
        let needed = needed.filter(normal).filter_map(|one| one["pkg"].as_str());
        needed.map(|id| names[id].to_owned()).collect()
    };
    nodes
        .iter()
        .map(|node| {
            (
                names[node["id"].as_str().expect("an id")].to_owned(),
                of_node(node),
            )
        })
        .collect()
}

/// A package and all that it needs, directly or not.
fn closure(of: &str, dependencies: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![of.to_owned()];
    while let Some(name) = open.pop() {
        if found.insert(name.clone()) {
            open.extend(dependencies.get(&name).into_iter().flatten().cloned());
        }
    }
    found
}

#[test]
fn crates_depend_one_way() {
    let dependencies = dependencies();
    for (name, allowed) in ALLOWED {
        let needed = dependencies.get(name).expect(name);
        let ours = needed.iter().filter(|one| one.starts_with("refity-"));
        for one in ours {
            assert!(
                allowed.contains(&one.as_str()),
                "{name} must not name {one}"
            );
        }
        for (hidden, behind) in HIDDEN {
            let names_it = needed.contains(hidden);
            assert!(!names_it || name == behind, "{name} must not name {hidden}");
        }
    }
}

#[test]
fn programs_carry_no_ssh_server_and_nothing_of_the_tests() {
    let dependencies = dependencies();
    for program in ["refity-gateway", "refity-uploader"] {
        let carried = closure(program, &dependencies);
        assert!(carried.contains("ssh2"), "{program}: {carried:?}");
        for name in carried {
            let is_foreign = name.starts_with("russh")
                || ["refity-sandbox", "refity-tests", "refity-fuzz", "proptest"]
                    .contains(&name.as_str());
            assert!(!is_foreign, "{program} carries {name}");
        }
    }
}
