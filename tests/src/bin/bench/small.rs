//! Many small blobs, each a POST and a PUT, by several clients at once.

use std::time::Instant;

use bytes::Bytes;
use refity_tests::client::Client;
use refity_tests::random;

use crate::Scale;
use crate::contestant::Contestant;
use crate::table::{Limit, Table, median};

const CLIENTS: usize = 8;
const BLOB: usize = 4096;
const REQUESTS_PER_BLOB: usize = 2;

pub(crate) async fn measure(scale: Scale, ours: bool, table: &mut Table) {
    let contestants = Contestant::all(ours).await;
    let mut rates = vec![Vec::new(); contestants.len()];
    for _ in 0..scale.runs {
        for (n, contestant) in contestants.iter().enumerate() {
            rates[n].push(requests_per_second(&contestant.client, scale.small_blobs).await);
            contestant.wait_until_idle().await;
        }
    }
    let what = format!(
        "{}: {} blobs of {BLOB} bytes by {CLIENTS} clients",
        contestants[0].name, scale.small_blobs
    );
    for (n, other) in contestants.iter().enumerate().skip(1) {
        let target = if other.name == "docker-registry" {
            Limit::AtLeast(1.0)
        } else {
            Limit::None
        };
        let (rate, other_rate) = (median(&rates[0]), median(&rates[n]));
        table.compare(&what, "requests/s", rate, (other.name, other_rate), target);
    }
}

async fn requests_per_second(client: &Client, blobs: usize) -> f64 {
    let shares: Vec<Vec<Bytes>> = (0..CLIENTS)
        .map(|_| (0..blobs / CLIENTS).map(|_| random::bytes(BLOB)).collect())
        .collect();
    let start = Instant::now();
    let pushing: Vec<_> = shares
        .into_iter()
        .map(|share| tokio::spawn(push_all(client.clone(), share)))
        .collect();
    let mut pushed = 0;
    for share in pushing {
        pushed += share.await.expect("all blobs pushed");
    }
    let requests = u32::try_from(pushed * REQUESTS_PER_BLOB).expect("a small number");
    f64::from(requests) / start.elapsed().as_secs_f64()
}

async fn push_all(client: Client, blobs: Vec<Bytes>) -> usize {
    let count = blobs.len();
    for blob in blobs {
        client
            .push_blob("team/small", blob)
            .await
            .expect("a pushed blob");
    }
    count
}
