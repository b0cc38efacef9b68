//! Links of one repository, which an uploader writes in batches.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use refity_tests::app::TestApp;
use refity_tests::client::sha256;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::wait;

const COPY: &str = "team/copy";

/// Longer than the pause before a job that needs a person is tried again.
const PARKED_MS: i64 = 16 * 60 * 1000;

fn link(lab: &TestApp, digest: &str) -> PathBuf {
    let hex = digest.strip_prefix("sha256:").unwrap();
    let layers = format!("docker/registry/v2/repositories/{COPY}/_layers");
    lab.tree()
        .join(layers)
        .join("sha256")
        .join(hex)
        .join("link")
}

#[tokio::test]
async fn a_link_that_cannot_be_written_does_not_hold_up_the_others() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 20, 100);
    image.push(&client, "team/app", "v1").await.unwrap();
    lab.assert_stored_whole().await;
    // All blobs are stored, so that all links are ready at once.
    lab.uploader(0).terminate().await;
    let digests: Vec<String> = image.blobs().map(|blob| sha256(blob)).collect();
    for digest in &digests {
        client.mount(COPY, digest, "team/app").await.gives(201);
    }
    let blocked = link(&lab, &digests[7]);
    fs::create_dir_all(blocked.join("folder")).unwrap();
    lab.uploader(0).restart();
    wait::until("the other links", Duration::from_secs(60), async || {
        digests.iter().all(|digest| link(&lab, digest).exists())
    })
    .await;
    for digest in digests.iter().filter(|digest| **digest != digests[7]) {
        assert_eq!(fs::read_to_string(link(&lab, digest)).unwrap(), *digest);
    }
    assert!(blocked.is_dir());

    fs::remove_dir_all(&blocked).unwrap();
    lab.clock_forward(PARKED_MS);
    lab.wait_until_stored().await;
    assert_eq!(fs::read_to_string(&blocked).unwrap(), digests[7]);
    image.push(&client, COPY, "v1").await.unwrap();
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.tag(COPY, "v1"), Some(&*image.digest()));
}
