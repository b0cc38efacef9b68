//! Which server it is, and who we are to it.

use super::*;

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
    wrong.auth = SftpAuth::Password(Secret::new("wrong"));
    let error = Session::connect(&wrong).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::Authentication), "{error}");
    assert!(error.to_string().contains("password"), "{error}");

    let mut unreadable = lab.config.clone();
    unreadable.auth = SftpAuth::PrivateKey {
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
