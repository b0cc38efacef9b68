//! The client address of a request, and which proxies may set it.

use std::time::Duration;

use refity_tests::client::{Client, send};
use refity_tests::expect::Expect as _;
use refity_tests::lab::{ADMIN, Lab, PASSWORD};
use refity_tests::wait;
use reqwest::Method;
use serde_json::Value;

use super::Proxies;

const SOON: Duration = Duration::from_secs(30);

/// Headers that claim another client, in every known form.
const SPOOFED: [(&str, &str); 4] = [
    ("x-forwarded-for", "203.0.113.9"),
    ("forwarded", "for=203.0.113.9;host=evil.test;proto=https"),
    ("x-forwarded-host", "evil.test"),
    ("x-real-ip", "203.0.113.9"),
];

/// The line of a request that this client sends with these headers.
async fn logged(lab: &Lab, client: &Client, headers: &[(&str, &str)], id: &str) -> Value {
    let mut request = client.request(Method::GET, "/v2/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.header("x-request-id", id)).await.gives(200);
    let line = wait::until_some(SOON, async || {
        let log = lab.gateway(0).log();
        let mut lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["message"] == "request" && line["request_id"] == id)
    });
    line.await.expect("a line of the request")
}

fn admin_from(local: [u8; 4], address: &str) -> Client {
    Client::anonymous_from(local, address).with_credentials(ADMIN, PASSWORD)
}

#[tokio::test]
async fn trusted_proxies_pass_on_the_client_address_and_clients_cannot_forge_it() {
    let proxies = Proxies::start().await;
    let lab = &proxies.lab;
    for (n, address) in proxies.plain().into_iter().enumerate() {
        let client = admin_from([127, 0, 0, 7], address);
        let line = logged(lab, &client, &[], &format!("honest-{n}")).await;
        assert_eq!(line["client"], "127.0.0.7", "{address}: {line}");
        let line = logged(lab, &client, &SPOOFED, &format!("spoofed-{n}")).await;
        assert_eq!(line["client"], "127.0.0.7", "{address}: {line}");
    }
    // Headers of an untrusted peer are ignored.
    let stranger = admin_from([127, 0, 0, 8], lab.address(0));
    let line = logged(lab, &stranger, &SPOOFED, "stranger").await;
    assert_eq!(line["client"], "127.0.0.8", "{line}");
}

#[tokio::test]
async fn without_trusted_proxies_forwarding_headers_are_ignored() {
    let proxies = Proxies::of(Lab::builder()).await;
    let lab = &proxies.lab;
    let client = admin_from([127, 0, 0, 7], proxies.nginx.plain());
    let line = logged(lab, &client, &SPOOFED, "through").await;
    assert_eq!(line["client"], "127.0.0.1", "the proxy's own: {line}");
    let line = logged(lab, &lab.client(), &SPOOFED, "direct").await;
    assert_eq!(line["client"], "127.0.0.1", "{line}");
}

#[tokio::test]
async fn messages_use_the_address_that_the_client_uses() {
    let proxies = Proxies::start().await;
    let hint = async |client: &Client, headers: &[(&str, &str)]| {
        let uploads = "/v2/none/app/blobs/uploads/";
        let mut request = client.request(Method::POST, uploads);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let refused = send(request).await.refuses(403, "DENIED");
        refused.json()["errors"][0]["message"].to_string()
    };
    for address in proxies.plain() {
        let words = hint(&proxies.lab.client().at(address), &[]).await;
        let url = format!("http://{address}/api/groups");
        assert!(words.contains(&url), "{words}");
    }
    let stranger = admin_from([127, 0, 0, 8], proxies.lab.address(0));
    let words = hint(&stranger, &SPOOFED).await;
    assert!(!words.contains("evil.test"), "{words}");
    // A proxy of ours that ends TLS says so.
    let https = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "r.test"),
    ];
    let words = hint(&proxies.lab.client(), &https).await;
    assert!(words.contains("https://r.test/api/groups"), "{words}");
}
