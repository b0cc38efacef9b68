//! The contract of the storage, against every implementation and kind of
//! server.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use refity_config::Secret;
use refity_storage::FolderStorage;
use refity_storage_suite::{CHECKS, Subject, run};
use refity_tests::faulty_sftp::{self, FaultySftp};

use super::*;

/// OpenSSH's requests beyond SFTP version 3, as sftp-server(8) names them.
const EXTENSIONS: &str = "posix-rename,fsync,statvfs,fstatvfs,hardlink";

/// A storage of the table, with what must live for as long as it does.
struct Row {
    name: &'static str,
    subject: Subject,
    _server: Box<dyn std::any::Any + Send>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_storage_keeps_every_promise() {
    let rows = [
        folder(),
        openssh(),
        openssh_chrooted(),
        proftpd(),
        openssh_without_extensions(),
        sandbox(),
    ];
    let (mut table, mut failures) = (String::new(), Vec::new());
    for row in rows {
        let begun = Instant::now();
        let outcomes = run(&row.subject).await;
        let passed = outcomes.iter().filter(|it| it.failure.is_none()).count();
        let (name, all, took) = (row.name, outcomes.len(), begun.elapsed().as_secs_f32());
        let mark = if passed == all { "ok" } else { "FAILED" };
        table += &format!("{name:<28} {passed:>3} of {all} {mark:<6} {took:>6.1} s\n");
        for outcome in outcomes {
            if let Some(failure) = outcome.failure {
                failures.push(format!("{name}: {}: {failure}", outcome.name));
            }
        }
        assert_eq!(all, CHECKS.len());
    }
    // Not by a macro: the table is to be seen where the test succeeds too.
    let shown = format!("\nthe contract of the storage\n{table}");
    std::io::stderr().write_all(shown.as_bytes()).unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn row(
    name: &'static str,
    storage: impl Storage,
    root: &Path,
    with_extensions: bool,
    server: impl std::any::Any + Send,
) -> Row {
    Row {
        name,
        subject: Subject {
            storage: Arc::new(storage),
            root: root.to_owned(),
            replaces_in_one_step: with_extensions,
            tells_space: with_extensions,
        },
        _server: Box::new(server),
    }
}

fn folder() -> Row {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_owned();
    row("folder", FolderStorage::new(&root), &root, true, dir)
}

fn sftp(config: SftpConfig) -> SftpStorage {
    SftpStorage::new(config, Role::Gateway).unwrap()
}

fn openssh() -> Row {
    let lab = lab();
    let (root, storage) = (lab.server.root(), sftp(lab.config.clone()));
    row("OpenSSH", storage, &root, true, lab)
}

fn openssh_chrooted() -> Row {
    // sshd insists on folders that nobody but root may write.
    let dir = tempfile::tempdir_in("/run").unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let options = SshdOptions {
        chrooted: true,
        ..SshdOptions::default()
    };
    let lab = lab_in(dir, options);
    let (root, storage) = (lab.server.root(), sftp(lab.config.clone()));
    row("OpenSSH, chrooted", storage, &root, true, lab)
}

fn openssh_without_extensions() -> Row {
    let lab = lab_with(SshdOptions {
        denied: Some(EXTENSIONS.to_owned()),
        ..SshdOptions::default()
    });
    let mut session = Session::connect(&lab.config).unwrap();
    assert_eq!(session.extensions().unwrap(), Default::default());
    let (root, storage) = (lab.server.root(), sftp(lab.config.clone()));
    row("OpenSSH without extensions", storage, &root, false, lab)
}

fn proftpd() -> Row {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let server = Proftpd::start(&dir.path().join("proftpd")).unwrap();
    let auth = SftpAuth::Password(Secret::new(Proftpd::PASSWORD));
    let config = config(dir.path(), server.port(), Proftpd::USERNAME, auth);
    let root = server.root();
    row("ProFTPD", sftp(config), &root, true, (server, dir))
}

fn sandbox() -> Row {
    let dir = tempfile::tempdir().unwrap();
    // The sandbox, with no fault.
    let server = FaultySftp::start();
    let auth = SftpAuth::Password(Secret::new(faulty_sftp::PASSWORD));
    let config = config(dir.path(), server.port(), faulty_sftp::USERNAME, auth);
    let root = server.root().to_owned();
    row("sandbox", sftp(config), &root, true, (server, dir))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_one_channel_is_enough() {
    let lab = lab_with(SshdOptions {
        max_sessions: Some(1),
        ..SshdOptions::default()
    });
    let mut session = Session::connect(&lab.config).unwrap();
    assert!(!session.extensions().unwrap().posix_rename);
    let (root, storage) = (lab.server.root(), sftp(lab.config.clone()));
    let row = row("OpenSSH of one channel", storage, &root, false, lab);
    for outcome in run(&row.subject).await {
        assert_eq!(outcome.failure, None, "{}", outcome.name);
    }
}

#[test]
fn proftpd_refuses_a_wrong_password() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let server = Proftpd::start(&dir.path().join("proftpd")).unwrap();
    let auth = SftpAuth::Password(Secret::new("wrong"));
    let wrong = config(dir.path(), server.port(), Proftpd::USERNAME, auth);
    let error = Session::connect(&wrong).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::Authentication), "{error}");
}
