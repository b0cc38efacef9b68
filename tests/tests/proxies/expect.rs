//! Clients that wait for `100 Continue` before they send.

use refity_tests::client::{Client, sha256};
use refity_tests::expect::Expect as _;
use refity_tests::lab::Lab;
use refity_tests::random;
use refity_tests::wire::{Wire, head};

use super::{Proxies, repository};

/// Pushes a blob by PATCH and by PUT; answers how often each was told to go on.
async fn told(client: &Client, address: &str) -> [usize; 2] {
    let app = repository("app");
    let bytes = random::bytes(2294);
    let (first, last) = (bytes.slice(..1000), bytes.slice(1000..));
    let session = client.start_upload(&app).await.gives(202).location();
    let put = format!("{session}?digest={}", sha256(&bytes));
    let parts = [("PATCH", &session, first, 202), ("PUT", &put, last, 201)];
    let mut told = [0; 2];
    let mut wire = Wire::connect(address).await;
    for ((method, target, body, status), told) in parts.into_iter().zip(&mut told) {
        let length = body.len().to_string();
        let headers = [("Content-Length", &*length), ("Expect", "100-continue")];
        let request = head(client, method, target, &headers);
        wire.send(request.as_bytes()).await;
        assert_eq!(wire.answer().await.status, 100, "{method}");
        *told = 1;
        wire.send(&body).await;
        let mut answer = wire.answer().await;
        while answer.status == 100 {
            *told += 1;
            answer = wire.answer().await;
        }
        assert_eq!(answer.status, status, "{method}");
    }
    // Nor does one come late, before the next answer.
    wire.send(head(client, "GET", "/v2/", &[]).as_bytes()).await;
    assert_eq!(wire.answer().await.status, 200);
    let pulled = client.get_blob(&app, &sha256(&bytes), None).await;
    assert_eq!(pulled.gives(200).body, bytes);
    told
}

#[tokio::test]
async fn a_client_that_waits_is_told_once_to_go_on() {
    let proxies = Proxies::start().await;
    let client = proxies.lab.client();
    for address in [
        proxies.lab.address(0),
        proxies.nginx.plain(),
        proxies.buffering.plain(),
    ] {
        let told = told(&client.at(address), address).await;
        assert_eq!(told, [1, 1], "{address}");
    }
    // Caddy passes the gateway's word on beside its own, which RFC 9110
    // (section 15.2) allows.
    let caddy = proxies.caddy.plain();
    let told = told(&client.at(caddy), caddy).await;
    assert!(told.iter().all(|times| *times <= 2), "{told:?}");
}

#[tokio::test]
async fn a_request_that_is_refused_early_is_not_told_to_go_on() {
    let lab = Lab::start().await;
    let (admin, address) = (lab.client(), lab.address(0));
    let nobody = Client::anonymous(address);
    let uploads = "/v2/team/app/blobs/uploads/";
    let unknown = format!("{uploads}00000000-0000-4000-8000-000000000000");
    for (client, method, target, length, status) in [
        (&nobody, "POST", uploads, "10", 401),
        (&nobody, "PATCH", &unknown, "10", 401),
        (&admin, "POST", "/v2/none/app/blobs/uploads/", "10", 403),
        (&admin, "PATCH", &unknown, "10", 404),
        (&admin, "PUT", &unknown, "10", 400),
        (&admin, "PUT", "/v2/team/app/manifests/v1", "5000000", 413),
    ] {
        let mut wire = Wire::connect(address).await;
        let headers = [("Content-Length", length), ("Expect", "100-continue")];
        let request = head(client, method, target, &headers);
        wire.send(request.as_bytes()).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, status, "{method} {target}");
    }
}
