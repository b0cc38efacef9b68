//! Where the interface comes from: a folder, the program itself, or nowhere.

use std::path::Path;

use refity_tests::expect::Expect as _;
use refity_tests::wait;

use super::{INDEX, SCRIPT, made_up, opened, serving, serving_from, write};
use crate::operations::gateway::lone::{Lone, program, run};

#[tokio::test]
async fn a_folder_is_served_in_place_of_what_is_built_in() {
    let (gateway, folder) = serving(&[]).await;
    let client = gateway.anonymous();
    assert_eq!(client.get("/").await.gives(200).body, INDEX);
    assert_eq!(client.get(SCRIPT).await.gives(200).body, "script");
    // It is read once: half of a new one is never served with half of an old.
    std::fs::remove_dir_all(folder.path().join("assets")).expect("to remove it");
    assert_eq!(client.get(SCRIPT).await.gives(200).body, "script");
}

#[tokio::test]
async fn folders_that_are_links_are_not_followed() {
    let folder = made_up();
    let other = tempfile::tempdir().expect("a folder");
    write(other.path(), "private.js", "private");
    let link = |to: &Path, name: &str| {
        std::os::unix::fs::symlink(to, folder.path().join(name)).expect("to make a link");
    };
    link(other.path(), "elsewhere");
    link(folder.path(), "assets/round");
    let gateway = serving_from(folder.path(), &[]).await;
    let client = gateway.anonymous();
    client.get("/elsewhere/private.js").await.gives(404);
    client.get("/assets/round/theme.js").await.gives(404);
}

#[tokio::test]
async fn a_folder_without_an_interface_is_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty");
    std::fs::create_dir_all(empty.join("index.html")).expect("to make a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, INDEX).expect("to write a file");
    for path in [&folder.path().join("absent"), &empty, &file] {
        let path = path.to_str().expect("a path of letters");
        let program = program(folder.path(), wait::free_port(), &[("UI_DIR", path)]);
        for program in [program.clone(), program.args(["--check-config"])] {
            let output = run(&program).await;
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{words}");
            assert_eq!(words.lines().count(), 1, "{words}");
            for part in ["error: UI_DIR is ", path, "no index.html", "unset it"] {
                assert!(words.contains(part), "{part}: {words}");
            }
        }
    }
    let good = made_up();
    let path = good.path().to_str().expect("a path of letters");
    for value in [path, ""] {
        let program = program(folder.path(), wait::free_port(), &[("UI_DIR", value)]);
        let output = run(&program.args(["--check-config"])).await;
        assert_eq!(output.status.code(), Some(0), "{value:?}");
    }
}

#[tokio::test]
async fn a_folder_that_is_some_other_is_not_read_into_memory() {
    let folder = made_up();
    let large = std::fs::File::create(folder.path().join("image.iso")).expect("a file");
    large.set_len(65 << 20).expect("to make it large");
    let data = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path of letters");
    let output = run(&program(
        data.path(),
        wait::free_port(),
        &[("UI_DIR", path)],
    ))
    .await;
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("64 MiB"), "{words}");
}

/// The sources have the interface that was built into the program, or none.
#[tokio::test]
async fn without_a_folder_the_built_interface_is_served_or_how_to_build_it() {
    let gateway = Lone::start().await;
    let client = gateway.anonymous();
    let page = client.get("/").await.gives(200);
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/dist");
    match std::fs::read(built.join("index.html")) {
        Ok(index) => {
            assert_eq!(page.body, index, "web/dist is newer than the program");
            let theme = client.get("/theme.js").await.gives(200);
            let expected = std::fs::read(built.join("theme.js")).expect("a script");
            assert_eq!(theme.body, expected);
        }
        Err(_) => {
            let words = String::from_utf8_lossy(&page.body).into_owned();
            for part in ["without its web interface", "make build", "UI_DIR", "curl"] {
                assert!(words.contains(part), "{part}: {words}");
            }
            let style = client.get("/style.css").await.gives(200);
            let kind = style.header("content-type");
            assert_eq!(kind, Some("text/css; charset=utf-8"));
            // Who follows a link into the interface reads it too.
            let linked = opened(&client, "/groups").await.expect_status(200);
            assert_eq!(linked.body, page.body);
        }
    }
}
