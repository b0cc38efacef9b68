use refity_types::name::GroupName;
use refity_types::rights::Rights;

use super::*;

#[tokio::test]
async fn grants_on_the_group_and_the_repository_add_up() {
    let place = Place::new().await;
    let store = &place.store;
    let team: GroupName = "team".parse().unwrap();
    let bob = user(&place, "bob", Role::User).await;
    let push = Rights::from_bits(2);
    assert!(
        store
            .grant(bob.id, &team, None, Rights::PULL)
            .await
            .unwrap()
    );
    let repository = app();
    let granted = store.grant(bob.id, &team, Some(&repository), push);
    assert!(granted.await.unwrap());
    let both = store.permissions_for(Some(bob.id), &app()).await.unwrap();
    assert_eq!(both.rights, Rights::PULL.or(push));
    let other = "team/other".parse().unwrap();
    let one = store.permissions_for(Some(bob.id), &other).await.unwrap();
    assert_eq!(one.rights, Rights::PULL);
    let group = store.permissions_for_group(Some(bob.id), &team).await;
    assert_eq!(group.unwrap().unwrap().rights, Rights::PULL);
    let anonymous = store.permissions_for(None, &app()).await.unwrap();
    assert_eq!(anonymous, EffectiveGrant::default());
    let missing = "none".parse().unwrap();
    let missing = store.permissions_for_group(None, &missing).await.unwrap();
    assert_eq!(missing, None);

    assert!(
        store
            .grant(bob.id, &team, None, Rights::NONE)
            .await
            .unwrap()
    );
    assert!(
        !store
            .grant(bob.id, &team, None, Rights::NONE)
            .await
            .unwrap()
    );
    let left = store.permissions_for(Some(bob.id), &app()).await.unwrap();
    assert_eq!(left.rights, push);
}

#[tokio::test]
async fn grants_are_listed_by_group_and_by_user() {
    let place = Place::new().await;
    let store = &place.store;
    let team: GroupName = "team".parse().unwrap();
    let bob = user(&place, "bob", Role::User).await;
    let eve = user(&place, "eve", Role::User).await;
    for (user, repository) in [(&bob, None), (&bob, Some(app())), (&eve, None)] {
        let granted = store.grant(user.id, &team, repository.as_ref(), Rights::PULL);
        assert!(granted.await.unwrap());
    }
    let of = |grants: Vec<Grant>| -> Vec<(String, Option<RepositoryName>)> {
        let grants = grants.into_iter();
        grants.map(|it| (it.user_name, it.repository)).collect()
    };
    let (b, e) = ("bob".to_owned(), "eve".to_owned());
    let of_bob = [(b.clone(), None), (b.clone(), Some(app()))];
    assert_eq!(of(store.grants(None, Some(bob.id)).await.unwrap()), of_bob);
    assert_eq!(of(store.grants_of(&[bob.id]).await.unwrap()), of_bob);
    let of_team = store.grants(Some(&team), None).await.unwrap();
    assert_eq!(of_team.len(), 3);
    let page = store.grants_page(Some(&team), None, None, everything());
    let all = [(b.clone(), None), (e.clone(), None), (b, Some(app()))];
    assert_eq!(of(page.await.unwrap().items), all);
    let search = Some("EVE".to_owned());
    let page = store.grants_page(None, None, search, everything());
    assert_eq!(of(page.await.unwrap().items), [(e, None)]);
}
