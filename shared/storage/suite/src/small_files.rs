//! Checks of `replace_small`, `create_small` and `read_small`.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use refity_storage::{ChangeError, Guard, Placed, RemotePath, SmallFile};

use super::{Subject, path, tmp};

fn small(target: &RemotePath, bytes: &[u8]) -> SmallFile {
    SmallFile {
        target: target.clone(),
        tmp: tmp(),
        bytes: bytes.to_vec(),
    }
}

impl Subject {
    async fn replace(&self, target: &RemotePath, bytes: &[u8]) {
        let (file, always) = (small(target, bytes), Guard::always());
        self.storage.replace_small(file, &always).await.unwrap();
    }
}

pub(super) async fn replaces(subject: Subject) {
    let target = path("small/link");
    for bytes in [&b"one"[..], b"two", b"two", b""] {
        subject.replace(&target, bytes).await;
        assert_eq!(
            subject.storage.read_small(&target, 100).await.unwrap(),
            bytes
        );
    }
    subject.assert_tmp_is_empty();
}

pub(super) async fn never_partial(subject: Subject) {
    let target = path("moving/link");
    let states = [b"a".repeat(71), b"b".repeat(71)];
    subject.replace(&target, &states[0]).await;
    let ended = Arc::new(AtomicBool::new(false));
    let watching = {
        let (outside, ended, states) =
            (subject.outside(&target), Arc::clone(&ended), states.clone());
        let in_one_step = subject.replaces_in_one_step;
        std::thread::spawn(move || {
            let mut looks = 0;
            while !ended.load(Ordering::Relaxed) || looks == 0 {
                match fs::read(&outside) {
                    Ok(found) => assert!(states.contains(&found), "{found:?}"),
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        assert!(!in_one_step, "the link was missing");
                    }
                    Err(error) => panic!("{error}"),
                }
                looks += 1;
            }
        })
    };
    for round in 0..20 {
        subject.replace(&target, &states[round % 2]).await;
    }
    ended.store(true, Ordering::Relaxed);
    watching.join().unwrap();
}

pub(super) async fn guarded(subject: Subject) {
    let target = path("guarded/link");
    subject.replace(&target, b"old").await;
    let never = Guard::new(|| false);
    let replaced = subject
        .storage
        .replace_small(small(&target, b"new"), &never);
    let replaced = replaced.await;
    assert!(
        matches!(replaced, Err(ChangeError::Cancelled)),
        "{replaced:?}"
    );
    assert_eq!(fs::read(subject.outside(&target)).unwrap(), b"old");
    subject.assert_tmp_is_empty();
}

pub(super) async fn one_winner(subject: Subject) {
    let target = path("created/owner");
    let creating = [b"1", b"2", b"3"].map(|bytes| {
        let (storage, file) = (Arc::clone(&subject.storage), small(&target, bytes));
        tokio::spawn(async move { (bytes, storage.create_small(file).await) })
    });
    let mut winners = Vec::new();
    for created in creating {
        let (bytes, created) = created.await.unwrap();
        if created.unwrap() == Placed::New {
            winners.push(bytes);
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(fs::read(subject.outside(&target)).unwrap(), winners[0]);
    subject.assert_tmp_is_empty();
}

pub(super) async fn bounded(subject: Subject) {
    let target = path("bounded");
    subject.replace(&target, b"four").await;
    assert_eq!(
        subject.storage.read_small(&target, 4).await.unwrap(),
        b"four"
    );
    let error = subject.storage.read_small(&target, 3).await.unwrap_err();
    assert!(error.reason().is_some(), "{error}");
    let missing = subject.storage.read_small(&path("none"), 3).await;
    assert!(missing.unwrap_err().is_missing());
}
