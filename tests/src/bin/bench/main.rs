//! `make bench`: how fast and how small we are beside others, in one run.
//!
//! It prints ratios, with the limit beside each, and ends with 1 where one did
//! not hold.
//!
//! ```text
//! bench [--quick] [--peers-only] [raw] [sync] [small] [memory] [lists] [manifests]
//!       [collection] [api] [history] [auth] [pages]
//! ```

mod api;
mod auth;
mod collection;
mod contestant;
mod history;
mod lists;
mod load;
mod manifests;
mod memory;
mod pages;
mod raw;
mod rows;
mod shell;
mod small;
mod sync;
mod table;

use std::process::ExitCode;

use table::Table;

/// How much each part does.
#[derive(Clone, Copy)]
struct Scale {
    /// How often each contestant runs; the median counts.
    runs: usize,
    /// The size of the large blob that is pushed and pulled.
    blob: usize,
    /// How many small blobs are pushed.
    small_blobs: usize,
    /// The size of each of the four blobs of the memory part.
    huge_blob: usize,
    /// The tags of the long list, and the repositories.
    list: usize,
    /// The referrers of one manifest.
    referrers: usize,
    /// How often each page of a list is read many times in a row.
    list_rounds: usize,
    /// How many seconds manifests are asked for, in each run.
    manifest_seconds: u32,
    /// How many blobs nothing names.
    garbage: usize,
    /// How many jobs are finished.
    history: usize,
}

const MIB: usize = 1 << 20;

/// What the limits are meant for.
const FULL: Scale = Scale {
    runs: 5,
    blob: 200 * MIB,
    small_blobs: 1000,
    huge_blob: 1024 * MIB,
    list: 100_000,
    referrers: 10_000,
    list_rounds: 20,
    manifest_seconds: 5,
    garbage: 100_000,
    history: 400_000,
};

/// For a look in passing, and for trying out this program.
const QUICK: Scale = Scale {
    runs: 3,
    blob: 20 * MIB,
    small_blobs: 200,
    huge_blob: 64 * MIB,
    list: 10_000,
    referrers: 2_000,
    list_rounds: 10,
    manifest_seconds: 2,
    garbage: 20_000,
    history: 40_000,
};

const PARTS: [&str; 11] = [
    "raw",
    "sync",
    "small",
    "memory",
    "lists",
    "manifests",
    "collection",
    "api",
    "history",
    "auth",
    "pages",
];

#[tokio::main]
async fn main() -> ExitCode {
    refity_tests::lab::log_no_more_than("info");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (flags, parts): (Vec<&str>, Vec<&str>) = arguments
        .iter()
        .map(String::as_str)
        .partition(|argument| argument.starts_with('-'));
    let known = flags
        .iter()
        .all(|flag| ["--quick", "--peers-only"].contains(flag))
        && parts.iter().all(|part| PARTS.contains(part));
    if !known {
        eprintln!(
            "usage: bench [--quick] [--peers-only] [{}]",
            PARTS.join("] [")
        );
        return ExitCode::from(2);
    }
    let scale = if flags.contains(&"--quick") {
        QUICK
    } else {
        FULL
    };
    let ours = !flags.contains(&"--peers-only");
    let selected = |part: &str| parts.is_empty() || parts.contains(&part);

    let mut table = Table::default();
    if selected("raw") {
        raw::measure(scale, ours, &mut table).await;
    }
    if selected("small") {
        small::measure(scale, ours, &mut table).await;
    }
    if ours && selected("sync") {
        sync::measure(scale, &mut table).await;
    }
    if ours && selected("memory") {
        memory::measure(scale, &mut table).await;
    }
    if ours && selected("lists") {
        lists::measure(scale, &mut table).await;
    }
    if selected("manifests") {
        manifests::measure(scale, ours, &mut table).await;
    }
    if ours && selected("collection") {
        collection::measure(scale, &mut table).await;
    }
    if ours && selected("api") {
        api::measure(scale, &mut table).await;
    }
    if ours && selected("history") {
        history::measure(scale, &mut table).await;
    }
    if ours && selected("auth") {
        auth::measure(scale, &mut table).await;
    }
    if ours && selected("pages") {
        pages::measure(scale, &mut table).await;
    }
    println!("{table}");
    if table.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
