//! Checks of folders, renames and removals.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use refity_storage::{ChangeError, Guard, NewFolder, Placed, Reason};

use super::{Subject, path, tmp};

pub(super) async fn published_whole(subject: Subject) {
    let target = path("tags/v1");
    let folder = |files: &[(&str, &str)]| NewFolder {
        target: target.clone(),
        tmp: tmp(),
        files: files
            .iter()
            .map(|(name, text)| (path(name), text.as_bytes().to_vec()))
            .collect(),
    };
    let first = [("current/link", "x"), ("index/sha256/ab/link", "x")];
    let placed = subject
        .storage
        .publish_folder(folder(&first))
        .await
        .unwrap();
    assert_eq!(placed, Placed::New);
    let outside = subject.outside(&target);
    assert_eq!(
        fs::read(outside.join("index/sha256/ab/link")).unwrap(),
        b"x"
    );
    let second = folder(&[("current/link", "y")]);
    let placed = subject.storage.publish_folder(second).await.unwrap();
    assert_eq!(placed, Placed::AlreadyThere);
    assert_eq!(fs::read(outside.join("current/link")).unwrap(), b"x");
    let entries = subject
        .storage
        .list(&path("tags"))
        .await
        .unwrap()
        .all()
        .await
        .unwrap();
    assert!(entries.len() == 1 && entries[0].name.as_str() == "v1" && entries[0].meta.is_dir);
    subject.assert_tmp_is_empty();
}

pub(super) async fn made_twice(subject: Subject) {
    let folder = path("made/a/b/c");
    for _ in 0..2 {
        subject.storage.make_folder(&folder).await.unwrap();
        assert!(subject.outside(&folder).is_dir());
    }
    // Another connection removes the folder that this one remembers.
    let storage = subject.storage.reserve(super::CHECK_MAX).await.unwrap();
    storage.make_folder(&folder).await.unwrap();
    fs::remove_dir_all(subject.outside(&path("made"))).unwrap();
    let deeper = path("made/a/b/c/d");
    storage.make_folder(&deeper).await.unwrap();
    assert!(subject.outside(&deeper).is_dir());
}

pub(super) async fn file_in_the_way(subject: Subject) {
    subject.store(&path("way/file"), b"x").await;
    for folder in ["way/file", "way/file/below"] {
        let error = subject
            .storage
            .make_folder(&path(folder))
            .await
            .unwrap_err();
        assert!(!error.is_missing(), "{error}");
    }
    let error = subject
        .storage
        .make_folder(&path("way/file"))
        .await
        .unwrap_err();
    assert_eq!(error.reason(), Some(Reason::Other), "{error}");
    assert!(error.to_string().contains("way/file"), "{error}");
}

pub(super) async fn listed(subject: Subject) {
    let folder = path("listed");
    subject
        .storage
        .make_folder(&path("listed/folder"))
        .await
        .unwrap();
    subject.store(&path("listed/file"), b"four").await;
    let mut expected: BTreeSet<String> = ["folder", "file"].map(str::to_owned).into();
    for number in 0..2500 {
        let name = format!("entry-{number}");
        fs::write(subject.outside(&folder).join(&name), "").unwrap();
        expected.insert(name);
    }
    let mut listing = subject.storage.list(&folder).await.unwrap();
    let (mut found, mut pieces) = (BTreeSet::new(), 0);
    while let Some(piece) = listing.next().await {
        pieces += 1;
        for entry in piece.unwrap() {
            match entry.name.as_str() {
                "folder" => assert!(entry.meta.is_dir),
                "file" => assert!(entry.meta.is_file_of(4)),
                _ => assert!(entry.meta.is_file_of(0)),
            }
            assert!(found.insert(entry.name.to_string()), "{} twice", entry.name);
        }
    }
    assert!(
        found == expected && pieces > 1,
        "{} in {pieces}",
        found.len()
    );
    // An abandoned listing does not block later operations.
    drop(subject.storage.list(&folder).await.unwrap());
    subject.storage.remove_tree(&folder).await.unwrap();
    assert!(!subject.outside(&folder).exists());
}

pub(super) async fn missing_is_empty(subject: Subject) {
    for folder in ["no-folder", "no-folder/below"] {
        let listing = subject.storage.list(&path(folder)).await.unwrap();
        assert!(listing.all().await.unwrap().is_empty());
    }
}

pub(super) async fn renamed(subject: Subject) {
    let always = Guard::always();
    let storage = &subject.storage;
    subject.store(&path("rename/folder/file"), b"x").await;
    let (from, to) = (path("rename/folder"), path("renamed/below/folder"));
    storage.rename(&from, &to, &always).await.unwrap();
    assert_eq!(fs::read(subject.outside(&to).join("file")).unwrap(), b"x");
    assert!(!subject.outside(&from).exists());
    let (file, there) = (path("renamed/below/folder/file"), path("renamed/file"));
    storage.rename(&file, &there, &always).await.unwrap();
    assert_eq!(fs::read(subject.outside(&there)).unwrap(), b"x");
}

pub(super) async fn rename_of_nothing(subject: Subject) {
    let (from, to) = (path("nothing"), path("nowhere/x"));
    match subject.storage.rename(&from, &to, &Guard::always()).await {
        Err(ChangeError::Storage(error)) => assert!(error.is_missing(), "{error}"),
        other => panic!("{other:?}"),
    }
}

pub(super) async fn guarded(subject: Subject) {
    let (file, never) = (path("kept/file"), Guard::new(|| false));
    subject.store(&file, b"x").await;
    let removed = subject.storage.remove(&file, &never).await;
    assert!(
        matches!(removed, Err(ChangeError::Cancelled)),
        "{removed:?}"
    );
    let renamed = subject
        .storage
        .rename(&file, &path("kept/other"), &never)
        .await;
    assert!(
        matches!(renamed, Err(ChangeError::Cancelled)),
        "{renamed:?}"
    );
    assert!(subject.outside(&file).exists());
}

pub(super) async fn removed(subject: Subject) {
    let (file, always) = (path("removed/file"), Guard::always());
    subject.store(&file, b"x").await;
    for _ in 0..2 {
        subject.storage.remove(&file, &always).await.unwrap();
        assert!(!subject.outside(&file).exists());
    }
    subject
        .storage
        .remove(&path("removed/none/below"), &always)
        .await
        .unwrap();
    let folder = subject.storage.remove(&path("removed"), &always).await;
    assert!(folder.is_err() && subject.outside(&path("removed")).is_dir());
}

pub(super) async fn tree_removed(subject: Subject) {
    let kept = path("tree-kept/file");
    subject.store(&kept, b"x").await;
    subject.store(&path("tree/a/b/file"), b"x").await;
    subject.store(&path("tree/file"), b"x").await;
    let link = subject.outside(&path("tree/a/link"));
    symlink(subject.outside(&path("tree-kept")), link).unwrap();
    for tree in ["tree", "tree", "tree-kept/none"] {
        subject.storage.remove_tree(&path(tree)).await.unwrap();
    }
    assert!(!subject.outside(&path("tree")).exists());
    assert!(subject.outside(&kept).exists(), "a link was followed");
    subject.storage.remove_tree(&kept).await.unwrap();
    assert!(!subject.outside(&kept).exists());
}

pub(super) async fn only_if_empty(subject: Subject) {
    let (folder, file) = (path("prune"), path("prune/file"));
    subject.store(&file, b"x").await;
    subject.storage.remove_if_empty(&folder).await.unwrap();
    assert!(subject.outside(&file).exists());
    subject
        .storage
        .remove(&file, &Guard::always())
        .await
        .unwrap();
    for _ in 0..2 {
        subject.storage.remove_if_empty(&folder).await.unwrap();
        assert!(!subject.outside(&folder).exists());
    }
}
