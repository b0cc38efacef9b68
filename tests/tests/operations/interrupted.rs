//! Processes that are killed in the middle of a push: what was acknowledged
//! is kept, what was not can be sent again, and nothing is left lying around.

use std::time::Duration;

use bytes::Bytes;
use refity_tests::client::{Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::Lab;
use refity_tests::random::{self, Random};
use refity_tests::wait;

const APP: &str = "team/app";
const DAY_AND_MORE: i64 = 25 * 60 * 60 * 1000;

#[tokio::test]
async fn what_was_acknowledged_outlives_all_processes_and_arrives_later() {
    let mut lab = Lab::start().await;
    lab.sshd_mut().kill();
    let client = lab.client();
    let image = Image::random(Format::Oci, 3, 50_000);
    image.push(&client, APP, "v1").await.unwrap();
    let lone = random::bytes(30_000);
    client.push_blob(APP, lone.clone()).await.unwrap();
    lab.gateway(0).kill9();
    lab.uploader(0).kill9();

    for _ in 0..3 {
        lab.start_all().await;
        image.assert_pullable(&client, APP, "v1").await;
        let answer = client.get_blob(APP, &sha256(&lone), None).await;
        assert!(answer.gives(200).body == lone);
        // Time for a good many tries that fail.
        lab.clock_forward(60 * 60 * 1000);
        lab.gateway(0).kill9();
        lab.uploader(0).kill9();
    }
    lab.start_all().await;
    lab.sshd_mut().restart().unwrap();
    lab.clock_forward(60 * 60 * 1000);
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.tag(APP, "v1"), Some(&*image.digest()));
    assert!(report.has_blob(APP, &sha256(&lone)));
}

/// Pushes as a client does that tries again: the same request first, and
/// from the beginning where the session is unknown.
async fn push_until_it_succeeds(lab: &Lab, client: &Client, session: String, bytes: &Bytes) {
    let digest = sha256(bytes);
    let mut session = session;
    for _ in 0..100 {
        if !lab.gateway(0).is_running() {
            lab.gateway(0).restart();
            lab.wait_until_ready().await;
        }
        let Ok(answer) = client.finish(&session, &digest, bytes.clone()).await else {
            continue;
        };
        match answer.status {
            201 => return,
            // What it had written when it was killed may be there already:
            // the closing body then makes other bytes of it.
            400 | 404 | 416 => session = client.start_upload(APP).await.gives(202).location(),
            _ => panic!("{answer:?}"),
        }
    }
    panic!("never acknowledged");
}

#[tokio::test]
async fn a_put_that_a_kill_interrupts_succeeds_when_it_is_sent_again() {
    const ROUNDS: usize = 25;
    let lab = Lab::start().await;
    let mut random = Random::new();
    println!("seed {}", random.seed());
    let mut pushed = Vec::new();
    for _ in 0..ROUNDS {
        let client = lab.client();
        let bytes = random.bytes(400_000);
        let session = client.start_upload(APP).await.gives(202).location();
        let put = {
            let (client, session, bytes) = (client.clone(), session.clone(), bytes.clone());
            tokio::spawn(async move { client.finish(&session, &sha256(&bytes), bytes).await })
        };
        // Anywhere between the first byte and after the answer.
        tokio::time::sleep(Duration::from_micros(random.below(25_000) as u64)).await;
        lab.gateway(0).kill9();
        let _ = put.await.expect("a task that ends");
        push_until_it_succeeds(&lab, &client, session, &bytes).await;
        pushed.push(bytes);
    }
    let client = lab.client();
    for bytes in &pushed {
        let answer = client.get_blob(APP, &sha256(bytes), None).await.gives(200);
        assert!(answer.body == *bytes);
    }
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.repositories[APP].layers.len(), ROUNDS);

    // After a day nothing is in the spool but the blobs.
    lab.clock_forward(DAY_AND_MORE);
    lab.uploader(0).terminate().await;
    lab.uploader(0).restart();
    wait::until("the sweep", Duration::from_secs(30), async || {
        lab.spool_files().len() <= ROUNDS
    })
    .await;
    for bytes in &pushed {
        let answer = client.get_blob(APP, &sha256(bytes), None).await.gives(200);
        assert!(answer.body == *bytes);
    }
}

#[tokio::test]
async fn an_intent_that_was_never_committed_keeps_only_the_files_that_it_names() {
    let lab = Lab::start().await;
    // As a gateway leaves it that is killed between the intent and its commit.
    let image = Image::random(Format::Oci, 1, 1000);
    let line = serde_json::json!({
        "generation": 1, "repository": APP, "wish": "put", "media_type": image.media_type(),
        "digest": image.digest(), "tags": ["v1"],
    });
    let mut intent = format!("{line}\n").into_bytes();
    intent.extend_from_slice(&image.manifest);
    let spool = lab.data_dir().join("spool");
    let intents = spool.join("intents");
    let id = "5f0cbd3c-2b8e-4c58-9d2f-6a4b7ad0a001";
    std::fs::write(intents.join(id), intent).unwrap();
    let plant = |n: u8, bytes: &[u8]| {
        let name = format!("{n:02x}0cbd3c-2b8e-4c58-9d2f-6a4b7ad0a002");
        let path = spool.join("files").join(&name[..2]).join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let needed = plant(1, &image.config);
    let abandoned = [plant(2, &random::bytes(image.config.len())), plant(3, b"x")];

    lab.clock_forward(DAY_AND_MORE);
    lab.uploader(0).terminate().await;
    lab.uploader(0).restart();
    wait::until("the sweep", Duration::from_secs(30), async || {
        abandoned.iter().all(|file| !file.exists())
    })
    .await;
    assert!(needed.exists() && intents.join(id).exists());
    // A week later it is sure that nobody needs them.
    lab.clock_forward(7 * DAY_AND_MORE);
    lab.uploader(0).terminate().await;
    lab.uploader(0).restart();
    wait::until("the sweep", Duration::from_secs(60), async || {
        !needed.exists() && !intents.join(id).exists()
    })
    .await;
}
