//! A client's command line, in a home of its own.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Gives a program a `/var/lib` and a `/run` of its own, so that nothing of
/// the machine's is touched: as root, podman and its kin keep a cache and
/// locks there, wherever their storage is.
const OWN_MACHINE: &str = r#"
    mount --bind "$HOME/var-lib" /var/lib && mount --bind "$HOME/run" /run && exec "$@"
"#;

/// How to call a client.
pub(super) struct Shell {
    program: PathBuf,
    leading: Vec<String>,
    environment: Vec<(String, PathBuf)>,
    own_machine: bool,
    home: TempDir,
}

impl Shell {
    /// This program, which finds nothing but a home that is empty.
    pub(super) fn new(program: impl Into<PathBuf>) -> Self {
        let home = tempfile::tempdir().unwrap();
        for name in ["var-lib", "run", "tmp"] {
            std::fs::create_dir(home.path().join(name)).unwrap();
        }
        Self {
            program: program.into(),
            leading: Vec::new(),
            environment: Vec::new(),
            own_machine: false,
            home,
        }
    }

    /// With these arguments before all others.
    pub(super) fn leading(mut self, arguments: &[&str]) -> Self {
        self.leading
            .extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// With this file or folder of its home in a variable.
    pub(super) fn env(mut self, name: &str, file: &str) -> Self {
        let file = self.path(file);
        self.environment.push((name.to_owned(), file));
        self
    }

    /// With `/var/lib` and `/run` of its own.
    pub(super) fn on_own_machine(self) -> Self {
        Self {
            own_machine: true,
            ..self
        }
    }

    /// A path in its home.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs it to its end: what it printed, without blanks at the ends.
    pub(super) async fn run(&self, arguments: &[&str]) -> String {
        self.run_with_input(arguments, "").await
    }

    /// [`Shell::run`], with this on its input.
    pub(super) async fn run_with_input(&self, arguments: &[&str], input: &str) -> String {
        let ended = self.attempt(arguments, input).await;
        ended.unwrap_or_else(|words| panic!("{words}"))
    }

    /// [`Shell::run_with_input`], or what it complained about.
    pub(super) async fn attempt(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let output = self.output(arguments, input).await;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(self.told(arguments, &output))
        }
    }

    /// Runs it, and it must fail: all that it printed.
    pub(super) async fn fails(&self, arguments: &[&str], input: &str) -> String {
        let ended = self.attempt(arguments, input).await;
        ended.expect_err("it must fail")
    }

    /// The version that it names, which is this word of its line.
    pub(super) async fn version(&self, arguments: &[&str], word: usize) -> String {
        let line = self.run(arguments).await;
        let version = line.split_ascii_whitespace().nth(word);
        version
            .unwrap_or_else(|| panic!("no version: {line}"))
            .to_owned()
    }

    fn told(&self, arguments: &[&str], output: &Output) -> String {
        format!(
            "{} {}: {}\n{}{}",
            self.program.display(),
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr),
            last_lines(&String::from_utf8_lossy(&output.stdout)),
        )
    }

    async fn output(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .command()
            .args(&self.leading)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        let mut stdin = child.stdin.take().unwrap();
        let feed = async move {
            // It may end without reading: its exit code tells.
            let _ = stdin.write_all(input.as_bytes()).await;
        };
        let (output, ()) = tokio::join!(child.wait_with_output(), feed);
        output.unwrap()
    }

    fn command(&self) -> Command {
        let home = self.home.path();
        let mut command = if self.own_machine {
            let mut command = Command::new("unshare");
            command
                .args(["--mount", "--propagation", "private"])
                .args(["sh", "-c", OWN_MACHINE, "sh"])
                .arg(&self.program);
            command
        } else {
            Command::new(&self.program)
        };
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("TMPDIR", home.join("tmp"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(home);
        command
    }
}

/// What matters of an output that may show progress a hundred times.
fn last_lines(text: &str) -> String {
    const LINES: usize = 10;
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// A path as an argument.
pub(super) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
