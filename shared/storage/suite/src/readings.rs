//! Checks of read-only operations: `stat`, `read`, `reserve`, `space`,
//! `features`, `probe`.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use refity_storage::{Reading, WHOLE};

use super::{Subject, bytes, path, tmp};

/// How long a check waits for a connection.
const WAIT: Duration = Duration::from_secs(20);

pub(super) async fn stat(subject: Subject) {
    let before = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    subject.store(&path("stat/file"), b"four").await;
    let storage = &subject.storage;
    let file = storage.stat(&path("stat/file")).await.unwrap().unwrap();
    assert!(
        file.is_file_of(4) && file.mtime_secs >= before - 2,
        "{file:?}"
    );
    assert!(storage.stat(&path("stat")).await.unwrap().unwrap().is_dir);
    for nothing in ["nothing", "stat/none", "none/below"] {
        assert_eq!(storage.stat(&path(nothing)).await.unwrap(), None);
    }
}

async fn all(mut reading: Reading) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(piece) = reading.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    bytes
}

pub(super) async fn ranges(subject: Subject) {
    let (file, content) = (path("ranges/data"), bytes(2_500_000));
    subject.store(&file, &content).await;
    let size = content.len() as u64;
    for range in [
        WHOLE,
        0..0,
        0..1,
        0..size,
        2_000_000..2_100_000,
        262_143..786_433,
        size - 1..size,
        size - 1..size + 5,
        size..size + 1,
        size + 7..size + 9,
    ] {
        let reading = subject.storage.read(&file, range.clone()).await.unwrap();
        assert_eq!(reading.size(), size);
        let (start, end) = (range.start.min(size), range.end.min(size));
        let expected = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
        assert!(all(reading).await == content[expected], "{range:?}");
    }
}

pub(super) async fn not_a_file(subject: Subject) {
    subject
        .storage
        .make_folder(&path("a-folder"))
        .await
        .unwrap();
    let missing = subject.storage.read(&path("nothing"), WHOLE).await;
    assert!(missing.unwrap_err().is_missing());
    let folder = subject.storage.read(&path("a-folder"), WHOLE).await;
    let error = folder.unwrap_err();
    assert!(!error.is_missing(), "{error}");
}

pub(super) async fn abandoned(subject: Subject) {
    let (file, content) = (path("abandoned/data"), bytes(8 << 20));
    subject.store(&file, &content).await;
    // More readings than there are connections.
    for _ in 0..20 {
        let mut reading = subject.storage.read(&file, WHOLE).await.unwrap();
        assert!(reading.next().await.unwrap().is_ok());
    }
    let read = subject.storage.read_small(&file, 9 << 20).await.unwrap();
    assert!(read == content);
}

pub(super) async fn reserved(subject: Subject) {
    let file = path("reserved/data");
    let storage = subject.storage.reserve(WAIT).await.unwrap();
    assert_eq!(storage.stat(&file).await.unwrap(), None);
    let written = storage.write_new(super::new_file(&file, b"x")).await;
    written.unwrap();
    assert_eq!(storage.read_small(&file, 9).await.unwrap(), b"x");
    // A reading that is dropped early does not block the next one.
    drop(storage.read(&file, WHOLE).await.unwrap());
    drop(storage.list(&path("reserved")).await.unwrap());
    assert_eq!(fs::read(subject.outside(&file)).unwrap(), b"x");
    assert!(storage.stat(&file).await.unwrap().unwrap().is_file_of(1));
    assert!(subject.storage.capacity() >= 1);
}

pub(super) async fn space_and_features(subject: Subject) {
    let space = subject.storage.space().await.unwrap();
    assert_eq!(space.is_some(), subject.tells_space);
    if let Some(space) = space {
        assert!(space.total >= space.free && space.free > 0 && !space.read_only);
    }
    let features = subject.storage.features().await.unwrap();
    assert!(features.latency > Duration::ZERO);
    assert!(!subject.storage.place().is_empty());
}

pub(super) async fn probed(subject: Subject) {
    let files = [tmp(), tmp()];
    let steps = subject.storage.probe(files, WAIT).await;
    for step in &steps {
        assert!(step.outcome.is_ok(), "{step:?}");
    }
    let names: Vec<_> = steps.iter().map(|step| step.name).collect();
    for name in ["connect", "write", "rename", "remove", "disk"] {
        assert!(names.contains(&name), "{names:?}");
    }
    subject.assert_tmp_is_empty();
}
