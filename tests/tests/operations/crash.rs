//! Processes killed at any time, and repeatedly: nothing that was acknowledged is
//! lost, and nothing half is ever visible.
//!
//! `REFITY_CRASHES` says how many kills there are (60), `REFITY_SEED` which.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use refity_tests::checker::{self, Report};
use refity_tests::client::sha256;
use refity_tests::image::{Format, Image};
use refity_tests::lab::{GROUP, Lab};
use refity_tests::random::Random;
use refity_tests::retrying_client::RetryingClient;
use refity_tests::wait;

/// Clients that push at the same time.
const CLIENTS: usize = 5;

/// Tags that each client moves.
const TAGS: usize = 4;

/// At most how long a client rests after a push, so that the storage keeps up.
const REST_MS: usize = 600;

/// Layers that all clients share.
const SHARED: usize = 12;

/// How long everything may take to settle after the last kill.
const SETTLE: Duration = Duration::from_secs(120);

/// Longer than a job waits before it looks at its target again.
const RECHECK_MS: i64 = 301_000;

/// What one client knows to be acknowledged.
#[derive(Default)]
struct Acknowledged {
    /// Every image, with its repository.
    images: Vec<(String, Image)>,
    /// The last image of each (repository, tag).
    tags: BTreeMap<(String, String), String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_push_is_lost_when_processes_are_killed() {
    let crashes = number("REFITY_CRASHES").unwrap_or(60);
    let mut random = number("REFITY_SEED").map_or_else(Random::new, Random::seeded);
    println!("seed: REFITY_SEED={}", random.seed());
    let mut lab = Lab::builder()
        .gateways(2)
        .uploaders(2)
        .env("LOG_LEVEL", "debug")
        .start()
        .await;

    let over = Arc::new(AtomicBool::new(false));
    let layers = shared_layers(&mut random);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let registry = vec![lab.client_of(client % 2), lab.client_of((client + 1) % 2)];
            let random = Random::seeded(random.bits());
            let (layers, over) = (Arc::clone(&layers), Arc::clone(&over));
            tokio::spawn(push_until(client, registry, random, layers, over))
        })
        .collect();
    for crash in 0..crashes {
        tokio::time::sleep(random_millis(&mut random, 1200)).await;
        kill_something(&mut lab, &mut random).await;
        if crash % 8 == 7 {
            assert_live(&lab).await;
        }
        // A client that was refused something has said so.
        assert!(!clients.iter().any(tokio::task::JoinHandle::is_finished));
    }
    over.store(true, Ordering::Relaxed);
    lab.wait_until_ready().await;
    let mut acknowledged = Vec::new();
    for client in clients {
        acknowledged.push(client.await.expect("a client that got through"));
    }

    wait_until_idle(&lab).await;
    let report = lab.check();
    report.assert_clean();
    let mut images = 0;
    for known in &acknowledged {
        images += known.images.len();
        assert_all_there(&report, known);
    }
    println!("{crashes} kills, {images} images");
    assert!(images >= CLIENTS, "too few pushes to mean anything");
    assert_served(&lab, &acknowledged).await;
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

fn random_millis(random: &mut Random, limit: usize) -> Duration {
    Duration::from_millis(u64::try_from(random.below(limit)).expect("few milliseconds"))
}

/// From one byte to some megabytes.
fn shared_layers(random: &mut Random) -> Arc<Vec<Bytes>> {
    let sizes = [1, 2294, 4096, 70_000, 300_000, 1_500_000, 6_000_000];
    let layers = (0..SHARED).map(|n| random.bytes(sizes[n % sizes.len()] + n));
    Arc::new(layers.collect())
}

async fn push_until(
    client: usize,
    registry: Vec<refity_tests::client::Client>,
    mut random: Random,
    layers: Arc<Vec<Bytes>>,
    over: Arc<AtomicBool>,
) -> Acknowledged {
    let mut known = Acknowledged::default();
    let whole = RetryingClient::new(registry);
    while !over.load(Ordering::Relaxed) {
        let repository = format!("{GROUP}/app{}", random.below(3));
        // Each tag has one writer, so that its last desired state is known exactly.
        let tag = format!("c{client}-{}", random.below(TAGS));
        let mut pusher = match random.below(2) {
            0 => whole.clone(),
            _ => whole.clone().chunked(200_000),
        };
        let again = known.images.iter().rfind(|(home, _)| *home == repository);
        let image = match again {
            // A tag that moves back, or to where another one is.
            Some((_, image)) if random.below(5) == 0 => {
                pusher.put_manifest(image, &repository, &tag).await;
                image.clone()
            }
            _ => {
                let image = some_image(&mut random, &layers);
                pusher.push(&image, &repository, &tag).await;
                image
            }
        };
        known.tags.insert((repository.clone(), tag), image.digest());
        known.images.push((repository, image));
        tokio::time::sleep(random_millis(&mut random, REST_MS)).await;
    }
    known
}

fn some_image(random: &mut Random, shared: &[Bytes]) -> Image {
    let mut layers: Vec<Bytes> = (0..random.below(4))
        .map(|_| random.one_of(shared).clone())
        .collect();
    let own = [10, 5000, 400_000, 3_000_000][random.below(4)];
    layers.push(random.bytes(own));
    let format = *random.one_of(&[Format::Oci, Format::Docker]);
    Image::of_layers("amd64", format, layers)
}

async fn kill_something(lab: &mut Lab, random: &mut Random) {
    let pause = random_millis(random, 400);
    match random.below(10) {
        0..4 => {
            let gateway = lab.gateway(random.below(2));
            gateway.kill9();
            tokio::time::sleep(pause).await;
            gateway.restart();
        }
        4..8 => {
            let uploader = lab.uploader(random.below(2));
            uploader.kill9();
            tokio::time::sleep(pause).await;
            uploader.restart();
        }
        8 => lab.sshd().kill_sessions(),
        _ => {
            lab.sshd_mut().kill();
            tokio::time::sleep(pause).await;
            lab.sshd_mut().restart().expect("a running sshd");
        }
    }
}

/// Every tag that is visible now can be pulled whole now.
async fn assert_live(lab: &Lab) {
    let tree = lab.tree();
    if !tree.join("docker/registry/v2").exists() {
        return;
    }
    let report = tokio::task::spawn_blocking(move || checker::check_live(&tree));
    report.await.expect("a report").assert_clean();
}

/// Waits until no job is left, those included that wait some minutes to look
/// at a target again, and no temporary file.
async fn wait_until_idle(lab: &Lab) {
    let start = Instant::now();
    while !settled(lab).await {
        assert!(
            start.elapsed() < SETTLE,
            "not settled after {SETTLE:?}: {:?}\n{:?}",
            lab.client().jobs().await,
            lab.check().findings,
        );
        lab.clock_forward(RECHECK_MS);
    }
    println!("settled after {:?}", start.elapsed());
}

async fn settled(lab: &Lab) -> bool {
    wait::until_some(Duration::from_secs(8), async || {
        let summary = lab.client().jobs_summary().await.ok()?.json();
        let left: u64 = ["waiting", "pending", "running", "failed"]
            .iter()
            .map(|state| summary[state].as_u64().unwrap_or(1))
            .sum();
        (left == 0 && tmp_is_empty(lab)).then_some(())
    })
    .await
    .is_some()
}

fn tmp_is_empty(lab: &Lab) -> bool {
    let tmp = lab.tree().join("docker/registry/v2/_refity/tmp");
    std::fs::read_dir(tmp).map_or(true, |mut entries| entries.next().is_none())
}

fn assert_all_there(report: &Report, known: &Acknowledged) {
    for (repository, image) in &known.images {
        let digest = image.digest();
        assert!(
            report.has_manifest(repository, &digest),
            "{repository}@{digest} is lost"
        );
        for blob in image.blobs() {
            let digest = sha256(blob);
            assert!(
                report.has_blob(repository, &digest),
                "{repository}: blob {digest} is lost"
            );
        }
    }
    for ((repository, tag), digest) in &known.tags {
        assert_eq!(
            report.tag(repository, tag),
            Some(digest.as_str()),
            "{repository}:{tag}"
        );
    }
}

/// The registry says the same as the tree.
async fn assert_served(lab: &Lab, acknowledged: &[Acknowledged]) {
    let client = lab.client();
    for ((repository, tag), digest) in acknowledged.iter().flat_map(|known| &known.tags) {
        let answer = client.head_manifest(repository, tag).await.unwrap();
        assert_eq!(answer.digest(), Some(digest.as_str()), "{repository}:{tag}");
    }
    for known in acknowledged {
        if let Some((repository, image)) = known.images.last() {
            image
                .assert_pullable(&client, repository, &image.digest())
                .await;
        }
    }
}
