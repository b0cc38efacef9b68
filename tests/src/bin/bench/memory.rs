//! The most memory that each process takes while four huge blobs are pushed
//! at once, and then pulled at once from SFTP.

use std::time::Duration;

use refity_tests::client::{Client, send};
use refity_tests::lab::Lab;
use refity_tests::random::Random;
use refity_types::digest::{Algorithm, Hasher};
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Body, Method};

use crate::table::{Limit, Table};
use crate::{MIB, Scale};

const BLOBS: usize = 4;
const REPOSITORY: &str = "team/memory";
const LIMIT: Limit = Limit::AtMost(64.0);

pub(crate) async fn measure(scale: Scale, table: &mut Table) {
    let lab = Lab::start().await;
    let blobs: Vec<Huge> = (0..BLOBS)
        .map(|_| Huge::random(scale.huge_blob / MIB))
        .collect();
    let size = format!("{BLOBS} × {} MiB", scale.huge_blob / MIB);

    let pushing = blobs
        .iter()
        .map(|blob| tokio::spawn(blob.clone().push(lab.client())));
    for push in pushing.collect::<Vec<_>>() {
        push.await.expect("a pushed blob");
    }
    lab.wait_until_stored_within(Duration::from_secs(1800))
        .await;
    report(&lab, &format!("{size} pushed at once"), table);

    lab.stop_all().await;
    lab.empty_spool();
    lab.start_all().await;
    let pulling = blobs
        .iter()
        .map(|blob| tokio::spawn(blob.clone().pull(lab.client())));
    for pull in pulling.collect::<Vec<_>>() {
        pull.await.expect("a pulled blob");
    }
    report(&lab, &format!("{size} pulled at once, cold"), table);
}

fn report(lab: &Lab, what: &str, table: &mut Table) {
    for (name, process) in [("gateway", lab.gateway(0)), ("uploader", lab.uploader(0))] {
        let mib = u32::try_from(process.peak_rss() / (1 << 20)).expect("a small number");
        table.figure(
            &format!("peak RSS of the {name}, {what}"),
            "MiB",
            mib.into(),
            LIMIT,
        );
    }
}

/// A blob that is never in memory as a whole: its seed makes it again.
#[derive(Clone)]
struct Huge {
    seed: u64,
    mebibytes: usize,
    digest: String,
}

impl Huge {
    fn random(mebibytes: usize) -> Self {
        let mut random = Random::new();
        let seed = random.seed();
        let mut hasher = Hasher::new(Algorithm::Sha256);
        for _ in 0..mebibytes {
            hasher.update(&random.bytes(MIB));
        }
        let digest = hasher.finish().to_string();
        Self {
            seed,
            mebibytes,
            digest,
        }
    }

    async fn push(self, client: Client) {
        let session = client
            .start_upload(REPOSITORY)
            .await
            .expect("an answer")
            .expect_status(202);
        let location = session.location();
        let sign = if location.contains('?') { '&' } else { '?' };
        let target = format!("{location}{sign}digest={}", self.digest);
        let mut random = Random::seeded(self.seed);
        let chunks = (0..self.mebibytes).map(move |_| std::io::Result::Ok(random.bytes(MIB)));
        let request = client
            .request(Method::PUT, &target)
            .header(CONTENT_LENGTH, self.mebibytes * MIB)
            .body(Body::wrap_stream(tokio_stream::iter(chunks)));
        send(request).await.expect("an answer").expect_status(201);
    }

    async fn pull(self, client: Client) {
        let path = format!("/v2/{REPOSITORY}/blobs/{}", self.digest);
        let mut response = client
            .request(Method::GET, &path)
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 200);
        let mut received = 0;
        while let Some(chunk) = response.chunk().await.expect("a whole blob") {
            received += chunk.len();
        }
        assert_eq!(received, self.mebibytes * MIB);
    }
}
