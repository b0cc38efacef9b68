//! The usage card where Hetzner's API is reached by a proxy (`HTTPS_PROXY`).

use std::sync::{Arc, Mutex};

use refity_tests::certificate::Certificate;
use refity_tests::{nginx, wait};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::usage::{Api, TOKEN, card, gateway, storage_box};

const PASSWORD: &str = "the-password-for-the-proxy";

/// A proxy that makes tunnels (RFC 9110 section 9.3.6), for those who know
/// the password.
struct Proxy {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap().to_string(),
            heads: Arc::default(),
        };
        let heads = Arc::clone(&proxy.heads);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let heads = Arc::clone(&heads);
                tokio::spawn(async move { tunnel(client, &heads).await });
            }
        });
        proxy
    }

    fn url(&self, password: &str) -> String {
        format!("http://me:{password}@{}", self.address)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn tunnel(mut client: TcpStream, heads: &Mutex<Vec<String>>) {
    // me:the-password-for-the-proxy
    const RIGHT: &str = "basic bwu6dghllxbhc3n3b3jklwzvci10agutchjvehk=";
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if client.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    heads.lock().unwrap().push(head.clone());
    if !head.to_ascii_lowercase().contains(RIGHT) {
        let refused = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        let _ = client.write_all(refused).await;
        return;
    }
    let to = head.split(' ').nth(1).unwrap_or_default();
    let Ok(mut server) = TcpStream::connect(to).await else {
        return;
    };
    let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

#[tokio::test]
async fn the_api_is_asked_through_the_proxy_which_learns_nothing() {
    let api = Api::start([storage_box(5_000_000)]).await;
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::make(folder.path());
    let front = nginx::start(folder.path(), &certificate, api.address(), false).await;
    let proxy = Proxy::start().await;
    let trusted = certificate.certificate.to_str().unwrap();
    let variables = [
        ("HTTPS_PROXY", &*proxy.url(PASSWORD)),
        ("SSL_CERT_FILE", trusted),
    ];
    let gateway = gateway(&format!("https://{}", front.tls()), &variables).await;
    let card = card(&gateway).await;
    assert_eq!(card["used_size"], 5_000_000, "{card}");
    let heads = proxy.heads();
    assert_eq!(heads.len(), 1, "{heads:?}");
    let connect = format!("CONNECT {} HTTP/1.1\r\n", front.tls());
    assert!(heads[0].starts_with(&connect), "{heads:?}");
    assert!(!heads[0].contains(TOKEN), "{heads:?}");
    let asked = api.asked.lock().unwrap()[0].to_ascii_lowercase();
    assert!(asked.contains(&format!("authorization: bearer {TOKEN}")));
    assert!(!asked.contains("proxy-authorization"), "{asked}");
}

#[tokio::test]
async fn a_proxy_that_refuses_or_is_away_is_told_without_its_password() {
    let proxy = Proxy::start().await;
    let away = format!("http://me:{PASSWORD}@127.0.0.1:{}", wait::free_port());
    for url in [proxy.url("mistyped-for-the-proxy"), away] {
        let gateway = gateway("https://127.0.0.1:1", &[("HTTPS_PROXY", &url)]).await;
        let card = card(&gateway).await;
        assert_eq!(card["error"]["code"], "connection", "{card}");
        let hint = card["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("HTTPS_PROXY"), "{card}");
        assert!(!card.to_string().contains("for-the-proxy"), "{card}");
    }
    assert_eq!(proxy.heads().len(), 1);
}
