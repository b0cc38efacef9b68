//! The harness tests itself, against Debian's registry where it needs one.

use std::time::Duration;

use refity_tests::checker::{self, Tmp};
use refity_tests::client::sha256;
use refity_tests::docker::Docker;
use refity_tests::image::{Format, Image, Index};
use refity_tests::peer::Peer;
use refity_tests::processes::{Process, Program};
use refity_tests::random::{self, Random};
use refity_tests::round_robin::RoundRobin;
use refity_tests::wait;
use refity_tests::wire::{Wire, raw_http};

async fn peer() -> (tempfile::TempDir, Peer) {
    let root = tempfile::tempdir().unwrap();
    let peer = Peer::start(root.path()).await;
    (root, peer)
}

#[tokio::test]
async fn images_of_both_formats_go_to_a_registry_and_back() {
    let (root, peer) = peer().await;
    let client = peer.client();
    for format in [Format::Oci, Format::Docker] {
        let image = Image::random(format, 3, 10_000);
        image.push(&client, "team/app", "v1").await.unwrap();
        image.assert_pullable(&client, "team/app", "v1").await;
        let index = Index::random(format, &["amd64", "arm64"], 2, 1000);
        index.push(&client, "team/app", "multi").await.unwrap();
        let answer = client.get_manifest("team/app", "multi").await.unwrap();
        assert_eq!(answer.expect_status(200).body, index.manifest);
    }
    let report = checker::check(root.path(), &Tmp::MustBeEmpty);
    report.assert_clean();
    assert_eq!(report.repositories["team/app"].tags.len(), 2);
    assert_eq!(report.repositories["team/app"].revisions.len(), 8);
}

#[tokio::test]
async fn a_read_only_peer_serves_and_refuses() {
    let (root, peer) = peer().await;
    let image = Image::random(Format::Oci, 1, 100);
    image.push(&peer.client(), "team/app", "v1").await.unwrap();
    drop(peer);
    let reader = Peer::start_read_only(root.path()).await;
    image
        .assert_pullable(&reader.client(), "team/app", "v1")
        .await;
    let refused = reader.client().start_upload("team/app").await.unwrap();
    assert_eq!(refused.status, 405);
}

#[tokio::test]
async fn the_client_speaks_every_step_of_an_upload() {
    let (_root, peer) = peer().await;
    let client = peer.client();
    client
        .ping()
        .await
        .unwrap()
        .expect_status(200)
        .header("content-length")
        .unwrap();

    let bytes = random::bytes(2500);
    let digest = client
        .push_blob_chunked("team/a", bytes.clone(), 1000)
        .await
        .unwrap();
    let head = client
        .head_blob("team/a", &digest)
        .await
        .unwrap()
        .expect_status(200);
    assert_eq!(head.header("content-length"), Some("2500"));
    let part = client
        .get_blob("team/a", &digest, Some("bytes=10-19"))
        .await
        .unwrap();
    assert_eq!(part.expect_status(206).body, bytes.slice(10..20));
    client
        .mount("team/b", &digest, "team/a")
        .await
        .unwrap()
        .expect_status(201);

    let start = client
        .start_upload("team/a")
        .await
        .unwrap()
        .expect_status(202);
    let patched = client
        .patch(&start.location(), bytes.slice(..7), None)
        .await
        .unwrap();
    let location = patched.expect_status(202).location();
    let status = client
        .upload_status(&location)
        .await
        .unwrap()
        .expect_status(204);
    assert_eq!(status.header("range"), Some("0-6"));
    client.cancel(&location).await.unwrap().expect_status(204);
    let gone = client
        .upload_status(&location)
        .await
        .unwrap()
        .expect_status(404);
    assert_eq!(gone.error_code(), "BLOB_UPLOAD_UNKNOWN");
    client.tags("team/none").await.unwrap().expect_status(404);
}

#[tokio::test]
async fn docker_pushes_and_pulls_an_image_that_we_made() {
    let (_root, peer) = peer().await;
    let docker = Docker::start().await;
    docker.login(peer.address(), "any", "any").await.unwrap();
    let image = Image::random(Format::Docker, 20, 5000);
    let name = format!("{}/team/app:v1", peer.address());
    docker.load(&image.docker_tarball(&name)).await.unwrap();
    assert_eq!(docker.image_id(&name).await.unwrap(), image.id());
    docker
        .tag(&name, &name.replace(":v1", ":v2"))
        .await
        .unwrap();
    docker.push(&name).await.unwrap();
    docker.rmi(&image.id()).await.unwrap();
    docker.image_id(&name).await.unwrap_err();
    docker.pull(&name).await.unwrap();
    assert_eq!(docker.image_id(&name).await.unwrap(), image.id());
    docker.rmi(&image.id()).await.unwrap();
    docker.pull(&name.replace("app", "none")).await.unwrap_err();
}

#[tokio::test]
async fn one_connection_carries_one_request_after_another() {
    let (_root, peer) = peer().await;
    let request = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut wire = Wire::connect(peer.address()).await;
    wire.send(&request.repeat(2)).await;
    for _ in 0..2 {
        let answer = wire.answer().await;
        assert_eq!(
            (answer.status, answer.body.as_slice()),
            (200, b"{}".as_slice())
        );
    }
    let silence = wire.answer_within(Duration::from_millis(50)).await;
    assert_eq!(silence, None);

    let last = b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let all = raw_http(peer.address(), last).await;
    assert!(all.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn an_interim_answer_is_an_answer() {
    let (_root, peer) = peer().await;
    let start = peer.client().start_upload("team/a").await.unwrap();
    let location = start.location();
    let path = location
        .strip_prefix(peer.client().base())
        .unwrap_or(&location);
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    );
    let mut wire = Wire::connect(peer.address()).await;
    wire.send(head.as_bytes()).await;
    assert_eq!(wire.answer().await.status, 100);
    wire.send(b"abc").await;
    assert_eq!(wire.answer().await.status, 202);
}

#[tokio::test]
async fn the_proxy_turns_with_every_request() {
    let (_root, with_blob) = peer().await;
    let (_other, without) = peer().await;
    let big = random::bytes(3_000_000);
    let digest = with_blob
        .client()
        .push_blob("team/a", big.clone())
        .await
        .unwrap();
    let backends = [&with_blob, &without].map(|peer| peer.address().to_owned());
    let proxy = RoundRobin::start(backends.into()).await;
    let client = with_blob.client().at(proxy.address());
    for _ in 0..3 {
        let found = client.get_blob("team/a", &digest, None).await.unwrap();
        assert!(found.expect_status(200).body == big);
        let missing = client.get_blob("team/a", &digest, None).await.unwrap();
        missing.expect_status(404);
    }
}

#[tokio::test]
async fn the_proxy_carries_uploads_with_a_body() {
    let (_root, peer) = peer().await;
    let proxy = RoundRobin::start(vec![peer.address().to_owned()]).await;
    let client = peer.client().at(proxy.address());
    let bytes = random::bytes(3_000_000);
    let digest = client
        .push_blob_chunked("team/a", bytes.clone(), 1_000_000)
        .await
        .unwrap();
    let answer = client.get_blob("team/a", &digest, None).await.unwrap();
    assert!(answer.expect_status(200).body == bytes);
}

#[tokio::test]
async fn a_process_can_be_killed_ended_and_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo started; trap 'exit 3' TERM; while :; do sleep 0.01; done";
    let program = Program::new("/bin/sh", folder.path().join("log"))
        .args(["-c", script])
        .env("NAME", "value");
    let process = Process::start(program);
    let starts = || process.log().matches("started").count();
    wait::until("the first start", Duration::from_secs(10), async || {
        starts() == 1
    })
    .await;
    assert!(process.peak_rss() > 100_000);
    process.kill9();
    assert!(!process.is_running());
    assert_eq!(process.pid(), None);
    process.restart();
    wait::until("the second start", Duration::from_secs(10), async || {
        starts() == 2
    })
    .await;
    // The trap is set after the output.
    wait::until("its loop", Duration::from_secs(10), async || {
        has_child(&process)
    })
    .await;
    assert_eq!(process.terminate().await.code(), Some(3));
    assert!(process.log_tail().contains("started"));
}

fn has_child(process: &Process) -> bool {
    let pid = process.pid().unwrap();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    children.is_ok_and(|children| !children.is_empty())
}

#[test]
fn a_seed_repeats_what_was_random() {
    let mut first = Random::new();
    let mut again = Random::seeded(first.seed());
    assert_eq!(first.bytes(1001), again.bytes(1001));
    assert_eq!(first.below(10), again.below(10));
    assert_ne!(random::bytes(16), random::bytes(16));
    assert_eq!(
        sha256(b""),
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

#[tokio::test]
#[should_panic(expected = "in vain: a thing that never happens")]
async fn waiting_in_vain_says_what_for() {
    let limit = Duration::from_millis(30);
    wait::until("a thing that never happens", limit, async || false).await;
}
