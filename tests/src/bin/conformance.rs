//! `make conformance SUITE=path`: the public OCI conformance suite against a
//! registry of ours, with every optional feature that the suite can check.
//!
//! ```text
//! conformance SUITE [FOLDER]
//! ```
//!
//! The suite's reports land in `FOLDER/<version>` (`target/conformance`). Ends
//! with 1 if a check failed, or if the suite did not run.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use refity_tests::lab::{ADMIN, Lab, PASSWORD};

/// The versions of the specification that the suite checks.
const VERSIONS: [&str; 2] = ["1.1", "dev"];

/// What the suite leaves out unless it is told. A manifest whose blobs were
/// not pushed (`OCI_DATA_SPARSE`) is refused here, so that stays out.
const OPTIONS: [&str; 4] = [
    "OCI_API_BLOBS_UPLOAD_CANCEL",
    "OCI_API_BLOBS_DIGEST_HEADER",
    "OCI_API_MANIFESTS_DIGEST_HEADER",
    "OCI_API_MANIFESTS_TAG_PARAM",
];

/// The group of the repositories that the suite uses.
const GROUP: &str = "conformance";

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(suite) = arguments.next() else {
        eprintln!("usage: conformance SUITE [FOLDER]");
        return ExitCode::from(2);
    };
    let folder = arguments
        .next()
        .map_or_else(|| PathBuf::from("target/conformance"), PathBuf::from);
    let mut good = true;
    for version in VERSIONS {
        let lab = Lab::builder().group(GROUP).start().await;
        let results = folder.join(version);
        good &= match run(Path::new(&suite), version, &results, &lab) {
            Ok(counts) => {
                println!("{version}: {counts}; {}", results.display());
                counts.failures == 0 && counts.passed() > 0
            }
            Err(words) => {
                eprintln!("{version}: {words}");
                false
            }
        };
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run(suite: &Path, version: &str, results: &Path, lab: &Lab) -> Result<Counts, String> {
    // A report of an earlier run would count as this one's.
    let _ = std::fs::remove_dir_all(results);
    std::fs::create_dir_all(results).map_err(|error| format!("{}: {error}", results.display()))?;
    let base = lab.client().base().to_owned();
    let registry = base.trim_start_matches("http://");
    let mut command = Command::new(suite);
    command
        .env("OCI_REGISTRY", registry)
        .env("OCI_TLS", "disabled")
        .env("OCI_REPO1", format!("{GROUP}/one"))
        .env("OCI_REPO2", format!("{GROUP}/two"))
        .env("OCI_USERNAME", ADMIN)
        .env("OCI_PASSWORD", PASSWORD)
        .env("OCI_VERSION", version)
        .env("OCI_RESULTS_DIR", results);
    for option in OPTIONS {
        command.env(option, "true");
    }
    // How it ends says less than its report.
    let output = command
        .output()
        .map_err(|error| format!("{} cannot be run: {error}", suite.display()))?;
    let report = results.join("junit.xml");
    let report = std::fs::read_to_string(&report).map_err(|error| {
        let words = String::from_utf8_lossy(&output.stderr);
        format!("no report at {}: {error}\n{words}", report.display())
    })?;
    Counts::read(&report).ok_or_else(|| "the report's counts cannot be read".to_owned())
}

/// How many checks came to what.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    tests: u32,
    failures: u32,
    skipped: u32,
}

impl Counts {
    /// Those of a JUnit report's suite.
    fn read(report: &str) -> Option<Self> {
        let element = &report[report.find("<testsuite ")?..];
        let element = &element[..element.find('>')?];
        let count = |name: &str| -> Option<u32> {
            let (_, rest) = element.split_once(&format!(" {name}=\""))?;
            rest.split_once('"')?.0.parse().ok()
        };
        Some(Self {
            tests: count("tests")?,
            failures: count("failures")? + count("errors").unwrap_or(0),
            skipped: count("skipped").unwrap_or(0) + count("disabled").unwrap_or(0),
        })
    }
}

impl Counts {
    fn passed(&self) -> u32 {
        self.tests.saturating_sub(self.failures + self.skipped)
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            tests,
            failures,
            skipped,
        } = self;
        let passed = self.passed();
        write!(
            f,
            "{tests} checks, {passed} passed, {failures} failed, {skipped} skipped"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_are_read_from_the_report() {
        let report = "<testsuites time=\"1\" tests=\"9\" skipped=\"1\">\n  \
                      <testsuite name=\"x\" tests=\"10\" failures=\"1\" errors=\"2\" \
                      skipped=\"3\" time=\"1\">\n<testsuite tests=\"1\" failures=\"0\">";
        let counts = Counts::read(report).unwrap();
        assert_eq!((counts.tests, counts.failures, counts.skipped), (10, 3, 3));
        let clean = "<testsuite tests=\"2\" failures=\"0\" errors=\"0\">";
        assert_eq!(Counts::read(clean).unwrap().passed(), 2);
        assert_eq!(Counts::read("<html>"), None);
    }
}
