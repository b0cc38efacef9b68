//! Starts that the machine does not allow.

use refity_tests::expect::Expect as _;
use refity_tests::lab::Lab;

use super::{PROGRAMS, printed, run};

#[tokio::test]
async fn a_data_dir_that_cannot_be_used_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let file = file.to_str().unwrap();
    let below = format!("{file}/below");
    for program in PROGRAMS {
        for path in [file, &below, "/proc/refity"] {
            let output = run(program, folder.path(), &[("DATA_DIR", path)], &[]).await;
            let said = printed(&output);
            assert!(!output.status.success(), "{said}");
            for word in ["DATA_DIR", path, "another path"] {
                assert!(said.contains(word), "{program}: {word} is not in: {said}");
            }
            assert!(!said.contains("panicked"), "{said}");
        }
    }
    assert_eq!(std::fs::read(file).unwrap(), b"not a folder");
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_variable() {
    let lab = Lab::builder().uploaders(0).start().await;
    let port = lab.address(0).rsplit(':').next().unwrap();
    for (variable, other) in [("PORT", "WEB_PORT"), ("WEB_PORT", "PORT")] {
        let folder = tempfile::tempdir().unwrap();
        let free = refity_tests::wait::free_port().to_string();
        let variables = [(variable, port), (other, &free)];
        let output = run(PROGRAMS[0], folder.path(), &variables, &[]).await;
        let said = printed(&output);
        assert!(!output.status.success(), "{said}");
        for word in ["in use", port, &format!("set {variable} to another")] {
            assert!(said.contains(word), "{word} is not in: {said}");
        }
    }
    lab.client().ping().await.gives(200);
}

#[tokio::test]
async fn help_says_every_variable_that_the_example_has() {
    let folder = tempfile::tempdir().unwrap();
    let mut help = String::new();
    for program in PROGRAMS {
        help += &printed(&run(program, folder.path(), &[], &["--help"]).await);
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/.env.example");
    let example = std::fs::read_to_string(path).unwrap();
    for line in example.lines() {
        let Some((name, _)) = line.trim_start_matches('#').split_once('=') else {
            continue;
        };
        if name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') {
            let shown = help.contains(&format!("[env: {name}"));
            assert!(shown, "{name} is not in --help: {help}");
        }
    }
}

#[test]
fn no_database_is_committed() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let listed = std::process::Command::new("git")
        .arg("-C")
        .arg(&root)
        .args(["ls-files", "-z"])
        .output();
    let Some(listed) = listed.ok().filter(|listed| listed.status.success()) else {
        eprintln!("not tested: what is committed; this is no checkout");
        return;
    };
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("Cargo.toml"), "{listed}");
    for name in listed.split_terminator('\0') {
        // One that is deleted and not committed yet is not there.
        let bytes = std::fs::read(root.join(name)).unwrap_or_default();
        assert!(!bytes.starts_with(b"SQLite format 3\0"), "{name}");
    }
}

#[test]
fn scripts_and_examples_end_their_lines_as_a_shell_reads_them() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = vec![root.join("Makefile"), root.join(".ci/run")];
    let deploy = std::fs::read_dir(root.join("deploy")).unwrap();
    files.extend(deploy.map(|entry| entry.unwrap().path()));
    files.retain(|path| path.is_file());
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains('\r'), "{}", file.display());
    }
}
