//! How long browsers keep what they got, and how they learn that it is still
//! the same.

use refity_tests::app::TestApp;
use refity_tests::expect::Expect as _;
use reqwest::Method;

use super::{SCRIPT, asked, opened, serving, serving_from, write};

const FOREVER: &str = "public, max-age=31536000, immutable";

#[tokio::test]
async fn what_is_named_by_its_hash_is_kept_and_all_else_asked_for() {
    let (gateway, _folder) = serving(&[]).await;
    let client = gateway.anonymous();
    for (path, kept) in [
        (SCRIPT, FOREVER),
        ("/assets/index-C0ffee00.css", FOREVER),
        ("/", "no-cache"),
        ("/index.html", "no-cache"),
        ("/groups", "no-cache"),
        ("/theme.js", "no-cache"),
        ("/favicon.svg", "no-cache"),
        ("/api/docs", "no-cache"),
        // It may be there after an update.
        ("/assets/absent.js", "no-cache"),
    ] {
        let answer = opened(&client, path).await;
        assert_eq!(answer.header("cache-control"), Some(kept), "{path}");
    }
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let (gateway, _folder) = serving(&[]).await;
    let client = gateway.anonymous();
    for path in ["/", "/groups", SCRIPT, "/theme.js", "/api/docs"] {
        let first = opened(&client, path).await.expect_status(200);
        let tag = first.header("etag").expect("a tag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "strong: {tag}");
        let again = opened(&client, path).await;
        assert_eq!(again.header("etag"), Some(tag.as_str()), "{path}");
        let accept = ("accept", super::BROWSER);
        for given in [&tag, &format!("W/{tag}"), &format!("\"other\", {tag}"), "*"] {
            let headers = [accept, ("if-none-match", given)];
            let answer = asked(&client, Method::GET, path, &headers).await;
            let answer = answer.expect_status(304);
            assert!(answer.body.is_empty(), "{path}: {given}");
            assert_eq!(answer.header("etag"), Some(tag.as_str()), "{path}");
            for name in ["cache-control", "vary"] {
                assert_eq!(answer.header(name), first.header(name), "{path}: {name}");
            }
        }
        let headers = [accept, ("if-none-match", "\"other\"")];
        let answer = asked(&client, Method::GET, path, &headers).await;
        assert_eq!(answer.expect_status(200).body, first.body, "{path}");
    }
}

#[tokio::test]
async fn a_changed_page_has_another_tag() {
    let (gateway, folder) = serving(&[]).await;
    let tag = async |gateway: &TestApp| {
        let answer = gateway.anonymous().get("/").await.gives(200);
        answer.header("etag").expect("a tag").to_owned()
    };
    let before = tag(&gateway).await;
    write(
        folder.path(),
        "index.html",
        "<!doctype html><title>newer</title>",
    );
    assert_eq!(tag(&gateway).await, before, "it is read at the start");
    let gateway = serving_from(folder.path(), &[]).await;
    assert_ne!(tag(&gateway).await, before);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let (gateway, _folder) = serving(&[]).await;
    let client = gateway.anonymous();
    for path in [
        "/",
        "/groups",
        SCRIPT,
        "/theme.js",
        "/api/docs",
        "/assets/x",
    ] {
        let headers = [("accept", super::BROWSER), ("accept-encoding", "gzip")];
        let get = asked(&client, Method::GET, path, &headers).await;
        let head = asked(&client, Method::HEAD, path, &headers).await;
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        let length = get.body.len().to_string();
        assert_eq!(
            head.header("content-length"),
            Some(length.as_str()),
            "{path}"
        );
        for name in [
            "content-type",
            "content-encoding",
            "etag",
            "vary",
            "cache-control",
        ] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
}
