//! Pushes that take longer than a token lives, over a slow line.

use std::time::{Duration, Instant};

use refity_tests::docker::Docker;
use refity_tests::image::{Format, Image};
use refity_tests::lab::{ADMIN, GROUP, Lab, PASSWORD};
use refity_tests::round_robin::{Asked, RoundRobin};

use super::fixtures::{Artifact, TAG};
use super::shell::{Shell, text};

/// Seconds that a token lives: the fewest that there can be.
const TOKEN: &str = "60s";

/// How long a push takes at least.
const PUSH: Duration = Duration::from_secs(180);

/// What the line carries in a second.
const LINE: u32 = 32 * 1024;

/// Three layers of this size take 192 s.
const LAYER: usize = 2 * 1024 * 1024;

#[tokio::test]
async fn a_push_that_outlives_three_tokens_succeeds() {
    let lab = Lab::builder().env("TOKEN_LIFETIME", TOKEN).start().await;
    let lines = [lab.slow_line(LINE).await, lab.slow_line(LINE).await];
    tokio::join!(docker_pushes(&lines[0]), skopeo_pushes(&lab, &lines[1]));
    lab.assert_stored_whole().await;
}

async fn docker_pushes(line: &RoundRobin) {
    let docker = Docker::start().await;
    let image = Image::random(Format::Docker, 3, LAYER);
    let name = format!("{}/{GROUP}/by-docker:{TAG}", line.address());
    docker.load(&image.docker_tarball(&name)).await.unwrap();
    docker.login(line.address(), ADMIN, PASSWORD).await.unwrap();
    let started = Instant::now();
    let pushed = docker.push(&name).await;
    assert_outlived("docker", started.elapsed(), &line.asked());
    pushed.unwrap();
    docker.rmi(&image.id()).await.unwrap();
    docker.pull(&name).await.unwrap();
    assert_eq!(docker.image_id(&name).await.unwrap(), image.id());
    docker.rmi(&image.id()).await.unwrap();
}

async fn skopeo_pushes(lab: &Lab, line: &RoundRobin) {
    let shell = Shell::new("skopeo")
        .leading(&["--insecure-policy"])
        .on_own_machine();
    let artifact = Artifact::of_plain_layers(3, LAYER);
    let layout = artifact.write_layout(&shell.path("layout"));
    let from = format!("oci:{}:{TAG}", text(&layout));
    let to = format!("docker://{}/{GROUP}/by-skopeo:{TAG}", line.address());
    let credentials = format!("{ADMIN}:{PASSWORD}");
    let copy = ["copy", "--preserve-digests", "--dest-tls-verify=false"];
    let copy = [&copy[..], &["--dest-creds", &credentials, &from, &to]].concat();
    let started = Instant::now();
    let pushed = shell.attempt(&copy, "").await;
    assert_outlived("skopeo", started.elapsed(), &line.asked());
    pushed.unwrap();
    let client = lab.client();
    let repository = format!("{GROUP}/by-skopeo");
    let manifest = client.get_manifest(&repository, TAG).await.unwrap();
    assert_eq!(manifest.expect_status(200).body, artifact.manifest);
    for blob in &artifact.blobs {
        let digest = refity_tests::client::sha256(blob);
        let found = client.get_blob(&repository, &digest, None).await.unwrap();
        assert!(found.expect_status(200).body == *blob, "{digest}");
    }
}

/// That the push took so long, and by which tokens.
fn assert_outlived(client: &str, took: Duration, asked: &[Asked]) {
    let tokens = asked.iter().filter(|it| it.is_for_a_token()).count();
    println!(
        "{client}: {took:.0?}, {} requests, {tokens} for tokens",
        asked.len()
    );
    assert!(took >= PUSH, "{client}: {took:?}");
    assert!(tokens >= 3, "{client}: {asked:#?}");
    let with_secret = |it: &&Asked| !it.is_for_a_token() && it.scheme.as_deref() == Some("Basic");
    assert_eq!(asked.iter().find(with_secret), None, "{client}");
}
