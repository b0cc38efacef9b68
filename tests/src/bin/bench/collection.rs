//! Garbage collection of a large index: the memory that it takes, and what is
//! left for those who pull meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use refity_tests::client::MANIFEST_TYPES;
use refity_tests::image::{Format, Image};
use refity_tests::lab::Lab;
use serde_json::json;

use crate::Scale;
use crate::contestant::{basic, our_credentials};
use crate::load::gets_per_second;
use crate::rows::add_garbage;
use crate::table::{Limit, Table, median};

const REPOSITORY: &str = "team/collected";
const TAG: &str = "kept";

/// How long a collection may take beside those who pull: else something holds
/// it up that no ratio shows.
const COLLECTED: Duration = Duration::from_secs(10 * 60);

pub(crate) async fn measure(scale: Scale, table: &mut Table) {
    let lab = Lab::start().await;
    let image = Image::random(Format::Oci, 5, 1000);
    let pushed = image.push(&lab.client(), REPOSITORY, TAG).await;
    pushed.expect("a pushed image");
    lab.wait_until_stored().await;
    add_garbage(&lab, REPOSITORY, scale.garbage);

    let address = lab.address(0).to_owned();
    let rate = || {
        let url = format!("http://{address}/v2/{REPOSITORY}/manifests/{TAG}");
        let headers = [
            format!("Accept: {MANIFEST_TYPES}"),
            basic(&our_credentials()),
        ];
        gets_per_second(&url, &headers, scale.manifest_seconds)
    };
    let quiet: Vec<f64> = (0..scale.runs).map(|_| rate()).collect();
    let (client, over) = (lab.client(), Arc::new(AtomicBool::new(false)));
    let collecting = {
        let over = Arc::clone(&over);
        tokio::spawn(async move {
            let order = json!({ "dry_run": false });
            let answer = client.post_json("/api/gc", &order).await;
            over.store(true, Ordering::Relaxed);
            answer.expect("an answer").expect_status(200).json()
        })
    };
    // While it marks, and then while what it marked is removed.
    let (begun, mut busy) = (Instant::now(), Vec::new());
    while busy.len() < scale.runs || !over.load(Ordering::Relaxed) {
        busy.push(tokio::task::block_in_place(rate));
        assert!(begun.elapsed() < COLLECTED, "it takes too long");
    }
    let collected = collecting.await.expect("a collection");
    assert_eq!(collected["blobs"], json!(scale.garbage), "{collected}");
    let left = lab.client().jobs_summary().await.expect("an answer").json();
    assert_ne!(left["pending"], json!(0), "removals were still going on");
    table.compare(
        &format!(
            "GET of a manifest while {} blobs are collected",
            scale.garbage
        ),
        "requests/s",
        median(&busy),
        ("quiet", median(&quiet)),
        Limit::AtLeast(0.7),
    );
    for (name, process) in [("gateway", lab.gateway(0)), ("uploader", lab.uploader(0))] {
        let mib = u32::try_from(process.peak_rss() / (1 << 20)).expect("a small number");
        table.figure(
            &format!("peak RSS of the {name}, {} blobs collected", scale.garbage),
            "MiB",
            mib.into(),
            Limit::AtMost(64.0),
        );
    }
}
