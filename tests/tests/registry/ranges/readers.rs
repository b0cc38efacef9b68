//! Many readers of one cold blob, slow ones, and those that leave.

use std::time::Duration;

use bytes::Bytes;
use refity_tests::client::{Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::faulty_sftp::{FaultySftp, Kind};
use refity_tests::lab::Lab;
use refity_tests::{random, wait};
use reqwest::{Method, Response};
use tokio::task::JoinSet;

use super::APP;

/// Begins to read a blob, and has its first bytes.
async fn begin(client: &Client, digest: &str, range: Option<&str>) -> Response {
    let mut request = client.request(Method::GET, &format!("/v2/{APP}/blobs/{digest}"));
    if let Some(range) = range {
        request = request.header("range", range);
    }
    let mut response = request.send().await.expect("an answer");
    assert!(response.status().is_success(), "{response:?}");
    response.chunk().await.expect("a first piece");
    response
}

/// Sessions to SFTP that are kept for the next reader: for each of
/// `FTP_CONNECTIONS` a lock and, twice, a socket.
const KEPT: usize = 8 * 3;

async fn cold_lab(storage: &FaultySftp, size: usize) -> (Lab, Bytes) {
    let lab = Lab::builder().storage(storage).start().await;
    let bytes = random::bytes(size);
    lab.client().push_blob(APP, bytes.clone()).await.unwrap();
    lab.make_cold().await;
    (lab, bytes)
}

#[tokio::test]
async fn twenty_readers_of_one_cold_blob_share_one_read() {
    let storage = FaultySftp::start();
    let (lab, bytes) = cold_lab(&storage, 8_000_000).await;
    let reads =
        || storage.count(|it| it.kind == Kind::Open && !it.writes && it.path.ends_with("/data"));
    let (opened, read) = (reads(), storage.bytes_read());
    let mut readers = JoinSet::new();
    for _ in 0..20 {
        let (client, bytes) = (lab.client(), bytes.clone());
        readers.spawn(async move {
            let answer = client.get_blob(APP, &sha256(&bytes), None).await;
            assert!(answer.gives(200).body == bytes);
        });
    }
    readers.join_all().await;
    assert_eq!(reads() - opened, 1, "opened for reading");
    let read = storage.bytes_read() - read;
    assert!(read < 9_000_000, "{read} bytes were read");
}

#[tokio::test]
async fn a_slow_reader_does_not_slow_a_fast_one() {
    let storage = FaultySftp::start();
    let (lab, bytes) = cold_lab(&storage, 40_000_000).await;
    let digest = sha256(&bytes);
    let slow = begin(&lab.client(), &digest, None).await;
    let fast = lab.client();
    let fast = tokio::time::timeout(Duration::from_secs(60), fast.get_blob(APP, &digest, None));
    let answer = fast.await.expect("the slow one holds up the fast one");
    assert!(answer.gives(200).body == bytes);
    // It gets its bytes all the same, when it wants them.
    let rest = slow.bytes().await.expect("the rest").len();
    assert!(rest > 30_000_000, "{rest}");
}

#[tokio::test]
async fn readers_that_leave_leave_nothing_behind() {
    let storage = FaultySftp::start();
    let (lab, bytes) = cold_lab(&storage, 20_000_000).await;
    let digest = sha256(&bytes);
    // What is made once: threads, sessions to SFTP.
    drop(begin(&lab.client(), &digest, Some("bytes=1-")).await);
    let part = lab
        .client()
        .get_blob(APP, &digest, Some("bytes=7-99"))
        .await;
    assert!(part.gives(206).body == bytes.slice(7..100));
    let settled = async || {
        wait::until("the handles' end", Duration::from_secs(30), async || {
            storage.open_handles() == 0
        })
        .await;
    };
    settled().await;
    for _ in 0..10 {
        drop(begin(&lab.client(), &digest, Some("bytes=1-")).await);
    }
    settled().await;
    let before = lab.gateway(0).open_files();
    for n in 0..60 {
        let range = (n % 2 == 0).then_some("bytes=1-");
        drop(begin(&lab.client(), &digest, range).await);
        // The same session serves the next one, from where that one wants.
        let part = lab
            .client()
            .get_blob(APP, &digest, Some("bytes=7-99"))
            .await;
        assert!(part.gives(206).body == bytes.slice(7..100), "reader {n}");
    }
    let whole = lab.client().get_blob(APP, &digest, None).await.gives(200);
    assert!(whole.body == bytes);
    settled().await;
    // Of what 60 readers held nothing else is left.
    wait::until(
        "the gateway's handles",
        Duration::from_secs(30),
        async || lab.gateway(0).open_files() <= before + KEPT,
    )
    .await;
    assert!(storage.most_connections() <= 8);
}
