//! How sessions end: finished, cancelled, refused, forgotten.

use std::time::Duration;

use bytes::Bytes;
use refity_tests::app::TestApp;
use refity_tests::client::{Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::wire::{Wire, head};
use refity_tests::{random, wait};
use uuid::Uuid;

use super::repository;

/// Every use of a session is answered as that of one that never was.
async fn assert_unknown(client: &Client, session: &str) {
    let unknown = "BLOB_UPLOAD_UNKNOWN";
    let digest = sha256(b"never pushed");
    client.upload_status(session).await.refuses(404, unknown);
    client
        .patch(session, "bytes", None)
        .await
        .refuses(404, unknown);
    client
        .finish(session, &digest, "never pushed")
        .await
        .refuses(404, unknown);
    client.cancel(session).await.refuses(404, unknown);
}

#[tokio::test]
async fn a_session_tells_how_far_it_is_until_it_is_cancelled() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let app = repository("app");
    let session = client.start_upload(&app).await.gives(202).location();
    // Of nothing, and of one byte: clients know no form for nothing.
    let status = client.upload_status(&session).await.gives(204);
    assert_eq!(status.header("range"), Some("0-0"));
    assert_eq!(status.location(), session);
    for (piece, range) in [(1, "0-0"), (6, "0-6"), (93, "0-99")] {
        let patched = client.patch(&session, random::bytes(piece), None).await;
        assert_eq!(patched.gives(202).header("range"), Some(range));
        let status = client.upload_status(&session).await.gives(204);
        assert_eq!(status.header("range"), Some(range));
        assert_eq!(status.location(), session);
    }
    let elsewhere = session.replace("/app/", "/other/");
    assert_unknown(&client, &elsewhere).await;
    assert_eq!(lab.spool_bytes(), 100);
    client.cancel(&session).await.gives(204);
    assert_unknown(&client, &session).await;
    let never = format!("/v2/{app}/blobs/uploads/{}", Uuid::new_v4());
    assert_unknown(&client, &never).await;
    assert_eq!(lab.spool_files(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_session_that_is_cancelled_while_it_is_written_leaves_nothing() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let app = repository("app");
    for ends in [true, false] {
        let session = client.start_upload(&app).await.gives(202).location();
        let mut writing = Wire::connect(lab.address(0)).await;
        let length = [("Content-Length", "1000")];
        let patch = head(&client, "PATCH", &session, &length);
        writing.send(patch.as_bytes()).await;
        writing.send(&[7; 500]).await;
        wait::until("the first bytes", Duration::from_secs(30), async || {
            lab.spool_bytes() == 500
        })
        .await;
        let cancel = {
            let (client, session) = (client.clone(), session.clone());
            tokio::spawn(async move { client.cancel(&session).await.expect("an answer").status })
        };
        if ends {
            writing.send(&[7; 500]).await;
            let status = writing.answer().await.status;
            assert!(matches!(status, 202 | 404), "{status}");
        } else {
            drop(writing);
        }
        assert_eq!(cancel.await.unwrap(), 204);
        assert_unknown(&client, &session).await;
        assert_eq!(lab.spool_files(), Vec::<std::path::PathBuf>::new());
        client.cancel(&session).await.gives(404);
    }
}

#[tokio::test]
async fn a_wrong_digest_ends_the_session_and_nothing_is_stored() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let app = repository("app");
    let (bytes, other) = (random::bytes(1000), sha256(b"other bytes"));

    let session = client.start_upload(&app).await.gives(202).location();
    client.patch(&session, bytes.clone(), None).await.gives(202);
    let refused = client.finish(&session, &other, "").await;
    let refused = refused.refuses(400, "DIGEST_INVALID");
    let message = refused.json()["errors"][0]["message"].to_string();
    assert!(message.contains(&sha256(&bytes)), "{message}");
    assert_unknown(&client, &session).await;

    let single = format!("/v2/{app}/blobs/uploads/?digest={other}");
    let request = client.request(reqwest::Method::POST, &single);
    let refused = refity_tests::client::send(request.body(bytes.clone())).await;
    refused.refuses(400, "DIGEST_INVALID");

    for digest in [&other, &sha256(&bytes)] {
        client.head_blob(&app, digest).await.gives(404);
    }
    assert_eq!(lab.spool_files(), Vec::<std::path::PathBuf>::new());
    assert_eq!(
        client.jobs().await.gives(200).json()["total"],
        1,
        "the group's"
    );

    // A digest that is none, or is missing, is a slip: the session goes on.
    let session = client.start_upload(&app).await.gives(202).location();
    for digest in [
        "",
        "sha256:",
        "sha256:zz",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
    ] {
        let refused = client.finish(&session, digest, bytes.clone()).await;
        refused.refuses(400, "DIGEST_INVALID");
    }
    client
        .bare(reqwest::Method::PUT, &session)
        .await
        .refuses(400, "DIGEST_INVALID");
    let done = client.finish(&session, &sha256(&bytes), bytes).await;
    done.gives(201);
}

#[tokio::test]
async fn an_empty_put_neither_makes_a_blob_nor_changes_one() {
    for sync in [false, true] {
        let lab = TestApp::builder().sync(sync).start().await;
        let client = lab.client();
        let app = repository("app");
        let bytes = random::bytes(3000);
        let digest = client.push_blob(&app, bytes.clone()).await.unwrap();
        for named in [&digest, &sha256(b"absent")] {
            let session = client.start_upload(&app).await.gives(202).location();
            let refused = client.finish(&session, named, Bytes::new()).await;
            refused.refuses(400, "DIGEST_INVALID");
        }
        let answer = client.get_blob(&app, &digest, None).await.gives(200);
        assert!(answer.body == bytes, "sync: {sync}");
        client.head_blob(&app, &sha256(b"absent")).await.gives(404);
        let report = lab.assert_stored_whole().await;
        assert_eq!(report.blobs[&digest], 3000);
    }
}

#[tokio::test]
async fn a_closing_put_that_comes_again_is_answered_again() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let app = repository("app");
    let bytes = random::bytes(1000);
    let digest = sha256(&bytes);
    let session = client.start_upload(&app).await.gives(202).location();
    let first = client.finish(&session, &digest, bytes.clone()).await;
    let first = first.gives(201);
    for body in [bytes, Bytes::new()] {
        let again = client.finish(&session, &digest, body).await.gives(201);
        assert_eq!(again.location(), first.location());
        assert_eq!(again.digest(), first.digest());
    }
    assert_unknown(&client, &session).await;
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn sessions_that_were_abandoned_go_after_a_day_with_their_bytes() {
    const HOUR: i64 = 60 * 60 * 1000;
    let lab = TestApp::start().await;
    let client = lab.client();
    let app = repository("app");
    let session = client.start_upload(&app).await.gives(202).location();
    let abandoned = random::bytes(5000);
    client.patch(&session, abandoned, None).await.gives(202);
    let kept = random::bytes(1000);
    let digest = client.push_blob(&app, kept.clone()).await.unwrap();
    lab.wait_until_stored().await;
    assert_eq!(lab.spool_bytes(), 6000);

    // The sweep runs when its process starts.
    lab.clock_forward(23 * HOUR);
    lab.uploader(0).terminate().await;
    lab.uploader(0).restart();
    client.push_blob(&app, random::bytes(10)).await.unwrap();
    lab.wait_until_stored().await;
    client.upload_status(&session).await.gives(204);

    lab.clock_forward(2 * HOUR);
    lab.uploader(0).terminate().await;
    lab.uploader(0).restart();
    wait::until("the sweep", Duration::from_secs(30), async || {
        lab.spool_bytes() == 1010
    })
    .await;
    assert_unknown(&client, &session).await;
    let answer = client.get_blob(&app, &digest, None).await.gives(200);
    assert!(answer.body == kept);
}
