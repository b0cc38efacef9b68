//! Pushes and pulls through TLS: by skopeo, by curl, and by chunks.

use refity_tests::certificate::Certificate;
use refity_tests::client::sha256;
use refity_tests::curl::Curl;
use refity_tests::expect::Expect as _;
use refity_tests::image::{Format, Image};
use refity_tests::lab::{ADMIN, PASSWORD};
use refity_tests::random;

use super::{Proxies, repository};

async fn skopeo(certificate: &Certificate, from: &str, to: &str) {
    let credentials = format!("{ADMIN}:{PASSWORD}");
    let mut command = tokio::process::Command::new("skopeo");
    command.args(["copy", "--quiet", "--insecure-policy", "--preserve-digests"]);
    let side = if to.starts_with("docker:") {
        "dest"
    } else {
        "src"
    };
    command
        .args([&format!("--{side}-creds"), &credentials])
        .arg(format!("--{side}-cert-dir"))
        .arg(&certificate.folder);
    let done = command.args([from, to]).kill_on_drop(true).output().await;
    let done = done.expect("skopeo is installed");
    assert!(done.status.success(), "{from} to {to}: {done:?}");
}

#[tokio::test]
async fn skopeo_pushes_and_pulls_an_image_through_tls() {
    let proxies = Proxies::start().await;
    let client = proxies.lab.client();
    let image = Image::of_layers(
        "amd64",
        Format::Oci,
        vec![
            random::bytes(1),
            random::bytes(2294),
            random::bytes(3_000_000),
        ],
    );
    image
        .push(&client, &repository("source"), "v1")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (n, address) in proxies.tls().into_iter().enumerate() {
        let there = format!("dir:{}/there-{n}", folder.path().display());
        let back = format!("dir:{}/back-{n}", folder.path().display());
        let source = format!("docker://{address}/{}:v1", repository("source"));
        skopeo(&proxies.certificate, &source, &there).await;
        let copy = repository(&format!("copy-{n}"));
        let target = format!("docker://{address}/{copy}:v1");
        skopeo(&proxies.certificate, &there, &target).await;
        skopeo(&proxies.certificate, &target, &back).await;
        image.assert_pullable(&client, &copy, "v1").await;
        for blob in image.blobs() {
            let name = sha256(blob)["sha256:".len()..].to_owned();
            let pulled = folder.path().join(format!("back-{n}")).join(name);
            assert!(std::fs::read(pulled).unwrap() == *blob, "{address}");
        }
    }
    proxies.lab.assert_stored_whole().await;
}

#[tokio::test]
async fn layers_of_any_size_arrive_over_locations_that_stay_relative() {
    let proxies = Proxies::start().await;
    for (n, address) in proxies.tls().into_iter().enumerate() {
        let curl = Curl::at(&format!("https://{address}"));
        let curl = curl.trusting(&proxies.certificate.certificate);
        let app = repository(&format!("app-{n}"));
        for size in [1, 2294, 5_000_000] {
            // A push of its own for each, so that nothing is there already.
            let bytes = random::bytes(size);
            let digest = curl.push_blob(&app, &bytes).await;
            assert!(curl.pull_blob(&app, &digest).await == bytes, "{address}");
        }
        let uploads = format!("/v2/{app}/blobs/uploads/");
        let session = curl.send("POST", &uploads, Some(b"")).await.answer;
        let location = session.expect_status(202).location();
        assert!(location.starts_with(&uploads), "{address}: {location}");
    }
    proxies.lab.assert_stored_whole().await;
}

#[tokio::test]
async fn chunks_and_streams_of_unknown_length_arrive() {
    let proxies = Proxies::start().await;
    for address in proxies.plain() {
        let client = proxies.lab.client().at(address);
        let app = repository("chunked");
        let bytes = random::bytes(300_001);
        let digest = client.push_blob_chunked(&app, bytes.clone(), 100_000).await;
        let pulled = client.get_blob(&app, &digest.unwrap(), None).await;
        assert!(pulled.gives(200).body == bytes, "{address}");

        let bytes = random::bytes(1_000_003);
        let session = client.start_upload(&app).await.gives(202).location();
        let pieces: Vec<_> = bytes
            .chunks(70_000)
            .map(|piece| Ok::<_, std::io::Error>(bytes.slice_ref(piece)))
            .collect();
        let stream = reqwest::Body::wrap_stream(tokio_stream::iter(pieces));
        client.patch(&session, stream, None).await.gives(202);
        let done = client.finish(&session, &sha256(&bytes), "").await;
        done.gives(201);
        let digest = sha256(&bytes);
        let range = client.get_blob(&app, &digest, Some("bytes=-3")).await;
        assert_eq!(range.gives(206).body, bytes.slice(1_000_000..));
    }
    proxies.lab.assert_stored_whole().await;
}
