//! A real Docker engine of our own, and its command line.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Weak};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;

use crate::processes::{Process, Program};
use crate::wait;

const DOCKERD: &str = "/usr/sbin/dockerd";
const DOCKER: &str = "/usr/bin/docker";

/// How long the engine may take to start.
const START: Duration = Duration::from_secs(60);

/// How long the engine may take to end by itself.
const END: Duration = Duration::from_secs(20);

/// The engine that all tests of this program share while any of them uses it.
static SHARED: Mutex<Weak<Engine>> = Mutex::const_new(Weak::new());

/// A docker command line with logins of its own, on a shared engine. The
/// engine ends with the last one.
#[derive(Debug)]
pub struct Docker {
    engine: Arc<Engine>,
    config: TempDir,
}

impl Docker {
    /// Starts the engine, or joins the one that runs. Needs root.
    ///
    /// # Panics
    /// When the engine does not start; with the end of its log.
    pub async fn start() -> Self {
        let mut shared = SHARED.lock().await;
        let engine = if let Some(engine) = shared.upgrade() {
            engine
        } else {
            let engine = Arc::new(Engine::start().await);
            *shared = Arc::downgrade(&engine);
            engine
        };
        Self {
            engine,
            config: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// The variables with which another program's `docker` is this one.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, String); 2] {
        let config = self.config.path().display().to_string();
        let host = socket(self.engine.folder.path());
        [("DOCKER_HOST", host), ("DOCKER_CONFIG", config)]
    }

    /// Runs `docker <arguments>`: its output, or what it complained about.
    ///
    /// # Errors
    /// When it exits with another code than 0.
    pub async fn run(&self, arguments: &[&str]) -> Result<String, String> {
        self.run_with_input(arguments, b"").await
    }

    /// Runs `docker <arguments>` with these bytes as its input.
    ///
    /// # Errors
    /// When it exits with another code than 0.
    ///
    /// # Panics
    /// When docker is not installed.
    pub async fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Result<String, String> {
        let mut child = self
            .engine
            .command(self.config.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("docker is installed");
        let mut stdin = child.stdin.take().expect("a pipe");
        // It may end without reading: its exit code tells.
        let feed = async move {
            let _ = stdin.write_all(input).await;
        };
        let (output, ()) = tokio::join!(child.wait_with_output(), feed);
        let output = output.expect("docker's output");
        let stdout = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() {
            Ok(stdout)
        } else {
            let stderr = String::from_utf8_lossy(&output.stderr);
            Err(format!(
                "docker {}: {}{stdout}",
                arguments.join(" "),
                stderr
            ))
        }
    }

    /// `docker login`.
    ///
    /// # Errors
    /// What docker says.
    pub async fn login(&self, address: &str, user: &str, password: &str) -> Result<String, String> {
        let arguments = ["login", "--username", user, "--password-stdin", address];
        self.run_with_input(&arguments, password.as_bytes()).await
    }

    /// `docker load` of a tar such as [`crate::image::Image::docker_tarball`] makes.
    ///
    /// # Errors
    /// What docker says.
    pub async fn load(&self, tarball: &[u8]) -> Result<String, String> {
        self.run_with_input(&["load"], tarball).await
    }

    /// `docker tag`.
    ///
    /// # Errors
    /// What docker says.
    pub async fn tag(&self, image: &str, name: &str) -> Result<String, String> {
        self.run(&["tag", image, name]).await
    }

    /// `docker push`.
    ///
    /// # Errors
    /// What docker says.
    pub async fn push(&self, name: &str) -> Result<String, String> {
        self.run(&["push", name]).await
    }

    /// `docker pull`.
    ///
    /// # Errors
    /// What docker says.
    pub async fn pull(&self, name: &str) -> Result<String, String> {
        self.run(&["pull", name]).await
    }

    /// `docker rmi --force`: by its id, with all its names and layers.
    ///
    /// # Errors
    /// What docker says.
    pub async fn rmi(&self, image: &str) -> Result<String, String> {
        self.run(&["rmi", "--force", image]).await
    }

    /// The id of the image of this name.
    ///
    /// # Errors
    /// What docker says, where there is no such image.
    pub async fn image_id(&self, name: &str) -> Result<String, String> {
        self.run(&["image", "inspect", "--format", "{{.Id}}", name])
            .await
    }
}

/// dockerd, which brings its containerd with it.
#[derive(Debug)]
struct Engine {
    process: Process,
    folder: TempDir,
}

impl Engine {
    async fn start() -> Self {
        assert!(
            Path::new(DOCKERD).exists(),
            "{DOCKERD} is missing: install docker.io"
        );
        // A short path: a unix socket's is limited to 107 bytes.
        let folder = tempfile::Builder::new()
            .prefix("dk")
            .tempdir_in("/tmp")
            .expect("a folder in /tmp");
        let path = folder.path();
        let config = json!({
            "bridge": "none",
            "iptables": false,
            "ip6tables": false,
            "insecure-registries": ["127.0.0.0/8"],
            "hosts": [socket(path)],
            "data-root": path.join("data"),
            "exec-root": path.join("exec"),
            "pidfile": path.join("pid"),
        });
        let config_file = path.join("daemon.json");
        std::fs::write(&config_file, config.to_string()).expect("to write a configuration");
        let program = Program::new(DOCKERD, path.join("log"))
            .args(["--config-file".as_ref(), config_file.as_os_str()]);
        let engine = Self {
            process: Process::start(program),
            folder,
        };
        engine.wait_until_ready().await;
        engine
    }

    async fn wait_until_ready(&self) {
        let answered = wait::until_some(START, async || {
            assert!(
                self.process.is_running(),
                "dockerd ended:\n{}",
                self.process.log_tail()
            );
            let version = self
                .command(self.folder.path())
                .arg("version")
                .output()
                .await;
            version
                .is_ok_and(|output| output.status.success())
                .then_some(())
        })
        .await;
        assert!(
            answered.is_some(),
            "dockerd does not answer:\n{}",
            self.process.log_tail()
        );
    }

    fn command(&self, config: &Path) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(DOCKER);
        command
            .env_remove("DOCKER_CONTEXT")
            .env("DOCKER_HOST", socket(self.folder.path()))
            .arg("--config")
            .arg(config);
        command
    }

    /// What dockerd leaves mounted when it had to be killed.
    fn unmount(&self) {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let ours = |line: &&str| Path::new(line).starts_with(self.folder.path());
        let mounted = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        // The last mounted first. One that is gone already is fine.
        for folder in mounted.filter(ours).collect::<Vec<_>>().into_iter().rev() {
            let _ = std::process::Command::new("umount")
                .args(["--lazy", folder])
                .status();
        }
    }

    /// Whether this process was started with paths in our folder: the id may
    /// have gone to another since.
    fn is_ours(&self, pid: Pid) -> bool {
        let line = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero()));
        let folder = self.folder.path().as_os_str().as_encoded_bytes();
        line.is_ok_and(|line| line.windows(folder.len()).any(|part| part == folder))
    }

    /// The containerd that dockerd started, where dockerd could not end it.
    fn kill_containerd(&self) {
        let file = self.folder.path().join("exec/containerd/containerd.pid");
        let pid = std::fs::read_to_string(file)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|pid| self.is_ours(*pid)) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.process.terminate_or_kill(END);
        self.kill_containerd();
        self.unmount();
    }
}

fn socket(folder: &Path) -> String {
    format!("unix://{}", folder.join("s").display())
}
