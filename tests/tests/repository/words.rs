//! The repository uses standard terms: no name, comment or text in it contains
//! a word of these lists.

use std::path::Path;
use std::process::Command;

use regex::Regex;

/// Words that occur nowhere, with the standard term for each.
const WORDS: &[(&str, &str)] = &[
    ("wish(es|ed)?", "desired state, request"),
    ("carrie[sd]_out", "link_intent, completed intents"),
    ("standing", "state, status"),
    ("guesses|count_guess", "login throttle, record_failure"),
    ("lent|give_away|handover", "pooled session, yield, hand off"),
    ("let_go|take_back", "detach, undo"),
    ("upload_turn|fitting", "upload limit, space check"),
    ("name_runs", "name pages"),
    ("goods", "fixtures"),
    ("stubborn", "retrying client"),
    ("whatever|whoever|whom", "name the thing or the role"),
];

/// Words that no name contains: types, functions, modules, columns and keys.
const NAMES: &[(&str, &str)] = &[
    ("fulfil(s|led)?", "reconcile"),
    ("(is|set)_wanted|wanted integer", "desired"),
    ("mod linger|linger::.*", "drain body"),
    ("recorder", "audit buffer"),
    ("(mod|struct|enum) looked|looked::.*", "resolved image"),
    (
        "mod (older|silence|managed|observe|presence|guesses)",
        "legacy, body_timeout, group_access, storage_stats, heartbeat",
    ),
    (
        "(struct|enum|trait|type|mod) (found|seen|given|looked|room|fitting|full|question|turn)",
        "what was found, seen or given: SearchResults, Permissions, StorageUse, Permit",
    ),
    (
        "(struct|enum|trait|type|mod) (end|ended|outcomes|settled|watched|local|later)",
        "Route, RunResult, WaitStatus, DataDir, Job, AuditBuffer",
    ),
    (
        "fn (want|need|settle|look|looked|given|carries_out)",
        "enqueue_or_join, add_dependency, update_readiness, poll, permissions_for",
    ),
    ("ends!", "Route"),
    (
        "mod (goods|whom|stubborn|site|cuts)",
        "fixtures, visibility, networks, disconnects",
    ),
    ("persons", "principals"),
    ("believed", "trusted"),
];

/// What doc comments do not say.
const DOCS: &[(&str, &str)] = &[
    (
        r"^\s*//[/!] Answers\b|^\s*//[/!].*\. Answers\b",
        "\"Returns x\"",
    ),
    (
        r"^\s*//[/!].*[;.:] [Nn]othing(:| if | where )|^\s*//[/!] Nothing: ",
        "\"`None` if …\"",
    ),
];

/// Lines that contain such a word as a standard term: the file, a part of the
/// line, and why.
const ALLOWED: &[(&str, &str, &str)] = &[
    (
        "tests/tests/repository/words.rs",
        "",
        "the lists themselves",
    ),
    (
        "shared/spool/src/intent.rs",
        "serde(tag = \"wish\"",
        "a key in files on disk",
    ),
    (
        "tests/tests/operations/interrupted.rs",
        "\"wish\": \"put\"",
        "a key in files on disk",
    ),
];

/// Generated files, and files with texts of others.
const SKIPPED: &[&str] = &[
    "Cargo.lock",
    "LICENSE",
    "web/openapi.json",
    "web/package-lock.json",
    "web/src/api/schema.d.ts",
];

/// A word of a list as a regular expression over [`snake_case`] text.
fn words(list: &[(&'static str, &'static str)]) -> Vec<(Regex, &'static str)> {
    let expression = |word| Regex::new(&format!("(^|[^a-z0-9])({word})([^a-z0-9]|$)"));
    let compiled = |&(word, term)| (expression(word).expect("an expression"), term);
    list.iter().map(compiled).collect()
}

/// `IntentWish` as `intent_wish`, so that words are found inside names.
fn snake_case(line: &str) -> String {
    let mut text = String::with_capacity(line.len() + 8);
    let mut was_lower = false;
    for c in line.chars() {
        if c.is_ascii_uppercase() && was_lower {
            text.push('_');
        }
        was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        text.push(c.to_ascii_lowercase());
    }
    text
}

/// The part of a line before a comment.
fn code<'a>(path: &str, line: &'a str) -> &'a str {
    let is = |extension| {
        let found = Path::new(path).extension();
        found.is_some_and(|found| found == extension)
    };
    if is("md") {
        return "";
    }
    let start = line.trim_start();
    if start.starts_with(['*', '#']) || start.starts_with("/*") {
        return "";
    }
    let comment = if is("sql") { "--" } else { "//" };
    line.split(comment).next().unwrap_or_default()
}

/// The tracked text files with their contents; `None` outside a checkout.
fn sources(root: &Path) -> Option<Vec<(String, String)>> {
    let listed = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["ls-files", "-z"])
        .output();
    let listed = listed.ok().filter(|listed| listed.status.success())?;
    let listed = String::from_utf8(listed.stdout).expect("names in UTF-8");
    let paths = listed.split_terminator('\0');
    let is_checked = |path: &&str| !SKIPPED.contains(path);
    let paths = paths.filter(is_checked);
    // A file that is not UTF-8 is an image; one that is missing was deleted.
    let read = |path: &str| {
        let text = std::fs::read_to_string(root.join(path)).ok()?;
        Some((path.to_owned(), text))
    };
    Some(paths.filter_map(read).collect())
}

#[test]
fn the_repository_uses_standard_terms() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let Some(sources) = sources(&root) else {
        eprintln!("not tested: the words of the repository; this is no checkout");
        return;
    };
    assert!(sources.len() > 400, "{} files", sources.len());
    let (everywhere, names) = (words(WORDS), words(NAMES));
    let docs = DOCS.iter().map(|&(phrase, term)| {
        let compiled = Regex::new(phrase);
        (compiled.expect("an expression"), term)
    });
    let docs: Vec<_> = docs.collect();
    let mut found = Vec::new();
    for (path, text) in &sources {
        let allowed: Vec<_> = ALLOWED.iter().filter(|(file, ..)| file == path).collect();
        for (number, line) in text.lines().enumerate() {
            if allowed.iter().any(|(_, part, _)| line.contains(part)) {
                continue;
            }
            let (whole, code) = (snake_case(line), snake_case(code(path, line)));
            let hits = everywhere.iter().filter(|(word, _)| word.is_match(&whole));
            let hits = hits.chain(names.iter().filter(|(word, _)| word.is_match(&code)));
            let hits = hits.chain(docs.iter().filter(|(phrase, _)| phrase.is_match(line)));
            for (_, term) in hits {
                found.push(format!(
                    "{path}:{}: use {term}: {}",
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    for (file, part, why) in ALLOWED {
        let used = sources
            .iter()
            .any(|(path, text)| path == file && text.contains(part));
        assert!(
            used,
            "{file} no longer contains {part:?} ({why}): remove it from the list"
        );
    }
    assert!(
        found.is_empty(),
        "{} lines:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn words_are_found_inside_names() {
    let list = words(&[("wish(es)?", "desired state")]);
    let is_found = |line: &str| {
        list.iter()
            .any(|(word, _)| word.is_match(&snake_case(line)))
    };
    for line in [
        "struct IntentWish {",
        "let wishes = 1;",
        "a wish.",
        "\"wish\": 1",
        "read_wish()",
    ] {
        assert!(is_found(line), "{line}");
    }
    for line in ["wishful", "swish", "Wisconsin"] {
        assert!(!is_found(line), "{line}");
    }
}

#[test]
fn comments_are_not_names() {
    assert_eq!(code("a.rs", "let x = 1; // a wish"), "let x = 1; ");
    assert_eq!(
        code("a.sql", "wanted INTEGER, -- the state"),
        "wanted INTEGER, "
    );
    assert_eq!(code("a.ts", " * wanted"), "");
    assert_eq!(code("a.md", "wanted"), "");
}
