//! A real browser: the scripts of `web/e2e`, which drive Debian's Chromium
//! against a lab.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::docker::Docker;
use crate::faulty_sftp::FaultySftp;
use crate::lab::{ADMIN, Lab, PASSWORD};

/// How a line begins by which a script asks the lab for something.
const ASKS: &str = "lab: ";

fn scripts() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.with_file_name("web").join("e2e")
}

/// What a script may use besides the lab.
#[derive(Clone, Copy, Default)]
pub struct Props<'a> {
    /// An engine to push with.
    pub docker: Option<&'a Docker>,
    /// The storage, where it is not the lab's own sshd.
    pub storage: Option<&'a FaultySftp>,
}

/// Runs `web/e2e/<script>.mjs <arguments>` to its end against a lab. The script
/// may stop and start the lab's programs by lines such as `lab: stop sshd`.
/// Returns its other output.
///
/// # Panics
/// When Node or the script's packages are missing, and when the script fails;
/// with all that it said.
pub async fn run(lab: &mut Lab, props: Props<'_>, script: &str, arguments: &[&str]) -> String {
    let path = scripts().join(script).with_extension("mjs");
    let facts = json!({
        "url": format!("http://{}", lab.address(0)),
        "user": ADMIN,
        "password": PASSWORD,
    });
    let mut command = Command::new("node");
    command.arg(&path).args(arguments);
    command.env("REFITY_LAB", facts.to_string());
    if let Some(docker) = props.docker {
        command.envs(docker.variables());
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("Node.js (deploy/web says which)");
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut stderr = child.stderr.take().expect("a pipe");
    let complaints = tokio::spawn(async move {
        let mut text = String::new();
        // What cannot be read is not shown.
        let _ = tokio::io::AsyncReadExt::read_to_string(&mut stderr, &mut text).await;
        text
    });
    let mut said = String::new();
    while let Some(line) = lines.next_line().await.expect("a line of text") {
        if let Some(request) = line.strip_prefix(ASKS) {
            grant(lab, props, request).await;
            stdin
                .write_all(b"done\n")
                .await
                .expect("a script that reads");
        } else {
            println!("{line}");
            said.push_str(&line);
            said.push('\n');
        }
    }
    let status = child.wait().await.expect("the script's end");
    let complaints = complaints.await.expect("the script's complaints");
    assert!(
        status.success(),
        "{} {}: {status}\n{said}{complaints}",
        path.display(),
        arguments.join(" ")
    );
    said
}

async fn grant(lab: &mut Lab, props: Props<'_>, request: &str) {
    let storage = || props.storage.expect("a storage that misbehaves");
    match request {
        "stop storage" => {
            storage().faults().refuse_connections = u64::MAX;
            storage().reset_connections();
        }
        "start storage" => storage().faults().refuse_connections = 0,
        "stop sshd" => lab.sshd_mut().kill(),
        "start sshd" => lab.sshd_mut().restart().expect("a running sshd"),
        "stop gateway" => lab.gateway(0).kill9(),
        "start gateway" => {
            lab.gateway(0).restart();
            lab.wait_until_ready().await;
        }
        "stop uploader" => lab.uploader(0).kill9(),
        "start uploader" => lab.uploader(0).restart(),
        "let a day pass" => lab.clock_forward(25 * 60 * 60 * 1000),
        "remember three months" => lab.database().add_three_months(),
        "wait until stored" => lab.wait_until_stored().await,
        other => panic!("a lab cannot {other:?}"),
    }
}
