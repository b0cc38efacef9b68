//! What SFTP shows is whole at every moment, and ends in the last
//! desired state, even if an earlier push finishes late.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use refity_tests::checker;
use refity_tests::client::sha256;
use refity_tests::image::{Format, Image};
use refity_tests::lab::{GROUP, Lab};
use refity_tests::random::Random;
use refity_tests::wait;
use rustix::process::Signal;

/// How long a test waits for what should come soon.
const SOON: Duration = Duration::from_secs(60);

/// Longer than a lease, and than a job that overwrites stays with a silent
/// owner.
const LATE_MS: i64 = 400_000;

fn repository() -> String {
    format!("{GROUP}/app")
}

async fn push(lab: &Lab, image: &Image, tag: &str) {
    image.push(&lab.client(), &repository(), tag).await.unwrap();
}

/// Where a tag points on SFTP now.
fn tag_on_sftp(lab: &Lab, tag: &str) -> Option<String> {
    let path = format!(
        "docker/registry/v2/repositories/{}/_manifests/tags/{tag}/current/link",
        repository()
    );
    std::fs::read_to_string(lab.tree().join(path)).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_tag_is_visible_before_all_that_it_needs() {
    let lab = Lab::start().await;
    let mut random = Random::new();
    println!("seed: {}", random.seed());
    lab.wait_until_stored().await;
    let (client, tree) = (lab.client(), lab.tree());
    let pushes = tokio::spawn(async move {
        let mut images = Vec::new();
        for n in 0..30 {
            let image = Image::random(Format::Oci, 3, 200_000);
            let tag = format!("v{}", n % 7);
            image.push(&client, &repository(), &tag).await.unwrap();
            images.push((tag, image.digest()));
        }
        images
    });
    let mut looks = 0;
    while !pushes.is_finished() || looks < 40 {
        let tree = tree.clone();
        let report = tokio::task::spawn_blocking(move || checker::check_live(&tree));
        report.await.unwrap().assert_clean();
        if random.below(6) == 0 {
            lab.sshd().kill_sessions();
        }
        looks += 1;
    }
    let images = pushes.await.unwrap();
    lab.clock_forward(LATE_MS);
    let report = lab.assert_stored_whole().await;
    for tag in 0..7 {
        let tag = format!("v{tag}");
        let last = images.iter().rfind(|(pushed, _)| *pushed == tag);
        assert_eq!(
            report.tag(&repository(), &tag),
            last.map(|it| it.1.as_str())
        );
    }
}

#[tokio::test]
async fn a_tag_that_moves_while_its_first_image_is_slow_ends_at_the_second() {
    let lab = Lab::start().await;
    let slow = Image::random(Format::Oci, 1, 150_000_000);
    let quick = Image::random(Format::Oci, 1, 1000);
    push(&lab, &slow, "v").await;
    push(&lab, &quick, "v").await;
    let answer = lab.client().get_manifest(&repository(), "v").await.unwrap();
    assert_eq!(answer.digest(), Some(quick.digest().as_str()));
    let mut seen = Vec::new();
    let all = async {
        lab.wait_until_stored().await;
    };
    let watch = async {
        loop {
            let tag = tag_on_sftp(&lab, "v");
            if seen.last() != tag.as_ref() {
                seen.extend(tag);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        () = all => {}
        () = watch => unreachable!("it watches for ever"),
    }
    // What is published later must not bring the tag back.
    let report = lab.assert_stored_whole().await;
    assert_eq!(
        report.tag(&repository(), "v"),
        Some(quick.digest().as_str()),
        "{seen:?}"
    );
    assert!(report.has_manifest(&repository(), &slow.digest()));
    let moved_back = seen.iter().skip_while(|it| **it != quick.digest());
    assert!(moved_back.count() <= 1, "{seen:?}");
    let answer = lab.client().get_manifest(&repository(), "v").await.unwrap();
    assert_eq!(answer.digest(), Some(quick.digest().as_str()));
}

#[tokio::test]
async fn a_tag_that_moves_while_the_storage_is_away_ends_at_the_last_image() {
    let mut lab = Lab::start().await;
    let images: Vec<Image> = (0..3)
        .map(|_| Image::random(Format::Oci, 1, 5000))
        .collect();
    push(&lab, &images[0], "v").await;
    lab.wait_until_stored().await;
    lab.sshd_mut().kill();
    for n in [1, 2, 1, 0, 2] {
        push(&lab, &images[n], "v").await;
    }
    lab.sshd_mut().restart().unwrap();
    let report = lab.assert_stored_whole().await;
    let last = images[2].digest();
    assert_eq!(report.tag(&repository(), "v"), Some(last.as_str()));
}

/// Stops the first uploader with SIGSTOP in the middle of a job of this kind:
/// the row says that the job runs, and goes on saying so.
async fn freeze_in_the_middle_of(lab: &Lab, kind: &str, mut work: impl AsyncFnMut()) {
    let database = lab.database();
    let running = || database.is_running(Some(kind));
    // No process was stopped in the middle of a transaction.
    let is_writable = || database.is_writable(Duration::from_millis(200));
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < SOON, "no {kind} was caught");
        work().await;
        let look = Instant::now();
        while look.elapsed() < Duration::from_secs(1) {
            if running() {
                lab.uploader(0).signal(Signal::STOP);
                if running() && is_writable() {
                    return;
                }
                lab.uploader(0).signal(Signal::CONT);
            }
        }
    }
}

#[tokio::test]
async fn an_uploader_that_wakes_after_its_lease_moves_no_tag_back() {
    let lab = Lab::builder()
        .uploaders(2)
        .env("LOG_LEVEL", "debug")
        .start()
        .await;
    lab.uploader(1).terminate().await;
    let images: Vec<Image> = (0..4)
        .map(|_| Image::random(Format::Oci, 1, 1000))
        .collect();
    for (n, image) in images.iter().enumerate() {
        push(&lab, image, &format!("v{n}")).await;
    }
    push(&lab, &images[0], "moving").await;
    lab.wait_until_stored().await;
    // Anew, with few sessions: one that sleeps keeps those that it has.
    lab.uploader(0).terminate().await;
    lab.uploader(0).restart();
    let mut turn = 0;
    freeze_in_the_middle_of(&lab, "publish_tag", async || {
        turn += 1;
        push(&lab, &images[turn % 3], "moving").await;
    })
    .await;

    // The newest desired state, reconciled by another while the first one sleeps.
    push(&lab, &images[3], "moving").await;
    lab.uploader(1).restart();
    lab.clock_forward(LATE_MS);
    let newest = Some(images[3].digest());
    // Not all is done: the tag is looked at once more, later. The one that
    // carries it out has written down that it did: it is killed below, and an
    // unfinished run of it would be looked at later still.
    wait::until("the newest tag", SOON, async || {
        tag_on_sftp(&lab, "moving") == newest && !lab.database().is_running(None)
    })
    .await;

    lab.uploader(0).signal(Signal::CONT);
    // It does its next work, so it is awake and has done what it was at.
    let image = Image::random(Format::Oci, 1, 1000);
    lab.uploader(1).kill9();
    push(&lab, &image, "after").await;
    wait::until("the work of the one that woke", SOON, async || {
        tag_on_sftp(&lab, "after") == Some(image.digest())
    })
    .await;
    assert_eq!(tag_on_sftp(&lab, "moving"), newest, "it moved the tag back");
    lab.clock_forward(LATE_MS);
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.tag(&repository(), "moving"), newest.as_deref());
}

#[tokio::test]
async fn an_uploader_that_wakes_in_the_middle_of_a_blob_does_no_harm() {
    let lab = Lab::builder()
        .uploaders(2)
        .env("LOG_LEVEL", "debug")
        .start()
        .await;
    lab.uploader(1).terminate().await;
    let image = Image::random(Format::Oci, 1, 60_000_000);
    freeze_in_the_middle_of(&lab, "store_blob", async || {
        push(&lab, &image, "v").await;
    })
    .await;
    lab.uploader(1).restart();
    lab.clock_forward(LATE_MS);
    lab.wait_until_stored().await;
    lab.uploader(0).signal(Signal::CONT);
    wait::until("words of a lost job", SOON, async || {
        lab.uploader(0).log().contains("another process")
    })
    .await;
    let report = lab.assert_stored_whole().await;
    assert_eq!(
        report.tag(&repository(), "v"),
        Some(image.digest().as_str())
    );
    image
        .assert_pullable(&lab.client(), &repository(), "v")
        .await;
}

/// A blob's file in the spool, as its row names it.
fn spool_file(lab: &Lab, digest: &str) -> Option<PathBuf> {
    let file = lab.database().spool_file(digest)?;
    let path = lab
        .data_dir()
        .join("spool/files")
        .join(&file[..2])
        .join(file);
    assert!(path.exists(), "a row names {}", path.display());
    Some(path)
}

fn blob_on_sftp(lab: &Lab, digest: &str) -> PathBuf {
    let hex = &digest["sha256:".len()..];
    let path = format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
    lab.tree().join(path)
}

#[tokio::test]
async fn only_what_sftp_surely_holds_leaves_the_spool() {
    let mut lab = Lab::builder().env("CACHE_MAX_BYTES", "0").start().await;
    let stored = Image::random(Format::Oci, 1, 50_000);
    let truncated = Image::random(Format::Oci, 1, 60_000);
    push(&lab, &stored, "stored").await;
    push(&lab, &truncated, "truncated").await;
    lab.wait_until_stored().await;
    let file = spool_file(&lab, &sha256(&stored.layers[0])).expect("still a cache");
    let kept = sha256(&truncated.layers[0]);
    let file_kept = spool_file(&lab, &kept).expect("still a cache");
    let remote = blob_on_sftp(&lab, &kept);
    let cut = std::fs::OpenOptions::new()
        .write(true)
        .open(&remote)
        .unwrap();
    cut.set_len(100).unwrap();

    lab.clock_forward(11 * 60 * 1000);
    wait::until("the stored blob's eviction", SOON, async || !file.exists()).await;
    wait::until("the truncated blob's repair", SOON, async || {
        std::fs::metadata(&remote).unwrap().len() == truncated.layers[0].len() as u64
    })
    .await;
    assert!(file_kept.exists(), "it was evicted, and nobody else had it");
    lab.assert_stored_whole().await;
    let client = lab.client();
    stored
        .assert_pullable(&client, &repository(), "stored")
        .await;
    truncated
        .assert_pullable(&client, &repository(), "truncated")
        .await;

    lab.sshd_mut().kill();
    let waiting = Image::random(Format::Oci, 1, 70_000);
    push(&lab, &waiting, "waiting").await;
    let file = spool_file(&lab, &sha256(&waiting.layers[0])).unwrap();
    lab.clock_forward(24 * 60 * 60 * 1000);
    // The storage comes back, and with it everything that looks for files to
    // remove.
    lab.sshd_mut().restart().unwrap();
    lab.assert_stored_whole().await;
    assert!(
        file.exists(),
        "it went before it was stored for ten minutes"
    );
    waiting
        .assert_pullable(&lab.client(), &repository(), "waiting")
        .await;
}
