//! The lab tests itself: our own binaries come up in it and do their work.

use refity_tests::app::TestApp;
use refity_tests::image::{Format, Image};
use refity_tests::lab::{GROUP, Lab};
use refity_tests::peer::Peer;

#[tokio::test]
async fn what_is_pushed_to_a_lab_is_whole_on_sftp() {
    let lab = Lab::start().await;
    let repository = format!("{GROUP}/app");
    let image = Image::random(Format::Oci, 3, 10_000);
    image.push(&lab.client(), &repository, "v1").await.unwrap();

    let report = lab.assert_stored_whole().await;
    assert_eq!(report.tag(&repository, "v1"), Some(image.digest().as_str()));

    lab.stop_all().await;
    lab.empty_spool();
    let reader = Peer::start_read_only(&lab.tree()).await;
    image
        .assert_pullable(&reader.client(), &repository, "v1")
        .await;

    lab.start_all().await;
    image
        .assert_pullable(&lab.client(), &repository, "v1")
        .await;
}

#[tokio::test]
async fn a_lab_of_several_processes_answers_behind_a_round_robin() {
    let lab = Lab::builder()
        .gateways(2)
        .uploaders(2)
        .group("other")
        .start()
        .await;
    let proxy = lab.round_robin().await;
    let client = lab.client().at(proxy.address());
    let image = Image::random(Format::Docker, 2, 10_000);
    image.push(&client, "other/app", "v1").await.unwrap();
    image.assert_pullable(&client, "other/app", "v1").await;
    lab.assert_stored_whole().await;
}

#[tokio::test]
async fn what_is_pushed_to_an_app_in_process_is_whole_in_its_storage() {
    let app = TestApp::builder().gateways(2).group("other").start().await;
    let image = Image::random(Format::Oci, 3, 10_000);
    image.push(&app.client(), "other/app", "v1").await.unwrap();
    let report = app.assert_stored_whole().await;
    let digest = image.digest();
    assert_eq!(report.tag("other/app", "v1"), Some(digest.as_str()));
    app.make_cold().await;
    assert_eq!(app.spool_bytes(), 0);
    let client = app.client_of(1);
    image.assert_pullable(&client, "other/app", "v1").await;
}
