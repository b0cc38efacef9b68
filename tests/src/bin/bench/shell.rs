//! What curl and sftp take, in seconds: by the clock on the wall, the start
//! of the program included.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use refity_tests::client::{Client, sha256};
use refity_tests::random;
use refity_tests::sshd::Sshd;
use tempfile::TempDir;

/// The one cipher of every SFTP measurement; sshd offers no other.
pub(crate) const CIPHER: &str = "chacha20-poly1305@openssh.com";

/// A file of random bytes, on disk and in the page cache.
pub(crate) struct Payload {
    pub(crate) path: PathBuf,
    pub(crate) digest: String,
    _folder: TempDir,
}

impl Payload {
    pub(crate) fn random(size: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("payload");
        let bytes = random::bytes(size);
        let mut file = File::create(&path).expect("a new file");
        file.write_all(&bytes).expect("room for the payload");
        // Or it would be written to disk while the first contestant runs.
        file.sync_all().expect("to sync it");
        Self {
            path,
            digest: sha256(&bytes),
            _folder: folder,
        }
    }
}

/// Pushes a file by one PATCH and one empty PUT.
pub(crate) async fn push(
    client: &Client,
    credentials: Option<&str>,
    repository: &str,
    payload: &Payload,
) -> f64 {
    let session = client
        .start_upload(repository)
        .await
        .expect("an answer")
        .expect_status(202);
    let absolute = |location: String| {
        if location.starts_with('/') {
            format!("{}{location}", client.base())
        } else {
            location
        }
    };
    let start = Instant::now();
    let location = run(curl(credentials)
        .args([
            "-X",
            "PATCH",
            "-H",
            "Content-Type: application/octet-stream",
        ])
        .args(["-o", "/dev/null", "-w", "%header{location}", "-T"])
        .arg(&payload.path)
        .arg(absolute(session.location())));
    let location = absolute(location);
    let sign = if location.contains('?') { '&' } else { '?' };
    let url = format!("{location}{sign}digest={}", payload.digest);
    run(curl(credentials).args(["-X", "PUT", "-H", "Content-Length: 0", &url]));
    start.elapsed().as_secs_f64()
}

/// Pulls a blob into `/dev/null`.
pub(crate) fn pull(
    client: &Client,
    credentials: Option<&str>,
    repository: &str,
    digest: &str,
) -> f64 {
    let url = format!("{}/v2/{repository}/blobs/{digest}", client.base());
    timed(curl(credentials).args(["-o", "/dev/null", &url]))
}

/// Copies a file to the server and lets it fsync: `put -f`.
pub(crate) fn sftp_put(sshd: &Sshd, local: &Path, remote: &Path) -> f64 {
    sftp(
        sshd,
        &format!("put -f {} {}", local.display(), remote.display()),
    )
}

/// Copies a file from the server.
pub(crate) fn sftp_get(sshd: &Sshd, remote: &Path, local: &Path) -> f64 {
    sftp(
        sshd,
        &format!("get {} {}", remote.display(), local.display()),
    )
}

fn sftp(sshd: &Sshd, line: &str) -> f64 {
    let batch = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(batch.path(), format!("{line}\n")).expect("to write a batch");
    let mut command = Command::new("sftp");
    command
        .args(["-q", "-c", CIPHER, "-F", "/dev/null"])
        .args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .args(["-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes"])
        .args(["-P", &sshd.port().to_string(), "-i"])
        .arg(sshd.private_key())
        .arg("-b")
        .arg(batch.path())
        .arg("127.0.0.1");
    timed(&mut command)
}

fn curl(credentials: Option<&str>) -> Command {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail", "--noproxy", "*"]);
    if let Some(credentials) = credentials {
        command.args(["--user", credentials]);
    }
    command
}

fn timed(command: &mut Command) -> f64 {
    let start = Instant::now();
    run(command);
    start.elapsed().as_secs_f64()
}

fn run(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("curl and sftp are installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
