//! Which paths are pages of the interface, and which never are.

use refity_tests::app::TestApp;
use refity_tests::client::Client;
use refity_tests::expect::Expect as _;
use refity_tests::lab::PASSWORD;
use refity_tests::wait;
use refity_tests::wire::{Wire, head};
use reqwest::Method;

use super::{BROWSER, INDEX, asked, opened, serving};

const PAGES: [&str; 16] = [
    "/",
    "/login",
    "/groups",
    "/g/team",
    "/r/team/app",
    "/r/team/app/-/t/1.0",
    "/r/team/app/-/d/sha256:0f1e",
    // Names may hold dots, and so may tags.
    "/r/team/app.js/-/t/x",
    "/r/team/app.js",
    "/r/team/app/-/t/style.css",
    // What begins with the words of other paths is not below them.
    "/assets",
    "/apis",
    "/v22/app",
    "/r/api/v2/assets/x",
    "/transfers?state=failed",
    "/a/page/that/there/never/was",
];

/// Both ports of a gateway.
async fn both_ports(gateway: &TestApp, web: &str) -> [Client; 2] {
    let client = gateway.anonymous();
    let other = client.at(&format!("127.0.0.1:{web}"));
    [client, other]
}

#[tokio::test]
async fn clients_that_accept_html_get_the_interface_at_each_of_its_paths() {
    let web = wait::free_port().to_string();
    let (gateway, _folder) = serving(&[("WEB_PORT", &web)]).await;
    for client in both_ports(&gateway, &web).await {
        for path in PAGES {
            let answer = opened(&client, path).await.expect_status(200);
            assert_eq!(answer.body, INDEX, "{path}");
            let only = [("accept", "text/html")];
            let answer = asked(&client, Method::GET, path, &only).await;
            assert_eq!(answer.expect_status(200).body, INDEX, "{path}");
        }
    }
}

#[tokio::test]
async fn paths_of_programs_are_never_pages() {
    let web = wait::free_port().to_string();
    let (gateway, _folder) = serving(&[("WEB_PORT", &web)]).await;
    for client in both_ports(&gateway, &web).await {
        for (path, status) in [
            ("/api", 404),
            ("/api/", 404),
            ("/api/nothing", 404),
            ("/api/docs/nothing", 404),
            ("/api/groups/team/nothing", 404),
            ("/v2", 401),
            ("/v2/", 401),
            ("/v2/nothing", 401),
            ("/v2/team/app/manifests/v1", 401),
            ("/assets/", 404),
            ("/assets/index-OLD00000.js", 404),
            ("/assets/index.html", 404),
        ] {
            let answer = opened(&client, path).await.expect_status(status);
            assert_ne!(answer.body, INDEX, "{path}");
        }
        let json = opened(&client, "/api/nothing").await.json();
        assert_eq!(json["error"]["code"], "NOT_FOUND");
        let signed_in = client.with_credentials("admin", PASSWORD);
        let unknown = opened(&signed_in, "/v2/nothing").await.expect_status(404);
        assert!(!unknown.error_code().is_empty(), "{unknown:?}");
        client.get("/healthz").await.gives(200);
    }
}

/// A script or a picture that is missing is told so, and not given a page.
#[tokio::test]
async fn clients_that_do_not_accept_html_get_no_page() {
    let (gateway, _folder) = serving(&[]).await;
    let client = gateway.anonymous();
    for accept in [
        "*/*",
        "application/json",
        "image/avif,image/webp,*/*;q=0.8",
        "text/css,*/*;q=0.1",
        "text/html;q=0, */*",
        "",
    ] {
        let headers = [("accept", accept)];
        let answer = asked(&client, Method::GET, "/groups", &headers).await;
        let answer = answer.expect_status(404);
        assert_eq!(answer.header("vary"), Some("Accept"), "{accept}");
        // The start and its files are there for all.
        for path in ["/", "/theme.js"] {
            let answer = asked(&client, Method::GET, path, &headers).await;
            answer.expect_status(200);
        }
    }
}

#[tokio::test]
async fn pages_are_only_read() {
    let (gateway, _folder) = serving(&[]).await;
    let client = gateway.anonymous();
    let headers = [("accept", BROWSER)];
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        for (path, status) in [("/", 405), ("/groups", 404), ("/theme.js", 404)] {
            let answer = asked(&client, method.clone(), path, &headers).await;
            let answer = answer.expect_status(status);
            assert_ne!(answer.body, INDEX, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_interface() {
    let (gateway, folder) = serving(&[]).await;
    let secret = folder.path().with_extension("secret");
    std::fs::write(&secret, "not for browsers").expect("to write a file");
    let outside = secret
        .file_name()
        .and_then(|it| it.to_str())
        .expect("a name");
    for target in [
        format!("/../{outside}"),
        format!("/assets/../../{outside}"),
        format!("/%2e%2e/{outside}"),
        format!("/assets/..%2f..%2f{outside}"),
        format!("//{}", secret.display()),
        "/assets//index-Bf3k9_aZ.js".to_owned(),
        "/assets/%00".to_owned(),
    ] {
        let close = [("connection", "close"), ("accept", "*/*")];
        let mut wire = Wire::connect(gateway.address(0)).await;
        let request = head(&gateway.anonymous(), "GET", &target, &close);
        wire.send(request.as_bytes()).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 404, "{target}");
        let body = String::from_utf8_lossy(&answer.body);
        assert!(!body.contains("not for browsers"), "{target}");
    }
    std::fs::remove_file(secret).expect("to remove a file");
}
