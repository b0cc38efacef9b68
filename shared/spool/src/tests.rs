//! Tests of the spool's guarantees in a temporary folder.

use std::collections::VecDeque;
use std::io::Read as _;

use bytes::Bytes;
use refity_types::deletion::Deletion;
use refity_types::digest::{Algorithm, Digest, Hasher};
use refity_types::name::{FileId, IntentId, UploadId};

use super::*;

struct Body(VecDeque<Bytes>);

impl Body {
    fn of(pieces: &[&'static [u8]]) -> Self {
        Self(
            pieces
                .iter()
                .map(|piece| Bytes::from_static(piece))
                .collect(),
        )
    }
}

impl Pieces for Body {
    async fn next(&mut self) -> Option<Bytes> {
        self.0.pop_front()
    }
}

fn spool() -> (tempfile::TempDir, Spool) {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path()).unwrap();
    (folder, spool)
}

fn content(spool: &Spool, file: FileId) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut opened = spool.open_file(file).unwrap().unwrap();
    opened.read_to_end(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn an_upload_continues_at_the_acknowledged_offset() {
    let (_folder, spool) = spool();
    let id = UploadId::random();
    assert!(spool.lock_upload(id).await.unwrap().is_none());
    assert!(
        spool.open_file(id.into()).unwrap().is_none(),
        "no file is made"
    );
    let writer = spool.create_upload(id).await.unwrap();
    let hash = Hasher::new(Algorithm::Sha256);
    let mut body = Body::of(&[b"one", b"two"]);
    let (writer, first) = writer.append(hash, &mut body).await.unwrap();
    assert_eq!(first.offset, 6);
    drop(writer.sync().await.unwrap());
    // Bytes after the last acknowledged one are truncated.
    let path = spool.path(id.into());
    std::fs::write(&path, b"onetwolost").unwrap();
    let writer = spool.lock_upload(id).await.unwrap().unwrap();
    let writer = writer.continue_at(6).await.unwrap();
    let mut body = Body::of(&[b"three"]);
    let (_writer, last) = writer.append(first.hash, &mut body).await.unwrap();
    assert_eq!(content(&spool, id.into()), b"onetwothree");
    assert_eq!(last.hash.finish(), Digest::sha256(b"onetwothree"));
}

#[tokio::test]
async fn a_file_that_lost_acknowledged_bytes_cannot_be_continued() {
    let (_folder, spool) = spool();
    let id = UploadId::random();
    let writer = spool.create_upload(id).await.unwrap();
    assert!(writer.continue_at(1).await.is_err());
}

#[tokio::test]
async fn a_second_request_waits_for_the_writer() {
    let (_folder, spool) = spool();
    let id = UploadId::random();
    let writer = spool.create_upload(id).await.unwrap();
    let mut second = Box::pin(spool.lock_upload(id));
    let short = std::time::Duration::from_millis(100);
    assert!(tokio::time::timeout(short, &mut second).await.is_err());
    drop(writer);
    assert!(second.await.unwrap().is_some());
}

#[tokio::test]
async fn the_sweep_skips_files_being_written() {
    let (_folder, spool) = spool();
    let id = UploadId::random();
    let writer = spool.create_upload(id).await.unwrap();
    assert!(!spool.remove_unlocked(id.into()).await.unwrap());
    drop(writer);
    assert!(spool.remove_unlocked(id.into()).await.unwrap());
    assert!(spool.open_file(id.into()).unwrap().is_none());
}

#[tokio::test]
async fn a_cache_file_is_deleted_unless_kept() {
    let (_folder, spool) = spool();
    let mut writer = spool.cache_writer().unwrap();
    writer.write(b"half").unwrap();
    let id = writer.id();
    drop(writer);
    assert!(spool.open_file(id).unwrap().is_none());
    let mut writer = spool.cache_writer().unwrap();
    writer.write(b"whole").unwrap();
    let id = writer.keep().unwrap();
    assert_eq!(content(&spool, id), b"whole");
    let digest = spool.hash_file(id, Algorithm::Sha512).await.unwrap();
    assert_eq!(digest, Digest::of(Algorithm::Sha512, b"whole"));
}

#[tokio::test]
async fn an_intent_is_read_back_unless_truncated() {
    let (_folder, spool) = spool();
    assert!(!spool.holds_data());
    let id = IntentId::random();
    let manifest = b"{\n  \"schemaVersion\": 2\n}".to_vec();
    let intent = Intent {
        generation: 7,
        repository: "team/app".parse().unwrap(),
        action: IntentAction::Put {
            media_type: refity_types::media_type::OCI_MANIFEST,
            digest: Digest::sha256(&manifest),
            tags: vec!["v1".parse().unwrap()],
            manifest: manifest.into(),
        },
    };
    spool.write_intent(id, intent.clone()).await.unwrap();
    assert!(spool.holds_data());
    assert_eq!(spool.read_intent(id).await.unwrap(), Some(intent));
    let path = spool.intents().join(id.to_string());
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(spool.read_intent(id).await.unwrap(), None);
    spool.remove_intent(id).await.unwrap();
    spool.remove_intent(id).await.unwrap();
    assert_eq!(spool.list_intents().await.unwrap(), []);
}

#[tokio::test]
async fn a_deletes_intent_is_read_back_unless_truncated() {
    let (_folder, spool) = spool();
    let digest = Digest::sha256(b"x");
    let tags = vec!["v1".parse().unwrap()];
    for deletion in [
        Deletion::Tag {
            tag: "v1".parse().unwrap(),
        },
        Deletion::Manifest {
            digest: digest.clone(),
            tags,
        },
        Deletion::Blob { digest },
    ] {
        let id = IntentId::random();
        let intent = Intent {
            generation: 8,
            repository: "team/app".parse().unwrap(),
            action: IntentAction::Delete { deletion },
        };
        spool.write_intent(id, intent.clone()).await.unwrap();
        assert_eq!(spool.read_intent(id).await.unwrap(), Some(intent));
        let path = spool.intents().join(id.to_string());
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(spool.read_intent(id).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_prepared_intent_is_not_listed_until_confirmed() {
    let (_folder, spool) = spool();
    let intent = Intent {
        generation: 9,
        repository: "team/app".parse().unwrap(),
        action: IntentAction::Delete {
            deletion: Deletion::Blob {
                digest: Digest::sha256(b"x"),
            },
        },
    };
    let listed = async || {
        let ids = |found: Vec<(IntentId, _)>| found.into_iter().map(|(id, _)| id).collect();
        let intents: Vec<_> = ids(spool.list_intents().await.unwrap());
        let prepared: Vec<_> = ids(spool.list_prepared_intents().await.unwrap());
        (intents, prepared)
    };
    let id = IntentId::random();
    spool.prepare_intent(id, intent.clone()).await.unwrap();
    assert_eq!(listed().await, (vec![], vec![id]));
    assert_eq!(spool.read_intent(id).await.unwrap(), None);
    // Two processes may confirm it.
    for _ in 0..2 {
        spool.confirm_intent(id).await.unwrap();
        assert_eq!(listed().await, (vec![id], vec![]));
    }
    assert_eq!(spool.read_intent(id).await.unwrap(), Some(intent.clone()));
    spool.remove_intent(id).await.unwrap();
    // A completed intent does not reappear.
    spool.confirm_intent(id).await.unwrap();
    assert_eq!(listed().await, (vec![], vec![]));
    spool.prepare_intent(id, intent).await.unwrap();
    spool.remove_intent(id).await.unwrap();
    assert_eq!(listed().await, (vec![], vec![]));
}

#[test]
fn a_process_is_alive_as_long_as_it_holds_its_lock() {
    let folder = tempfile::tempdir().unwrap();
    let owner = Owner::register(folder.path(), "uploader").unwrap();
    assert!(is_alive(folder.path(), owner.id()));
    assert!(!is_alive(folder.path(), "uploader-1-somebody"));
    let id = owner.id().to_owned();
    drop(owner);
    assert!(!is_alive(folder.path(), &id));
}

#[test]
fn files_of_dead_processes_are_removed_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let owner = Owner::register(folder.path(), "gateway").unwrap();
    let left = folder.path().join("owners/gateway-1-left");
    std::fs::write(&left, "").unwrap();
    let _second = Owner::register(folder.path(), "gateway").unwrap();
    assert!(!left.exists());
    assert!(is_alive(folder.path(), owner.id()));
}
