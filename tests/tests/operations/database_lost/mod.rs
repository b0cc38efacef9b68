//! A lost database loses nothing that was acknowledged; one that is not ours
//! is left alone.

mod deletes;

use std::process::Output;
use std::time::Duration;

use refity_tests::client::sha256;
use refity_tests::database::Database;
use refity_tests::image::{Format, Image, Index};
use refity_tests::lab::{GROUP, Lab};
use refity_tests::wait;

const IMAGES: usize = 50;

fn repository() -> String {
    format!("{GROUP}/app")
}

/// A lab whose storage is away, so that all that is pushed stays here.
async fn lab_without_storage() -> Lab {
    let mut lab = Lab::start().await;
    wait_for_owner(&lab).await;
    lab.sshd_mut().kill();
    lab
}

/// Until the tree has its owner: the first thing that an uploader writes.
async fn wait_for_owner(lab: &Lab) {
    let owner = lab.tree().join("docker/registry/v2/_refity/owner");
    wait::until("the tree's owner", Duration::from_secs(30), async || {
        owner.exists()
    })
    .await;
    lab.wait_until_stored().await;
}

async fn push(lab: &Lab, image: &Image, tag: &str) {
    image.push(&lab.client(), &repository(), tag).await.unwrap();
}

fn lose_database(lab: &Lab) {
    for suffix in ["", "-wal", "-shm"] {
        let file = lab.data_dir().join(format!("refity.db{suffix}"));
        if let Err(error) = std::fs::remove_file(&file) {
            assert_ne!(suffix, "", "{error}");
        }
    }
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// Runs both programs, which must refuse: exit code 2, in these words.
async fn assert_both_refuse(lab: &Lab, words: &[&str]) {
    for output in [
        lab.gateway_command(&[]).await,
        lab.uploader_command(&[]).await,
    ] {
        let complaint = complaint(&output);
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        for word in words {
            assert!(complaint.contains(word), "no {word:?} in: {complaint}");
        }
    }
}

async fn rebuild(lab: &Lab) -> String {
    let output = lab.uploader_command(&["rebuild-index"]).await;
    let words = complaint(&output);
    assert!(output.status.success(), "{words}");
    words
}

#[tokio::test]
async fn fifty_images_survive_the_loss_of_the_database() {
    let mut lab = lab_without_storage().await;
    let mut images = Vec::new();
    for n in 0..IMAGES {
        let image = Image::random(Format::Oci, 2, 3000);
        push(&lab, &image, &format!("v{n}")).await;
        images.push(image);
    }
    // A tag that moved: the order of the generations matters, not of the files.
    push(&lab, &images[7], "moved").await;
    push(&lab, &images[3], "moved").await;
    push(&lab, &images[5], "moved").await;
    let index = Index::random(Format::Oci, &["amd64", "arm64"], 1, 2000);
    index
        .push(&lab.client(), &repository(), "index")
        .await
        .unwrap();
    lab.stop_all().await;
    lose_database(&lab);
    assert_both_refuse(&lab, &["refity.db", "rebuild-index"]).await;

    lab.sshd_mut().restart().unwrap();
    rebuild(&lab).await;
    lab.start_all().await;
    let report = lab.assert_stored_whole().await;
    for (n, image) in images.iter().enumerate() {
        let tag = report.tag(&repository(), &format!("v{n}"));
        assert_eq!(tag, Some(image.digest().as_str()), "v{n}");
    }
    let moved = report.tag(&repository(), "moved");
    assert_eq!(moved, Some(images[5].digest().as_str()));
    let tag = report.tag(&repository(), "index");
    assert_eq!(tag, Some(index.digest().as_str()));
    images[5]
        .assert_pullable(&lab.client(), &repository(), "moved")
        .await;
}

#[tokio::test]
async fn a_rebuild_that_fails_leaves_everything_for_the_next() {
    let mut lab = lab_without_storage().await;
    let image = Image::random(Format::Oci, 2, 1000);
    push(&lab, &image, "v").await;
    lab.stop_all().await;
    lose_database(&lab);
    let output = lab.uploader_command(&["rebuild-index"]).await;
    assert!(!output.status.success(), "{}", complaint(&output));
    assert_both_refuse(&lab, &["rebuild-index"]).await;
    // A file without anything in it is no database either.
    let database = lab.data_dir().join("refity.db");
    std::fs::write(&database, "").unwrap();
    assert_both_refuse(&lab, &["rebuild-index"]).await;
    std::fs::remove_file(&database).unwrap();

    lab.sshd_mut().restart().unwrap();
    rebuild(&lab).await;
    lab.start_all().await;
    let report = lab.assert_stored_whole().await;
    assert_eq!(
        report.tag(&repository(), "v"),
        Some(image.digest().as_str())
    );
}

#[tokio::test]
async fn what_had_arrived_before_the_loss_stays_and_the_rest_follows() {
    let mut lab = Lab::start().await;
    let early: Vec<Image> = (0..5)
        .map(|_| Image::random(Format::Oci, 2, 3000))
        .collect();
    for (n, image) in early.iter().enumerate() {
        push(&lab, image, &format!("v{n}")).await;
    }
    let index = Index::random(Format::Oci, &["amd64", "arm64"], 1, 2000);
    for image in &index.images {
        push(&lab, image, &image.digest()).await;
    }
    lab.assert_stored_whole().await;
    lab.sshd_mut().kill();

    // The index's children are there already, and so are the moved tag's.
    let media_type = index.media_type();
    let (client, home, bytes) = (lab.client(), repository(), index.manifest.clone());
    let put = client.put_manifest(&home, "index", media_type, bytes);
    put.await.unwrap().expect_status(201);
    push(&lab, &early[0], "v1").await;
    let late = Image::random(Format::Docker, 2, 3000);
    push(&lab, &late, "late").await;
    lab.stop_all().await;
    lose_database(&lab);
    lab.sshd_mut().restart().unwrap();
    rebuild(&lab).await;
    lab.start_all().await;

    let report = lab.assert_stored_whole().await;
    let expected = [
        ("v0", early[0].digest()),
        ("v1", early[0].digest()),
        ("v2", early[2].digest()),
        ("index", index.digest()),
        ("late", late.digest()),
    ];
    for (tag, digest) in expected {
        assert_eq!(
            report.tag(&repository(), tag),
            Some(digest.as_str()),
            "{tag}"
        );
    }
    late.assert_pullable(&lab.client(), &repository(), "late")
        .await;
}

#[tokio::test]
async fn without_its_id_the_installation_takes_its_tree_over_and_says_so() {
    let mut lab = lab_without_storage().await;
    let image = Image::random(Format::Oci, 2, 3000);
    push(&lab, &image, "v1").await;
    lab.stop_all().await;
    lose_database(&lab);
    let id = lab.data_dir().join("installation");
    let old = std::fs::read_to_string(&id).unwrap();
    std::fs::remove_file(&id).unwrap();
    lab.sshd_mut().restart().unwrap();
    let words = rebuild(&lab).await;
    let new = std::fs::read_to_string(&id).unwrap();
    assert_ne!(old.trim(), new.trim());
    assert!(words.contains(new.trim()), "{words}");
    assert!(words.contains(old.trim()), "whose tree it was: {words}");
    lab.start_all().await;
    let report = lab.assert_stored_whole().await;
    let tag = report.tag(&repository(), "v1");
    assert_eq!(tag, Some(image.digest().as_str()));
}

#[tokio::test]
async fn a_damaged_database_is_refused_with_the_way_out() {
    let mut lab = lab_without_storage().await;
    let image = Image::random(Format::Oci, 2, 3000);
    push(&lab, &image, "v1").await;
    lab.stop_all().await;
    lose_database(&lab);
    let database = lab.data_dir().join("refity.db");
    std::fs::write(
        &database,
        [b"no database at all. ".as_slice(); 500].concat(),
    )
    .unwrap();
    assert_both_refuse(&lab, &["damaged", "rebuild-index"]).await;

    std::fs::rename(&database, database.with_extension("damaged")).unwrap();
    lab.sshd_mut().restart().unwrap();
    rebuild(&lab).await;
    lab.start_all().await;
    let report = lab.assert_stored_whole().await;
    let tag = report.tag(&repository(), "v1");
    assert_eq!(tag, Some(image.digest().as_str()));
}

#[tokio::test]
async fn the_original_systems_database_is_left_alone() {
    let lab = Lab::builder().gateways(0).uploaders(0).start().await;
    let data_dir = lab.data_dir();
    std::fs::create_dir_all(&data_dir).unwrap();
    let database = data_dir.join("refity.db");
    Database::create_original(&data_dir);
    let before = sha256(&std::fs::read(&database).unwrap());
    assert_both_refuse(&lab, &["original", "refity-uploader import"]).await;
    assert_eq!(sha256(&std::fs::read(&database).unwrap()), before);
    let left: Vec<_> = std::fs::read_dir(&data_dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["refity.db"], "something was written");
}
