//! Tags that a push by digest sets: `?tag=a&tag=b`.

use refity_tests::app::TestApp;
use refity_tests::client::{Answer, Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use serde_json::json;

use super::APP;

async fn put(client: &Client, image: &Image, reference: &str) -> Answer {
    let put = client.put_manifest(APP, reference, image.media_type(), image.manifest.clone());
    put.await.expect("an answer")
}

fn oci_tags(answer: &Answer) -> Vec<&str> {
    let lines = answer.headers.get_all("oci-tag").iter();
    lines
        .flat_map(|line| line.to_str().expect("tags").split(", "))
        .collect()
}

#[tokio::test]
async fn a_push_by_digest_sets_all_the_tags_that_it_names() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    let digest = image.digest();
    image.push(&client, APP, &digest).await.unwrap();
    client.tags(APP).await.gives(200);

    let tags: Vec<String> = (0..100).map(|n| format!("v{n:02}")).collect();
    let query = tags.join("&tag=");
    let answer = put(&client, &image, &format!("{digest}?tag={query}")).await;
    let answer = answer.expect_status(201);
    assert_eq!(oci_tags(&answer), tags);
    assert_eq!(answer.digest(), Some(&*digest));
    for tag in ["v00", "v42", "v99"] {
        image.assert_pullable(&client, APP, tag).await;
    }
    let listed = client.tags(APP).await.gives(200).json();
    assert_eq!(listed["tags"], json!(tags));
    // Said twice, set once; and a tag that stood elsewhere moves.
    let other = Image::random(Format::Docker, 1, 100);
    other.push(&client, APP, "v07").await.unwrap();
    let twice = put(&client, &image, &format!("{digest}?tag=v07&tag=v07")).await;
    twice.expect_status(201);
    let report = lab.assert_stored_whole().await;
    assert_eq!(report.tag(APP, "v07"), Some(&*digest));
    assert_eq!(report.tag(APP, "v99"), Some(&*digest));
}

#[tokio::test]
async fn a_push_that_names_a_bad_tag_or_too_many_sets_none() {
    let lab = TestApp::start().await;
    let client = lab.client();
    let image = Image::random(Format::Oci, 1, 100);
    let digest = image.digest();
    image.push(&client, APP, "first").await.unwrap();
    let many = vec!["t"; 101].join("&tag=");
    for (reference, status) in [
        (format!("{digest}?tag=good&tag=-bad"), 400),
        (format!("{digest}?tag=good&tag="), 400),
        (format!("{digest}?tag=good&tag=a%2Fb"), 400),
        (format!("{digest}?tag={many}"), 414),
        (format!("{}?tag=good", sha256(b"other")), 400),
    ] {
        let answer = put(&client, &image, &reference).await;
        assert_eq!(answer.status, status, "{reference}: {answer:?}");
        assert!(!answer.error_code().is_empty(), "{answer:?}");
    }
    // Nor does one that is too large, with any digest.
    let mut large = image.manifest.to_vec();
    large.resize(4 * 1024 * 1024 + 1, b' ');
    let reference = format!("{}?tag=good", sha256(&large));
    let put = client.put_manifest(APP, &reference, image.media_type(), large);
    put.await.refuses(413, "MANIFEST_INVALID");
    let listed = client.tags(APP).await.gives(200).json();
    assert_eq!(listed["tags"], json!(["first"]));
}
