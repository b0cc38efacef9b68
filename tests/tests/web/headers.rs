//! What keeps browsers from doing harm with a page.

use reqwest::Method;

use super::{BROWSER, SCRIPT, asked, opened, serving};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// A path of each kind.
const PATHS: [(&str, u16); 10] = [
    ("/", 200),
    ("/index.html", 200),
    ("/theme.js", 200),
    ("/favicon.svg", 200),
    (SCRIPT, 200),
    ("/r/team/app", 200),
    ("/assets/absent.js", 404),
    ("/api/docs", 200),
    ("/api/docs/page.js", 200),
    ("/api/docs/style.css", 200),
];

#[tokio::test]
async fn every_page_and_file_has_them() {
    let (gateway, _folder) = serving(&[]).await;
    let client = gateway.anonymous();
    for (path, status) in PATHS {
        for method in [Method::GET, Method::HEAD] {
            let answer = asked(&client, method, path, &[("accept", BROWSER)]).await;
            let answer = answer.expect_status(status);
            for (name, value) in [
                ("content-security-policy", POLICY),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
            ] {
                assert_eq!(answer.header(name), Some(value), "{path}");
            }
            // Nobody said that this is HTTPS.
            assert_eq!(answer.header("strict-transport-security"), None, "{path}");
        }
    }
    let tag = opened(&client, "/").await;
    let known = [("if-none-match", tag.header("etag").expect("a tag"))];
    let answer = asked(&client, Method::GET, "/", &known).await;
    let answer = answer.expect_status(304);
    assert_eq!(answer.header("content-security-policy"), Some(POLICY));
}

#[tokio::test]
async fn browsers_are_held_to_https_where_a_proxy_of_ours_ends_it() {
    let https = [("x-forwarded-proto", "https"), ("accept", BROWSER)];
    let (gateway, _folder) = serving(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    for (path, _) in PATHS {
        let answer = asked(&gateway.anonymous(), Method::GET, path, &https).await;
        let header = answer.header("strict-transport-security");
        assert_eq!(header, Some("max-age=31536000"), "{path}");
    }
    let http = [("x-forwarded-proto", "http")];
    let answer = asked(&gateway.anonymous(), Method::GET, "/", &http).await;
    assert_eq!(answer.header("strict-transport-security"), None);
    // Others are not believed.
    let (gateway, _folder) = serving(&[]).await;
    let answer = asked(&gateway.anonymous(), Method::GET, "/", &https).await;
    assert_eq!(answer.header("strict-transport-security"), None);
}
