//! A database that another process holds: who only reads is served, who
//! writes waits or is told to come again, and nothing is half done.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use refity_tests::client::{Client, Sent, send, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::Lab;
use refity_tests::{random, wait};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

const APP: &str = "team/app";

/// How long a test waits for what should come soon.
const SOON: Duration = Duration::from_secs(60);

/// What there is before the writes come.
struct Before {
    image: Image,
    lone: Bytes,
    /// Uploads of which the first hundred bytes are there: one to be ended,
    /// one to be gone on with.
    sessions: [String; 2],
    bytes: Bytes,
}

impl Before {
    async fn new(lab: &Lab) -> Self {
        let client = lab.client();
        let image = Image::random(Format::Oci, 1, 3000);
        image.push(&client, APP, "v1").await.unwrap();
        image.push(&client, APP, "v2").await.unwrap();
        let lone = random::bytes(500);
        client.push_blob(APP, lone.clone()).await.unwrap();
        lab.wait_until_stored().await;
        let bytes = random::bytes(1000);
        let begin = async || {
            let session = client.start_upload(APP).await.gives(202).location();
            let first = client.patch(&session, bytes.slice(..100), None).await;
            first.gives(202);
            session
        };
        Self {
            sessions: [begin().await, begin().await],
            image,
            lone,
            bytes,
        }
    }

    /// Requests of every kind that writes, all at once, with the status of
    /// their success.
    fn writes(&self, lab: &Lab) -> Writes {
        let mut writes = Writes(JoinSet::new());
        let client = lab.client();
        let digest = sha256(&self.bytes);
        let uploads = format!("/v2/{APP}/blobs/uploads/");
        writes.bare(&client, Method::POST, uploads.clone(), 202);
        let mount = format!(
            "/v2/team/other/blobs/uploads/?mount={}&from={APP}",
            self.image.id()
        );
        writes.bare(&client, Method::POST, mount, 201);
        let tag = format!("/v2/{APP}/manifests/v1");
        writes.bare(&client, Method::DELETE, tag, 202);
        let lone = format!("/v2/{APP}/blobs/{}", sha256(&self.lone));
        writes.bare(&client, Method::DELETE, lone, 202);

        let post = client.request(
            Method::POST,
            &format!("{uploads}?digest={}", sha256(b"posted")),
        );
        writes.add("POST with a body", 201, send(post.body("posted")));
        let (image, to) = (self.image.clone(), client.clone());
        writes.add("PUT manifest", 201, async move {
            to.put_manifest(APP, "v3", image.media_type(), image.manifest)
                .await
        });
        let [ended, gone_on_with] = self.sessions.clone();
        let (rest, to) = (self.bytes.slice(100..), client.clone());
        writes.add("PUT upload", 201, async move {
            to.finish(&ended, &digest, rest).await
        });
        let chunk = self.bytes.slice(100..200);
        writes.add("PATCH upload", 202, async move {
            client.patch(&gone_on_with, chunk, Some("100-199")).await
        });
        writes
    }

    /// Nothing of what was refused has happened.
    async fn assert_unchanged(&self, lab: &Lab) {
        let client = lab.client();
        let listed = client.tags(APP).await.gives(200).json();
        assert_eq!(listed["tags"], json!(["v1", "v2"]));
        self.image.assert_pullable(&client, APP, "v1").await;
        client.head_blob(APP, &sha256(&self.lone)).await.gives(200);
        client
            .head_blob("team/other", &self.image.id())
            .await
            .gives(404);
        client.head_blob(APP, &sha256(b"posted")).await.gives(404);
        for session in &self.sessions {
            let status = client.upload_status(session).await.gives(204);
            assert_eq!(status.header("range"), Some("0-99"));
        }
    }

    /// All that was asked for has happened.
    async fn assert_done(&self, lab: &Lab) {
        let client = lab.client();
        let report = lab.assert_stored_whole().await;
        assert_eq!(report.tag(APP, "v1"), None);
        assert_eq!(report.tag(APP, "v3"), Some(&*self.image.digest()));
        assert!(!report.has_blob(APP, &sha256(&self.lone)));
        assert!(report.has_blob("team/other", &self.image.id()));
        let blob = client.get_blob(APP, &sha256(&self.bytes), None).await;
        assert!(blob.gives(200).body == self.bytes);
        self.image.assert_pullable(&client, APP, "v3").await;
        let status = client.upload_status(&self.sessions[1]).await.gives(204);
        assert_eq!(status.header("range"), Some("0-199"));
        assert!(
            lab.uploader(0).is_running(),
            "{}",
            lab.uploader(0).log_tail()
        );
    }
}

/// Requests that are under way, each with its name and its good status.
struct Writes(JoinSet<(String, u16, Sent)>);

impl Writes {
    fn add(&mut self, name: &str, good: u16, sent: impl Future<Output = Sent> + Send + 'static) {
        let name = name.to_owned();
        self.0.spawn(async move { (name, good, sent.await) });
    }

    fn bare(&mut self, client: &Client, method: Method, path: String, good: u16) {
        let client = client.clone();
        let name = format!("{method} {path}");
        self.add(&name, good, async move { client.bare(method, &path).await });
    }
}

/// Intents that are not known to be completed.
fn intents(lab: &Lab) -> BTreeSet<PathBuf> {
    let intents = std::fs::read_dir(lab.data_dir().join("spool/intents")).unwrap();
    intents.map(|entry| entry.unwrap().path()).collect()
}

async fn assert_reads(lab: &Lab, before: &Before) {
    let client = lab.client();
    client.ping().await.gives(200);
    before.assert_unchanged(lab).await;
    let blob = client.get_blob(APP, &before.image.id(), None).await;
    assert_eq!(blob.gives(200).body, before.image.config);
    let catalog = client.get("/v2/_catalog").await.gives(200).json();
    assert_eq!(catalog["repositories"], json!([APP]));
}

#[tokio::test]
async fn who_writes_waits_for_a_database_that_is_held_for_a_moment() {
    let lab = Lab::start().await;
    let before = Before::new(&lab).await;
    let held = lab.database().hold();
    let mut writes = before.writes(&lab);
    // Each has a connection of its own; the reads come after them.
    wait::until("connections for all writes", SOON, async || {
        lab.connections(0) >= writes.0.len()
    })
    .await;
    assert_reads(&lab, &before).await;
    assert!(writes.0.try_join_next().is_none(), "it did not wait");
    held.release();
    while let Some(answered) = writes.0.join_next().await {
        let (name, good, sent) = answered.unwrap();
        assert_eq!(sent.expect("an answer").status, good, "{name}");
    }
    before.assert_done(&lab).await;
}

#[tokio::test]
async fn who_writes_into_a_database_that_is_held_for_long_is_told_to_come_again() {
    let lab = Lab::start().await;
    let before = Before::new(&lab).await;
    let (files, pending_intents) = (lab.spool_files().len(), intents(&lab));
    let held = lab.database().hold();
    let start = Instant::now();
    let mut waited = Vec::new();
    let mut writes = before.writes(&lab);
    while let Some(answered) = writes.0.join_next().await {
        let (name, _, sent) = answered.unwrap();
        waited.push(start.elapsed());
        let refused = sent.refuses(503, "UNAVAILABLE");
        let version = refused.header("docker-distribution-api-version");
        assert_eq!(version, Some("registry/2.0"), "{name}: {refused:?}");
        let after = refused.header("retry-after").map(str::parse::<u64>);
        assert!(matches!(after, Some(Ok(1..))), "{name}: {refused:?}");
        let words = refused.json()["errors"][0]["message"].to_string();
        assert!(words.contains("database is busy"), "{name}: {words}");
    }
    // What all found held for so long is not waited for once more by each.
    assert!(waited[waited.len() - 1] < waited[0] * 2, "{waited:?}");
    assert_reads(&lab, &before).await;
    held.release();

    before.assert_unchanged(&lab).await;
    assert!(
        intents(&lab).is_subset(&pending_intents),
        "of what was refused"
    );
    assert_eq!(lab.spool_files().len(), files, "files that no row names");
    // What was told to come again comes again.
    let mut writes = before.writes(&lab);
    while let Some(answered) = writes.0.join_next().await {
        let (name, good, sent) = answered.unwrap();
        assert_eq!(sent.expect("an answer").status, good, "{name}");
    }
    before.assert_done(&lab).await;
    wait::until("readiness", SOON, async || {
        lab.client().get("/readyz").await.unwrap().status == 200
    })
    .await;
}
