use super::*;

async fn create(place: &Place, owner: TokenOwner, name: &str, seed: u8) -> AccessToken {
    let new = NewToken {
        owner,
        name: name.to_owned(),
        secret_hash: [seed; 32],
        scopes: Some(vec![scope("team/*")]),
        expires_at: None,
    };
    place.store.create_token(new).await.unwrap().unwrap()
}

async fn names(place: &Place, user: &User, search: Option<&str>, sort: TokenSort) -> Vec<String> {
    let search = search.map(str::to_owned);
    let page = place.store.tokens(user.id, search, sort, everything());
    let items = page.await.unwrap().items.into_iter();
    items.map(|token| token.name).collect()
}

#[tokio::test]
async fn a_token_is_found_by_its_secret_until_it_is_revoked() {
    let place = Place::new().await;
    let store = &place.store;
    let bob = user(&place, "bob", Role::User).await;
    let owner = TokenOwner::User(bob.id);
    let token = create(&place, owner, "laptop", 1).await;
    assert_eq!(token.scopes, Some(vec![scope("team/*")]));
    let found = store.token_of_secret([1; 32]).await.unwrap();
    let (status, id) = found.map(|found| (found.principal, found.id)).unwrap();
    assert_eq!((status, id), (Principal::User(bob.clone()), token.id));
    let credential = Credential::Token { id: token.id };
    let status = store.credential_status(&credential, None).await.unwrap();
    assert_eq!(status.unwrap().scopes, Some(vec![scope("team/*")]));

    let eve = user(&place, "eve", Role::User).await;
    let other = TokenOwner::User(eve.id);
    assert!(!store.revoke_token(other, token.id).await.unwrap());
    assert!(store.revoke_token(owner, token.id).await.unwrap());
    assert!(!store.revoke_token(owner, token.id).await.unwrap());
    let status = store.credential_status(&credential, None).await.unwrap();
    assert_eq!(status, None);
}

#[tokio::test]
async fn tokens_are_listed_in_every_order_and_searched() {
    let place = Place::new().await;
    let bob = user(&place, "bob", Role::User).await;
    let owner = TokenOwner::User(bob.id);
    let first = create(&place, owner, "zebra", 1).await;
    place.forward(Duration::from_secs(1));
    create(&place, owner, "ape", 2).await;
    let created = names(&place, &bob, None, TokenSort::Created).await;
    assert_eq!(created, ["zebra", "ape"]);
    let by_name = names(&place, &bob, None, TokenSort::Name).await;
    assert_eq!(by_name, ["ape", "zebra"]);
    let from = "192.0.2.1".to_owned();
    place.store.note_token_use(first.id, from).await.unwrap();
    let used = names(&place, &bob, None, TokenSort::LastUsed).await;
    assert_eq!(used, ["ape", "zebra"]);
    let found = names(&place, &bob, Some("ZEB"), TokenSort::Name).await;
    assert_eq!(found, ["zebra"]);
}

#[tokio::test]
async fn the_number_of_tokens_of_an_account_is_limited() {
    let place = Place::new().await;
    let bob = user(&place, "bob", Role::User).await;
    let owner = TokenOwner::User(bob.id);
    let number = u8::try_from(TOKENS_MAX).unwrap();
    for seed in 0..number {
        create(&place, owner, "token", seed).await;
    }
    let more = NewToken {
        owner,
        name: "more".to_owned(),
        secret_hash: [255; 32],
        scopes: None,
        expires_at: None,
    };
    assert_eq!(place.store.create_token(more).await.unwrap(), None);
}
