//! Details of images: tags, digests, indexes, referrers and shared layers.

use std::collections::BTreeMap;

use super::*;

const INDEX: &[u8] = b"an index";
const CHILD: &[u8] = b"a child";
const SIGNATURE: &[u8] = b"a signature";

async fn put(place: &Place, change: impl FnOnce(&mut NewManifest)) {
    let mut new = NewManifest {
        repository: app(),
        digest: Digest::sha256(CHILD),
        media_type: OCI_MANIFEST,
        bytes: Bytes::from_static(CHILD),
        platform: None,
        blobs: vec![Digest::sha256(b"layer")],
        optional_blobs: Vec::new(),
        manifests: Vec::new(),
        referral: None,
        tags: Vec::new(),
        generation: place.store.next_generation().await.unwrap(),
        intent: IntentId::random(),
        user: None,
    };
    change(&mut new);
    let put = place.store.put_manifest(new).await.unwrap();
    assert!(matches!(put, PutManifest::Put { .. }), "{put:?}");
}

/// Pushes an index of one image, with tags a and b, and a signature of it.
async fn push_all(place: &Place) {
    place.push_blob(b"layer").await;
    put(place, |_| {}).await;
    put(place, |new| {
        new.digest = Digest::sha256(INDEX);
        new.bytes = Bytes::from_static(INDEX);
        new.blobs = Vec::new();
        new.manifests = vec![Digest::sha256(CHILD)];
        new.tags = vec!["a".parse().unwrap(), "b".parse().unwrap()];
    })
    .await;
    put(place, |new| {
        new.digest = Digest::sha256(SIGNATURE);
        new.bytes = Bytes::from_static(SIGNATURE);
        new.referral = Some(Referral {
            subject: Digest::sha256(INDEX),
            artifact_type: Some("application/x.signature".to_owned()),
            annotations: BTreeMap::from([("by".to_owned(), "ann".to_owned())]),
        });
    })
    .await;
}

#[tokio::test]
async fn an_image_is_found_by_its_tag_and_its_digest() {
    let place = Place::new().await;
    let store = &place.store;
    push_all(&place).await;
    let tag = Reference::Tag("a".parse().unwrap());
    let digest = Digest::sha256(INDEX);
    for reference in [tag, Reference::Digest(digest.clone())] {
        let image = store.image(&app(), &reference).await.unwrap().unwrap();
        assert_eq!((&image.digest, &*image.bytes), (&digest, INDEX));
        let size = INDEX.len() + CHILD.len() + b"layer".len();
        assert_eq!(image.size, i64::try_from(size).unwrap());
    }
    let missing = Reference::Digest(Digest::sha256(b"x"));
    assert_eq!(store.image(&app(), &missing).await.unwrap(), None);
    let tags = store.tags_of(&app(), &digest).await.unwrap().unwrap();
    let names: Vec<_> = tags.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a", "b"]);
    let first = store.tags_at_digest(&app(), &digest, 1).await.unwrap();
    assert_eq!(first, ["a".parse().unwrap()]);
    let none = store.tags_of(&app(), &Digest::sha256(b"x")).await.unwrap();
    assert_eq!(none, None);
}

#[tokio::test]
async fn an_index_lists_the_children_that_the_repository_has() {
    let place = Place::new().await;
    push_all(&place).await;
    let children = place.store.children(&app(), &Digest::sha256(INDEX)).await;
    let digests: Vec<_> = children.unwrap().into_iter().map(|it| it.digest).collect();
    assert_eq!(digests, [Digest::sha256(CHILD)]);
    let children = place.store.children(&app(), &Digest::sha256(CHILD)).await;
    assert_eq!(children.unwrap().len(), 0);
}

#[tokio::test]
async fn referrers_are_found_by_their_subject_and_filtered_by_type() {
    let place = Place::new().await;
    let store = &place.store;
    push_all(&place).await;
    let subject = Digest::sha256(INDEX);
    let query = |artifact_type: Option<&str>| ReferrersQuery {
        subject: subject.clone(),
        artifact_type: artifact_type.map(str::to_owned),
        after: 0,
        limit: None,
        max_bytes: 1 << 20,
    };
    for (artifact_type, expected) in [
        (None, 1),
        (Some("application/x.signature"), 1),
        (Some("application/x.other"), 0),
    ] {
        let found = store.referrers(&app(), query(artifact_type)).await;
        assert_eq!(found.unwrap().descriptors.len(), expected);
    }
    let request = PageRequest::everything(Order::Asc);
    let page = store
        .referrer_page(&app(), &subject, request)
        .await
        .unwrap();
    assert_eq!(page.total, 1);
    assert_eq!(page.items[0].digest, Digest::sha256(SIGNATURE));
    assert_eq!(page.items[0].annotations, r#"{"by":"ann"}"#);
}

#[tokio::test]
async fn a_layer_lists_the_other_repositories_that_have_it() {
    let place = Place::new().await;
    let store = &place.store;
    push_all(&place).await;
    let layer = Digest::sha256(b"layer");
    let other = "team/other".parse().unwrap();
    let source = MountSource::Repository(app());
    let mounted = store.mount(&other, source, &layer).await.unwrap();
    assert_eq!(mounted, Mounted::Yes);
    let shared = async |readable| {
        let layers = vec![layer.clone()];
        let facts = store.sharing(&app(), layers, readable).await.unwrap();
        (facts[0].repositories.clone(), facts[0].more)
    };
    assert_eq!(shared(Readable::All).await, (vec![other.clone()], false));
    assert_eq!(shared(Readable::public()).await, (Vec::new(), false));
}

#[tokio::test]
async fn a_pulled_manifest_is_not_collected_for_a_day() {
    let place = Place::new().await;
    let store = &place.store;
    push_all(&place).await;
    let digest = Digest::sha256(CHILD);
    let reference = Reference::Digest(digest.clone());
    let head = store.manifest_head(&app(), &reference).await;
    let head = head.unwrap().unwrap();
    assert_eq!((head.digest.clone(), head.size), (digest, 7));
    place.forward(Duration::from_secs(2 * 60 * 60));
    assert!(store.renew_manifest(&head).await.unwrap());
    let renewed = store.manifest_head(&app(), &reference).await;
    assert_ne!(renewed.unwrap().unwrap(), head);
}
