//! The SFTP side against real servers: OpenSSH, and ProFTPD in a chroot.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use refity_shared::config::Secret;
use refity_shared::digest::Digest;
use refity_shared::remote::{
    Layout, OwnerState, Placed, Pool, Reason, RemoteAuth, RemoteConfig, RemoteError, Role, Session,
    Timeouts, WriteError, check_owner, place_folder, read, store_file, write_small,
};
use refity_tests::sshd::{Proftpd, Sshd, SshdOptions, free_port};
use tempfile::TempDir;

const TMP: &str = "docker/registry/v2/_refity/tmp/a.1.1";

struct Lab {
    server: Sshd,
    config: RemoteConfig,
    dir: TempDir,
}

fn lab() -> Lab {
    lab_with(SshdOptions::default())
}

fn lab_with(options: SshdOptions) -> Lab {
    let dir = tempfile::tempdir().unwrap();
    let server = Sshd::start_with(&dir.path().join("sshd"), options).unwrap();
    let auth = RemoteAuth::PrivateKey {
        path: server.private_key(),
        passphrase: None,
        password: None,
    };
    let config = config(dir.path(), server.port(), &server.username(), auth);
    Lab {
        server,
        config,
        dir,
    }
}

fn config(dir: &Path, port: u16, username: &str, auth: RemoteAuth) -> RemoteConfig {
    RemoteConfig {
        host: "127.0.0.1".into(),
        port,
        username: username.into(),
        auth,
        known_hosts: dir.join("known_hosts"),
        root: ".".into(),
        connections: 3,
        slots: dir.join("sftp-slots"),
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            operation: Duration::from_secs(20),
            wait: Duration::from_secs(60),
        },
    }
}

fn store(session: &mut Session, target: &str, bytes: &[u8]) -> Result<(), WriteError> {
    let mut source = bytes;
    let size = bytes.len() as u64;
    store_file(session, TMP, target, size, &mut source, &mut |_| {})
}

/// Pseudo-random, so that a shifted or repeated piece is noticed.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_first_key_is_trusted_and_a_changed_one_refused() {
    let mut lab = lab();
    drop(Session::connect(&lab.config).unwrap());
    let known = fs::read_to_string(&lab.config.known_hosts).unwrap();
    let start = format!("[127.0.0.1]:{} ssh-ed25519 ", lab.server.port());
    assert!(known.starts_with(&start), "{known}");
    drop(Session::connect(&lab.config).unwrap());
    assert_eq!(fs::read_to_string(&lab.config.known_hosts).unwrap(), known);

    lab.server.change_host_key().unwrap();
    lab.server.restart().unwrap();
    let error = Session::connect(&lab.config).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::HostKey), "{error}");
    let words = error.to_string();
    assert_eq!(words.matches("SHA256:").count(), 2, "{words}");
    assert!(words.contains("known_hosts"), "{words}");
    assert!(error.is_connection());
}

#[test]
fn a_hashed_known_host_is_recognised() {
    let mut lab = lab();
    drop(Session::connect(&lab.config).unwrap());
    let hashed = std::process::Command::new("ssh-keygen")
        .args(["-q", "-H", "-f"])
        .arg(&lab.config.known_hosts)
        .output()
        .unwrap();
    assert!(hashed.status.success());
    let known = fs::read_to_string(&lab.config.known_hosts).unwrap();
    assert!(known.starts_with("|1|"), "{known}");
    drop(Session::connect(&lab.config).unwrap());
    assert_eq!(fs::read_to_string(&lab.config.known_hosts).unwrap(), known);

    lab.server.change_host_key().unwrap();
    lab.server.restart().unwrap();
    let error = Session::connect(&lab.config).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::HostKey));
}

#[test]
fn what_a_dial_fails_on_is_said() {
    let lab = lab();
    let mut wrong = lab.config.clone();
    wrong.auth = RemoteAuth::Password(Secret::new("wrong"));
    let error = Session::connect(&wrong).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::Authentication), "{error}");
    assert!(error.to_string().contains("password"), "{error}");

    let mut unreadable = lab.config.clone();
    unreadable.auth = RemoteAuth::PrivateKey {
        path: lab.dir.path().join("nowhere"),
        passphrase: None,
        password: None,
    };
    let error = Session::connect(&unreadable).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::Authentication), "{error}");
    assert!(error.to_string().contains("nowhere"), "{error}");

    let mut refused = lab.config.clone();
    refused.port = free_port();
    let error = Session::connect(&refused).unwrap_err();
    assert!(error.is_transient() && error.is_connection(), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");

    let mut nameless = lab.config.clone();
    nameless.host = "no-such-host.invalid".into();
    let error = Session::connect(&nameless).unwrap_err();
    assert!(error.is_connection(), "{error}");
    assert!(error.to_string().contains("resolved"), "{error}");
}

#[test]
fn folders_are_made_once_and_files_in_the_way_are_named() {
    let lab = lab();
    let mut session = Session::connect(&lab.config).unwrap();
    session.mkdir_all("a/b/c").unwrap();
    session.mkdir_all("a/b/c").unwrap();
    let mut other = Session::connect(&lab.config).unwrap();
    other.mkdir_all("a/b/c").unwrap();
    fs::write(lab.server.root().join("a/file"), "x").unwrap();
    let error = other.mkdir_all("a/file").unwrap_err();
    assert_eq!(error.reason(), Some(Reason::Other), "{error}");
    assert!(error.to_string().contains("a/file"), "{error}");
}

/// What must hold on every server.
fn stores_and_replaces(session: &mut Session, root: &Path) {
    let layout = Layout::new(".");
    let content = bytes(2_500_000);
    let target = layout.blob(&Digest::sha256(&content));
    let path = root.join(&target);
    store(session, &target, &content).unwrap();
    assert!(fs::read(&path).unwrap() == content);

    fs::write(&path, &content[..1000]).unwrap();
    store(session, &target, &content).unwrap();
    let healed = fs::read(&path).unwrap() == content;
    assert!(healed, "a truncated file is replaced");

    fs::write(&path, vec![0; content.len()]).unwrap();
    store(session, &target, &content).unwrap();
    let healed = fs::read(&path).unwrap() == content;
    assert!(healed, "wrong bytes are replaced");

    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    store(session, &target, &content).unwrap();
    let healed = fs::read(&path).unwrap() == content;
    assert!(healed, "a vanished folder is made again");

    store(session, "docker/empty", b"").unwrap();
    assert_eq!(fs::read(root.join("docker/empty")).unwrap(), b"");

    write_small(session, TMP, "docker/link", b"one").unwrap();
    write_small(session, TMP, "docker/link", b"two").unwrap();
    assert_eq!(session.read_small("docker/link", 100).unwrap(), b"two");
    assert!(session.read_small("docker/link", 2).is_err());

    places_a_folder(session, root);

    let mut reader = read::open(session, &target).unwrap();
    assert_eq!(reader.size(), content.len() as u64);
    let mut part = vec![0; 100_000];
    reader.read_exact(&mut part).unwrap();
    assert!(part == content[..100_000]);
    reader.seek(2_000_000).unwrap();
    reader.read_exact(&mut part).unwrap();
    assert!(part == content[2_000_000..2_100_000]);
    drop(reader);
    let left = session.list(&layout.tmp()).unwrap();
    assert!(left.is_empty(), "{left:?}");
}

fn places_a_folder(session: &mut Session, root: &Path) {
    let files = vec![
        ("current/link".to_owned(), b"x".to_vec()),
        ("index/sha256/ab/link".to_owned(), b"x".to_vec()),
    ];
    let placed = place_folder(session, TMP, &files, "docker/tags/v1").unwrap();
    assert_eq!(placed, Placed::New);
    let tag = root.join("docker/tags/v1");
    assert_eq!(fs::read(tag.join("index/sha256/ab/link")).unwrap(), b"x");
    let again = vec![("current/link".to_owned(), b"y".to_vec())];
    let placed = place_folder(session, TMP, &again, "docker/tags/v1").unwrap();
    assert_eq!(placed, Placed::AlreadyThere);
    assert_eq!(fs::read(tag.join("current/link")).unwrap(), b"x");
    let entries = session.list("docker/tags").unwrap();
    assert!(entries.len() == 1 && entries[0].name == "v1" && entries[0].meta.is_dir);
    session.remove_tree("docker/tags").unwrap();
    write_small(session, TMP, "docker/file", b"x").unwrap();
    session.remove_tree("docker/file").unwrap();
    assert!(!root.join("docker/file").exists());
    assert_eq!(session.stat("docker/tags").unwrap(), None);
}

#[test]
fn files_are_stored_whole_and_replaced() {
    let lab = lab();
    let mut session = Session::connect(&lab.config).unwrap();
    let extensions = session.extensions().unwrap();
    assert!(extensions.posix_rename && extensions.fsync && extensions.statvfs);
    let space = session.statvfs(".").unwrap().unwrap();
    assert!(space.total >= space.free && space.free > 0);
    stores_and_replaces(&mut session, &lab.server.root());
    wait_until("all handles closed", || lab.server.open_files() == 0);
}

#[test]
fn a_server_of_one_channel_without_extensions_is_enough() {
    let lab = lab_with(SshdOptions {
        max_sessions: Some(1),
        ..SshdOptions::default()
    });
    let mut session = Session::connect(&lab.config).unwrap();
    assert!(!session.extensions().unwrap().posix_rename);
    assert_eq!(session.statvfs(".").unwrap(), None);
    stores_and_replaces(&mut session, &lab.server.root());
}

#[test]
fn a_chrooted_proftpd_works_too() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let server = Proftpd::start(&dir.path().join("proftpd")).unwrap();
    let auth = RemoteAuth::Password(Secret::new(Proftpd::PASSWORD));
    let config = config(dir.path(), server.port(), Proftpd::USERNAME, auth);
    let mut session =
        Session::connect(&config).unwrap_or_else(|error| panic!("{error}\n{}", server.log()));
    assert!(session.extensions().unwrap().posix_rename);
    stores_and_replaces(&mut session, &server.root());
    owners(&mut session);

    let mut wrong = config.clone();
    wrong.auth = RemoteAuth::Password(Secret::new("wrong"));
    let error = Session::connect(&wrong).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::Authentication), "{error}");
}

/// Gives some bytes, looks around, then fails.
struct Failing<F> {
    left: usize,
    look: F,
}

impl<F: FnMut()> Read for Failing<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(self.left);
        self.left -= count;
        if count == 0 {
            (self.look)();
            return Err(io::Error::other("the spool broke"));
        }
        Ok(count)
    }
}

#[test]
fn a_failing_source_leaves_nothing_behind() {
    let lab = lab();
    let mut session = Session::connect(&lab.config).unwrap();
    let root = lab.server.root();
    let (tmp, last) = (root.join(TMP), root.join("docker/final"));
    let mut looked = false;
    let mut source = Failing {
        left: 3 << 20,
        look: || {
            looked = true;
            assert!(tmp.exists() && !last.exists());
        },
    };
    let size = 9 << 20;
    let stored = store_file(
        &mut session,
        TMP,
        "docker/final",
        size,
        &mut source,
        &mut |_| {},
    );
    assert!(matches!(stored, Err(WriteError::Source(_))), "{stored:?}");
    assert!(looked && !session.is_broken());
    assert!(!tmp.exists() && !last.exists());
    for size in [2, 4] {
        let mut source = &b"abc"[..];
        let stored = store_file(
            &mut session,
            TMP,
            "docker/f",
            size,
            &mut source,
            &mut |_| {},
        );
        assert!(matches!(stored, Err(WriteError::Source(_))), "{stored:?}");
    }
    assert!(!root.join("docker/f").exists());
    store(&mut session, "docker/final", b"ok").unwrap();
    wait_until("all handles closed", || lab.server.open_files() == 0);
}

#[test]
fn missing_is_missing_and_progress_is_told() {
    let lab = lab();
    let mut session = Session::connect(&lab.config).unwrap();
    assert_eq!(session.stat("nothing").unwrap(), None);
    assert!(session.read_small("nothing", 1).unwrap_err().is_missing());
    assert!(session.remove_file("nothing").unwrap_err().is_missing());
    assert!(session.list("nothing").unwrap_err().is_missing());
    let opened = read::open(&mut session, "nothing").err();
    assert!(opened.unwrap().is_missing());
    session.remove_tree("nothing").unwrap();
    let content = bytes(2_200_000);
    let mut told = Vec::new();
    let mut source = content.as_slice();
    let size = content.len() as u64;
    let mut progress = |written| told.push(written);
    store_file(&mut session, TMP, "x/y", size, &mut source, &mut progress).unwrap();
    assert!(told.is_sorted() && told.len() > 1, "{told:?}");
    assert_eq!(told.last(), Some(&size));
    assert!(!session.is_broken());
}

fn owners(session: &mut Session) {
    let layout = Layout::new(".");
    let first = check_owner(session, &layout, "first", false);
    assert_eq!(first, Ok(OwnerState::Created));
    let again = check_owner(session, &layout, "first", false);
    assert_eq!(again, Ok(OwnerState::Ours));
    let error = check_owner(session, &layout, "second", false).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::Owner));
    let words = error.to_string();
    assert!(
        words.contains("first") && words.contains("second"),
        "{words}"
    );
    let taken = check_owner(session, &layout, "second", true);
    let from = "first".to_owned();
    assert_eq!(taken, Ok(OwnerState::TakenOver { from }));
    assert!(check_owner(session, &layout, "first", false).is_err());
    assert!(session.list(&layout.tmp()).unwrap().is_empty());
}

#[test]
fn a_tree_has_one_owner() {
    let lab = lab();
    owners(&mut Session::connect(&lab.config).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pools_never_have_more_sessions_than_slots() {
    let lab = Arc::new(lab());
    let gateway = Pool::new(lab.config.clone(), Role::Gateway).unwrap();
    let uploader = Pool::new(lab.config.clone(), Role::Uploader).unwrap();
    assert_eq!((gateway.capacity(), uploader.capacity()), (3, 2));
    let ended = Arc::new(AtomicBool::new(false));
    let most = Arc::new(AtomicUsize::new(0));
    let watcher = {
        let (lab, ended, most) = (lab.clone(), ended.clone(), most.clone());
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                most.fetch_max(lab.server.connections(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        })
    };
    let takers: Vec<_> = (0..20)
        .map(|number| {
            let pool = if number % 2 == 0 { &gateway } else { &uploader };
            tokio::spawn(take_five_times(pool.clone(), number))
        })
        .collect();
    for taker in takers {
        taker.await.unwrap();
    }
    ended.store(true, Ordering::Relaxed);
    watcher.join().unwrap();
    let written = fs::read_dir(lab.server.root().join("f")).unwrap();
    assert_eq!(written.count(), 100);
    let most = most.load(Ordering::Relaxed);
    assert!((2..=3).contains(&most), "{most} connections at once");
}

async fn take_five_times(pool: Pool, number: usize) {
    for round in 0..5 {
        let mut session = pool.session().await.unwrap();
        let path = format!("f/{number}.{round}");
        let tmp = format!("{path}.tmp");
        let written = session.run(move |session| write_small(session, &tmp, &path, b"x"));
        written.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_slot_goes_from_pool_to_pool() {
    let mut lab = lab();
    lab.config.connections = 1;
    let gateway = Pool::new(lab.config.clone(), Role::Gateway).unwrap();
    let uploader = Pool::new(lab.config.clone(), Role::Uploader).unwrap();
    // An idle session is given up for the other pool.
    for _turn in 0..3 {
        drop(gateway.session().await.unwrap());
        drop(uploader.session().await.unwrap());
    }
    // A busy pool does not starve the other one.
    let stop = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..4)
        .map(|_| {
            let (pool, stop) = (gateway.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let mut session = pool.session().await.unwrap();
                    session.run(|session| session.stat(".")).await.unwrap();
                }
            })
        })
        .collect();
    for _turn in 0..3 {
        let wait = Duration::from_secs(20);
        drop(uploader.session_within(wait).await.unwrap());
    }
    stop.store(true, Ordering::Relaxed);
    for task in busy {
        task.await.unwrap();
    }
    // A wait ends.
    let held = gateway.session().await.unwrap();
    let wait = Duration::from_millis(200);
    let error = uploader.session_within(wait).await.unwrap_err();
    assert!(matches!(error, RemoteError::Transient(_)), "{error}");
    assert!(error.to_string().contains("busy"), "{error}");
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_costs_its_sessions_only() {
    let mut lab = lab();
    let pool = Pool::new(lab.config.clone(), Role::Gateway).unwrap();
    let mut session = pool.session().await.unwrap();
    session.run(|session| session.mkdir_all("a")).await.unwrap();
    lab.server.kill();
    let error = session.run(|session| session.stat("a")).await.unwrap_err();
    assert!(error.is_connection(), "{error}");
    assert!(session.blocking().is_broken());
    drop(session);
    assert_eq!(pool.stats().open, 0);
    let error = pool.session().await.unwrap_err();
    assert!(error.is_connection() && error.is_transient(), "{error}");

    lab.server.restart().unwrap();
    look(&pool).await;
    // An idle session whose end nobody saw is not lent.
    lab.server.kill_sessions();
    let server = &lab.server;
    wait_until("sessions ended", || server.connections() == 0);
    look(&pool).await;
    let dialed = pool.stats().dialed;
    look(&pool).await;
    assert_eq!(pool.stats().dialed, dialed, "a good session is used again");
    pool.close_idle();
    wait_until("no connection left", || server.connections() == 0);
}

/// One look at the folder that is there, with a session of the pool.
async fn look(pool: &Pool) {
    let mut session = pool.session().await.unwrap();
    let found = session.run(|session| session.stat("a")).await.unwrap();
    assert!(found.is_some_and(|meta| meta.is_dir));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_operation_keeps_its_slot_until_it_ends() {
    let mut lab = lab();
    lab.config.connections = 1;
    let pool = Pool::new(lab.config.clone(), Role::Gateway).unwrap();
    let mut session = pool.session().await.unwrap();
    let (go_on, hold) = std::sync::mpsc::channel::<()>();
    let work = session.run(move |session| {
        hold.recv().ok();
        session.stat(".").map(|_| ())
    });
    let soon = Duration::from_millis(50);
    assert!(tokio::time::timeout(soon, work).await.is_err());
    drop(session);
    let busy = pool.session_within(2 * soon).await;
    assert!(matches!(busy, Err(RemoteError::Transient(_))));
    go_on.send(()).unwrap();
    let mut session = pool.session().await.unwrap();
    session.run(|session| session.stat(".")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_early_leaves_a_clean_session() {
    let lab = lab();
    let pool = Pool::new(lab.config.clone(), Role::Gateway).unwrap();
    let content = bytes(8 << 20);
    fs::write(lab.server.root().join("big"), &content).unwrap();
    for _round in 0..3 {
        let mut session = pool.session().await.unwrap();
        let read_some = move || {
            let mut live = session.blocking();
            let mut reader = read::open(&mut live, "big")?;
            let mut part = vec![0; 1 << 20];
            reader.read_exact(&mut part).unwrap();
            drop(reader);
            live.read_small("big", 9 << 20)
        };
        let read = tokio::task::spawn_blocking(read_some).await.unwrap();
        assert!(read.unwrap() == content);
    }
    assert_eq!(pool.stats().dialed, 1);
    wait_until("all handles closed", || lab.server.open_files() == 0);
}

#[test]
fn a_hung_server_ends_by_the_timeout() {
    use rustix::process::{Pid, Signal, kill_process};
    let mut lab = lab();
    lab.config.timeouts.operation = Duration::from_secs(1);
    let mut session = Session::connect(&lab.config).unwrap();
    let pids = lab.server.pids();
    let signal = |signal| {
        for pid in &pids {
            let pid = Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
            kill_process(pid, signal).unwrap();
        }
    };
    signal(Signal::STOP);
    let started = Instant::now();
    let error = session.stat(".").unwrap_err();
    assert!(error.is_connection() && session.is_broken(), "{error}");
    drop(session);
    let took = started.elapsed();
    signal(Signal::CONT);
    assert!(took < Duration::from_secs(10), "{took:?}");
}
