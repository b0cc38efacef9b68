//! Faults that tests inject into running programs.
//!
//! A test sets [`FILE_VARIABLE`] to the path of a file. A line `panic NAME` in
//! the file makes the point of that name panic; `hang NAME` makes it wait until
//! the line is removed. Without the variable, points do nothing.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

/// The environment variable that names the file. For tests only.
pub const FILE_VARIABLE: &str = "REFITY_TEST_FAULT_FILE";

/// Polling interval of the file while a point hangs.
pub const INTERVAL: Duration = Duration::from_millis(10);

/// The fault to inject at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Panic.
    Panic,
    /// Wait until the line is removed.
    Hang,
}

/// Returns the fault that the file names for this point.
#[must_use]
pub fn at(point: &str) -> Option<Fault> {
    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let path = std::env::var_os(FILE_VARIABLE).filter(|path| !path.is_empty());
        path.map(PathBuf::from)
    });
    let text = std::fs::read_to_string(file.as_deref()?).ok()?;
    text.lines().find_map(|line| named(line, point))
}

fn named(line: &str, point: &str) -> Option<Fault> {
    match line.split_once(' ')? {
        ("panic", name) if name == point => Some(Fault::Panic),
        ("hang", name) if name == point => Some(Fault::Hang),
        _ => None,
    }
}

/// Marks a point at which tests can inject a fault, on a thread that may block.
///
/// # Panics
/// If the file requests it.
pub fn point(name: &str) {
    loop {
        match at(name) {
            None => return,
            Some(Fault::Panic) => panic!("a test makes {name} panic"),
            Some(Fault::Hang) => std::thread::sleep(INTERVAL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_a_fault_and_its_point() {
        assert_eq!(named("panic job", "job"), Some(Fault::Panic));
        assert_eq!(named("hang audit log", "audit log"), Some(Fault::Hang));
        for line in ["panic jobs", "panic", "", "job", "stop job"] {
            assert_eq!(named(line, "job"), None, "{line}");
        }
    }
}
