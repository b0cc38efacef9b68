//! One client and what it knows must be there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use refity_tests::client::{Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image, Index, tar};
use refity_tests::random::Random;
use reqwest::Method;

use super::{Day, REPOSITORIES};

/// Tags of one client in each repository.
const TAGS: usize = 3;

/// Images of one client.
const IMAGES: usize = 5;

/// What the client knows of one of its manifests in one repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It must be there.
    There,
    /// A delete let go of it: it may be there until it is collected.
    Released,
    /// It must not be there.
    Gone,
}

/// An image, or an index of two.
#[derive(Clone)]
enum Thing {
    Image(Image),
    Index(Index),
}

impl Thing {
    fn digest(&self) -> String {
        match self {
            Self::Image(image) => image.digest(),
            Self::Index(index) => index.digest(),
        }
    }
}

type Reference = (&'static str, String);

/// A client that plays at random.
pub(super) struct Player {
    name: usize,
    client: Client,
    random: Random,
    images: Vec<Image>,
    /// Where its tags point.
    tags: BTreeMap<Reference, Thing>,
    /// Its manifests, by repository and digest.
    manifests: BTreeMap<Reference, Known>,
    /// Which of its manifests its indexes name, by repository and index.
    children: BTreeMap<Reference, BTreeSet<String>>,
    steps: usize,
}

impl Player {
    pub(super) fn new(name: usize, client: Client, layers: Arc<[Bytes]>, random: Random) -> Self {
        let mut player = Self {
            name,
            client,
            random,
            images: Vec::new(),
            tags: BTreeMap::new(),
            manifests: BTreeMap::new(),
            children: BTreeMap::new(),
            steps: 0,
        };
        for n in 0..IMAGES {
            let own = player.random.bytes(500);
            let shared = || layers[(n + player.name) % layers.len()].clone();
            let layers = vec![shared(), tar(&[("own", &own)])];
            let image = Image::of_layers("amd64", Format::Oci, layers);
            player.images.push(image);
        }
        player
    }

    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// Where its tags point, by repository and tag.
    pub(super) fn tags(&self) -> impl Iterator<Item = ((String, String), String)> {
        let tags = self.tags.iter();
        tags.map(|((repository, tag), thing)| {
            ((repository.to_string(), tag.clone()), thing.digest())
        })
    }

    /// Does one thing, and looks whether it went as the model says.
    pub(super) async fn play(&mut self, day: &Day) {
        // No day passes within a push.
        let _today = day.read().await;
        self.steps += 1;
        let repository = *self.random.one_of(&REPOSITORIES);
        let tag = format!("client-{}-{}", self.name, self.random.below(TAGS));
        let place = (repository, tag);
        match self.random.below(12) {
            0..4 => self.push_image(place).await,
            4 => self.push_index(place).await,
            5 | 6 => self.delete_tag(place).await,
            7 => self.delete_manifest(repository).await,
            8 => self.push_and_delete_a_blob(repository).await,
            _ => self.check(&place).await,
        }
    }

    async fn push_image(&mut self, place: Reference) {
        let image = self.random.one_of(&self.images).clone();
        self.push(place.0, &place.1, &image).await;
        self.point(place, Thing::Image(image));
    }

    /// As docker does it: asks for each blob, mounts or sends what is not
    /// there, then the manifest.
    async fn push(&mut self, repository: &'static str, reference: &str, image: &Image) {
        for blob in image.blobs() {
            let digest = sha256(blob);
            let head = self.client.head_blob(repository, &digest).await;
            if head.expect("an answer").status == 200 {
                continue;
            }
            let from = *self.random.one_of(&REPOSITORIES);
            let mounted = self.client.mount(repository, &digest, from).await;
            let answer = mounted.expect("an answer");
            if answer.status != 201 {
                let session = answer.expect_status(202).location();
                let put = self.client.finish(&session, &digest, blob.clone());
                put.await.gives(201);
            }
        }
        let (media_type, bytes) = (image.media_type(), image.manifest.clone());
        let put = self
            .client
            .put_manifest(repository, reference, media_type, bytes);
        put.await.gives(201);
        self.know(repository, image.digest(), Known::There);
    }

    async fn push_index(&mut self, place: Reference) {
        let images: Vec<Image> = (0..2)
            .map(|_| self.random.one_of(&self.images).clone())
            .collect();
        for image in &images {
            self.push(place.0, &image.digest(), image).await;
        }
        let index = Index::of_images(Format::Oci, images);
        let (media_type, bytes) = (index.media_type(), index.manifest.clone());
        let put = self
            .client
            .put_manifest(place.0, &place.1, media_type, bytes);
        put.await.gives(201);
        let children = index.images.iter().map(Image::digest).collect();
        self.know(place.0, index.digest(), Known::There);
        self.children.insert((place.0, index.digest()), children);
        self.point(place, Thing::Index(index));
    }

    fn know(&mut self, repository: &'static str, digest: String, known: Known) {
        self.manifests.insert((repository, digest), known);
    }

    /// Notes where a tag points now. What it pointed at stays.
    fn point(&mut self, place: Reference, thing: Thing) {
        self.tags.insert(place, thing);
    }

    /// Whether something keeps a manifest: a tag, or an index that is there.
    fn is_held(&self, repository: &'static str, digest: &str) -> bool {
        let tagged = self
            .tags
            .iter()
            .any(|((at, _), thing)| *at == repository && thing.digest() == digest);
        tagged || self.index_of(repository, digest, Known::There).is_some()
    }

    fn index_of(&self, repository: &'static str, digest: &str, known: Known) -> Option<&String> {
        self.children
            .iter()
            .filter(|((at, _), children)| *at == repository && children.contains(digest))
            .map(|((_, index), _)| index)
            .find(|index| self.known(repository, index) == known)
    }

    fn known(&self, repository: &'static str, digest: &str) -> Known {
        let known = self.manifests.get(&(repository, digest.to_owned()));
        known.copied().unwrap_or(Known::Gone)
    }

    /// What an answer must say. An index that is collected lets go of what
    /// nothing else holds by then.
    fn expected(&self, repository: &'static str, digest: &str) -> Known {
        let known = self.known(repository, digest);
        let released = self.index_of(repository, digest, Known::Released);
        if known == Known::There && released.is_some() && !self.is_held(repository, digest) {
            return Known::Released;
        }
        known
    }

    /// A delete took away what held these manifests.
    fn release(&mut self, repository: &'static str, digests: impl IntoIterator<Item = String>) {
        for digest in digests {
            let there = self.known(repository, &digest) == Known::There;
            if there && !self.is_held(repository, &digest) {
                self.know(repository, digest.clone(), Known::Released);
                // When it is collected, so may be what it names.
                let children = self.children.get(&(repository, digest)).cloned();
                self.release(repository, children.unwrap_or_default());
            }
        }
    }

    async fn delete_tag(&mut self, place: Reference) {
        let answer = self.client.delete_manifest(place.0, &place.1).await;
        match self.tags.remove(&place) {
            Some(thing) => {
                answer.gives(202);
                self.release(place.0, [thing.digest()]);
            }
            None => {
                answer.gives(404);
            }
        }
    }

    async fn delete_manifest(&mut self, repository: &'static str) {
        let mine: Vec<String> = self
            .manifests
            .keys()
            .filter(|(at, _)| *at == repository)
            .map(|(_, digest)| digest.clone())
            .collect();
        if mine.is_empty() {
            return;
        }
        let digest = self.random.one_of(&mine).clone();
        let answer = self.client.delete_manifest(repository, &digest).await;
        let status = answer.expect("an answer").status;
        let named = self.index_of(repository, &digest, Known::There).is_some();
        let maybe_named = self
            .index_of(repository, &digest, Known::Released)
            .is_some();
        match (self.expected(repository, &digest), status) {
            (Known::There, 405) if named => return,
            (Known::There | Known::Released, 405) if maybe_named => return,
            (Known::There, 202) if !named => {}
            (Known::Released, 202 | 404) | (Known::Gone, 404) => {}
            (known, status) => panic!("{repository}@{digest} is {known:?}, and gave {status}"),
        }
        self.tags
            .retain(|(at, _), thing| *at != repository || thing.digest() != digest);
        self.know(repository, digest.clone(), Known::Gone);
        let children = self.children.get(&(repository, digest)).cloned();
        self.release(repository, children.unwrap_or_default());
    }

    async fn push_and_delete_a_blob(&mut self, repository: &'static str) {
        let bytes = self.random.bytes(100);
        let digest = self.client.push_blob(repository, bytes).await;
        let path = format!("/v2/{repository}/blobs/{}", digest.expect("a push"));
        if self.random.below(2) == 0 {
            self.client.bare(Method::DELETE, &path).await.gives(202);
            self.client.bare(Method::HEAD, &path).await.gives(404);
        }
    }

    /// Looks at one tag and one manifest.
    async fn check(&mut self, place: &Reference) {
        self.assert_tag(place).await;
        let manifests: Vec<Reference> = self.manifests.keys().cloned().collect();
        if !manifests.is_empty() {
            let place = self.random.one_of(&manifests).clone();
            self.assert_manifest(&place).await;
        }
    }

    async fn assert_tag(&self, (repository, tag): &Reference) {
        match self.tags.get(&(*repository, tag.clone())) {
            Some(Thing::Image(image)) => image.assert_pullable(&self.client, repository, tag).await,
            Some(Thing::Index(index)) => {
                let answer = self.client.get_manifest(repository, tag).await.gives(200);
                assert_eq!(answer.body, index.manifest);
                for image in &index.images {
                    let digest = image.digest();
                    image
                        .assert_pullable(&self.client, repository, &digest)
                        .await;
                }
            }
            None => {
                self.client.get_manifest(repository, tag).await.gives(404);
            }
        }
    }

    async fn assert_manifest(&self, (repository, digest): &Reference) {
        let known = self.expected(repository, digest);
        let answer = self.client.get_manifest(repository, digest).await;
        let status = answer.expect("an answer").status;
        let right = match known {
            Known::There => status == 200,
            Known::Released => matches!(status, 200 | 404),
            Known::Gone => status == 404,
        };
        assert!(
            right,
            "{repository}@{digest} is {known:?}, and gave {status}"
        );
    }

    /// Looks at all that it knows of.
    pub(super) async fn assert_all(&mut self) {
        for repository in REPOSITORIES {
            for n in 0..TAGS {
                let tag = format!("client-{}-{n}", self.name);
                self.assert_tag(&(repository, tag)).await;
            }
        }
        for place in self.manifests.keys() {
            self.assert_manifest(place).await;
        }
    }
}
