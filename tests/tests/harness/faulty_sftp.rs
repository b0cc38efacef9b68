//! Each fault of the fault-injecting server does what it says, and nothing
//! else: a test that relies on it must not pass for want of the fault.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use refity_tests::faulty_sftp::{FaultySftp, Kind, PASSWORD, StatusCode, USERNAME};
use ssh2::{ErrorCode, Session, Sftp};

const FAILURE: ErrorCode = ErrorCode::SFTP(4);
const UNSUPPORTED: ErrorCode = ErrorCode::SFTP(8);

fn connect(server: &FaultySftp) -> Result<Session, ssh2::Error> {
    let mut session = Session::new()?;
    session.set_tcp_stream(TcpStream::connect(("127.0.0.1", server.port())).unwrap());
    session.set_timeout(10_000);
    session.handshake()?;
    session.userauth_password(USERNAME, PASSWORD)?;
    Ok(session)
}

fn sftp(server: &FaultySftp) -> Sftp {
    connect(server).unwrap().sftp().unwrap()
}

fn put(sftp: &Sftp, name: &str, bytes: &[u8]) -> Result<(), ssh2::Error> {
    let mut file = sftp.create(Path::new(name))?;
    let written = file.write_all(bytes);
    let closed = file.close();
    // libssh2's own error is lost in `io::Error`: any will do here.
    written.map_err(|_| ssh2::Error::from_errno(FAILURE))?;
    closed
}

fn rename(sftp: &Sftp, from: &str, to: &str) -> Result<(), ssh2::Error> {
    sftp.rename(Path::new(from), Path::new(to), None)
}

fn code<T>(result: Result<T, ssh2::Error>) -> Option<ErrorCode> {
    result.err().map(|error| error.code())
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(10), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_planned_failure_hits_the_named_request_once() {
    let server = FaultySftp::start();
    let sftp = sftp(&server);
    server
        .faults()
        .fail_next(Kind::Open, "blobs", StatusCode::PermissionDenied);
    put(&sftp, "other", b"x").unwrap();
    assert_eq!(code(put(&sftp, "blobs", b"x")), Some(ErrorCode::SFTP(3)));
    assert!(!server.root().join("blobs").exists());
    put(&sftp, "blobs", b"x").unwrap();

    server
        .faults()
        .fail_next(Kind::Rename, "target", StatusCode::Failure);
    assert_eq!(code(rename(&sftp, "blobs", "target")), Some(FAILURE));
    rename(&sftp, "blobs", "target").unwrap();
}

#[test]
fn a_full_disk_refuses_writes_and_says_so() {
    let server = FaultySftp::start();
    let sftp = sftp(&server);
    let free = |sftp: &Sftp| {
        sftp.open(Path::new("first"))
            .unwrap()
            .statvfs()
            .unwrap()
            .f_bavail
    };
    server.faults().disk_full_after = Some(100_000);
    put(&sftp, "first", &[1; 60_000]).unwrap();
    assert!(free(&sftp) > 0);
    assert!(put(&sftp, "second", &[2; 60_000]).is_err());
    assert_eq!(free(&sftp), 0);
    assert!(fs::metadata(server.root().join("second")).unwrap().len() < 60_000);
    server.heal();
    assert!(free(&sftp) > 0);
    put(&sftp, "second", &[2; 60_000]).unwrap();
    assert!(server.bytes_written() >= 120_000);
}

#[test]
fn a_quota_is_told_when_a_written_file_is_closed() {
    let server = FaultySftp::start();
    let sftp = sftp(&server);
    server.faults().quota_at_close = true;
    assert_eq!(code(put(&sftp, "file", b"x")), Some(FAILURE));
    let mut file = sftp.open(Path::new("file")).unwrap();
    file.close().unwrap();
    wait_until("handles are closed", || server.open_handles() == 0);
}

#[test]
fn a_hung_server_answers_nothing_and_keeps_connections() {
    let server = FaultySftp::start();
    let session = connect(&server).unwrap();
    let sftp = session.sftp().unwrap();
    server.faults().hang = true;
    session.set_timeout(300);
    assert_eq!(
        code(sftp.stat(Path::new("/"))),
        Some(ErrorCode::Session(-9))
    );

    let mut new = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    new.set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let silent = new.read(&mut [0; 1]).unwrap_err().kind();
    assert_eq!(silent, std::io::ErrorKind::WouldBlock);
    server.heal();
    new.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut greeting = [0; 4];
    new.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"SSH-");
}

#[test]
fn a_reset_comes_after_the_named_bytes_and_once() {
    let server = FaultySftp::start();
    server.faults().reset_after = Some(200_000);
    let session = connect(&server).unwrap();
    assert!(put(&session.sftp().unwrap(), "file", &[1; 1_000_000]).is_err());
    let written = fs::metadata(server.root().join("file")).unwrap().len();
    assert!((200_000..300_000).contains(&written), "{written}");
    assert!(session.sftp().is_err(), "the connection is gone");
    wait_until("the file is closed", || server.open_handles() == 0);
    wait_until("it has ended", || server.live_connections() == 0);

    put(&sftp(&server), "file", &[1; 1_000_000]).unwrap();
    server.faults().reset_after = Some(200_000);
    let mut received = Vec::new();
    let sftp = sftp(&server);
    let mut file = sftp.open(Path::new("file")).unwrap();
    assert!(file.read_to_end(&mut received).is_err());
}

#[test]
fn connections_are_refused_counted_and_reset() {
    let server = FaultySftp::start();
    server.faults().refuse_connections = 2;
    assert!(connect(&server).is_err());
    assert!(connect(&server).is_err());
    let session = connect(&server).unwrap();
    assert_eq!((server.connections(), server.live_connections()), (3, 1));

    server.faults().connection_limit = Some(1);
    assert!(connect(&server).is_err());
    assert_eq!(server.most_connections(), 1);
    server.reset_connections();
    assert!(session.sftp().is_err());
    wait_until("it has ended", || server.live_connections() == 0);
    assert!(connect(&server).is_ok());
}

#[test]
fn extensions_can_be_missing() {
    let server = FaultySftp::start();
    for name in ["fsync", "statvfs", "posix-rename"] {
        server.faults().without_extension(name);
    }
    let session = connect(&server).unwrap();
    let sftp = session.sftp().unwrap();
    let mut file = sftp.create(Path::new("file")).unwrap();
    assert_eq!(code(file.fsync()), Some(UNSUPPORTED));
    assert_eq!(code(file.statvfs()), Some(UNSUPPORTED));

    let mut plain = session.channel_session().unwrap();
    plain.subsystem("sftp").unwrap();
    plain.write_all(&[0, 0, 0, 5, 1, 0, 0, 0, 3]).unwrap();
    let mut version = [0; 9];
    plain.read_exact(&mut version).unwrap();
    assert_eq!(version, [0, 0, 0, 5, 2, 0, 0, 0, 3], "none is offered");
}

#[test]
fn sizes_are_lied_about_for_files_alone() {
    let server = FaultySftp::start();
    let sftp = sftp(&server);
    put(&sftp, "file", b"12345").unwrap();
    let size = |path| sftp.stat(Path::new(path)).unwrap().size.unwrap();
    let folder = size("/");
    server.faults().lie_about_size = 7;
    assert_eq!((size("file"), size("/")), (12, folder));
    assert_eq!(
        sftp.open(Path::new("file")).unwrap().stat().unwrap().size,
        Some(12)
    );
}

#[test]
fn renames_lie_in_both_directions() {
    let server = FaultySftp::start();
    let sftp = sftp(&server);
    put(&sftp, "a", b"x").unwrap();
    server.faults().rename_succeeds_but_does_not = true;
    rename(&sftp, "a", "b").unwrap();
    assert!(server.root().join("a").exists() && !server.root().join("b").exists());
    server.heal();
    server.faults().rename_fails_but_happens = true;
    assert_eq!(code(rename(&sftp, "a", "b")), Some(FAILURE));
    assert!(!server.root().join("a").exists() && server.root().join("b").exists());
    assert_eq!(server.renamed_to("b"), 2);
}

#[test]
fn the_right_password_can_be_wrong() {
    let server = FaultySftp::start();
    server.faults().wrong_password = true;
    assert!(connect(&server).is_err());
    assert_eq!(server.auth_failures(), 1);
    server.heal();
    assert!(connect(&server).is_ok());
    assert_eq!(server.auth_failures(), 1);
}

#[test]
fn what_clients_did_is_counted() {
    let server = FaultySftp::start();
    let sftp = sftp(&server);
    put(&sftp, "one", b"123").unwrap();
    put(&sftp, "two", b"45").unwrap();
    let file = sftp.open(Path::new("one")).unwrap();
    assert_eq!(server.open_handles(), 1);
    drop(file);
    assert_eq!(server.open_handles(), 0);
    sftp.unlink(Path::new("one")).unwrap();
    assert_eq!(server.writes_opened("o"), 2);
    assert_eq!(server.writes_opened("/one"), 1);
    assert_eq!(server.removed("one"), 1);
    assert_eq!((server.bytes_written(), server.bytes_read()), (5, 0));
    let kinds: Vec<Kind> = server.operations().iter().map(|seen| seen.kind).collect();
    use Kind::{Close, Open, Remove};
    assert_eq!(kinds, [Open, Close, Open, Close, Open, Close, Remove]);
}

#[tokio::test]
async fn it_may_be_started_and_dropped_within_a_runtime() {
    let server = FaultySftp::start();
    let port = server.port();
    drop(server);
    // Its own threads give the port back, soon.
    wait_until("the port is closed", || {
        TcpStream::connect(("127.0.0.1", port)).is_err()
    });
}
