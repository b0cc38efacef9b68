//! Tests of lists: correct sums after every sequence of changes, pages that
//! begin anywhere, and previews that match what a collection frees.

mod lists;
mod previews;
mod removal;
mod sums;

use refity_config::CollectRules;
use refity_types::deletion::Deletion;

use super::*;

const DAY: Duration = Duration::from_secs(25 * 60 * 60);

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn tags(names: &[&str]) -> Vec<refity_types::name::Tag> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

impl Place {
    async fn link(&self, repository: &str, bytes: &[u8]) {
        let (id, hash) = (UploadId::random(), Hasher::new(Algorithm::Sha256));
        let (repository, digest) = (name(repository), Digest::sha256(bytes));
        let begun = self.store.begin_upload(id, &repository, &hash, None).await;
        begun.unwrap();
        let size = bytes.len() as u64;
        let committed = self.store.commit_upload(id, &repository, &digest, size);
        assert!(matches!(committed.await.unwrap(), Committed::Blob { .. }));
    }

    async fn image(&self, repository: &str, bytes: &[u8], blobs: &[&[u8]], tag: &str) {
        for blob in blobs {
            self.link(repository, blob).await;
        }
        let media_type = OCI_MANIFEST;
        self.put(repository, bytes, media_type, blobs, &[], &[tag])
            .await;
    }

    async fn put(
        &self,
        repository: &str,
        bytes: &[u8],
        media_type: refity_types::media_type::MediaType,
        blobs: &[&[u8]],
        manifests: &[&[u8]],
        names: &[&str],
    ) {
        let digests =
            |all: &[&[u8]]| -> Vec<Digest> { all.iter().map(|it| Digest::sha256(it)).collect() };
        let new = NewManifest {
            repository: name(repository),
            digest: Digest::sha256(bytes),
            media_type,
            bytes: Bytes::copy_from_slice(bytes),
            platform: None,
            blobs: digests(blobs),
            optional_blobs: Vec::new(),
            manifests: digests(manifests),
            referral: None,
            tags: tags(names),
            generation: self.store.next_generation().await.unwrap(),
            intent: IntentId::random(),
            user: None,
        };
        let put = self.store.put_manifest(new).await.unwrap();
        assert!(matches!(put, PutManifest::Put { .. }), "{put:?}");
    }

    async fn drop_of(&self, repository: &str, deletion: Deletion) -> Deleted {
        let new = NewDelete {
            repository: name(repository),
            deletion,
            generation: self.store.next_generation().await.unwrap(),
            intent: IntentId::random(),
        };
        self.store.delete(new).await.unwrap()
    }

    async fn untag(&self, repository: &str, names: &[&str]) {
        for tag in tags(names) {
            let deleted = self.drop_of(repository, Deletion::Tag { tag }).await;
            assert_eq!(deleted, Deleted::Yes);
        }
    }

    /// Returns how much a collection frees a day later.
    async fn freed(&self) -> u64 {
        self.finish_all().await;
        self.forward(DAY);
        let collected = self
            .store
            .collect(CollectRules::default(), false, |_| {})
            .await
            .unwrap();
        let Collect::Done(collection) = collected else {
            panic!("{collected:?}");
        };
        self.finish_all().await;
        collection.bytes
    }

    async fn preview(&self, repository: &str, what: Previewed) -> Preview {
        let repository = name(repository);
        let preview = self.store.preview(&repository, what, Readable::All);
        preview.await.unwrap().unwrap()
    }

    async fn repositories(&self, sort: RepositorySort, order: Order) -> Vec<RepositoryRow> {
        let filter = RepositoryFilter::default();
        let page = self
            .store
            .repository_page(Readable::All, None, filter, sort, first(order));
        page.await.unwrap().items
    }

    async fn repository(&self, repository: &str) -> RepositoryRow {
        let all = self.repositories(RepositorySort::Name, Order::Asc).await;
        let found = all.into_iter().find(|it| it.name == name(repository));
        found.unwrap()
    }

    async fn tag_rows(&self, repository: &str, sort: TagSort, order: Order) -> Vec<TagRow> {
        let repository = name(repository);
        let page = self.store.tag_page(&repository, None, sort, first(order));
        page.await.unwrap().unwrap().items
    }

    async fn tag_names(&self, sort: TagSort, order: Order) -> Vec<String> {
        let rows = self.tag_rows("team/app", sort, order).await;
        rows.iter().map(|tag| tag.name.to_string()).collect()
    }
}

fn first(order: Order) -> PageRequest {
    PageRequest {
        order,
        cursor: None,
        limit: 100,
    }
}
