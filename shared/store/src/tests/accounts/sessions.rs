use super::*;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Creates a session that expires in an hour, with `seed` as its secret's hash.
pub(super) async fn create(place: &Place, user: &User, id: &str, seed: u8) {
    let new = NewSession {
        id: id.to_owned(),
        user: user.id,
        kind: SessionKind::Browser,
        secret_hash: Some([seed; 32]),
        expires_at: place.store.clock().wall_ms() + millis(HOUR),
        address: "192.0.2.1".to_owned(),
        client: Some(format!("Firefox {id}")),
    };
    place.store.create_session(new).await.unwrap();
}

#[tokio::test]
async fn a_session_is_found_by_its_id_and_its_secret_until_it_expires() {
    let place = Place::new().await;
    let store = &place.store;
    let bob = user(&place, "bob", Role::User).await;
    create(&place, &bob, "a", 1).await;
    let (session, owner) = store.session("a").await.unwrap().unwrap();
    assert_eq!((session.id.as_str(), &owner), ("a", &bob));
    let by_secret = store.session_of_secret([1; 32]).await.unwrap();
    assert_eq!(by_secret, Some((session, bob.clone())));
    assert_eq!(store.session_of_secret([2; 32]).await.unwrap(), None);
    let credential = Credential::Session { id: "a".to_owned() };
    let status = store.credential_status(&credential, None).await.unwrap();
    assert_eq!(
        status.map(|status| status.principal),
        Some(Principal::User(bob))
    );
    place.forward(HOUR + Duration::from_secs(1));
    assert_eq!(store.session("a").await.unwrap(), None);
    let status = store.credential_status(&credential, None).await.unwrap();
    assert_eq!(status, None);
}

#[tokio::test]
async fn use_extends_a_session_at_most_once_a_minute() {
    let place = Place::new().await;
    let store = &place.store;
    let bob = user(&place, "bob", Role::User).await;
    create(&place, &bob, "a", 1).await;
    let (session, _) = store.session("a").await.unwrap().unwrap();
    let later = session.expires_at + millis(HOUR);
    store.use_session(&session, later).await.unwrap();
    let (same, _) = store.session("a").await.unwrap().unwrap();
    assert_eq!(same, session);
    place.forward(Duration::from_secs(120));
    store.use_session(&session, later).await.unwrap();
    let (used, _) = store.session("a").await.unwrap().unwrap();
    assert_eq!(used.expires_at, later);
    assert!(used.last_used_at > session.last_used_at);
}

#[tokio::test]
async fn sessions_are_listed_searched_and_ended_by_their_owner_only() {
    let place = Place::new().await;
    let store = &place.store;
    let bob = user(&place, "bob", Role::User).await;
    let eve = user(&place, "eve", Role::User).await;
    for (id, seed) in [("a", 1), ("b", 2)] {
        create(&place, &bob, id, seed).await;
        place.forward(Duration::from_secs(1));
    }
    create(&place, &eve, "c", 3).await;
    let ids = async |search: Option<&str>| {
        let search = search.map(str::to_owned);
        let page = store.sessions(bob.id, search, everything()).await.unwrap();
        let ids = page.items.into_iter().map(|session| session.id);
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(None).await, ["a", "b"]);
    assert_eq!(ids(Some("firefox B")).await, ["b"]);
    assert!(!store.end_session(eve.id, "a").await.unwrap());
    assert!(store.end_session(bob.id, "a").await.unwrap());
    assert!(!store.end_session(bob.id, "a").await.unwrap());
    assert_eq!(ids(None).await, ["b"]);
}

#[tokio::test]
async fn a_disabled_account_has_no_session() {
    let place = Place::new().await;
    user(&place, "ann", Role::Admin).await;
    let bob = user(&place, "bob", Role::User).await;
    create(&place, &bob, "a", 1).await;
    let disabled = UserChange {
        role: None,
        disabled: Some(true),
    };
    place.store.change_user(bob.id, disabled).await.unwrap();
    assert_eq!(place.store.session("a").await.unwrap(), None);
}
