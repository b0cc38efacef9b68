use super::*;

#[test]
fn hosts() {
    for (value, expected) in [
        ("u123456.your-storagebox.de", "u123456.your-storagebox.de"),
        ("192.0.2.7", "192.0.2.7"),
        ("::1", "::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        (" nas ", "nas"),
    ] {
        let flag = format!("--ftp-host={value}");
        assert_eq!(sftp(&[&flag, GOOD[1], GOOD[2]]).unwrap().host, expected);
    }
    for value in [
        "sftp://nas",
        "me@nas",
        "nas:22",
        "nas/folder",
        "a b",
        "-oProxyCommand",
        "a..b",
    ] {
        let flag = format!("--ftp-host={value}");
        let error = sftp(&[&flag, GOOD[1], GOOD[2]]).unwrap_err();
        assert!(
            error.contains("FTP_HOST is") && error.contains("FTP_PORT"),
            "{error}"
        );
    }
}

#[test]
fn remote_folders() {
    for (value, expected) in [
        (".", "."),
        ("registry/", "registry"),
        ("/srv/r", "/srv/r"),
        ("/", "/"),
    ] {
        let flag = format!("--ftp-root={value}");
        assert_eq!(
            sftp(&[&GOOD[..], &[&flag]].concat()).unwrap().root,
            expected
        );
    }
    let error = sftp(&[&GOOD[..], &["--ftp-root=a/../b"]].concat()).unwrap_err();
    assert!(error.contains("FTP_ROOT"), "{error}");
}

#[test]
fn private_keys() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("id");
    std::fs::write(&key, "key").unwrap();
    let flag = format!("--ftp-private-key={}", key.display());
    let settings = sftp(&[GOOD[0], GOOD[1], &flag, "--ftp-private-key-passphrase=pp"]).unwrap();
    assert_eq!(
        (settings.private_key, settings.password.is_none()),
        (Some(key), true)
    );
    assert_eq!(settings.passphrase.unwrap().expose(), "pp");
    for (flags, words) in [
        (
            vec!["--ftp-private-key=/nowhere/id"],
            "/nowhere/id, which cannot be read",
        ),
        (vec!["--ftp-private-key=/"], "a folder"),
        (
            vec![GOOD[2], "--ftp-private-key-passphrase=pp"],
            "FTP_PRIVATE_KEY is not",
        ),
    ] {
        let error = sftp(&[&GOOD[..2], &flags].concat()).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    let pasted = sftp(&[GOOD[0], GOOD[1], "--ftp-private-key=-----BEGIN KEY-----abc"]);
    let words = pasted.unwrap_err();
    assert!(
        words.contains("holds a key") && !words.contains("abc"),
        "{words}"
    );
}

#[test]
fn a_password_inside_a_host_is_not_printed() {
    let error = sftp(&["--ftp-host=sftp://me:hush@nas", GOOD[1], GOOD[2]]).unwrap_err();
    assert!(error.contains("@nas") && !error.contains("hush"), "{error}");
}

#[test]
fn a_folder_stands_in_for_a_server() {
    let StorageSettings::Folder(folder) = storage(&["--storage-folder=/mnt/nas"]).unwrap() else {
        panic!("not a folder");
    };
    assert_eq!(folder.to_str(), Some("/mnt/nas"));
    let file = tempfile::NamedTempFile::new().unwrap();
    let file = format!("--storage-folder={}", file.path().display());
    for (flags, words) in [
        (
            vec!["--storage-folder=/mnt/nas", GOOD[0]],
            "FTP_HOST and STORAGE_FOLDER are both set",
        ),
        (vec!["--storage-folder=nas"], "an absolute path"),
        (vec!["--storage-folder=/a/../b"], "an absolute path"),
        (vec![&file], "give the path of a folder"),
        (vec![], "or set STORAGE_FOLDER"),
    ] {
        let error = storage(&flags).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}
