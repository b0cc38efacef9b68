//! Clients that push, move tags, mount, delete and collect at random, against
//! a model of what must be there.
//!
//! Each client has tags and images of its own in repositories that all share,
//! and layers that all share; so its model is exact, while its neighbours and
//! the collection work on the same blobs. A day passes between requests, never
//! within one push.
//!
//! `REFITY_MODEL_SECONDS` says how long (15), `REFITY_SEED` in which order.

mod player;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use refity_tests::checker;
use refity_tests::client::Client;
use refity_tests::expect::Expect as _;
use refity_tests::image::tar;
use refity_tests::lab::Lab;
use refity_tests::peer::Peer;
use refity_tests::random::Random;
use refity_tests::wait;
use serde_json::json;
use tokio::sync::RwLock;

use player::Player;

/// Clients at once.
const CLIENTS: usize = 8;

/// Repositories that they share.
const REPOSITORIES: [&str; 4] = ["team/a", "team/b", "team/a/below", "other/c"];

/// Layers that they share.
const SHARED: usize = 10;

/// What passes between two days' work: the grace, and a little.
const DAY_MS: i64 = 25 * 60 * 60 * 1000;

/// Longer than a job waits before it looks at its target again.
const RECHECK_MS: i64 = 301_000;

/// Held for reading by every push, for writing while a day passes.
type Day = Arc<RwLock<()>>;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_in_memory_and_the_registry_agree() {
    let seconds = number("REFITY_MODEL_SECONDS").unwrap_or(15);
    let mut random = number("REFITY_SEED").map_or_else(Random::new, Random::seeded);
    println!("seed: REFITY_SEED={}", random.seed());
    let lab = Lab::builder()
        .gateways(2)
        .uploaders(2)
        .group("other")
        .start()
        .await;
    // Nothing is collected before the storage is known to be well.
    lab.wait_until_stored().await;
    let layers: Arc<[Bytes]> = (0..SHARED)
        .map(|n| tar(&[(&format!("shared-{n}"), &random.bytes(3000))]))
        .collect();
    let (over, day) = (Arc::new(AtomicBool::new(false)), Day::default());
    let players: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let client = lab.client_of(n % 2);
            let random = Random::seeded(random.bits());
            let mut player = Player::new(n, client, Arc::clone(&layers), random);
            let (over, day) = (Arc::clone(&over), Arc::clone(&day));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    player.play(&day).await;
                }
                player
            })
        })
        .collect();
    let collected = pass_days(&lab, &day, Duration::from_secs(seconds), &mut random).await;
    over.store(true, Ordering::Relaxed);
    let mut all = Vec::new();
    for player in players {
        all.push(player.await.expect("a player whose model agrees"));
    }
    let backlog = Duration::from_secs(180 + 2 * seconds);
    wait_until_idle(&lab, backlog).await;
    // Everything that is checked again after that is complete.
    lab.clock_forward(RECHECK_MS);
    wait_until_idle(&lab, backlog).await;
    let report = lab.assert_stored_whole().await;
    let mut expected: BTreeMap<(String, String), String> = BTreeMap::new();
    for player in &mut all {
        player.assert_all().await;
        expected.extend(player.tags());
    }
    let found = report.repositories.iter().flat_map(|(name, repository)| {
        let tags = repository.tags.iter();
        tags.map(|(tag, digest)| ((name.clone(), tag.clone()), digest.clone()))
    });
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected, "on SFTP");
    assert_peer_agrees(&lab, &expected).await;
    let steps: usize = all.iter().map(Player::steps).sum();
    println!(
        "{steps} steps of {CLIENTS} clients in {seconds} s, {} tags at the end, {collected} \
         manifests, links and blobs collected",
        expected.len()
    );
    assert!(steps > 0 && !expected.is_empty());
}

/// Waits until nothing is to be done any more. What rests until a late call
/// can be on its way no longer is due once the clock has moved; not while
/// something runs, whose owner would seem to have been silent as long.
async fn wait_until_idle(lab: &Lab, limit: Duration) {
    let client = lab.client();
    let resting = async || {
        let jobs = client.jobs_summary().await.gives(200).json();
        let of = |state: &str| jobs[state].as_u64().expect("a number");
        let busy = of("running") > 0 || of("failed") > 0;
        (!busy).then(|| of("waiting") + of("pending"))
    };
    let settled = wait::until_some(limit, async || {
        let before = resting().await?;
        if before == 0 {
            return Some(());
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        if resting().await == Some(before) {
            lab.clock_forward(RECHECK_MS);
        }
        None
    });
    let settled = settled.await;
    let jobs = client.jobs().await;
    assert!(settled.is_some(), "not settled after {limit:?}: {jobs:?}");
}

/// Lets days pass and garbage be collected while the clients are at work, and
/// looks at the tree meanwhile. Returns how much was collected.
async fn pass_days(lab: &Lab, day: &Day, time: Duration, random: &mut Random) -> u64 {
    let (begun, client) = (Instant::now(), lab.client());
    let mut collected = 0;
    while begun.elapsed() < time {
        tokio::time::sleep(Duration::from_millis(200 + random.bits() % 800)).await;
        match random.below(4) {
            0 => {
                let _nobody_pushes = day.write().await;
                lab.clock_forward(DAY_MS);
            }
            1 | 2 => collected += collect(&client).await,
            _ => {
                let tree = lab.tree();
                let live = tokio::task::spawn_blocking(move || checker::check_live(&tree));
                live.await.expect("a report").assert_clean();
            }
        }
    }
    collected
}

async fn collect(client: &Client) -> u64 {
    let order = json!({ "dry_run": false });
    let answer = client.post_json("/api/gc", &order).await.gives(200).json();
    ["manifests", "links", "blobs"]
        .iter()
        .map(|name| answer[name].as_u64().expect("a number"))
        .sum()
}

/// Another registry serves the same tags from the same folder.
async fn assert_peer_agrees(lab: &Lab, expected: &BTreeMap<(String, String), String>) {
    let peer = Peer::start_read_only(&lab.tree()).await;
    let client = peer.client();
    let mut served = BTreeMap::new();
    for repository in REPOSITORIES {
        let answer = client.tags(repository).await.expect("an answer");
        // A repository that never got that far is unknown to it.
        let tags = answer.json()["tags"].clone();
        for tag in tags.as_array().into_iter().flatten() {
            let tag = tag.as_str().expect("a tag").to_owned();
            let head = client.head_manifest(repository, &tag).await.gives(200);
            let digest = head.digest().expect("a digest").to_owned();
            served.insert((repository.to_owned(), tag), digest);
        }
    }
    assert_eq!(&served, expected, "served by {}", peer.address());
}
