//! Single variables: empty, wrong, in a file, copied from the example.

use std::path::Path;

use super::{PROGRAMS, printed, run};

/// `--check-config` accepts the variables and prints no secret.
async fn assert_good(variables: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    for program in PROGRAMS {
        let output = run(program, folder.path(), variables, &["--check-config"]).await;
        let said = printed(&output);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{program} {variables:?}: {said}"
        );
        assert!(
            !folder.path().join("data").exists(),
            "a check creates nothing"
        );
    }
}

/// Startup and `--check-config` both fail with all these words.
async fn assert_refused(programs: &[&str], variables: &[(&str, &str)], words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    for program in programs {
        for flags in [&["--check-config"][..], &[]] {
            let output = run(program, folder.path(), variables, flags).await;
            let said = printed(&output);
            assert_eq!(
                output.status.code(),
                Some(2),
                "{program} {variables:?}: {said}"
            );
            for word in words {
                assert!(said.contains(word), "{program}: {word} is not in: {said}");
            }
            assert!(!said.contains("the-password-of-the-box"), "{said}");
            assert!(!folder.path().join("data").exists(), "{said}");
        }
    }
}

#[tokio::test]
async fn empty_variables_are_unset_and_booleans_have_many_forms() {
    assert_good(&[]).await;
    let names = [
        "FTP_PORT",
        "FTP_KNOWN_HOSTS",
        "FTP_PRIVATE_KEY",
        "FTP_PASSWORD_FILE",
        "FTP_PRIVATE_KEY_PASSPHRASE",
        "FTP_ROOT",
        "FTP_CONNECTIONS",
        "SFTP_SYNC_UPLOAD",
        "SFTP_SYNC_TIMEOUT",
        "PORT",
        "WEB_PORT",
        "TRUSTED_PROXIES",
        "MAX_CONNECTIONS",
        "MAX_UPLOADS_PER_CLIENT",
        "HEADER_TIMEOUT",
        "JWT_SECRET",
        "JWT_SECRET_FILE",
        "ADMIN_PASSWORD",
        "CACHE_MAX_BYTES",
        "SPOOL_MIN_FREE",
        "LOG_LEVEL",
        "LOG_FORMAT",
        "CORS_ORIGINS",
        "FTP_USAGE_ENABLED",
        "HCLOUD_TOKEN",
        "HETZNER_BOX_ID",
    ];
    assert_good(&names.map(|name| (name, ""))).await;
    for value in ["true", "1", "yes", "TRUE", "false", "0", "no"] {
        assert_good(&[("SFTP_SYNC_UPLOAD", value)]).await;
    }
    assert_good(&[
        ("HETZNER_BOX_ID", "0"),
        ("LOG_FORMAT", "json"),
        ("WEB_PORT", "0"),
    ])
    .await;
    assert_good(&[("CACHE_MAX_BYTES", "20G"), ("SFTP_SYNC_TIMEOUT", "90s")]).await;
    assert_good(&[
        ("LISTEN_ADDRESS", "::"),
        ("TRUSTED_PROXIES", "127.0.0.1, ::1,10.0.0.0/8"),
        ("FTP_HOST", "u1.your-storagebox.de"),
    ])
    .await;
}

#[tokio::test]
async fn a_missing_value_is_named_with_what_to_do() {
    assert_refused(&PROGRAMS, &[("FTP_HOST", "")], &["FTP_HOST", "make run"]).await;
    assert_refused(
        &PROGRAMS,
        &[("FTP_USERNAME", "")],
        &["FTP_USERNAME is not set"],
    )
    .await;
    let neither = ["FTP_PASSWORD", "FTP_PRIVATE_KEY", "FTP_PASSWORD_FILE"];
    assert_refused(&PROGRAMS, &[("FTP_PASSWORD", "")], &neither).await;
    // All at once, not one after the other.
    let all = [("FTP_HOST", ""), ("FTP_USERNAME", ""), ("FTP_PASSWORD", "")];
    assert_refused(
        &PROGRAMS,
        &all,
        &["FTP_HOST", "FTP_USERNAME", "FTP_PASSWORD"],
    )
    .await;
}

#[tokio::test]
async fn an_invalid_value_is_named_with_its_variable_and_what_would_be_valid() {
    for (name, value, right) in [
        ("FTP_PORT", "ssh", "1 to 65535"),
        ("FTP_PORT", "0", "1 to 65535"),
        ("FTP_CONNECTIONS", "0", "1 to 64"),
        ("FTP_CONNECTIONS", "many", "1 to 64"),
        ("FTP_HOST", "sftp://box.org/x", "host name"),
        ("FTP_PRIVATE_KEY", "/nowhere/key", "FTP_PRIVATE_KEY"),
        ("LOG_LEVEL", "loud", "debug"),
        ("LOG_FORMAT", "xml", "json"),
        ("CACHE_MAX_BYTES", "20 %", "20G"),
        ("SPOOL_MIN_FREE", "-1", "20G"),
    ] {
        assert_refused(&PROGRAMS, &[(name, value)], &[name, value, right]).await;
    }
    for (name, value, right) in [
        ("PORT", "5000/tcp", "1 to 65535"),
        ("WEB_PORT", "-1", "0 for none"),
        ("LISTEN_ADDRESS", "localhost", "127.0.0.1"),
        ("SFTP_SYNC_UPLOAD", "maybe", "true, 1 or yes"),
        ("SFTP_SYNC_TIMEOUT", "15", "15m"),
        ("TRUSTED_PROXIES", "127.0.0.1,nginx.local", "10.0.0.0/8"),
        ("TRUSTED_PROXIES", "10.0.0.0/33", "10.0.0.0/8"),
        ("MAX_CONNECTIONS", "0", "of at least 1"),
        ("MAX_CONNECTIONS_PER_CLIENT", "many", "of at least 1"),
        ("MAX_UPLOADS", "257", "1 to 256"),
        ("MAX_UPLOADS_PER_CLIENT", "-1", "of at least 1"),
        ("HEADER_TIMEOUT", "30", "90s"),
        ("BODY_TIMEOUT", "0s", "90s"),
    ] {
        assert_refused(&PROGRAMS[..1], &[(name, value)], &[name, value, right]).await;
    }
    let same = [("PORT", "5001"), ("WEB_PORT", "5001")];
    assert_refused(&PROGRAMS[..1], &same, &["PORT", "WEB_PORT", "5001"]).await;
}

#[tokio::test]
async fn a_wrong_secret_is_named_and_never_shown() {
    let short = "2-short-secret";
    for (name, words) in [("JWT_SECRET", "openssl rand"), ("ADMIN_PASSWORD", "longer")] {
        let value = if name == "ADMIN_PASSWORD" {
            "2-short"
        } else {
            short
        };
        let folder = tempfile::tempdir().unwrap();
        let variables = [(name, value)];
        let output = run(PROGRAMS[0], folder.path(), &variables, &["--check-config"]).await;
        let said = printed(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(name) && said.contains(words), "{said}");
        assert!(!said.contains(value), "{said}");
    }
    // A proxy's password is one too.
    let folder = tempfile::tempdir().unwrap();
    let variables = [
        ("FTP_USAGE_ENABLED", "true"),
        ("HCLOUD_TOKEN", "a-token"),
        ("HETZNER_BOX_ID", "42"),
        ("HTTPS_PROXY", "me:the-proxy-s-own@proxy:3128"),
    ];
    let output = run(PROGRAMS[0], folder.path(), &variables, &["--check-config"]).await;
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("HTTPS_PROXY") && said.contains("http://"),
        "{said}"
    );
    assert!(!said.contains("the-proxy-s-own"), "{said}");
    for program in PROGRAMS {
        let secret = [("JWT_SECRET", "a-secret-of-the-environment-1234567890")];
        let said = printed(&run(program, folder.path(), &secret, &["--help"]).await);
        assert!(said.contains("FTP_PASSWORD"), "{said}");
        assert!(!said.contains("the-password-of-the-box"), "{said}");
        assert!(!said.contains("a-secret-of-the-environment"), "{said}");
    }
}

#[tokio::test]
async fn secrets_are_read_from_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "the-secret-in-a-file-0123456789-abcdef\n").unwrap();
    let path = file.to_str().unwrap();
    assert_good(&[("FTP_PASSWORD", ""), ("FTP_PASSWORD_FILE", path)]).await;
    assert_good(&[("JWT_SECRET_FILE", path), ("ADMIN_PASSWORD_FILE", path)]).await;
    let both = [("FTP_PASSWORD_FILE", path)];
    assert_refused(&PROGRAMS, &both, &["FTP_PASSWORD and FTP_PASSWORD_FILE"]).await;
    let lost = [
        ("FTP_PASSWORD", ""),
        ("FTP_PASSWORD_FILE", "/nowhere/secret"),
    ];
    assert_refused(&PROGRAMS, &lost, &["FTP_PASSWORD_FILE", "/nowhere/secret"]).await;
    std::fs::write(&file, "\n").unwrap();
    let empty = [("FTP_PASSWORD", ""), ("FTP_PASSWORD_FILE", path)];
    assert_refused(&PROGRAMS, &empty, &["FTP_PASSWORD_FILE"]).await;
}

/// The lines `NAME=value` of the example, those that a `#` switches off too.
fn example() -> Vec<(String, String, bool)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/.env.example");
    let text = std::fs::read_to_string(path).expect("deploy/.env.example");
    let line = |line: &str| {
        let (name, value) = line.trim_start_matches('#').split_once('=')?;
        let is_name = |b: u8| b.is_ascii_uppercase() || b == b'_';
        let found = !name.is_empty() && name.bytes().all(is_name);
        found.then(|| (name.to_owned(), value.to_owned(), !line.starts_with('#')))
    };
    text.lines().filter_map(line).collect()
}

#[tokio::test]
async fn the_example_as_it_is_names_each_placeholder_and_is_good_without_them() {
    let example = example();
    let set: Vec<_> = example.iter().filter(|(_, _, set)| *set).collect();
    assert!(set.len() >= 3 && example.len() > 15, "{example:?}");
    let as_it_is: Vec<(&str, &str)> = set
        .iter()
        .map(|(name, value, _)| (name.as_str(), value.as_str()))
        .collect();
    let names: Vec<&str> = as_it_is.iter().map(|(name, _)| *name).collect();
    assert_refused(&PROGRAMS, &as_it_is, &names).await;
    assert_refused(&PROGRAMS, &as_it_is, &["placeholder"]).await;
    for (name, value) in &as_it_is {
        assert_refused(&PROGRAMS, &[(name, value)], &[name, "placeholder"]).await;
    }

    // Each default, switched on, is what it was.
    let defaults: Vec<(&str, &str)> = example
        .iter()
        .filter(|(name, _, set)| !set && name != "DATA_DIR")
        .map(|(name, value, _)| (name.as_str(), value.as_str()))
        .collect();
    assert_good(&defaults).await;
}
