//! A folder as the storage, and both programs on it.

use refity_storage::FolderStorage;
use refity_tests::checker::{self, Tmp};
use refity_tests::image::{Format, Image};
use refity_tests::lab::{GROUP, Lab};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_missing_needs_a_person_and_is_never_made() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("not-mounted");
    let storage = FolderStorage::new(&root);
    let file = path("docker/file");
    let small = SmallFile {
        target: file.clone(),
        tmp: path("tmp/1"),
        bytes: b"x".to_vec(),
    };
    let written = storage.replace_small(small, &Guard::always()).await;
    let errors = [
        storage.reserve(Duration::ZERO).await.err(),
        storage.stat(&file).await.err(),
        storage.list(&file).await.err(),
        storage.read(&file, WHOLE).await.err(),
        storage.make_folder(&file).await.err(),
        storage.remove_tree(&file).await.err(),
        storage.remove_if_empty(&file).await.err(),
        storage.space().await.err(),
        written.err().map(|error| error.into_storage()),
    ];
    for error in errors {
        let error = error.expect("an error");
        assert_eq!(error.reason(), Some(Reason::Other), "{error}");
        assert!(error.to_string().contains("is missing"), "{error}");
    }
    assert!(!root.exists());
    let steps = storage.probe([path("a"), path("b")], Duration::ZERO).await;
    assert!(steps.len() == 1 && steps[0].name == "connect" && steps[0].outcome.is_err());
}

#[tokio::test]
async fn an_image_is_pushed_to_a_folder_and_pulled_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let lab = Lab::builder().storage_folder(dir.path()).start().await;
    let image = Image::random(Format::Oci, 3, 200_000);
    let name = format!("{GROUP}/app");
    let client = lab.client();
    image.push(&client, &name, "v1").await.unwrap();
    lab.wait_until_stored().await;
    let report = checker::check(dir.path(), &Tmp::MustBeEmpty);
    report.assert_clean();
    assert_eq!(report.repositories[&name].tags.len(), 1);

    lab.stop_all().await;
    lab.empty_spool();
    lab.start_all().await;
    image.assert_pullable(&client, &name, "v1").await;
}
