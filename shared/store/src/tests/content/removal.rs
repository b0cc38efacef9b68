//! Repositories and groups that are removed and created again, and rows that an
//! earlier version did not write.

use super::*;

impl Place {
    /// A removal of a repository as it is now.
    async fn removal(&self, repository: &str) -> Option<RepositoryRemoval> {
        let found = self.store.repository_contents(&name(repository)).await;
        let (contents, generation) = found.unwrap()?;
        Some(RepositoryRemoval {
            repository: name(repository),
            contents,
            generation,
            intent: IntentId::random(),
        })
    }

    pub(super) async fn remove(&self, repository: &str) -> RepositoryRemoved {
        match self.removal(repository).await {
            Some(removal) => self.store.remove_repository(removal).await.unwrap(),
            None => RepositoryRemoved::Unknown,
        }
    }
}

#[tokio::test]
async fn a_large_repository_is_gone_at_once_and_marked_by_and_by() {
    let place = Place::new().await;
    let store = &place.store;
    for n in 0..150_u16 {
        let layer = n.to_be_bytes();
        let manifest = [b"manifest".as_slice(), &layer].concat();
        place
            .image("team/app", &manifest, &[&layer], &format!("v{n}"))
            .await;
    }
    place.image("team/kept", b"kept", &[b"layer"], "v1").await;
    place.finish_all().await;
    let removal = place.removal("team/app").await.unwrap();
    let intent = removal.intent;
    let removed = store.remove_repository(removal).await.unwrap();
    assert_eq!(removed, RepositoryRemoved::Yes);
    assert!(!store.has_repository(&app()).await.unwrap());
    assert_eq!(store.tags(&app(), None, None).await.unwrap(), None);
    let other = name("team/other");
    let (any, layer) = (MountSource::Any(Readable::All), 7_u16.to_be_bytes());
    let mounted = store.mount(&other, any, &Digest::sha256(&layer)).await;
    assert_eq!(mounted.unwrap(), Mounted::NotFound);
    // Until all is marked nothing new is mixed with the old, and the intent
    // stays although all its jobs are done.
    assert_eq!(
        store.push_target(&app()).await.unwrap(),
        PushTarget::BeingRemoved
    );
    let put = place.push_manifest(b"new", &[], "v1").await;
    assert_eq!(put, PutManifest::Refused(PushTarget::BeingRemoved));
    place.finish_all().await;
    assert!(!store.completed_intents().await.unwrap().contains(&intent));
    let named = store.named_intents(vec![intent]).await.unwrap();
    assert!(named.contains(&intent));

    // Another process goes on with it.
    let again = open(place.folder.path()).await;
    again.mark_removals().await.unwrap();
    assert!(!store.completed_intents().await.unwrap().contains(&intent));
    let put = place.push_manifest(b"new", &[], "v1").await;
    assert!(matches!(put, PutManifest::Put { .. }), "{put:?}");
    assert_eq!(place.tag("v1").await, b"new");
    place.finish_all().await;
    assert!(store.completed_intents().await.unwrap().contains(&intent));
    let row = place.repository("team/app").await;
    assert_eq!((row.tags, row.logical_bytes), (1, 3));
    assert_eq!(place.repository("team/kept").await.tags, 1);
    place.assert_sums().await;
}

#[tokio::test]
async fn a_push_between_the_list_and_the_removal_is_seen() {
    let place = Place::new().await;
    place.image("team/app", b"one", &[b"layer"], "v1").await;
    for again in [true, false] {
        let removal = place.removal("team/app").await.unwrap();
        if again {
            place.push_manifest(b"one", &[b"layer"], "v1").await;
        } else {
            place.push_manifest(b"two", &[], "v2").await;
        }
        let removed = place.store.remove_repository(removal).await.unwrap();
        assert_eq!(removed, RepositoryRemoved::ContentsChanged);
        assert!(place.store.has_repository(&app()).await.unwrap());
    }
    assert_eq!(place.remove("team/app").await, RepositoryRemoved::Yes);
}

#[tokio::test]
async fn only_an_empty_repository_is_removed_as_empty() {
    let place = Place::new().await;
    let store = &place.store;
    place.image("team/app", b"one", &[b"layer"], "v1").await;
    store.remove_if_empty(&app()).await.unwrap();
    assert!(store.has_repository(&app()).await.unwrap());
    let other = name("team/other");
    store.create_repository(&other).await.unwrap();
    store.remove_if_empty(&other).await.unwrap();
    assert!(!store.has_repository(&other).await.unwrap());
}

#[tokio::test]
async fn a_removed_repository_is_invisible_until_the_next_push() {
    let place = Place::new().await;
    let store = &place.store;
    place
        .image("team/app", b"manifest", &[b"layer"], "v1")
        .await;
    place.finish_all().await;
    assert_eq!(place.remove("team/app").await, RepositoryRemoved::Yes);
    assert_eq!(place.remove("team/app").await, RepositoryRemoved::Unknown);
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
    assert_eq!(place.remove("team/app").await, RepositoryRemoved::Yes);
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
