//! The plans of all statements, compared with a table of what may scan what.
//!
//! The test runs the other tests of this crate in a second process, in which
//! [`record`] notes every statement that is prepared, with its place in the
//! source. `plans.txt`, beside `Cargo.toml`, has each statement, and below it
//! each full scan and each temporary B-tree of its plan, with the reason why
//! that is fine. Scans that are fine in every statement are listed once, under
//! `# anywhere`. The test fails on a statement or a scan that the table does
//! not have, on one that no longer exists, and on a place in the source whose
//! statement no test runs, or that has a statement which no test runs.
//!
//! Plans are made on an empty database without statistics (`sqlite_stat1`).
//! SQLite then takes every table for a large one, so that a plan depends on the
//! schema alone, and no scan is hidden because a table happens to be small.
//!
//! The statements of this folder (pragmas, transactions, migrations) are not
//! recorded.
//!
//! `make plans` renews the table. Then write the reasons that it lacks.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

mod sources;

use sources::{Place, Source};

/// The file to which the second process appends its records.
const RECORDS: &str = "REFITY_STORE_PLANS";

/// A test whose statements depend on chance.
const RANDOM: &str = "sums_stay_right_after_pushes_deletes_and_collections";

/// Stands for the reason of a scan that is new in a renewed table.
const NO_REASON: &str = "?";

/// A statement that was prepared.
#[derive(serde::Serialize, serde::Deserialize)]
struct Record {
    file: String,
    line: u32,
    sql: String,
}

/// Under this heading, the table has the scans that are fine in every
/// statement.
const ANYWHERE: &str = "anywhere";

/// Notes a statement, if this is the process that records.
pub(super) fn record(sql: &str, place: &Location<'_>) {
    static SEEN: Mutex<Option<HashSet<(String, u32, String)>>> = Mutex::new(None);
    let Some(path) = std::env::var_os(RECORDS) else {
        return;
    };
    let (_, file) = place.file().rsplit_once("src/").unwrap();
    let key = (file.to_owned(), place.line(), sql.to_owned());
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if !seen.get_or_insert_default().insert(key) {
        return;
    }
    let record = Record {
        file: file.to_owned(),
        line: place.line(),
        sql: sql.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    let mut line = serde_json::to_string(&record).unwrap();
    line.push('\n');
    let mut records = File::options().append(true).open(path).unwrap();
    records.write_all(line.as_bytes()).unwrap();
}

/// A database of this version's schema, with nothing in it.
fn empty_database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    super::migrate::migrate(&mut connection).unwrap();
    connection
}

/// The steps of a plan that read a whole table or index, or sort.
fn scans(connection: &Connection, sql: &str) -> Vec<String> {
    let mut plan = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let mut rows = plan.raw_query();
    let mut scans = BTreeSet::new();
    while let Some(row) = rows.next().unwrap() {
        let step: String = row.get("detail").unwrap();
        let scan = step.starts_with("SCAN ")
            && step != "SCAN CONSTANT ROW"
            && !step.contains("VIRTUAL TABLE");
        if scan || step.contains("TEMP B-TREE") || step.contains("AUTOMATIC") {
            scans.insert(step);
        }
    }
    scans.into_iter().collect()
}

/// The statements of each file, with their scans and the reasons for these.
type Table = BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>;

fn table_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plans.txt")
}

fn read_table() -> Table {
    let (mut table, mut file, mut sql) = (Table::new(), String::new(), String::new());
    let text = fs::read_to_string(table_path()).unwrap_or_default();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("# ") {
            name.clone_into(&mut file);
            sql.clear();
        } else if let Some(scan) = line.strip_prefix("    ") {
            let (scan, reason) = scan.split_once(" | ").unwrap();
            let scans = table.entry(file.clone()).or_default().entry(sql.clone());
            let scans = scans.or_default();
            scans.insert(scan.to_owned(), reason.to_owned());
        } else {
            line.clone_into(&mut sql);
            table
                .entry(file.clone())
                .or_default()
                .entry(sql.clone())
                .or_default();
        }
    }
    table
}

fn write_table(anywhere: &BTreeMap<String, String>, table: &Table) {
    let mut text = format!("# {ANYWHERE}\n\n");
    for (scan, reason) in anywhere {
        let _ = writeln!(text, "    {scan} | {reason}");
    }
    text.push('\n');
    for (file, statements) in table {
        let _ = writeln!(text, "# {file}\n");
        for (sql, scans) in statements {
            let _ = writeln!(text, "{sql}");
            for (scan, reason) in scans {
                let _ = writeln!(text, "    {scan} | {reason}");
            }
        }
        text.push('\n');
    }
    fs::write(table_path(), text.trim_end().to_owned() + "\n").unwrap();
}

/// Runs the other tests in a second process, and returns what it recorded.
fn records() -> Vec<Record> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records");
    fs::write(&path, "").unwrap();
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--skip", "engine::plans::", "--skip", RANDOM])
        // Otherwise the lists that are tested depend on chance.
        .env("PROPTEST_RNG_SEED", "20260101")
        .env(RECORDS, &path)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "the other tests fail:\n{output}");
    let lines = fs::read_to_string(&path).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_statement_scans_only_what_the_table_allows() {
    if std::env::var_os(RECORDS).is_some() {
        return;
    }
    let sources = sources::read();
    let places = sources
        .iter()
        .flat_map(Source::places)
        .collect::<BTreeSet<_>>();
    let mut records = records();
    // What tests look up for themselves is theirs.
    records.retain(|it| {
        let source = sources.iter().find(|source| source.file == it.file);
        source.is_some_and(|source| source.has(it.line))
    });
    let run: BTreeSet<Place> = records
        .iter()
        .map(|it| (it.file.clone(), it.line))
        .collect();
    let database = empty_database();
    let mut known = read_table();
    let anywhere = known.remove(ANYWHERE).unwrap_or_default();
    let anywhere = anywhere.get("").cloned().unwrap_or_default();
    let mut unused: BTreeSet<&String> = anywhere.keys().collect();
    let mut table = Table::new();
    let (mut problems, mut changes) = (Vec::new(), Vec::new());
    for (file, line) in places.difference(&run) {
        problems.push(format!("no test runs the statement at src/{file}:{line}"));
    }
    for (file, line) in run.difference(&places) {
        problems.push(format!("not found as a call: src/{file}:{line}"));
    }
    let all: Vec<&str> = records.iter().map(|record| &*record.sql).collect();
    let all = all.join("\n");
    for source in &sources {
        for part in source.statements() {
            if !all.contains(&part) {
                problems.push(format!("no test runs this of src/{}: {part}", source.file));
            }
        }
    }
    for record in records {
        let statements = known.get(&record.file);
        let reasons = statements.and_then(|statements| statements.get(&record.sql));
        if reasons.is_none() {
            changes.push(format!("new in {}: {}", record.file, record.sql));
        }
        let allowed = table.entry(record.file).or_default();
        let allowed = allowed.entry(record.sql.clone()).or_default();
        for scan in scans(&database, &record.sql) {
            if anywhere.contains_key(&scan) {
                unused.remove(&scan);
                continue;
            }
            let reason = reasons.and_then(|reasons| reasons.get(&scan));
            let reason = reason.map_or(NO_REASON, String::as_str);
            if reason == NO_REASON {
                problems.push(format!("{scan} without a reason: {}", record.sql));
            }
            allowed.insert(scan, reason.to_owned());
        }
    }
    for (file, statements) in &known {
        for (sql, scans) in statements {
            let now = table.get(file).and_then(|statements| statements.get(sql));
            for scan in scans.keys() {
                if now.is_some_and(|now| !now.contains_key(scan)) {
                    changes.push(format!("no longer {scan}: {sql}"));
                }
            }
            if now.is_none() {
                changes.push(format!("no longer in {file}: {sql}"));
            }
        }
    }
    let stale = unused.iter();
    changes.extend(stale.map(|scan| format!("no longer anywhere: {scan}")));
    if std::env::var_os("RENEW_PLANS").is_some() {
        let mut used = anywhere.clone();
        used.retain(|scan, _| !unused.contains(scan));
        write_table(&used, &table);
    } else {
        problems.append(&mut changes);
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
