//! Deletes that were acknowledged are replayed, and nothing else is; no tag on
//! SFTP loses what it needs by that.

use std::path::{Path, PathBuf};
use std::time::Duration;

use refity_tests::checker;
use refity_tests::client::{Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::Lab;
use refity_tests::wait;
use reqwest::Method;

use super::{lose_database, push, rebuild, repository};

#[tokio::test]
async fn what_was_deleted_before_the_loss_stays_deleted_and_what_was_pushed_again_is_there() {
    let mut lab = Lab::start().await;
    let client = lab.client();
    let home = repository();
    let images: Vec<Image> = (0..5)
        .map(|_| Image::random(Format::Oci, 1, 1000))
        .collect();
    for (n, image) in images.iter().enumerate() {
        push(&lab, image, &format!("v{n}")).await;
    }
    push(&lab, &images[1], "v1-too").await;
    let blobs = [b"gone".as_slice(), b"again".as_slice()];
    for blob in blobs {
        client.push_blob(&home, blob.into()).await.unwrap();
    }
    lab.assert_stored_whole().await;
    lab.sshd_mut().kill();

    let delete = async |reference: &str| {
        let deleted = client.delete_manifest(&home, reference);
        deleted.await.unwrap().expect_status(202);
    };
    delete("v0").await;
    delete(&images[1].digest()).await;
    // Deleted, and there again before SFTP has seen anything of it.
    delete("v2").await;
    push(&lab, &images[2], "v2").await;
    delete(&images[3].digest()).await;
    push(&lab, &images[3], "v3").await;
    for blob in blobs {
        let path = format!("/v2/{home}/blobs/{}", sha256(blob));
        let deleted = client.bare(reqwest::Method::DELETE, &path);
        deleted.await.unwrap().expect_status(202);
    }
    // Pushed while the storage is away, and deleted before it is back.
    push(&lab, &images[4], "never").await;
    delete("never").await;
    lab.stop_all().await;
    lose_database(&lab);
    lab.sshd_mut().restart().unwrap();
    rebuild(&lab).await;
    lab.start_all().await;

    let report = lab.assert_stored_whole().await;
    let digest = |n: usize| Some(images[n].digest());
    for (tag, expected) in [
        ("v0", None),
        ("v1", None),
        ("v1-too", None),
        ("v2", digest(2)),
        ("v3", digest(3)),
        ("v4", digest(4)),
        ("never", None),
    ] {
        assert_eq!(report.tag(&home, tag), expected.as_deref(), "{tag}");
    }
    let stored = &report.repositories[&home];
    assert!(!stored.revisions.contains(&images[1].digest()));
    assert!(stored.revisions.contains(&images[0].digest()));
    assert!(!stored.layers.contains(&sha256(blobs[0])));
    let intents = lab.data_dir().join("spool/intents");
    let completed = async || std::fs::read_dir(&intents).unwrap().count() == 0;
    lab.wait_for_sweep("no intents", completed).await;
    // What the new index does not know may need what looks like garbage.
    let order = serde_json::json!({ "dry_run": false });
    let refused = lab.client().post_json("/api/gc", &order).await.unwrap();
    let refused = refused.expect_status(503);
    let words = String::from_utf8_lossy(&refused.body).into_owned();
    assert!(words.contains("the index does not know"), "{words}");
}

/// A manifest's delete, which is accepted.
async fn delete_manifest(client: &Client, reference: &str) {
    let home = repository();
    client.delete_manifest(&home, reference).await.gives(202);
}

/// A blob's delete, which is accepted.
async fn delete_blob(client: &Client, bytes: &[u8]) {
    let path = format!("/v2/{}/blobs/{}", repository(), sha256(bytes));
    client.bare(Method::DELETE, &path).await.gives(202);
}

/// Loses the database, with everything stopped, and makes a new one.
async fn lose_and_rebuild(lab: &mut Lab) -> String {
    lab.stop_all().await;
    lose_database(lab);
    lab.sshd_mut().restart().unwrap();
    rebuild(lab).await
}

/// Every tag that is on SFTP now can be pulled whole now.
fn assert_live(lab: &Lab) -> checker::Report {
    let report = checker::check_live(&lab.tree());
    report.assert_clean();
    report
}

fn intents(lab: &Lab) -> Vec<PathBuf> {
    let folder = lab.data_dir().join("spool/intents");
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn a_delete_that_was_never_decided_is_not_replayed() {
    let mut lab = Lab::start().await;
    let image = Image::random(Format::Oci, 1, 1000);
    push(&lab, &image, "v").await;
    lab.assert_stored_whole().await;
    let no_intents = async || intents(&lab).is_empty();
    lab.wait_for_sweep("no intents", no_intents).await;
    // The delete's transaction does not end.
    lab.database().hang_tag_updates();
    let client = lab.client();
    let deleting = tokio::spawn(async move { client.delete_manifest(&repository(), "v").await });
    let prepared = async || !intents(&lab).is_empty();
    wait::until("an intent", Duration::from_secs(30), prepared).await;
    lab.gateway(0).kill9();
    assert!(deleting.await.unwrap().is_err(), "it was answered");

    lose_and_rebuild(&mut lab).await;
    let report = assert_live(&lab);
    assert_eq!(report.tag(&repository(), "v"), Some(&*image.digest()));
}

#[tokio::test]
async fn a_delete_whose_gateway_died_after_the_commit_is_replayed() {
    let mut lab = Lab::start().await;
    let image = Image::random(Format::Oci, 1, 1000);
    push(&lab, &image, "v").await;
    lab.assert_stored_whole().await;
    let no_intents = async || intents(&lab).is_empty();
    lab.wait_for_sweep("no intents", no_intents).await;
    lab.sshd_mut().kill();
    let client = lab.client();
    delete_manifest(&client, "v").await;
    let [confirmed] = &intents(&lab)[..] else {
        panic!("{:?}", intents(&lab));
    };
    // As it is between the commit and the answer.
    let prepared = confirmed.with_extension("prepared");
    std::fs::rename(confirmed, &prepared).unwrap();
    lab.uploader(0).kill9();
    lab.uploader(0).restart();
    let swept = async || confirmed.exists() && !prepared.exists();
    wait::until("the sweep", Duration::from_secs(30), swept).await;

    lose_and_rebuild(&mut lab).await;
    assert_eq!(assert_live(&lab).tag(&repository(), "v"), None);
}

#[tokio::test]
async fn a_manifest_stays_until_the_tag_that_points_at_it_on_sftp_has_moved() {
    let mut lab = Lab::start().await;
    let (old, new) = (
        Image::random(Format::Oci, 1, 1000),
        Image::random(Format::Oci, 1, 1000),
    );
    push(&lab, &old, "moving").await;
    lab.assert_stored_whole().await;
    lab.sshd_mut().kill();
    push(&lab, &new, "moving").await;
    let client = lab.client();
    delete_manifest(&client, &old.digest()).await;
    delete_blob(&client, &old.layers[0]).await;

    lose_and_rebuild(&mut lab).await;
    let report = assert_live(&lab);
    assert_eq!(report.tag(&repository(), "moving"), Some(&*old.digest()));
    lab.start_all().await;
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.tag(&repository(), "moving"), Some(&*new.digest()));
    let stored = &report.repositories[&repository()];
    assert!(!stored.revisions.contains(&old.digest()));
    assert!(!stored.layers.contains(&sha256(&old.layers[0])));
}

#[tokio::test]
async fn a_manifest_stays_that_a_tag_needs_which_nobody_knows() {
    let mut lab = Lab::start().await;
    let image = Image::random(Format::Oci, 1, 1000);
    push(&lab, &image, "known").await;
    lab.assert_stored_whole().await;
    lab.sshd_mut().kill();
    let client = lab.client();
    delete_manifest(&client, &image.digest()).await;
    delete_blob(&client, &image.layers[0]).await;
    let tags = lab.tree().join(format!(
        "docker/registry/v2/repositories/{}/_manifests/tags",
        repository()
    ));
    copy_folder(&tags.join("known"), &tags.join("unknown"));

    let words = lose_and_rebuild(&mut lab).await;
    assert!(
        words.contains("the tag unknown on SFTP needs it"),
        "{words}"
    );
    lab.start_all().await;
    lab.wait_until_stored().await;
    let report = assert_live(&lab);
    assert_eq!(report.tag(&repository(), "known"), None);
    assert_eq!(report.tag(&repository(), "unknown"), Some(&*image.digest()));
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copy = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &copy);
        } else {
            std::fs::copy(entry.path(), copy).unwrap();
        }
    }
}

#[tokio::test]
async fn a_tag_that_moved_before_the_delete_that_lists_it_stays() {
    let mut lab = Lab::start().await;
    let (old, new) = (
        Image::random(Format::Oci, 1, 1000),
        Image::random(Format::Oci, 1, 1000),
    );
    push(&lab, &old, "listed").await;
    lab.assert_stored_whole().await;
    let no_intents = async || intents(&lab).is_empty();
    lab.wait_for_sweep("no intents", no_intents).await;
    lab.sshd_mut().kill();
    let client = lab.client();
    delete_manifest(&client, &old.digest()).await;
    let [intent] = &intents(&lab)[..] else {
        panic!("{:?}", intents(&lab));
    };
    // As if the push had come, and been carried out, after the delete had listed
    // the tags and before it drew its generation.
    let kept = std::fs::read(intent).unwrap();
    assert!(String::from_utf8_lossy(&kept).contains("listed"));
    lab.sshd_mut().restart().unwrap();
    push(&lab, &new, "listed").await;
    lab.assert_stored_whole().await;
    lab.stop_all().await;
    std::fs::write(intent, kept).unwrap();

    lose_and_rebuild(&mut lab).await;
    let report = assert_live(&lab);
    assert_eq!(report.tag(&repository(), "listed"), Some(&*new.digest()));
}

#[tokio::test]
async fn a_blob_that_was_deleted_after_its_image_stays_deleted() {
    let mut lab = Lab::start().await;
    let client = lab.client();
    lab.wait_until_stored().await;
    let (gone, again) = (
        Image::random(Format::Oci, 1, 1000),
        Image::random(Format::Oci, 1, 1000),
    );
    for (image, tag) in [(&gone, "gone"), (&again, "again")] {
        push(&lab, image, tag).await;
    }
    // One layer is on SFTP at the loss, the other in the spool only.
    lab.assert_stored_whole().await;
    lab.sshd_mut().kill();
    let late = Image::random(Format::Oci, 1, 1000);
    push(&lab, &late, "late").await;
    push(&lab, &gone, "gone-too").await;
    for image in [&gone, &again, &late] {
        delete_manifest(&client, &image.digest()).await;
        delete_blob(&client, &image.layers[0]).await;
    }
    push(&lab, &again, "again").await;

    lose_and_rebuild(&mut lab).await;
    lab.start_all().await;
    let report = lab.assert_stored_whole().await;
    let stored = &report.repositories[&repository()];
    let client = lab.client();
    for image in [&gone, &late] {
        let layer = sha256(&image.layers[0]);
        assert!(!stored.layers.contains(&layer), "on SFTP");
        client.head_blob(&repository(), &layer).await.gives(404);
    }
    let tag = report.tag(&repository(), "again");
    assert_eq!(tag, Some(&*again.digest()));
    again.assert_pullable(&client, &repository(), "again").await;
}
