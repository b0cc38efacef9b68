//! Programs that a test starts, kills and starts again: our own, and those
//! of others.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{secrets, wait};

/// How long a program has to end after SIGTERM (ours promise 60 s).
const END: Duration = Duration::from_secs(60);

/// Our binary of this name.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let path = built(name);
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build --release` first",
        path.display()
    );
    path
}

/// Where cargo puts our binary of this name: beside this program, or above the
/// folder of a test. Never another checkout's, whose schema may be another.
///
/// # Panics
/// When the system does not tell where this program is.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("this program's path");
    let folder = this.parent().expect("a folder");
    let folder = if folder.ends_with("deps") {
        folder.parent().expect("cargo's folder")
    } else {
        folder
    };
    folder.join(name)
}

/// How to start a program: with these arguments, in an environment that
/// holds only these variables (and `PATH`, `HOME`), its output in a file.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    log: PathBuf,
}

impl Program {
    /// A program that writes its output to the end of `log`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            log: log.into(),
        }
    }

    /// With these arguments more.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// With this variable; the last value of a name counts.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        let value = value.into();
        secrets::note_variable(name, &value.to_string_lossy());
        self.environment.push((name.to_owned(), value));
        self
    }

    /// Whether it is one of ours.
    fn is_ours(&self) -> bool {
        let name = self.path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("refity-"))
    }

    /// The command, with output not yet directed anywhere.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).env_clear();
        for inherited in ["PATH", "HOME", "RUST_BACKTRACE"] {
            if let Some(value) = std::env::var_os(inherited) {
                command.env(inherited, value);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    fn spawn(&self) -> Child {
        let log = self.open_log();
        let errors = log.try_clone().expect("a second handle of the log");
        self.command()
            .stdout(log)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", self.path.display()))
    }

    fn open_log(&self) -> File {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap_or_else(|error| panic!("{}: {error}", self.log.display()))
    }
}

/// A program that runs, or ran. Dropping it kills it; if it is one of ours, its
/// log is searched for secrets then, and the test fails where it tells one.
#[derive(Debug)]
pub struct Process {
    program: Program,
    child: Mutex<Option<Child>>,
}

impl Process {
    /// Starts the program.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(program: Program) -> Self {
        let child = Mutex::new(Some(program.spawn()));
        Self { program, child }
    }

    /// How it was started.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The id of the running process.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.is_running()
            .then(|| self.child().as_ref().map(Child::id))
            .flatten()
    }

    /// Whether it has not ended yet.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.child()
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub fn kill9(&self) {
        if let Some(mut child) = self.child().take() {
            // It may have ended by itself: then there is nothing to kill.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to end with SIGTERM and waits until it has.
    ///
    /// # Panics
    /// When it does not run, or does not end within 60 s.
    pub async fn terminate(&self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended(END).await
    }

    /// As [`Process::terminate`], for places that cannot wait: SIGKILL ends
    /// what has not ended in time.
    pub fn terminate_or_kill(&self, limit: Duration) {
        if self.is_running() {
            self.signal(Signal::TERM);
        }
        let deadline = Instant::now() + limit;
        while self.is_running() && Instant::now() < deadline {
            std::thread::sleep(wait::POLL);
        }
        self.kill9();
    }

    /// Sends a signal, such as SIGSTOP for a process that hangs.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, signal: Signal) {
        let child = self.child();
        let child = child.as_ref().expect("a process that was not reaped");
        let pid = Pid::from_child(child);
        kill_process(pid, signal).expect("to signal our own child");
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it does not end in time; with the end of its log.
    pub async fn ended(&self, limit: Duration) -> ExitStatus {
        let status = wait::until_some(limit, async || {
            self.child()
                .as_mut()
                .and_then(|child| child.try_wait().ok().flatten())
        })
        .await;
        match status {
            Some(status) => {
                self.child().take();
                status
            }
            None => panic!("did not end within {limit:?}:\n{}", self.log_tail()),
        }
    }

    /// Starts it again, after it was killed or has ended.
    ///
    /// # Panics
    /// When it still runs.
    pub fn restart(&self) {
        assert!(!self.is_running(), "it still runs: {:?}", self.program.path);
        *self.child() = Some(self.program.spawn());
    }

    /// All that it has written so far, over all its starts.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.program.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last lines of its log, under its name; without those that only tell
    /// of a test that waited, or of a library's inside.
    #[must_use]
    pub fn log_tail(&self) -> String {
        const LINES: usize = 40;
        const POLLED: [&str; 3] = ["/readyz", "/api/jobs/summary", "TRACE"];
        let log = self.log();
        let told = |line: &&str| !POLLED.iter().any(|path| line.contains(path));
        let lines: Vec<&str> = log.lines().filter(told).collect();
        let tail = lines[lines.len().saturating_sub(LINES)..].join("\n");
        format!("--- {}\n{tail}\n", self.program.log.display())
    }

    /// The most memory that it has used at once (`VmHWM`), in bytes.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn peak_rss(&self) -> u64 {
        let pid = self.pid().expect("a running process");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
            .expect("the status of a running process");
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .and_then(|number| number.trim().parse::<u64>().ok())
            .expect("a VmHWM line in kB");
        kib * 1024
    }

    /// The processor time that it has used so far, to 10 ms.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        let pid = self.pid().expect("a running process");
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        let stat = stat.expect("the status of a running process");
        // The name in brackets may hold anything; utime and stime are the
        // 14th and 15th fields (proc_pid_stat(5)), in ticks of 10 ms.
        let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
        let ticks = fields.split_ascii_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|tick| tick.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// How many files, sockets and pipes it has open.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn open_files(&self) -> usize {
        let pid = self.pid().expect("a running process");
        let open = std::fs::read_dir(format!("/proc/{pid}/fd"));
        open.expect("a running process's open files").count()
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
        if !self.program.is_ours() {
            return;
        }
        // Without a log nothing would be proven.
        let log = std::fs::read(&self.program.log);
        let leaks = log.map(|log| secrets::leaks(&String::from_utf8_lossy(&log)));
        let told = match leaks {
            Ok(leaks) if leaks.is_empty() => return,
            Ok(leaks) => leaks.iter().map(|leak| format!("\n{leak}")).collect(),
            Err(error) => error.to_string(),
        };
        let words = format!("secrets in {}: {told}", self.program.log.display());
        if std::thread::panicking() {
            eprintln!("{words}");
        } else {
            panic!("{words}");
        }
    }
}

/// Waits until `http://address/path` answers 200.
///
/// # Panics
/// When the process ends before, or the time is over; with the end of its log.
pub async fn wait_until_ready(process: &Process, url: &str, limit: Duration) {
    let http = crate::client::http().build().expect("constant settings");
    let ready = wait::until_some(limit, async || {
        assert!(process.is_running(), "it ended:\n{}", process.log_tail());
        let answer = http.get(url).timeout(Duration::from_secs(5)).send().await;
        answer
            .is_ok_and(|answer| answer.status() == 200)
            .then_some(())
    })
    .await;
    assert!(
        ready.is_some(),
        "{url} is not ready after {limit:?}:\n{}",
        process.log_tail()
    );
}
