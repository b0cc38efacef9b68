//! A real ProFTPD with `mod_sftp`: an SFTP server of another make.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::sshd::{connections, kill, make_key, tree_of, wait_for_ssh};
use crate::wait::free_port;

const PROFTPD: &str = "/usr/sbin/proftpd";
/// Debian's `nobody` and `nogroup`, the user and group of ProFTPD.
const NOBODY: u32 = 65534;

/// A running ProFTPD with `mod_sftp`: one user with a password, chrooted
/// into [`Proftpd::root`].
pub struct Proftpd {
    dir: PathBuf,
    port: u16,
    process: Child,
}

impl Proftpd {
    /// The user that is let in.
    pub const USERNAME: &str = "box";
    /// That user's password.
    pub const PASSWORD: &str = "correct horse";

    /// Starts it with its keys, its log and its tree in a folder, which must
    /// be reachable for `nobody`.
    ///
    /// # Errors
    /// When it cannot be installed or started; its log is in the error.
    pub fn start(dir: &Path) -> io::Result<Self> {
        let root = dir.join("tree");
        fs::create_dir_all(&root)?;
        fs::set_permissions(dir, Permissions::from_mode(0o755))?;
        chown(&root, Some(NOBODY), Some(NOBODY))?;
        if !dir.join("host_key").exists() {
            // mod_sftp takes PEM only.
            make_key(
                &dir.join("host_key"),
                &["-t", "rsa", "-b", "2048", "-m", "PEM"],
            )?;
        }
        add_user(dir, &root)?;
        let port = free_port();
        fs::write(dir.join("proftpd.conf"), proftpd_config(dir, port))?;
        let log = fs::File::create(dir.join("out"))?;
        let process = Command::new(PROFTPD)
            .arg("--nodaemon")
            .arg("-c")
            .arg(dir.join("proftpd.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let server = Self {
            dir: dir.to_owned(),
            port,
            process,
        };
        wait_for_ssh(port).map_err(|error| {
            io::Error::other(format!("proftpd did not start: {error}\n{}", server.log()))
        })?;
        Ok(server)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its tree is on this machine.
    pub fn root(&self) -> PathBuf {
        self.dir.join("tree")
    }

    /// How many connections it has now.
    pub fn connections(&self) -> usize {
        connections(self.port)
    }

    /// What it logged.
    pub fn log(&self) -> String {
        let read = |name| fs::read_to_string(self.dir.join(name)).unwrap_or_default();
        read("out") + &read("sftp.log")
    }
}

impl Drop for Proftpd {
    fn drop(&mut self) {
        for pid in tree_of(self.process.id()) {
            kill(pid);
        }
        let _ = self.process.wait();
    }
}

fn add_user(dir: &Path, home: &Path) -> io::Result<()> {
    let _ = fs::remove_file(dir.join("passwd"));
    let id = NOBODY.to_string();
    let mut added = Command::new("ftpasswd")
        .args(["--passwd", "--stdin", "--name", Proftpd::USERNAME])
        .args(["--uid", &id, "--gid", &id, "--shell", "/bin/sh", "--home"])
        .arg(home)
        .arg("--file")
        .arg(dir.join("passwd"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = added.stdin.take() {
        writeln!(stdin, "{}", Proftpd::PASSWORD)?;
    }
    if added.wait()?.success() {
        Ok(())
    } else {
        Err(io::Error::other("ftpasswd failed"))
    }
}

fn proftpd_config(dir: &Path, port: u16) -> String {
    let dir = dir.display();
    format!(
        "ModulePath /usr/lib/proftpd\n\
         LoadModule mod_sftp.c\n\
         ServerName refity-test\n\
         ServerType standalone\n\
         DefaultAddress 127.0.0.1\n\
         SocketBindTight on\n\
         Port {port}\n\
         UseIPv6 off\n\
         UseReverseDNS off\n\
         User nobody\n\
         Group nogroup\n\
         MaxInstances 30\n\
         PidFile {dir}/pid\n\
         ScoreboardFile {dir}/scoreboard\n\
         DelayEngine off\n\
         WtmpLog off\n\
         SystemLog {dir}/out\n\
         AuthOrder mod_auth_file.c\n\
         AuthUserFile {dir}/passwd\n\
         RequireValidShell off\n\
         DefaultRoot ~\n\
         Umask 022\n\
         SFTPEngine on\n\
         SFTPHostKey {dir}/host_key\n\
         SFTPAuthMethods password\n\
         SFTPLog {dir}/sftp.log\n"
    )
}
