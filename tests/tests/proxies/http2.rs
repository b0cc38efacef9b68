//! HTTP/2 without TLS, as a proxy or a client that knows of it speaks it.

use refity_tests::curl::Curl;
use refity_tests::lab::Lab;
use refity_tests::random;

use super::repository;

#[tokio::test]
async fn a_client_that_begins_with_http2_pushes_and_pulls() {
    let lab = Lab::start().await;
    let curl = Curl::at(&format!("http://{}", lab.address(0)));
    let two = curl.clone().with(["--http2-prior-knowledge"]);
    for (curl, version) in [(&two, "HTTP/2"), (&curl, "HTTP/1.1")] {
        let ping = curl.send("GET", "/v2/", None).await;
        assert_eq!((ping.version.as_str(), ping.answer.status), (version, 200));
    }
    let app = repository("app");
    for size in [0, 1, 2294, 20_000_000] {
        let bytes = random::bytes(size);
        let digest = two.push_blob(&app, &bytes).await;
        assert!(two.pull_blob(&app, &digest).await == bytes, "{size}");
        assert!(curl.pull_blob(&app, &digest).await == bytes, "{size}");
    }
    lab.assert_stored_whole().await;
}
