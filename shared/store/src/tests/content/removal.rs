//! Repositories and groups that are removed and created again, and rows that an
//! earlier version did not write.

use super::*;

#[tokio::test]
async fn a_removed_repository_is_invisible_until_the_next_push() {
    let place = Place::new().await;
    let store = &place.store;
    place
        .image("team/app", b"manifest", &[b"layer"], "v1")
        .await;
    place.finish_all().await;
    assert_eq!(
        store.remove_repository(&app()).await.unwrap(),
        RepositoryRemoved::NotEmpty
    );
    let outer = store.outer_manifests(&app(), 0, 9).await.unwrap();
    assert_eq!(outer.len(), 1);
    let deletion = Deletion::Manifest {
        digest: outer[0].1.clone(),
        tags: tags(&["v1"]),
    };
    assert_eq!(place.drop_of("team/app", deletion).await, Deleted::Yes);
    let blobs = store.linked_blobs(&app(), 0, 9).await.unwrap();
    assert_eq!(blobs.len(), 1);
    let deletion = Deletion::Blob {
        digest: blobs[0].1.clone(),
    };
    assert_eq!(place.drop_of("team/app", deletion).await, Deleted::Yes);
    assert_eq!(
        store.remove_repository(&app()).await.unwrap(),
        RepositoryRemoved::Yes
    );
    assert_eq!(
        store.remove_repository(&app()).await.unwrap(),
        RepositoryRemoved::Unknown
    );
    assert_eq!(store.tags(&app(), None, None).await.unwrap(), None);
    assert!(
        store
            .repositories(&Readable::All, None, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store.emptied_repositories(9).await.unwrap(),
        [],
        "links are still on SFTP"
    );

    place.finish_all().await;
    let emptied = store.emptied_repositories(9).await.unwrap();
    assert_eq!(emptied.len(), 1);
    // A manifest with a missing reference does not restore the repository.
    let put = place.push_manifest(b"another", &[b"nothing"], "v1").await;
    assert!(matches!(put, PutManifest::Missing(_)));
    assert!(!store.has_repository(&app()).await.unwrap());
    assert!(store.note_cleared(&emptied[0]).await.unwrap());
    assert_eq!(store.emptied_repositories(9).await.unwrap(), []);

    place
        .image("team/app", b"manifest", &[b"layer"], "v1")
        .await;
    assert!(!store.note_cleared(&emptied[0]).await.unwrap());
    let row = place.repository("team/app").await;
    assert_eq!((row.tags, row.logical_bytes, row.unique_bytes), (1, 13, 13));
    place.assert_sums().await;
    store.forget_removed_repositories(9).await.unwrap();
    assert!(store.has_repository(&app()).await.unwrap());
}

#[tokio::test]
async fn a_recreated_group_has_none_of_its_old_rights() {
    let place = Place::new().await;
    let (store, team) = (&place.store, "team".parse().unwrap());
    let new = NewUser {
        name: "bob".parse().unwrap(),
        password_hash: String::new(),
        role: Role::User,
        must_change_password: false,
    };
    let bob = store.create_user(new).await.unwrap().unwrap().id;
    let rights = [refity_types::rights::Right::Push].into_iter().collect();
    store.grant(bob, &team, None, rights).await.unwrap();
    place.link("team/app", b"layer").await;
    let removed = store.remove_group(&team).await.unwrap();
    assert_eq!(removed, GroupRemoved::NotEmpty(1));
    let digest = Digest::sha256(b"layer");
    place.drop_of("team/app", Deletion::Blob { digest }).await;
    store.remove_repository(&app()).await.unwrap();
    assert_eq!(store.remove_group(&team).await.unwrap(), GroupRemoved::Yes);
    assert_eq!(
        store.remove_group(&team).await.unwrap(),
        GroupRemoved::Unknown
    );
    assert_eq!(
        store.push_target(&app()).await.unwrap(),
        PushTarget::NoGroup
    );
    assert!(place.finish_all().await.contains(&JobKind::MarkGroup));
    let settings = GroupSettings {
        public: true,
        create_on_push: false,
    };
    let created = store.create_group_with(&team, settings).await.unwrap();
    assert_eq!(created, GroupCreated::Yes);
    let grant = store.permissions_for(Some(bob), &app()).await.unwrap();
    assert_eq!(
        grant,
        EffectiveGrant {
            public: true,
            rights: refity_types::rights::Rights::NONE
        }
    );
    assert_eq!(
        store.push_target(&app()).await.unwrap(),
        PushTarget::NoRepository
    );
    assert_eq!(
        store.create_repository(&app()).await.unwrap(),
        RepositoryCreated::Yes
    );
    assert_eq!(
        store.create_repository(&app()).await.unwrap(),
        RepositoryCreated::Exists
    );
    assert_eq!(store.push_target(&app()).await.unwrap(), PushTarget::Open);
}
