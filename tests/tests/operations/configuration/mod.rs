//! Configuration: what is missing or wrong is said in words, at the start.

mod disk;
mod start;
mod variables;

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use refity_tests::processes::{Program, binary};

/// Both programs, which read the same variables.
const PROGRAMS: [&str; 2] = ["refity-gateway", "refity-uploader"];

/// How long a start may take to be refused.
const REFUSED: Duration = Duration::from_secs(30);

/// Variables that make a good configuration, below a folder.
fn good(folder: &Path) -> Vec<(String, String)> {
    let data = folder.join("data").to_str().expect("UTF-8").to_owned();
    [
        ("FTP_HOST", "127.0.0.1"),
        ("FTP_USERNAME", "somebody"),
        ("FTP_PASSWORD", "the-password-of-the-box"),
        ("LISTEN_ADDRESS", "127.0.0.1"),
        ("DATA_DIR", &data),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// Runs a program to its end with these variables over the good ones.
async fn run(program: &str, folder: &Path, variables: &[(&str, &str)], flags: &[&str]) -> Output {
    let mut program = Program::new(binary(program), folder.join("log"));
    for (name, value) in good(folder) {
        program = program.env(&name, value);
    }
    for (name, value) in variables {
        program = program.env(name, *value);
    }
    let program = program.args(flags.iter().copied());
    let mut command = tokio::process::Command::from(program.command());
    let output = command.kill_on_drop(true).output();
    let output = tokio::time::timeout(REFUSED, output).await;
    output.expect("it ends by itself").expect("to run it")
}

/// All that it printed.
fn printed(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}
