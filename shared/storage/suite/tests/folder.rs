//! Runs the suite on a folder: the quickest way to test a change of the
//! contract. The end-to-end suite runs it on all storages.

use std::sync::Arc;

use refity_storage::FolderStorage;
use refity_storage_suite::{CHECKS, Subject, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_keeps_every_promise() {
    let folder = tempfile::tempdir().unwrap();
    let subject = Subject {
        storage: Arc::new(FolderStorage::new(folder.path())),
        root: folder.path().to_owned(),
        replaces_in_one_step: true,
        tells_space: true,
    };
    let outcomes = run(&subject).await;
    assert_eq!(outcomes.len(), CHECKS.len());
    for outcome in outcomes {
        assert_eq!(outcome.failure, None, "{}", outcome.name);
    }
}
