//! The sandbox with libssh2 and OpenSSH as clients.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod sandbox;

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use ssh2::{ErrorCode, FileStat, OpenFlags, OpenType, RenameFlags};

use self::sandbox::{PASSWORD, Sandbox};

/// SFTP's status codes.
const NO_SUCH_FILE: ErrorCode = ErrorCode::SFTP(2);
const PERMISSION_DENIED: ErrorCode = ErrorCode::SFTP(3);
const FAILURE: ErrorCode = ErrorCode::SFTP(4);

fn code<T>(result: Result<T, ssh2::Error>) -> Option<ErrorCode> {
    result.err().map(|error| error.code())
}

fn at(path: &str) -> &Path {
    Path::new(path)
}

/// Non-periodic bytes, so that a lost or duplicated packet is detected.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn large_files_arrive_whole_with_many_requests_outstanding() {
    let sandbox = Sandbox::start();
    let sftp = sandbox.sftp();
    let sent = bytes(24 << 20);
    let mut file = sftp.create(at("blob")).unwrap();
    for part in sent.chunks(4 << 20) {
        file.write_all(part).unwrap();
    }
    file.fsync().unwrap();
    file.close().unwrap();
    assert!(fs::read(sandbox.tree().join("blob")).unwrap() == sent);

    // libssh2 reads four buffers ahead: more requests than fit into any queue.
    let mut file = sftp.open(at("blob")).unwrap();
    let mut received = Vec::new();
    let mut buffer = vec![0; 4 << 20];
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => break,
            read => received.extend_from_slice(&buffer[..read]),
        }
    }
    assert!(received == sent);
    file.seek(SeekFrom::Start(1_000_001)).unwrap();
    let mut some = [0; 10];
    file.read_exact(&mut some).unwrap();
    assert_eq!(some, sent[1_000_001..1_000_011]);
}

#[test]
fn names_and_folders_behave_as_with_openssh() {
    let sandbox = Sandbox::start();
    let sftp = sandbox.sftp();
    sftp.mkdir(at("a"), 0o755).unwrap();
    assert_eq!(code(sftp.mkdir(at("a"), 0o755)), Some(FAILURE));
    assert_eq!(code(sftp.mkdir(at("x/y"), 0o755)), Some(NO_SUCH_FILE));
    assert_eq!(code(sftp.create(at("x/y"))), Some(NO_SUCH_FILE));
    assert_eq!(code(sftp.stat(at("x"))), Some(NO_SUCH_FILE));
    assert_eq!(code(sftp.unlink(at("/"))), Some(PERMISSION_DENIED));

    for name in ["a/one", "/a/two"] {
        sftp.create(at(name)).unwrap().write_all(b"12345").unwrap();
    }
    let rename = |from, to| sftp.rename(at(from), at(to), Some(RenameFlags::all()));
    assert_eq!(
        code(rename("a/one", "a/two")),
        Some(FAILURE),
        "never overwrites"
    );
    rename("a/one", "a/three").unwrap();
    assert_eq!(code(sftp.rmdir(at("a"))), Some(FAILURE), "not empty");
    rename("a", "b").unwrap();
    assert_eq!(sftp.stat(at("b/three")).unwrap().size, Some(5));
    assert!(sftp.stat(at("b")).unwrap().is_dir());
    assert_eq!(sftp.realpath(at("b/../c/.")).unwrap(), at("/c"));
    for name in ["b/two", "b/three"] {
        sftp.unlink(at(name)).unwrap();
    }
    sftp.rmdir(at("b")).unwrap();
    assert_eq!(fs::read_dir(sandbox.tree()).unwrap().count(), 0);
}

#[test]
fn a_folder_is_listed_in_several_answers() {
    let sandbox = Sandbox::start();
    let folder = sandbox.tree().join("many");
    fs::create_dir(&folder).unwrap();
    for number in 0..250 {
        fs::write(folder.join(format!("{number:03}")), "x").unwrap();
    }
    let mut names: Vec<PathBuf> = (sandbox.sftp().readdir(at("many")).unwrap().into_iter())
        .map(|(path, _)| path)
        .collect();
    names.sort();
    assert_eq!(names.len(), 250);
    assert_eq!(names[249], at("many/249"));
}

#[test]
fn open_flags_and_attributes_are_obeyed() {
    let sandbox = Sandbox::start();
    let sftp = sandbox.sftp();
    let open = |flags, mode| sftp.open_mode(at("file"), flags, mode, OpenType::File);
    let on_disk = || fs::read(sandbox.tree().join("file")).unwrap();

    assert_eq!(code(open(OpenFlags::WRITE, 0o600)), Some(NO_SUCH_FILE));
    let create = OpenFlags::WRITE | OpenFlags::CREATE;
    open(create | OpenFlags::EXCLUSIVE, 0o640)
        .unwrap()
        .write_all(b"abc")
        .unwrap();
    assert_eq!(sftp.stat(at("file")).unwrap().perm.unwrap() & 0o7777, 0o640);
    assert_eq!(
        code(open(create | OpenFlags::EXCLUSIVE, 0o600)),
        Some(FAILURE)
    );
    open(create | OpenFlags::APPEND, 0o600)
        .unwrap()
        .write_all(b"def")
        .unwrap();
    assert_eq!(on_disk(), b"abcdef");
    open(create, 0o600).unwrap().write_all(b"X").unwrap();
    assert_eq!(on_disk(), b"Xbcdef");
    drop(open(create | OpenFlags::TRUNCATE, 0o600).unwrap());
    assert_eq!(on_disk(), b"");

    let attributes = FileStat {
        size: Some(7),
        uid: None,
        gid: None,
        perm: Some(0o4600),
        atime: Some(1_000_000_000),
        mtime: Some(1_000_000_001),
    };
    sftp.setstat(at("file"), attributes).unwrap();
    let seen = sftp.stat(at("file")).unwrap();
    assert_eq!((seen.size, seen.mtime), (Some(7), Some(1_000_000_001)));
    assert_eq!(seen.perm.unwrap() & 0o7777, 0o600, "no setuid bit");
    let mut file = open(OpenFlags::READ, 0).unwrap();
    assert_eq!(file.stat().unwrap().size, Some(7));
    assert!(file.statvfs().unwrap().f_bavail > 0);
}

#[test]
fn nothing_outside_the_folder_is_reached() {
    let sandbox = Sandbox::start();
    fs::write(sandbox.folder.path().join("secret"), "x").unwrap();
    symlink(sandbox.folder.path(), sandbox.tree().join("out")).unwrap();
    let sftp = sandbox.sftp();
    assert_eq!(code(sftp.stat(at("../secret"))), Some(NO_SUCH_FILE));
    assert_eq!(code(sftp.stat(at("/etc/passwd"))), Some(NO_SUCH_FILE));
    assert_eq!(code(sftp.open(at("out/secret"))), Some(PERMISSION_DENIED));
    assert_eq!(code(sftp.create(at("out/new"))), Some(PERMISSION_DENIED));
    assert_eq!(code(sftp.readdir(at("out"))), Some(PERMISSION_DENIED));
    assert_eq!(code(sftp.unlink(at("out/secret"))), Some(PERMISSION_DENIED));
    assert!(sftp.symlink(at("/etc"), at("etc")).is_err());
    assert!(sftp.lstat(at("out")).unwrap().file_type().is_symlink());
    assert!(sandbox.folder.path().join("secret").exists());
}

#[test]
fn openssh_puts_gets_renames_and_queries_space() {
    let sandbox = Sandbox::start();
    let sent = bytes(5 << 20);
    fs::write(sandbox.folder.path().join("sent"), &sent).unwrap();
    let output = sandbox.openssh(
        "mkdir folder\n\
         put -f -p sent folder/one\n\
         put sent folder/two\n\
         rename folder/one folder/two\n\
         chmod 600 folder/two\n\
         df\n\
         ls -la folder\n\
         get -f folder/two received\n\
         rm folder/two\n\
         rmdir folder\n\
         put -R missing-is-an-error\n",
    );
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success());
    assert_eq!(
        words.lines().count(),
        1,
        "only the last command fails: {words}"
    );
    assert!(listing.contains("Avail"), "df answers: {listing}");
    assert!(listing.contains("-rw-------"), "ls answers: {listing}");
    assert!(fs::read(sandbox.folder.path().join("received")).unwrap() == sent);
    assert_eq!(fs::read_dir(sandbox.tree()).unwrap().count(), 0);
}

#[test]
fn extensions_are_offered_and_posix_rename_overwrites() {
    let sandbox = Sandbox::start();
    fs::write(sandbox.tree().join("new"), "new").unwrap();
    fs::write(sandbox.tree().join("old"), "old").unwrap();
    let session = sandbox.session();
    let mut channel = session.channel_session().unwrap();
    channel.subsystem("sftp").unwrap();

    let mut ask = |packet: &[u8]| {
        let length = u32::try_from(packet.len()).unwrap();
        channel.write_all(&length.to_be_bytes()).unwrap();
        channel.write_all(packet).unwrap();
        let mut length = [0; 4];
        channel.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        channel.read_exact(&mut answer).unwrap();
        answer
    };
    let version = ask(&[1, 0, 0, 0, 3]);
    assert_eq!(version[..5], [2, 0, 0, 0, 3]);
    let version = String::from_utf8_lossy(&version);
    for offered in [
        "posix-rename@openssh.com\0\0\0\x011",
        "fsync@openssh.com\0\0\0\x011",
        "statvfs@openssh.com\0\0\0\x012",
        "fstatvfs@openssh.com\0\0\0\x012",
    ] {
        assert!(version.contains(offered), "{offered}");
    }
    let string = |text: &str| {
        let length = u32::try_from(text.len()).unwrap();
        [&length.to_be_bytes(), text.as_bytes()].concat()
    };
    let extended = |name| {
        [
            &[200, 0, 0, 0, 9][..],
            &string(name),
            &string("new"),
            &string("old"),
        ]
        .concat()
    };
    let done = ask(&extended("posix-rename@openssh.com"));
    assert_eq!(done[..9], [101, 0, 0, 0, 9, 0, 0, 0, 0]);
    assert_eq!(fs::read(sandbox.tree().join("old")).unwrap(), b"new");
    let unknown = ask(&extended("hardlink@openssh.com"));
    assert_eq!(unknown[..9], [101, 0, 0, 0, 9, 0, 0, 0, 8]);
}

#[test]
fn a_packet_that_is_too_long_ends_the_channel() {
    let sandbox = Sandbox::start();
    let session = sandbox.session();
    let mut channel = session.channel_session().unwrap();
    channel.subsystem("sftp").unwrap();
    channel.write_all(&[0xff; 64]).unwrap();
    let mut answer = Vec::new();
    channel.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"");
    assert!(
        session.sftp().is_ok(),
        "the connection serves another channel"
    );
}

#[test]
fn a_channel_holds_a_limited_number_of_files_open() {
    let sandbox = Sandbox::start();
    let sftp = sandbox.sftp();
    fs::write(sandbox.tree().join("file"), "x").unwrap();
    let mut files: Vec<_> = (0..256).map(|_| sftp.open(at("file")).unwrap()).collect();
    assert_eq!(code(sftp.open(at("file"))), Some(FAILURE));
    files.pop();
    assert!(sftp.open(at("file")).is_ok());
}

#[test]
fn only_the_right_name_and_password_are_accepted() {
    let sandbox = Sandbox::start();
    for (username, password) in [("refity", "wrong"), ("root", PASSWORD), ("refity", "")] {
        let session = sandbox.connect();
        assert!(session.userauth_password(username, password).is_err());
        assert!(!session.authenticated());
        assert_eq!(session.auth_methods(username).unwrap(), "password");
    }
    assert!(sandbox.session().authenticated());
    let mut channel = sandbox.session().channel_session().unwrap();
    assert!(channel.exec("id").is_err(), "there is no shell");
}

#[test]
fn it_stops_on_sigterm_and_keeps_its_host_key() {
    let sandbox = Sandbox::start();
    let session = sandbox.session();
    let host_key = session.host_key().unwrap().0.to_vec();
    let (status, folder) = sandbox.terminate();
    assert!(status.success());
    assert!(session.sftp().is_err(), "connections end with it");

    let again = Sandbox::start_in(folder);
    assert_eq!(again.connect().host_key().unwrap().0, host_key);
}

#[test]
fn a_start_that_cannot_work_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let start = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_refity-sandbox"))
            .args(["--root", "tree", "--host-key", "key"])
            .args(arguments)
            .env_remove("SANDBOX_PASSWORD")
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(start(&[]).contains("set SANDBOX_PASSWORD or use --password-file"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let words = start(&["--password-file", "pw", "--listen", &address]);
    assert!(words.contains(&format!(
        "cannot listen on {address}: Address already in use"
    )));
}
