//! Types, and compressed forms, of which the client chooses one.

use reqwest::Method;

use super::{INDEX, SCRIPT, asked, opened, serving};

#[tokio::test]
async fn files_have_their_types() {
    let (gateway, _folder) = serving(&[]).await;
    let client = gateway.anonymous();
    for (path, expected) in [
        ("/", "text/html; charset=utf-8"),
        ("/r/team/app.js/-/t/x", "text/html; charset=utf-8"),
        (SCRIPT, "text/javascript; charset=utf-8"),
        ("/assets/index-C0ffee00.css", "text/css; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml"),
        ("/api/docs/page.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = opened(&client, path).await.expect_status(200);
        assert_eq!(answer.header("content-type"), Some(expected), "{path}");
    }
}

#[tokio::test]
async fn the_client_chooses_how_it_is_compressed() {
    let (gateway, _folder) = serving(&[]).await;
    let client = gateway.anonymous();
    for (path, plain, brotli, gzip) in [
        (SCRIPT, "script", "script in brotli", "script in gzip"),
        ("/", INDEX, "index in brotli", "index in gzip"),
        ("/groups", INDEX, "index in brotli", "index in gzip"),
    ] {
        let mut tags = Vec::new();
        for (accepted, coding, body) in [
            ("gzip, deflate, br, zstd", Some("br"), brotli),
            ("gzip, deflate", Some("gzip"), gzip),
            ("br;q=0, gzip", Some("gzip"), gzip),
            ("br;q=0.2, gzip;q=0.8", Some("gzip"), gzip),
            ("*", Some("br"), brotli),
            ("deflate", None, plain),
            ("identity", None, plain),
            ("identity;q=0, *;q=0", None, plain),
            ("", None, plain),
        ] {
            let headers = [("accept", super::BROWSER), ("accept-encoding", accepted)];
            let answer = asked(&client, Method::GET, path, &headers).await;
            let answer = answer.expect_status(200);
            assert_eq!(
                answer.header("content-encoding"),
                coding,
                "{path}: {accepted}"
            );
            assert_eq!(answer.body, body, "{path}: {accepted}");
            let vary = answer.headers.get_all("vary").iter();
            let vary: Vec<_> = vary.map(|it| it.to_str().expect("text")).collect();
            assert!(vary.contains(&"Accept-Encoding"), "{path}: {vary:?}");
            tags.push(answer.header("etag").expect("a tag").to_owned());
        }
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 3, "{path}: each form has its own: {tags:?}");
    }
    // Without Accept-Encoding it comes as it is.
    let answer = asked(&client, Method::GET, SCRIPT, &[]).await;
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(answer.body, "script");
}

#[tokio::test]
async fn what_has_no_compressed_form_comes_as_it_is() {
    let (gateway, _folder) = serving(&[]).await;
    let headers = [("accept-encoding", "gzip, br")];
    let answer = asked(&gateway.anonymous(), Method::GET, "/theme.js", &headers).await;
    let answer = answer.expect_status(200);
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(answer.header("vary"), None);
    assert_eq!(answer.body, "theme");
}

/// Nobody is to get compressed bytes for a file of their own.
#[tokio::test]
async fn compressed_forms_and_hidden_files_are_no_files_of_their_own() {
    let (gateway, _folder) = serving(&[]).await;
    let client = gateway.anonymous();
    for path in [
        "/index.html.br",
        "/index.html.gz",
        "/assets/index-Bf3k9_aZ.js.br",
        "/.vite/manifest.json",
    ] {
        asked(&client, Method::GET, path, &[])
            .await
            .expect_status(404);
    }
}
