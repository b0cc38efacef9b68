//! Many uploads, one after the other and at once.

use std::time::Duration;

use refity_tests::client::{Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::lab::Lab;
use refity_tests::wire::{Wire, head};
use refity_tests::{random, wait};
use tokio::task::JoinSet;

use super::repository;

#[tokio::test]
async fn one_blob_that_fifty_clients_push_at_once_is_stored_once() {
    let mut lab = Lab::start().await;
    let app = repository("app");
    lab.client()
        .push_blob(&app, random::bytes(9))
        .await
        .unwrap();
    lab.wait_until_stored().await;
    lab.sshd_mut().kill();

    let bytes = random::bytes(500_000);
    let mut pushes = JoinSet::new();
    for n in 0..50 {
        let (client, bytes) = (lab.client(), bytes.clone());
        let repository = repository(&format!("app{}", n % 5));
        pushes.spawn(async move { client.push_blob(&repository, bytes).await });
    }
    for pushed in pushes.join_all().await {
        assert_eq!(pushed.expect("a push"), sha256(&bytes));
    }
    let jobs = lab.client().get("/api/jobs?limit=1000").await.gives(200);
    let jobs = jobs.json();
    let jobs = jobs["items"].as_array().expect("a list");
    let of_kind = |kind: &str| {
        let digest = sha256(&bytes);
        let ours = |job: &&serde_json::Value| job["kind"] == kind && job["digest"] == digest;
        jobs.iter().filter(ours).count()
    };
    assert_eq!((of_kind("store_blob"), of_kind("link_blob")), (1, 5));
    assert_eq!(lab.spool_bytes(), 500_009, "the others' files are gone");

    lab.sshd_mut().restart().unwrap();
    let report = lab.assert_stored_whole().await;
    for n in 0..5 {
        assert!(report.has_blob(&repository(&format!("app{n}")), &sha256(&bytes)));
    }
}

/// What a process may keep open for later that it had not opened at first:
/// for each of `FTP_CONNECTIONS` a lock and, twice, a socket; and readers of
/// the database.
const KEPT: usize = 8 * 3 + 8;

/// Ten uploads that end in every way that there is.
async fn ten_uploads(client: &Client, address: &str, repository: &str) {
    for _ in 0..6 {
        client
            .push_blob(repository, random::bytes(500))
            .await
            .unwrap();
    }
    let start = async || client.start_upload(repository).await.gives(202).location();
    let session = start().await;
    let wrong = client.finish(&session, &sha256(b"other"), "bytes").await;
    wrong.gives(400);
    let session = start().await;
    client.patch(&session, "bytes", None).await.gives(202);
    client.cancel(&session).await.gives(204);
    let session = start().await;
    client
        .patch(&session, "bytes", Some("7-11"))
        .await
        .gives(416);

    let mut cut = Wire::connect(address).await;
    let head = head(client, "PATCH", &session, &[("Content-Length", "1000")]);
    cut.send(head.as_bytes()).await;
    cut.send(b"only a part").await;
}

async fn uploads(lab: &Lab, tens: usize) {
    let mut clients = JoinSet::new();
    for n in 0..8 {
        let (client, address) = (lab.client(), lab.address(0).to_owned());
        let repository = repository(&format!("app{n}"));
        clients.spawn(async move {
            for _ in 0..tens {
                ten_uploads(&client, &address, &repository).await;
            }
        });
    }
    clients.join_all().await;
}

#[tokio::test]
async fn handles_return_to_where_they_were_after_a_thousand_uploads() {
    let lab = Lab::start().await;
    // Threads and connections to the database that are made once.
    uploads(&lab, 1).await;
    lab.wait_until_stored().await;
    let gateway = lab.gateway(0).open_files();
    let uploader = lab.uploader(0).open_files();

    uploads(&lab, 12).await;
    lab.wait_until_stored().await;
    wait::until(
        "the gateway's handles",
        Duration::from_secs(30),
        async || lab.gateway(0).open_files() <= gateway + KEPT,
    )
    .await;
    wait::until(
        "the uploader's handles",
        Duration::from_secs(30),
        async || lab.uploader(0).open_files() <= uploader + KEPT,
    )
    .await;
    assert_eq!(lab.sshd().open_files(), 0, "files open over SFTP");
    assert!(lab.sshd().connections() <= 8, "more than FTP_CONNECTIONS");
    lab.check().assert_clean();
}
