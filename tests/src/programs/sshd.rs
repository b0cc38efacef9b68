//! A real SFTP server for tests, on 127.0.0.1: Debian's OpenSSH `sshd`. It
//! runs as the current user, which is root.

use std::fs;
use std::io::{self, Read as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::wait::free_port;

const SSHD: &str = "/usr/sbin/sshd";
/// How long a server may take to answer after its start.
const START_MAX: Duration = Duration::from_secs(20);

/// How an [`Sshd`] differs from the usual one.
#[derive(Clone, Debug, Default)]
pub struct SshdOptions {
    /// `Ciphers`, in sshd's form.
    pub ciphers: Option<String>,
    /// `MaxSessions`: channels of one connection; 10 where unset.
    pub max_sessions: Option<usize>,
    /// Whether sessions are chrooted into the tree, which must then be in
    /// folders that only root may write.
    pub chrooted: bool,
    /// Requests of SFTP that are denied, as sftp-server(8) names them.
    pub denied: Option<String>,
    /// Further lines of `sshd_config`.
    pub extra: Vec<String>,
}

/// A running sshd. It lets the current user in by one key, and its SFTP
/// starts in [`Sshd::root`].
pub struct Sshd {
    dir: PathBuf,
    port: u16,
    options: SshdOptions,
    process: Option<Child>,
}

impl Sshd {
    /// Starts sshd with its keys, its log and its tree in a folder.
    ///
    /// # Errors
    /// When it cannot be installed or started; its log is in the error.
    pub fn start(dir: &Path) -> io::Result<Self> {
        Self::start_with(dir, SshdOptions::default())
    }

    /// [`Sshd::start`] with options.
    ///
    /// # Errors
    /// As [`Sshd::start`].
    pub fn start_with(dir: &Path, options: SshdOptions) -> io::Result<Self> {
        fs::create_dir_all(dir.join("tree"))?;
        // sshd as root insists on its privilege separation folder.
        fs::create_dir_all("/run/sshd")?;
        for key in ["host_key", "client_key"] {
            if !dir.join(key).exists() {
                make_key(&dir.join(key), &["-t", "ed25519"])?;
            }
        }
        fs::copy(dir.join("client_key.pub"), dir.join("authorized_keys"))?;
        let mut server = Self {
            dir: dir.to_owned(),
            port: free_port(),
            options,
            process: None,
        };
        server.restart()?;
        Ok(server)
    }

    /// Starts it again, on the same port; kills it first where it runs.
    ///
    /// # Errors
    /// As [`Sshd::start`].
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        fs::write(self.dir.join("sshd_config"), self.config())?;
        let process = Command::new(SSHD)
            .args(["-D", "-f"])
            .arg(self.dir.join("sshd_config"))
            .arg("-E")
            .arg(self.dir.join("log"))
            .stdin(Stdio::null())
            .spawn()?;
        self.process = Some(process);
        wait_for_ssh(self.port).map_err(|error| {
            io::Error::other(format!("sshd did not start: {error}\n{}", self.log()))
        })
    }

    fn config(&self) -> String {
        let dir = self.dir.display();
        let mut lines = vec![
            format!("Port {}", self.port),
            "ListenAddress 127.0.0.1".to_owned(),
            format!("HostKey {dir}/host_key"),
            format!("PidFile {dir}/pid"),
            format!("AuthorizedKeysFile {dir}/authorized_keys"),
            "PermitRootLogin yes".to_owned(),
            "PasswordAuthentication yes".to_owned(),
            "KbdInteractiveAuthentication no".to_owned(),
            "StrictModes no".to_owned(),
            "UsePAM no".to_owned(),
            "UseDNS no".to_owned(),
            "LogLevel VERBOSE".to_owned(),
            "MaxStartups 100".to_owned(),
            format!("MaxSessions {}", self.options.max_sessions.unwrap_or(10)),
            "Subsystem sftp internal-sftp".to_owned(),
            self.force_command(),
        ];
        if self.options.chrooted {
            lines.push(format!("ChrootDirectory {}", self.root().display()));
        }
        if let Some(ciphers) = &self.options.ciphers {
            lines.push(format!("Ciphers {ciphers}"));
        }
        lines.extend(self.options.extra.iter().cloned());
        lines.join("\n") + "\n"
    }

    fn force_command(&self) -> String {
        let start = match self.options.chrooted {
            true => "/".to_owned(),
            false => self.root().display().to_string(),
        };
        let denied = self.options.denied.as_ref();
        let denied = denied.map_or_else(String::new, |denied| format!(" -P {denied}"));
        format!("ForceCommand internal-sftp -d {start}{denied}")
    }

    /// Gives it another host key; it counts from the next restart.
    ///
    /// # Errors
    /// When ssh-keygen fails.
    pub fn change_host_key(&self) -> io::Result<()> {
        for name in ["host_key", "host_key.pub"] {
            fs::remove_file(self.dir.join(name))?;
        }
        make_key(&self.dir.join("host_key"), &["-t", "ed25519"])
    }

    /// SIGKILLs sshd and all its sessions. Nothing happens where it is dead.
    pub fn kill(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        for pid in tree_of(process.id()) {
            kill(pid);
        }
        let _ = process.wait();
    }

    /// SIGKILLs the sessions; sshd itself goes on.
    pub fn kill_sessions(&self) {
        self.signal_sessions(Signal::KILL);
    }

    /// Sends a signal to all sessions, such as SIGSTOP for ones that hang;
    /// sshd itself goes on taking connections.
    pub fn signal_sessions(&self, signal: Signal) {
        if let Some(process) = &self.process {
            for pid in tree_of(process.id()) {
                let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
                if let Some(pid) = pid.filter(|pid| *pid != Pid::from_child(process)) {
                    // A session may have ended by itself.
                    let _ = kill_process(pid, signal);
                }
            }
        }
    }

    /// The process ids of sshd and its sessions.
    pub fn pids(&self) -> Vec<u32> {
        let process = self.process.as_ref();
        process.map_or_else(Vec::new, |process| tree_of(process.id()))
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The key that is let in, as a file.
    pub fn private_key(&self) -> PathBuf {
        self.dir.join("client_key")
    }

    /// The user that is let in.
    pub fn username(&self) -> String {
        std::env::var("USER").unwrap_or_else(|_| "root".to_owned())
    }

    /// Where its tree is on this machine.
    pub fn root(&self) -> PathBuf {
        self.dir.join("tree")
    }

    /// How many connections it has now.
    pub fn connections(&self) -> usize {
        connections(self.port)
    }

    /// How many files below the tree its sessions have open.
    pub fn open_files(&self) -> usize {
        let root = self.root();
        let open_in = |pid: u32| {
            let links = fs::read_dir(format!("/proc/{pid}/fd"))
                .into_iter()
                .flatten();
            let targets = links
                .flatten()
                .filter_map(|link| fs::read_link(link.path()).ok());
            targets
                .filter(|target| target.starts_with(&root) && *target != root)
                .count()
        };
        self.pids().into_iter().map(open_in).sum()
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Makes a key pair without a passphrase.
pub(crate) fn make_key(path: &Path, kind: &[&str]) -> io::Result<()> {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-C", "test"])
        .args(kind)
        .arg("-f")
        .arg(path)
        .stdin(Stdio::null())
        .status()?;
    if made.success() {
        Ok(())
    } else {
        Err(io::Error::other("ssh-keygen failed"))
    }
}

/// Waits until a port greets as SSH servers do.
pub(crate) fn wait_for_ssh(port: u16) -> io::Result<()> {
    let deadline = Instant::now() + START_MAX;
    loop {
        match greeting(port) {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => sleep(Duration::from_millis(20)),
        }
    }
}

fn greeting(port: u16) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut start = [0; 4];
    stream.read_exact(&mut start)?;
    if &start == b"SSH-" {
        Ok(())
    } else {
        Err(io::Error::other("no SSH server"))
    }
}

/// Established connections to a local port.
pub(crate) fn connections(port: u16) -> usize {
    let local = format!("0100007F:{port:04X}");
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let is_one = |line: &&str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        fields.next() == Some(&local) && fields.nth(1) == Some("01")
    };
    table.lines().filter(is_one).count()
}

/// A process and all that descend from it, the first one first.
pub(crate) fn tree_of(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name in brackets may hold anything.
            let (_, rest) = stat.rsplit_once(')')?;
            let parent = rest.split_ascii_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(&parent) = tree.get(next) {
        tree.extend(
            parents
                .iter()
                .filter(|(_, p)| *p == parent)
                .map(|(pid, _)| pid),
        );
        next += 1;
    }
    tree
}

pub(crate) fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::KILL);
    }
}
