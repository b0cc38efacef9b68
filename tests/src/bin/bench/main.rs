//! `make bench`: how fast and how small we are beside others, in one run.
//!
//! It prints ratios, with the target beside each, and never fails for a slow
//! one: a busy machine is no bug.
//!
//! ```text
//! bench [--quick] [--peers-only] [raw] [sync] [small] [memory]
//! ```

mod contestant;
mod memory;
mod raw;
mod shell;
mod small;
mod sync;
mod table;

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
}

const MIB: usize = 1 << 20;

/// What the targets are meant for.
const FULL: Scale = Scale {
    runs: 5,
    blob: 200 * MIB,
    small_blobs: 1000,
    huge_blob: 1024 * MIB,
};

/// For a look in passing, and for trying out this program.
const QUICK: Scale = Scale {
    runs: 3,
    blob: 20 * MIB,
    small_blobs: 200,
    huge_blob: 64 * MIB,
};

const PARTS: [&str; 4] = ["raw", "sync", "small", "memory"];

#[tokio::main]
async fn main() {
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
        std::process::exit(2);
    }
    let scale = if flags.contains(&"--quick") {
        QUICK
    } else {
        FULL
    };
    let ours = !flags.contains(&"--peers-only");
    let wanted = |part: &str| parts.is_empty() || parts.contains(&part);

    let mut table = Table::default();
    if wanted("raw") {
        raw::measure(scale, ours, &mut table).await;
    }
    if wanted("small") {
        small::measure(scale, ours, &mut table).await;
    }
    if ours && wanted("sync") {
        sync::measure(scale, &mut table).await;
    }
    if ours && wanted("memory") {
        memory::measure(scale, &mut table).await;
    }
    println!("{table}");
}
