use super::*;

async fn names(place: &Place, search: Option<&str>, sort: UserSort) -> Vec<String> {
    let search = search.map(str::to_owned);
    let page = place.store.users(search, sort, everything()).await.unwrap();
    page.items.into_iter().map(|user| user.name).collect()
}

#[tokio::test]
async fn the_first_administrator_is_created_only_once() {
    let place = Place::new().await;
    let store = &place.store;
    assert!(!store.has_users().await.unwrap());
    let first = store.create_first_admin("hash".to_owned(), true);
    assert!(first.await.unwrap());
    assert!(store.has_users().await.unwrap());
    let second = store.create_first_admin("other".to_owned(), false);
    assert!(!second.await.unwrap());
    let admin = store
        .user(&"admin".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (admin.role, admin.must_change_password),
        (Role::Admin, true)
    );
    assert_eq!(admin.password_hash, "hash");
}

#[tokio::test]
async fn a_name_is_taken_in_any_case() {
    let place = Place::new().await;
    let bob = user(&place, "Bob", Role::User).await;
    let again = NewUser {
        name: "bOB".parse().unwrap(),
        password_hash: "hash".to_owned(),
        role: Role::User,
        must_change_password: false,
    };
    assert_eq!(place.store.create_user(again).await.unwrap(), None);
    let found = place.store.user(&"BOB".parse().unwrap()).await.unwrap();
    assert_eq!(found, Some(bob.clone()));
    assert_eq!(place.store.user_by_id(bob.id).await.unwrap(), Some(bob));
    let missing = place.store.user(&"eve".parse().unwrap()).await.unwrap();
    assert_eq!(missing, None);
}

#[tokio::test]
async fn the_last_administrator_can_be_neither_changed_nor_removed() {
    let place = Place::new().await;
    let store = &place.store;
    let ann = user(&place, "ann", Role::Admin).await;
    let bob = user(&place, "bob", Role::User).await;
    let demoted = UserChange {
        role: Some(Role::User),
        disabled: None,
    };
    let disabled = UserChange {
        role: None,
        disabled: Some(true),
    };
    for change in [demoted, disabled] {
        let changed = store.change_user(ann.id, change).await.unwrap();
        assert_eq!(changed, UserChanged::LastAdmin);
    }
    let removed = store.remove_user(ann.id).await.unwrap();
    assert_eq!(removed, UserChanged::LastAdmin);

    let promoted = UserChange {
        role: Some(Role::Admin),
        disabled: None,
    };
    let changed = store.change_user(bob.id, promoted).await.unwrap();
    assert_eq!(changed, UserChanged::Yes);
    let changed = store.change_user(ann.id, disabled).await.unwrap();
    assert_eq!(changed, UserChanged::Yes);
    assert!(store.user_by_id(ann.id).await.unwrap().unwrap().disabled);
    // An administrator who is disabled does not count.
    let removed = store.remove_user(bob.id).await.unwrap();
    assert_eq!(removed, UserChanged::LastAdmin);
    let removed = store.remove_user(ann.id).await.unwrap();
    assert_eq!(removed, UserChanged::Yes);
    assert_eq!(store.user_by_id(ann.id).await.unwrap(), None);
    let removed = store.remove_user(ann.id).await.unwrap();
    assert_eq!(removed, UserChanged::Unknown);
    let changed = store.change_user(ann.id, demoted).await.unwrap();
    assert_eq!(changed, UserChanged::Unknown);
}

#[tokio::test]
async fn a_new_password_ends_sessions_and_credentials() {
    let place = Place::new().await;
    let store = &place.store;
    let bob = user(&place, "bob", Role::User).await;
    let password = Credential::Password {
        user: bob.id,
        set_at: bob.password_changed_at,
    };
    let status = store.credential_status(&password, None).await.unwrap();
    assert_eq!(
        status.map(|status| status.principal),
        Some(Principal::User(bob.clone()))
    );
    sessions::create(&place, &bob, "s", 1).await;
    store
        .set_password(bob.id, "new".to_owned(), true)
        .await
        .unwrap();
    let after = store.user_by_id(bob.id).await.unwrap().unwrap();
    assert_eq!(after.password_hash, "new");
    assert!(after.must_change_password);
    assert!(after.password_changed_at > bob.password_changed_at);
    assert_eq!(store.session("s").await.unwrap(), None);
    let status = store.credential_status(&password, None).await.unwrap();
    assert_eq!(status, None);
}

#[tokio::test]
async fn accounts_are_listed_in_every_order_and_searched() {
    let place = Place::new().await;
    for name in ["Zoë", "ann", "Bob"] {
        user(&place, name, Role::User).await;
        place.forward(Duration::from_secs(1));
    }
    let all = names(&place, None, UserSort::Name).await;
    assert_eq!(all, ["ann", "Bob", "Zoë"]);
    let created = names(&place, None, UserSort::Created).await;
    assert_eq!(created, ["Zoë", "ann", "Bob"]);
    assert_eq!(names(&place, None, UserSort::LastLogin).await.len(), 3);
    assert_eq!(names(&place, Some("ZO"), UserSort::Name).await, ["Zoë"]);
    assert!(names(&place, Some("x"), UserSort::Name).await.is_empty());
}
