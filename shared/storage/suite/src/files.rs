//! `write_new`.

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use refity_storage::{ChangeError, Guard};
use refity_types::digest::Digest;

use super::{Subject, bytes, new_file, path};

pub(super) async fn stored_whole(subject: Subject) {
    for (name, length) in [("empty", 0), ("one", 1), ("large", 2_500_000)] {
        let (target, content) = (path(&format!("whole/{name}")), bytes(length));
        subject.store(&target, &content).await;
        let found = fs::read(subject.outside(&target)).unwrap();
        assert!(found == content, "{name}");
    }
    subject.assert_tmp_is_empty();
}

pub(super) async fn heals(subject: Subject) {
    let (target, content) = (path("heals/data"), bytes(1_200_000));
    subject.store(&target, &content).await;
    let outside = subject.outside(&target);
    for damaged in [
        content[..1000].to_vec(),
        vec![0; content.len()],
        bytes(1_300_000),
    ] {
        fs::write(&outside, damaged).unwrap();
        subject.store(&target, &content).await;
        assert!(fs::read(&outside).unwrap() == content);
    }
}

pub(super) async fn makes_folders_again(subject: Subject) {
    let (target, content) = (path("again/a/b/data"), bytes(1000));
    // Use one connection, which remembers the folders that it created.
    let storage = subject.storage.reserve(super::CHECK_MAX).await.unwrap();
    storage
        .write_new(new_file(&target, &content))
        .await
        .unwrap();
    fs::remove_dir_all(subject.outside(&path("again"))).unwrap();
    storage
        .write_new(new_file(&target, &content))
        .await
        .unwrap();
    assert!(fs::read(subject.outside(&target)).unwrap() == content);
}

pub(super) async fn reports_progress(subject: Subject) {
    let content = bytes(2_200_000);
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut file = new_file(&path("progress"), &content);
    file.progress = {
        let told = Arc::clone(&told);
        Box::new(move |sent| told.lock().unwrap().push(sent))
    };
    subject.storage.write_new(file).await.unwrap();
    let told = told.lock().unwrap();
    assert!(told.is_sorted() && told.len() > 1, "{told:?}");
    assert_eq!(told.last(), Some(&(content.len() as u64)));
}

pub(super) async fn refuses_damaged_bytes(subject: Subject) {
    let (target, content) = (path("damaged"), bytes(1_100_000));
    let size = content.len() as u64;
    let other = Digest::sha256(b"other");
    let right = Digest::sha256(&content);
    for (size, digest) in [
        (size, other),
        (size - 1, right.clone()),
        (size + 1, right.clone()),
        (0, right),
    ] {
        let mut file = new_file(&target, &content);
        (file.size, file.digest) = (size, digest);
        let stored = subject.storage.write_new(file).await;
        assert!(matches!(stored, Err(ChangeError::Damaged(_))), "{stored:?}");
        assert!(!subject.outside(&target).exists());
    }
    subject.assert_tmp_is_empty();
}

/// Returns some bytes, inspects the target, then fails.
struct Failing {
    left: usize,
    final_name: PathBuf,
    looked: Arc<AtomicUsize>,
}

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(self.left);
        self.left -= count;
        if count == 0 {
            assert!(!self.final_name.exists(), "a part is visible");
            self.looked.fetch_add(1, Ordering::Relaxed);
            return Err(io::Error::other("the spool broke"));
        }
        Ok(count)
    }
}

pub(super) async fn failing_source(subject: Subject) {
    let target = path("failing/data");
    let looked = Arc::new(AtomicUsize::new(0));
    let mut file = new_file(&target, &[]);
    file.size = 9 << 20;
    file.source = Box::new(Failing {
        left: 3 << 20,
        final_name: subject.outside(&target),
        looked: Arc::clone(&looked),
    });
    let stored = subject.storage.write_new(file).await;
    assert!(matches!(stored, Err(ChangeError::Source(_))), "{stored:?}");
    assert_eq!(looked.load(Ordering::Relaxed), 1);
    assert!(!subject.outside(&target).exists());
    subject.assert_tmp_is_empty();
    subject.store(&target, b"ok").await;
}

pub(super) async fn cancelled(subject: Subject) {
    let (target, content) = (path("cancelled"), bytes(5 << 20));
    let sent = Arc::new(AtomicU64::new(0));
    let mut file = new_file(&target, &content);
    file.progress = {
        let sent = Arc::clone(&sent);
        Box::new(move |bytes| sent.store(bytes, Ordering::Relaxed))
    };
    file.guard = {
        let sent = Arc::clone(&sent);
        Guard::new(move || sent.load(Ordering::Relaxed) < 2 << 20)
    };
    let stored = subject.storage.write_new(file).await;
    assert!(matches!(stored, Err(ChangeError::Cancelled)), "{stored:?}");
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < content.len() as u64, "{sent} bytes were sent");
    assert!(!subject.outside(&target).exists());
    subject.assert_tmp_is_empty();
}

pub(super) async fn twice_at_once(subject: Subject) {
    let (target, content) = (path("twice/data"), bytes(1_500_000));
    let storing = [(), ()].map(|()| {
        let (storage, file) = (Arc::clone(&subject.storage), new_file(&target, &content));
        tokio::spawn(async move { storage.write_new(file).await })
    });
    for stored in storing {
        match stored.await.unwrap() {
            Ok(()) => {}
            // Without posix-rename, concurrent writes may conflict: retry.
            Err(ChangeError::Storage(error)) if error.is_transient() => {
                assert!(!subject.replaces_in_one_step, "{error}");
                subject.store(&target, &content).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(fs::read(subject.outside(&target)).unwrap() == content);
}
