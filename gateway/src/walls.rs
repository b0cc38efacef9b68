//! Tests which modules of the gateway may use which: modules below the handlers
//! must not use the handlers, and modules below the state must not use the
//! state.

use std::path::{Path, PathBuf};

/// The handlers, which only the router and other handlers may use.
const HANDLERS: &[&str] = &["api", "registry", "web", "router"];

/// The modules that handlers use. They must not use the handlers.
const BELOW_HANDLERS: &[&str] = &[
    "access",
    "audit",
    "client",
    "cold",
    "job_events",
    "limit",
    "middleware",
    "readiness",
    "state",
    "sync_waits",
    "start",
    "serve",
    "ui",
    "usage",
    "config",
    "admin",
    "timestamp",
];

/// The components of the state. They must not use the state either.
const BELOW_STATE: &[&str] = &[
    "access",
    "audit",
    "client",
    "cold",
    "job_events",
    "limit",
    "readiness",
    "sync_waits",
    "ui",
    "usage",
    "timestamp",
];

/// Returns the files of a module.
fn files(module: &str) -> Vec<PathBuf> {
    fn walk(path: &Path, found: &mut Vec<PathBuf>) {
        if path.is_dir() {
            for entry in path.read_dir().unwrap() {
                walk(&entry.unwrap().path(), found);
            }
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path.to_owned());
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for path in [root.join(format!("{module}.rs")), root.join(module)] {
        if path.exists() {
            walk(&path, &mut found);
        }
    }
    assert!(!found.is_empty(), "there is no module {module}");
    found
}

/// Returns the lines of these modules that name one of the others, except in
/// comments and tests.
fn uses(modules: &[&str], others: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in modules.iter().flat_map(|module| files(module)) {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in lines {
            let names = |other: &&str| {
                let named = line.split(&format!("crate::{other}")).nth(1);
                named.is_some_and(|rest| {
                    !rest.starts_with(|c: char| c == '_' || c.is_alphanumeric())
                })
            };
            if others.iter().any(names) {
                found.push(format!("{}: {}", path.display(), line.trim()));
            }
        }
    }
    found
}

#[test]
fn modules_below_the_handlers_do_not_use_them() {
    let found = uses(BELOW_HANDLERS, HANDLERS);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn modules_below_the_state_do_not_use_it() {
    let found = uses(BELOW_STATE, &["state"]);
    assert!(found.is_empty(), "{found:#?}");
}
