//! Compares previews of deletions with what is actually freed.

use super::*;

#[tokio::test]
async fn a_preview_matches_what_a_collection_frees() {
    let place = Place::new().await;
    place
        .image("team/a", b"first", &[b"own 1", b"here", b"shared"], "v1")
        .await;
    place
        .image("team/a", b"second", &[b"own two", b"here", b"shared"], "v2")
        .await;
    place.image("team/b", b"other", &[b"shared"], "v1").await;
    place
        .image("team/a", b"first", &[b"own 1", b"here", b"shared"], "alias")
        .await;

    let v1 = Previewed::Tags(tags(&["v1", "v1", "absent"]));
    let preview = place.preview("team/a", v1).await;
    assert_eq!(preview.tags, tags(&["v1"]));
    assert_eq!(preview.missing, tags(&["absent"]));
    assert_eq!(preview.also_tagged, tags(&["alias"]));
    assert_eq!((preview.frees_bytes, preview.manifests), (0, 0));

    let both = Previewed::Tags(tags(&["v1", "alias"]));
    let preview = place.preview("team/a", both).await;
    assert_eq!(preview.also_tagged, []);
    assert_eq!(preview.frees_bytes, 5 + 5, "the manifest and its own layer");
    assert_eq!(preview.kept_here_bytes, 4 + 6);
    assert_eq!(preview.kept_shared_bytes, 0, "the second needs it here too");
    place.untag("team/a", &["v1", "alias"]).await;

    // Released content does not need anything any more.
    let preview = place
        .preview("team/a", Previewed::Tags(tags(&["v2"])))
        .await;
    assert_eq!(preview.frees_bytes, 6 + 7 + 4);
    assert_eq!(preview.kept_shared_bytes, 6);
    assert_eq!(preview.shared_with, [name("team/b")]);
    let digest = Digest::sha256(b"second");
    let by_digest = place.preview("team/a", Previewed::Manifest(digest)).await;
    assert_eq!(by_digest.tags, tags(&["v2"]));
    assert_eq!(by_digest.frees_bytes, preview.frees_bytes);
    place.untag("team/a", &["v2"]).await;
    assert_eq!(place.freed().await, 10 + preview.frees_bytes);
}

#[tokio::test]
async fn deleting_an_index_deletes_its_untagged_images() {
    let place = Place::new().await;
    place
        .image("team/a", b"amd64", &[b"layer a"], "amd64")
        .await;
    place.link("team/a", b"layer bc").await;
    let image = OCI_MANIFEST;
    place
        .put("team/a", b"arm64", image, &[b"layer bc"], &[], &[])
        .await;
    let index = br#"{"manifests":[]}"#;
    let media_type = refity_types::media_type::OCI_INDEX;
    place
        .put(
            "team/a",
            index,
            media_type,
            &[],
            &[b"amd64", b"arm64"],
            &["all"],
        )
        .await;
    let preview = place
        .preview("team/a", Previewed::Tags(tags(&["all"])))
        .await;
    assert_eq!(preview.manifests, 2);
    assert_eq!(preview.frees_bytes, index.len() as u64 + 5 + 8);
    assert_eq!(preview.kept_here_bytes, 5 + 7);
    let child = Digest::sha256(b"arm64");
    let named = place.preview("team/a", Previewed::Manifest(child)).await;
    assert_eq!(named.named_by, Some(Digest::sha256(index)));
    let size = place.tag_rows("team/a", TagSort::Size, Order::Desc).await[0].size;
    assert_eq!(size, index.len() as i64 + 5 + 5 + 7 + 8);
    place.untag("team/a", &["all"]).await;
    assert_eq!(place.freed().await, preview.frees_bytes);
}

#[tokio::test]
async fn content_of_a_deleted_image_elsewhere_is_free_too() {
    let place = Place::new().await;
    place.image("team/a", b"first", &[b"shared"], "v1").await;
    place.image("team/b", b"other", &[b"shared"], "v1").await;
    place.untag("team/b", &["v1"]).await;
    let preview = place
        .preview("team/a", Previewed::Tags(tags(&["v1"])))
        .await;
    assert_eq!((preview.frees_bytes, preview.kept_shared_bytes), (11, 0));
    let whole = place.preview("team/a", Previewed::Repository).await;
    assert_eq!((whole.frees_bytes, whole.kept_shared_bytes), (5, 6));
    assert_eq!(whole.shared_with, [name("team/b")]);
}
