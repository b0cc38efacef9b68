use std::time::Duration;

use clap::CommandFactory;

use super::*;
use crate::telemetry::LogFormat;

mod storage;

#[derive(Parser, Debug)]
#[command(name = "refity")]
struct AllArgs {
    #[command(flatten)]
    check: CheckArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    storage: StorageArgs,
    #[command(flatten)]
    sync: SyncArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    secrets: SecretArgs,
    #[command(flatten)]
    audit: AuditArgs,
    #[command(flatten)]
    usage: UsageArgs,
    #[command(flatten)]
    web: WebArgs,
}

const GOOD: [&str; 3] = [
    "--ftp-host=sftp.acme.test",
    "--ftp-username=u1",
    "--ftp-password=pw",
];

/// Parses the flags with an environment in which each variable is empty.
fn try_args(flags: &[&str]) -> Result<AllArgs, clap::Error> {
    let flags = std::iter::once("refity").chain(flags.iter().copied());
    parse_from(flags.map(OsString::from), &|_| Some(OsString::new()))
}

fn args(flags: &[&str]) -> AllArgs {
    try_args(flags).unwrap()
}

fn storage(flags: &[&str]) -> Result<StorageSettings, String> {
    let args = args(flags);
    args.storage
        .settings(&args.data)
        .map_err(|problems| problems.to_string())
}

fn sftp(flags: &[&str]) -> Result<SftpSettings, String> {
    match storage(flags)? {
        StorageSettings::Sftp(settings) => Ok(settings),
        StorageSettings::Folder(folder) => panic!("a folder: {}", folder.display()),
    }
}

fn secrets(flags: &[&str]) -> Result<SecretSettings, String> {
    args(flags)
        .secrets
        .settings()
        .map_err(|problems| problems.to_string())
}

#[test]
fn the_defaults() {
    let all = args(&GOOD);
    assert!(!all.check.check_config);
    assert_eq!(all.log.log_format, LogFormat::Text);
    assert_eq!(all.data.data_dir.to_str(), Some("./data"));
    assert_eq!(
        (all.data.cache_max_bytes, all.data.spool_min_free),
        (None, None)
    );
    assert!(!all.sync.sftp_sync_upload);
    assert_eq!(all.sync.sftp_sync_timeout, Duration::from_secs(15 * 60));
    let http = all.http.settings().unwrap();
    assert_eq!(http.registry.to_string(), "0.0.0.0:5000");
    assert_eq!(http.web.unwrap().to_string(), "0.0.0.0:8080");
    let server = sftp(&GOOD).unwrap();
    assert_eq!(
        (server.port, server.connections, server.root.as_str()),
        (22, 8, ".")
    );
    assert_eq!(server.known_hosts.to_str(), Some("./data/known_hosts"));
    assert_eq!(server.password.unwrap().expose(), "pw");
    let secrets = all.secrets.settings().unwrap();
    assert!(secrets.jwt_secret.is_none() && secrets.admin_password.is_none());
}

#[test]
fn a_malformed_value_is_reported_with_valid_forms() {
    for (flag, variable, right) in [
        ("--ftp-port=ssh", "FTP_PORT", "from 1 to 65535"),
        ("--port=0", "PORT", "from 1 to 65535"),
        ("--web-port=x", "WEB_PORT", "or 0 for none"),
        ("--listen-address=localhost", "LISTEN_ADDRESS", "127.0.0.1"),
        ("--ftp-connections=0", "FTP_CONNECTIONS", "from 1 to 64"),
        (
            "--sftp-sync-upload=maybe",
            "SFTP_SYNC_UPLOAD",
            "true, 1 or yes",
        ),
        ("--sftp-sync-timeout=15", "SFTP_SYNC_TIMEOUT", "15m"),
        ("--cache-max-bytes=lots", "CACHE_MAX_BYTES", "20G"),
        ("--spool-min-free=5%", "SPOOL_MIN_FREE", "20G"),
        (
            "--log-level=verbose",
            "LOG_LEVEL",
            "error, warn, info, debug or trace",
        ),
        ("--log-format=xml", "LOG_FORMAT", "text, json"),
    ] {
        let error = try_args(&[flag]).unwrap_err();
        assert_eq!(error.exit_code(), EXIT_CONFIGURATION, "{flag}");
        let words = error.to_string();
        let value = flag.split_once('=').unwrap().1;
        for part in [variable, value, right] {
            assert!(words.contains(part), "{flag}: {words}");
        }
    }
}

#[test]
fn booleans_may_be_bare_flags() {
    for flag in [
        "--sftp-sync-upload",
        "--sftp-sync-upload=yes",
        "--sftp-sync-upload=1",
    ] {
        assert!(args(&[flag]).sync.sftp_sync_upload, "{flag}");
    }
    assert!(!args(&["--sftp-sync-upload=no"]).sync.sftp_sync_upload);
}

#[test]
fn addresses_of_both_families() {
    let http = args(&["--listen-address=[::]", "--web-port=0"])
        .http
        .settings()
        .unwrap();
    assert_eq!(http.registry.to_string(), "[::]:5000");
    assert_eq!(http.web, None);
    let same = args(&["--port=8080"])
        .http
        .settings()
        .unwrap_err()
        .to_string();
    assert!(same.contains("PORT and WEB_PORT are both 8080"), "{same}");
}

#[test]
fn all_problems_are_reported_together() {
    let all = args(&["--port=8080", "--admin-password=short"]);
    let problems = both(
        all.storage.settings(&all.data),
        both(all.http.settings(), all.secrets.settings()),
    )
    .unwrap_err()
    .to_string();
    for words in [
        "error: FTP_HOST is not set",
        "make run",
        "FTP_USERNAME is not set",
        "neither FTP_PASSWORD nor FTP_PRIVATE_KEY",
        "WEB_PORT",
        "ADMIN_PASSWORD",
    ] {
        assert!(problems.contains(words), "{words}: {problems}");
    }
    assert_eq!(problems.lines().count(), 5);
}

#[test]
fn each_placeholder_of_the_example_file_is_refused_by_name() {
    let example = include_str!("../../../../deploy/.env.example");
    let set: Vec<_> = example
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    assert!(set.iter().any(|(name, _)| *name == "FTP_HOST"));
    let commented = [("JWT_SECRET", "your-long-random-secret-of-32-characters")];
    for (name, value) in set.into_iter().chain(commented) {
        let flag = format!("--{}={value}", name.to_lowercase().replace('_', "-"));
        let all = args(&[&flag]);
        let problems = both(all.storage.settings(&all.data), all.secrets.settings())
            .unwrap_err()
            .to_string();
        let named = problems.lines().any(|line| {
            line.contains(&format!("error: {name} is")) && line.contains("placeholder")
        });
        assert!(named, "{name}: {problems}");
    }
}

#[test]
fn secrets_come_from_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = |content: &str| {
        let path = folder.path().join("secret");
        std::fs::write(&path, content).unwrap();
        format!("--ftp-password-file={}", path.display())
    };
    for (content, expected) in [
        ("pw\n", "pw"),
        ("pw\r\n", "pw"),
        (" pw \n", " pw "),
        ("a\nb", "a\nb"),
    ] {
        let settings = sftp(&[GOOD[0], GOOD[1], &file(content)]).unwrap();
        assert_eq!(settings.password.unwrap().expose(), expected);
    }
    let empty = sftp(&[GOOD[0], GOOD[1], &file("\n")]).unwrap_err();
    assert!(
        empty.contains("FTP_PASSWORD_FILE") && empty.contains("empty"),
        "{empty}"
    );
    let twice = sftp(&[GOOD[0], GOOD[1], GOOD[2], &file("pw")]).unwrap_err();
    assert!(
        twice.contains("FTP_PASSWORD and FTP_PASSWORD_FILE are both set"),
        "{twice}"
    );
    let missing = sftp(&[GOOD[0], GOOD[1], "--ftp-password-file=/nowhere/pw"]).unwrap_err();
    assert!(
        missing.contains("/nowhere/pw") && missing.contains("cannot be read"),
        "{missing}"
    );
}

#[test]
fn secrets_have_a_minimum_length() {
    let long = format!("--jwt-secret={}", "k".repeat(32));
    for flags in [
        [long.as_str(), "--admin-password=admin"],
        [&long, "--admin-password=8letters"],
    ] {
        assert!(secrets(&flags).is_ok());
    }
    for flag in [
        "--jwt-secret=shortkey",
        "--admin-password=shortkw",
        "--admin-password=Admin",
    ] {
        let words = secrets(&[flag]).unwrap_err();
        assert!(words.contains("is shorter than"), "{words}");
        assert!(!words.contains("shortk"), "{words}");
    }
}

#[test]
fn secrets_are_never_printed() {
    let jwt = format!("--jwt-secret=hush{}", "h".repeat(32));
    let flags = [
        "--ftp-host=sftp.acme.test",
        "--ftp-username=u1",
        "--ftp-password=hush",
        "--admin-password=hushhush",
        &jwt,
    ];
    let all = args(&flags);
    let shown = format!(
        "{all:?} {:?} {:?} {}",
        all.storage.settings(&all.data).unwrap(),
        all.secrets.settings().unwrap(),
        Secret::new("hush"),
    );
    assert!(
        shown.contains("[secret]") && !shown.contains("hush"),
        "{shown}"
    );
    let unknown = try_args(&["--ftp-password=hush", "--port=x"])
        .unwrap_err()
        .to_string();
    assert!(!unknown.contains("hush"), "{unknown}");
}

#[test]
fn help_names_each_variable_and_never_its_value() {
    let command = without_empty_variables(AllArgs::command(), &|_| None);
    for argument in command.get_arguments() {
        let Some(variable) = argument.get_env() else {
            continue;
        };
        assert!(argument.is_hide_env_values_set(), "{variable:?}");
        let expected = argument
            .get_long()
            .unwrap()
            .replace('-', "_")
            .to_uppercase();
        assert_eq!(variable, OsStr::new(&expected));
    }
    let help = command.clone().render_help().to_string();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for variable in [
        "FTP_HOST",
        "DATA_DIR",
        "SFTP_SYNC_TIMEOUT",
        "JWT_SECRET_FILE",
    ] {
        assert!(
            help.contains(&format!("[env: {variable}]")),
            "{variable}: {help}"
        );
    }
}

#[test]
fn empty_variables_of_subcommands_are_unset_too() {
    let subcommand = Command::new("sub").arg(clap::Arg::new("a").long("a").env("PATH"));
    let command = Command::new("main").subcommand(subcommand);
    let command = without_empty_variables(command, &|_| Some(OsString::new()));
    let matches = command.try_get_matches_from(["main", "sub"]).unwrap();
    let (_, sub) = matches.subcommand().unwrap();
    assert_eq!(sub.get_one::<String>("a"), None);
}

#[test]
fn the_example_file_names_each_variable() {
    let example = include_str!("../../../../deploy/.env.example");
    for argument in AllArgs::command().get_arguments() {
        if let Some(variable) = argument.get_env().and_then(OsStr::to_str) {
            let named = example.lines().any(|line| {
                line.trim_start_matches('#')
                    .starts_with(&format!("{variable}="))
            });
            assert!(named, "{variable}");
        }
    }
}
