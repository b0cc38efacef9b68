//! Checks of the registry's tree on top of a storage's operations.

use refity_config::installation::InstallationId;
use refity_storage::{
    Guard, OwnerState, Reason, SmallFile, check_owner, holds_foreign_images, layout, remove_link,
    remove_tag,
};
use refity_types::digest::Digest;
use refity_types::name::{RepositoryName, Tag};

use super::{Subject, tmp};

fn installation(digit: char) -> InstallationId {
    let id = "00000000-0000-4000-8000-00000000000x".replace('x', &digit.to_string());
    id.parse().unwrap()
}

pub(super) async fn one_owner(subject: Subject) {
    let storage = &*subject.storage;
    let (first, second) = (installation('1'), installation('2'));
    assert_eq!(
        check_owner(storage, first, false).await,
        Ok(OwnerState::Created)
    );
    assert_eq!(
        check_owner(storage, first, false).await,
        Ok(OwnerState::Ours)
    );
    let error = check_owner(storage, second, false).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::Owner));
    let words = error.to_string();
    assert!(
        words.contains(&first.to_string()) && words.contains(&second.to_string()),
        "{words}"
    );
    let from = first.to_string();
    let taken = check_owner(storage, second, true).await;
    assert_eq!(taken, Ok(OwnerState::TakenOver { from }));
    assert!(check_owner(storage, first, false).await.is_err());
    let left = storage.list(&layout::tmp()).await.unwrap().all().await;
    assert!(left.unwrap().is_empty());
    assert_eq!(holds_foreign_images(storage, second).await, Ok(false));
    let name: RepositoryName = "team/app".parse().unwrap();
    storage.make_folder(&layout::tags(&name)).await.unwrap();
    assert_eq!(holds_foreign_images(storage, first).await, Ok(true));
    assert_eq!(holds_foreign_images(storage, second).await, Ok(false));
}

pub(super) async fn links_and_tags(subject: Subject) {
    let (storage, always) = (&*subject.storage, Guard::always());
    let name: RepositoryName = "team/links".parse().unwrap();
    let tag: Tag = "v1".parse().unwrap();
    let digest = Digest::sha256(b"x");
    let link = layout::layer_link(&name, &digest);
    let current = layout::tag_current(&name, &tag);
    for target in [&link, &current] {
        let file = SmallFile {
            target: target.clone(),
            tmp: tmp(),
            bytes: digest.as_str().into(),
        };
        storage.replace_small(file, &always).await.unwrap();
    }
    for _ in 0..2 {
        remove_link(storage, &link, &always).await.unwrap();
        assert!(!subject.outside(&link.parent().unwrap()).exists());
        remove_tag(storage, &name, &tag, &tmp(), &always)
            .await
            .unwrap();
        assert!(!subject.outside(&layout::tag(&name, &tag)).exists());
    }
    assert!(subject.outside(&layout::tags(&name)).is_dir());
    subject.assert_tmp_is_empty();
}
