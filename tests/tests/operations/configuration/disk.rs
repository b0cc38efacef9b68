//! A disk that is full, and has room again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use refity_tests::client::{Answer, Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::Lab;
use refity_tests::{random, wait};

const APP: &str = "team/app";

/// A file system of its own, in memory.
struct Disk {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Disk {
    /// Mounts one of so many MiB; `None` where that is not allowed.
    fn mount(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        std::fs::create_dir(&path).unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&path)
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self {
                path,
                _folder: folder,
            });
        }
        eprintln!("not tested: a full disk; a tmpfs can be mounted by root only");
        None
    }

    fn data_dir(&self) -> &str {
        self.path.to_str().expect("UTF-8")
    }

    /// Fills what is free but so many bytes with a file.
    fn fill(&self, leave: u64) -> PathBuf {
        let free = rustix::fs::statvfs(&self.path).unwrap();
        let free = free.f_bavail * free.f_frsize;
        let file = self.path.join("filler");
        let length = usize::try_from(free.saturating_sub(leave)).unwrap();
        std::fs::write(&file, vec![0; length]).unwrap();
        file
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: open files there are closed soon.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

fn assert_full(answer: &Answer) {
    assert_eq!(
        (answer.status, &*answer.error_code()),
        (503, "UNAVAILABLE"),
        "{answer:?}"
    );
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    let words = answer.json()["errors"][0]["message"].to_string();
    assert!(words.contains("disk is full"), "{words}");
}

async fn assert_pulls(client: &Client, blobs: &[Bytes]) {
    for bytes in blobs {
        let answer = client.get_blob(APP, &sha256(bytes), None).await.gives(200);
        assert!(answer.body == *bytes, "other bytes");
    }
}

fn free(path: &Path) -> u64 {
    let free = rustix::fs::statvfs(path).unwrap();
    free.f_bavail * free.f_frsize
}

#[tokio::test]
async fn a_full_disk_refuses_pushes_in_words_and_goes_on_when_there_is_room() {
    const BLOB: usize = 4_000_000;
    let Some(disk) = Disk::mount(64) else { return };
    let mut lab = Lab::builder()
        .env("DATA_DIR", disk.data_dir())
        .env("SPOOL_MIN_FREE", "8M")
        .start()
        .await;
    let client = lab.client();
    lab.wait_until_stored().await;
    lab.sshd_mut().kill();

    let mut pushed = Vec::new();
    let refused = loop {
        let bytes = random::bytes(BLOB);
        let session = client.start_upload(APP).await.expect("an answer");
        if session.status != 202 {
            break session;
        }
        let session = session.location();
        let put = client
            .finish(&session, &sha256(&bytes), bytes.clone())
            .await;
        let put = put.expect("an answer");
        if put.status != 201 {
            break put;
        }
        pushed.push(bytes);
        assert!(pushed.len() < 20, "80 MB on a disk of 64 MiB");
    };
    assert_full(&refused);
    assert!(pushed.len() > 5, "{}", pushed.len());
    assert!(free(&disk.path) >= 8 << 20, "SPOOL_MIN_FREE stays free");
    assert_pulls(&client, &pushed).await;

    let filler = disk.fill(4 << 20);
    // What was found before counts for a moment.
    let ready = wait::until_some(Duration::from_secs(60), async || {
        let answer = client.get("/readyz").await.expect("an answer");
        (answer.status == 503).then(|| answer.json())
    });
    let ready = ready.await.expect("503");
    assert!(ready["reasons"][0].is_string(), "{ready}");
    assert_full(&client.start_upload(APP).await.gives(503));
    client.get("/healthz").await.gives(200);
    assert_pulls(&client, &pushed).await;

    // Room comes back: the filler goes, and what SFTP holds is let go of.
    std::fs::remove_file(filler).unwrap();
    lab.sshd_mut().restart().unwrap();
    lab.wait_until_stored().await;
    lab.clock_forward(20 * 60 * 1000);
    wait::until("room", Duration::from_secs(60), async || {
        client
            .get("/readyz")
            .await
            .is_ok_and(|answer| answer.status == 200)
            && client.push_blob(APP, random::bytes(BLOB)).await.is_ok()
    })
    .await;
    assert_pulls(&client, &pushed).await;
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn a_disk_that_fills_up_in_mid_upload_loses_nothing_that_was_acknowledged() {
    let Some(disk) = Disk::mount(64) else { return };
    let mut lab = Lab::builder()
        .env("DATA_DIR", disk.data_dir())
        .env("SPOOL_MIN_FREE", "1M")
        .start()
        .await;
    let client = lab.client();
    lab.wait_until_stored().await;
    lab.sshd_mut().kill();
    let before = random::bytes(5_000_000);
    client.push_blob(APP, before.clone()).await.unwrap();
    let session = client.start_upload(APP).await.gives(202).location();
    let bytes = random::bytes(20_000_000);
    let first = client.patch(&session, bytes.slice(..1_000_000), None).await;
    first.gives(202);

    let filler = disk.fill(6 << 20);
    // Its length is not known before, so that it cannot be refused before.
    let pieces: Vec<_> = bytes
        .slice(1_000_000..)
        .chunks(100_000)
        .map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)))
        .collect();
    let stream = reqwest::Body::wrap_stream(tokio_stream::iter(pieces));
    let refused = client.patch(&session, stream, None).await;
    assert_full(&refused.gives(503));
    assert_pulls(&client, std::slice::from_ref(&before)).await;

    std::fs::remove_file(filler).unwrap();
    let status = client.upload_status(&session).await.gives(204);
    assert_eq!(status.header("range"), Some("0-999999"));
    client
        .finish(&session, &sha256(&bytes), bytes.slice(1_000_000..))
        .await
        .gives(201);
    assert_pulls(&client, &[before, bytes]).await;
    lab.sshd_mut().restart().unwrap();
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn a_body_without_an_end_leaves_free_what_must_stay_free() {
    let Some(disk) = Disk::mount(96) else { return };
    let lab = Lab::builder()
        .env("DATA_DIR", disk.data_dir())
        .env("SPOOL_MIN_FREE", "48M")
        .start()
        .await;
    let client = lab.client();
    let session = client.start_upload(APP).await.gives(202).location();
    let first = client.patch(&session, "the first chunk", None).await;
    first.gives(202);
    let piece = random::bytes(64 * 1024);
    let pieces = std::iter::repeat_with(move || Ok::<_, std::io::Error>(piece.clone()));
    let endless = reqwest::Body::wrap_stream(tokio_stream::iter(pieces));
    assert_full(&client.patch(&session, endless, None).await.gives(503));
    assert!(free(&disk.path) > 48 << 20, "its bytes have gone again");
    let status = client.upload_status(&session).await.gives(204);
    assert_eq!(status.header("range"), Some("0-14"), "as if it never was");
    let digest = sha256(b"the first chunk");
    client.finish(&session, &digest, "").await.gives(201);
}

#[tokio::test]
async fn a_disk_without_room_for_a_row_refuses_deletes_and_half_does_none() {
    const TAGS: usize = 40;
    let Some(disk) = Disk::mount(64) else { return };
    let lab = Lab::builder()
        .env("DATA_DIR", disk.data_dir())
        .env("SPOOL_MIN_FREE", "1M")
        .start()
        .await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 1000);
    let tags: Vec<_> = (0..TAGS).map(|n| format!("v{n}")).collect();
    for tag in &tags {
        image.push(&client, APP, tag).await.unwrap();
    }
    lab.wait_until_stored().await;
    // It would run the jobs and free space.
    lab.uploader(0).terminate().await;

    let filler = disk.fill(64 * 1024);
    let mut refused = 0;
    for tag in &tags {
        let deleted = client.delete_manifest(APP, tag).await.expect("an answer");
        let found = client.head_manifest(APP, tag).await.expect("an answer");
        if deleted.status == 202 {
            assert_eq!(found.status, 404, "{tag}");
        } else {
            assert_full(&deleted);
            assert_eq!(found.status, 200, "{tag}");
            refused += 1;
        }
    }
    assert!(refused > 0, "{} bytes are still free", free(&disk.path));

    std::fs::remove_file(filler).unwrap();
    let listed = client.tags(APP).await.gives(200).json();
    assert_eq!(listed["tags"].as_array().unwrap().len(), refused);
    for tag in &tags {
        let again = client.delete_manifest(APP, tag).await.expect("an answer");
        assert!(matches!(again.status, 202 | 404), "{tag}: {again:?}");
    }
    lab.uploader(0).restart();
    let report = lab.assert_stored_whole().await;
    assert!(report.repositories[APP].tags.is_empty());
}
