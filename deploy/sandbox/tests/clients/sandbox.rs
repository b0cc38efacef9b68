//! A sandbox process and its clients.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use ssh2::{Session, Sftp};
use tempfile::TempDir;

/// The account's password.
pub(crate) const PASSWORD: &str = "a password for tests";

/// A running sandbox.
pub(crate) struct Sandbox {
    pub(crate) folder: TempDir,
    process: Child,
    port: u16,
}

impl Sandbox {
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    pub(crate) fn start_in(folder: TempDir) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_refity-sandbox"))
            .args(["--listen", "127.0.0.1:0"])
            .arg("--root")
            .arg(folder.path().join("tree"))
            .arg("--host-key")
            .arg(folder.path().join("host_key"))
            .env("SANDBOX_PASSWORD", PASSWORD)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = process.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let port = line
            .trim_end()
            .strip_prefix("listening on 127.0.0.1:")
            .unwrap();
        Self {
            port: port.parse().unwrap(),
            folder,
            process,
        }
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    pub(crate) fn connect(&self) -> Session {
        let mut session = Session::new().unwrap();
        session.set_tcp_stream(TcpStream::connect(("127.0.0.1", self.port)).unwrap());
        session.set_timeout(20_000);
        session.handshake().unwrap();
        session
    }

    pub(crate) fn session(&self) -> Session {
        let session = self.connect();
        session.userauth_password("refity", PASSWORD).unwrap();
        session
    }

    pub(crate) fn sftp(&self) -> Sftp {
        self.session().sftp().unwrap()
    }

    /// Runs OpenSSH's `sftp` with the commands of `batch`.
    pub(crate) fn openssh(&self, batch: &str) -> Output {
        let ask = self.folder.path().join("ask");
        fs::write(&ask, format!("#!/bin/sh\necho '{PASSWORD}'\n")).unwrap();
        fs::set_permissions(&ask, fs::Permissions::from_mode(0o700)).unwrap();
        let batch_file = self.folder.path().join("batch");
        fs::write(&batch_file, batch).unwrap();
        Command::new("sftp")
            .args(["-q", "-oBatchMode=no", "-oStrictHostKeyChecking=no"])
            .args(["-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR"])
            .args(["-F", "none", "-P", &self.port.to_string(), "-b"])
            .arg(batch_file)
            .arg("refity@127.0.0.1")
            .env("SSH_ASKPASS", ask)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    pub(crate) fn terminate(mut self) -> (ExitStatus, TempDir) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = self.process.wait().unwrap();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        (status, folder)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}
