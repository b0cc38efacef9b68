//! The web interface as the gateway serves it: which paths are its pages, what
//! browsers may do with them, how long they keep them, in which form they get
//! them, and where they come from.

mod caching;
mod forms;
mod headers;
mod pages;
mod source;

use std::path::Path;

use refity_tests::app::TestApp;
use refity_tests::client::{Answer, Client, send};
use reqwest::Method;
use tempfile::TempDir;

/// What browsers say that they read where a person opens a page.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

const INDEX: &str = "<!doctype html><title>made up</title>";

const SCRIPT: &str = "/assets/index-Bf3k9_aZ.js";

/// The files of an interface that was never built. What is compressed needs to
/// be no more than told apart.
const FILES: [(&str, &str); 10] = [
    ("index.html", INDEX),
    ("index.html.br", "index in brotli"),
    ("index.html.gz", "index in gzip"),
    ("assets/index-Bf3k9_aZ.js", "script"),
    ("assets/index-Bf3k9_aZ.js.br", "script in brotli"),
    ("assets/index-Bf3k9_aZ.js.gz", "script in gzip"),
    ("assets/index-C0ffee00.css", "style"),
    ("favicon.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
    ("theme.js", "theme"),
    (".vite/manifest.json", "{}"),
];

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("to make a folder");
    std::fs::write(path, text).expect("to write a file");
}

/// A folder with [`FILES`].
fn made_up() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in FILES {
        write(folder.path(), name, text);
    }
    folder
}

/// Starts a gateway that serves the interface in this folder, with these
/// variables.
async fn serving_from(folder: &Path, variables: &[(&str, &str)]) -> TestApp {
    let path = folder.to_str().expect("a path of letters");
    let app = TestApp::builder().uploaders(0).without_groups();
    let app = variables
        .iter()
        .fold(app, |app, (name, value)| app.env(name, value));
    app.env("UI_DIR", path).start().await
}

/// Starts a gateway that serves [`FILES`], with these variables.
async fn serving(variables: &[(&str, &str)]) -> (TestApp, TempDir) {
    let folder = made_up();
    (serving_from(folder.path(), variables).await, folder)
}

/// The answer to a request with these headers.
async fn asked(client: &Client, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = client.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request).await.expect("an answer")
}

/// What a browser gets that opens this path.
async fn opened(client: &Client, path: &str) -> Answer {
    asked(client, Method::GET, path, &[("accept", BROWSER)]).await
}
