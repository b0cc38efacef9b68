//! What is written appears whole, in every kind of server.

use super::*;

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

#[test]
fn a_folder_that_another_session_removed_is_made_again() {
    let lab = lab();
    let mut session = Session::connect(&lab.config).unwrap();
    session.mkdir_all("a/b/c").unwrap();
    let mut other = Session::connect(&lab.config).unwrap();
    other.remove_tree("a").unwrap();
    session.mkdir_all("a/b/c/d").unwrap();
    assert!(lab.server.root().join("a/b/c/d").is_dir());
    other.remove_tree("a").unwrap();
    write_small(&mut session, "tmp/1", "a/b/c/d/link", b"x").unwrap();
    assert_eq!(
        fs::read(lab.server.root().join("a/b/c/d/link")).unwrap(),
        b"x"
    );
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
