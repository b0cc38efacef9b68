use super::*;

const AGE: Duration = Duration::from_secs(24 * 60 * 60);

async fn kid(store: &Store, kid: &str) -> String {
    let key = store.signing_key(AGE, kid.to_owned(), || vec![1]);
    key.await.unwrap().kid
}

#[tokio::test]
async fn all_gateways_share_a_signing_key_until_it_is_too_old() {
    let place = Place::new().await;
    let other = open(place.folder.path()).await;
    assert_eq!(kid(&place.store, "a").await, "a");
    assert_eq!(kid(&other, "b").await, "a");
    place.forward(AGE + Duration::from_secs(1));
    assert_eq!(kid(&other, "b").await, "b");
    // Tokens signed with the old key are still verified.
    let old = place.store.signing_key_of("a".to_owned()).await.unwrap();
    assert_eq!(old.unwrap().private, [1]);
    place.forward(2 * AGE);
    assert_eq!(kid(&place.store, "c").await, "c");
    let old = place.store.signing_key_of("a".to_owned()).await.unwrap();
    assert!(old.is_none());
}

#[tokio::test]
async fn the_first_value_of_a_server_key_stays() {
    let place = Place::new().await;
    let first = place.store.server_key("key", vec![1]).await.unwrap();
    let second = place.store.server_key("key", vec![2]).await.unwrap();
    assert_eq!((first, second), (vec![1], vec![1]));
}
