//! Faults that tests inject into running programs.
//!
//! A test sets [`FILE_VARIABLE`] to the path of a file. A line `panic NAME` in
//! it makes the point of that name panic, and `hang NAME` makes it wait, for
//! as long as the line is there. Without the variable a point does nothing.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

/// The environment variable that names the file. For tests only.
pub const FILE_VARIABLE: &str = "REFITY_TEST_FAULT_FILE";

/// Between two looks at the file while a point hangs.
pub const LOOK: Duration = Duration::from_millis(10);

/// What is to happen at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It panics.
    Panic,
    /// It goes on only when the line is removed.
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

/// A point on a thread that may block.
///
/// # Panics
/// Where the file says so.
pub fn point(name: &str) {
    loop {
        match at(name) {
            None => return,
            Some(Fault::Panic) => panic!("a test makes {name} panic"),
            Some(Fault::Hang) => std::thread::sleep(LOOK),
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
