//! Garbage collection: what nothing needs any more goes, a day after it was
//! let go of, and nothing else does, during concurrent pushes.

mod garbage;
mod kept;
mod ordered;

use refity_tests::app::{Builder, TestApp};
use refity_tests::client::Client;
use refity_tests::expect::Expect as _;
use refity_tests::registry::Registry;
use serde_json::{Value, json};

/// The repository of these tests.
const APP: &str = "team/app";

const HOUR: i64 = 60 * 60 * 1000;

/// Longer than what is left is kept.
const GRACE: i64 = 25 * HOUR;

/// Starts an app and waits until its storage is known to work: nothing is
/// collected before.
async fn ready(builder: Builder) -> TestApp {
    let app = builder.start().await;
    app.wait_until_stored().await;
    app
}

/// Time passes, in milliseconds. No job runs meanwhile: its owner would seem to
/// have been silent as long.
async fn pass(lab: &Registry, milliseconds: i64) {
    lab.wait_until_stored().await;
    lab.clock_forward(milliseconds);
}

/// What a collection says that it did, or would do.
async fn collect(client: &Client, dry_run: bool) -> Value {
    let order = json!({ "dry_run": dry_run });
    let answer = client.post_json("/api/gc", &order).await.gives(200).json();
    assert_eq!(answer["dry_run"], json!(dry_run));
    assert_eq!(answer["truncated"], json!(false));
    answer
}

/// How many manifests, links to blobs, and blobs.
fn counts(answer: &Value) -> (u64, u64, u64) {
    let count = |name: &str| answer[name].as_u64().expect("a number");
    (count("manifests"), count("links"), count("blobs"))
}

/// The files in the trash on SFTP.
fn trash(lab: &Registry) -> Vec<String> {
    let folder = lab.tree().join("docker/registry/v2/_refity/trash");
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.expect("an entry").file_name();
        name.into_string().expect("a name in UTF-8")
    };
    entries.map(name).collect()
}
