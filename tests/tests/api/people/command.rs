//! `refity-gateway admin`: while the gateway is up, and while it is down.

use std::io::Write as _;
use std::process::{Output, Stdio};

use refity_tests::client::Client;
use refity_tests::expect::Expect as _;
use refity_tests::lab::{ADMIN, Lab, PASSWORD};
use reqwest::Method;

use super::{login, password_of, user, with_bearer};

/// Runs `refity-gateway admin …` with the lab's settings and this on standard
/// input.
async fn admin(lab: &Lab, arguments: &[&str], input: &str) -> Output {
    let program = lab.gateway(0).program().clone();
    let program = program.args(["admin"]).args(arguments.iter().copied());
    let (mut command, input) = (program.command(), input.to_owned());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let run = move || {
        let mut child = command.spawn().expect("to start our binary");
        let mut stdin = child.stdin.take().expect("a pipe");
        // One that needs no password does not read it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("its end")
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

#[track_caller]
fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
}

#[tokio::test]
async fn a_password_is_reset_while_the_gateway_is_up_and_while_it_is_down() {
    let lab = Lab::start().await;
    let client = lab.client();
    let token = login(&client, ADMIN, PASSWORD).await.gives(200).json();
    let token = token["token"].as_str().unwrap().to_owned();
    let reset = ["reset-password", "ADMIN", "--password-stdin"];
    let output = admin(&lab, &reset, "the second one\n").await;
    assert_code(&output, 0);
    assert!(!said(&output).contains("the second one"));
    // At once: the session, and the password that was right a moment ago.
    let me = with_bearer(&client, &token, Method::GET, "/api/auth/me").await;
    me.gives(401);
    client.ping().await.gives(401);
    client
        .with_credentials(ADMIN, "the second one")
        .ping()
        .await
        .gives(200);

    lab.stop_all().await;
    let output = admin(&lab, &reset, "the third one, with spaces \r\n").await;
    assert_code(&output, 0);
    let create = ["create-user", "zoë", "--role", "admin", "--password-stdin"];
    let output = admin(&lab, &create, "zoë's password").await;
    assert_code(&output, 0);
    let output = admin(&lab, &["list-users"], "").await;
    assert_code(&output, 0);
    let lines = said(&output);
    assert!(lines.contains("admin\tadmin\tenabled\t20"), "{lines}");
    assert!(lines.contains("zoë\tadmin\tenabled\tnever"), "{lines}");
    lab.start_all().await;
    let admin_client = client.with_credentials(ADMIN, "the third one, with spaces ");
    admin_client.ping().await.gives(200);
    let zoe = client.with_credentials("zoë", "zoë's password");
    zoe.get("/api/users").await.gives(200);
    // On request, the password must be changed first.
    let must = ["reset-password", "zoë", "--password-stdin", "--must-change"];
    assert_code(&admin(&lab, &must, "for the moment\n").await, 0);
    let zoe = client.with_credentials("zoë", "for the moment");
    zoe.get("/api/users").await.gives(403);
}

#[tokio::test]
async fn unlock_lifts_the_login_throttle() {
    let lab = Lab::start().await;
    user(&lab, "bob").await;
    let mut waits = 0;
    // Until the account itself has had enough, from wherever.
    for n in 1..=6 {
        let client = Client::anonymous_from([127, 0, 0, 10 + n], lab.address(0));
        for guess in 0..30 {
            let answer = login(&client, "bob", &format!("guess {n} {guess}"))
                .await
                .unwrap();
            if answer.status == 429 {
                waits += 1;
                break;
            }
        }
    }
    assert_eq!(waits, 6);
    let new = Client::anonymous_from([127, 0, 0, 77], lab.address(0));
    login(&new, "bob", &password_of("bob")).await.gives(429);
    assert_code(&admin(&lab, &["unlock", "bob"], "").await, 0);
    login(&new, "bob", &password_of("bob")).await.gives(200);
    // The first address guessed on its own account.
    let first = Client::anonymous_from([127, 0, 0, 11], lab.address(0));
    login(&first, "bob", &password_of("bob")).await.gives(429);
    let unlock = ["unlock", "--address", "127.0.0.11"];
    assert_code(&admin(&lab, &unlock, "").await, 0);
    login(&first, "bob", &password_of("bob")).await.gives(200);
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_words() {
    let lab = Lab::start().await;
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().to_str().unwrap();
    for (arguments, input, word) in [
        (
            &["reset-password", "nobody", "--password-stdin"][..],
            "long enough\n",
            "unknown user nobody",
        ),
        (
            &["create-user", "Admin", "--password-stdin"],
            "long enough\n",
            "already",
        ),
        (
            &["create-user", "bob", "--password-stdin"],
            "short\n",
            "8 characters",
        ),
        (&["create-user", "bob", "--password-stdin"], "", "is empty"),
        (
            &["create-user", "bob", "--password-stdin"],
            "\nsecond line\n",
            "is empty",
        ),
        (&["create-user", "bob"], "long enough\n", "--password-stdin"),
        (
            &["create-user", "'; DROP TABLE users", "--password-stdin"],
            "long enough\n",
            "64 characters",
        ),
        (&["unlock", "nobody"], "", "unknown user nobody"),
        (&["unlock"], "", "<NAME>"),
        (&["unlock", "--address", "example.org"], "", "example.org"),
        (&["--data-dir", elsewhere, "list-users"], "", "DATA_DIR"),
    ] {
        let output = admin(&lab, arguments, input).await;
        assert_code(&output, 2);
        let said = said(&output);
        assert!(said.contains(word), "{arguments:?}: {said}");
        assert!(!said.contains("long enough"), "{said}");
    }
    assert_eq!(
        std::fs::read_dir(elsewhere).unwrap().count(),
        0,
        "nothing is made"
    );
}
