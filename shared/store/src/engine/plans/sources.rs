//! The source of this crate outside tests: where it runs statements, and which.

use std::fs;
use std::path::Path;

/// A place in the source that runs a statement: a file and a line.
pub(super) type Place = (String, u32);

/// A file without its tests.
pub(super) struct Source {
    /// The path below `src`.
    pub(super) file: String,
    code: String,
}

/// Reads all files but those of tests and of `engine`: its calls of
/// [`Db`](crate::engine::db::Db) pass on the statements of others, and record
/// the places of these.
pub(super) fn read() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let file = path.strip_prefix(&root).unwrap().to_str().unwrap();
            if !path.is_dir() {
                let text = fs::read_to_string(&path).unwrap();
                sources.push(Source::new(file, &text));
            } else if !["engine", "tests"].contains(&file) {
                folders.push(path);
            }
        }
    }
    sources
}

impl Source {
    fn new(file: &str, text: &str) -> Self {
        let code = text.split("#[cfg(test)]\nmod tests {").next();
        Self {
            file: file.to_owned(),
            code: code.unwrap_or_default().to_owned(),
        }
    }

    /// Whether the line is outside the tests of the file.
    pub(super) fn has(&self, line: u32) -> bool {
        line as usize <= self.code.lines().count()
    }

    /// The lines where a method of [`Db`](crate::engine::db::Db) is called, or
    /// a page of a list is read.
    pub(super) fn places(&self) -> Vec<Place> {
        let mut found = Vec::new();
        for method in [
            ".one(",
            ".optional(",
            ".all(",
            ".each(",
            ".run(",
            ".page(db",
            ".page_of(",
        ] {
            for (start, _) in self.code.match_indices(method) {
                // An iterator's `all` and the readers' `run` take closures.
                let arguments = self.code[start + method.len()..].trim_start();
                let readers = self.code[..start].ends_with("self.readers");
                if !arguments.starts_with('|') && !readers {
                    let line = self.code[..start].matches('\n').count() + 1;
                    found.push((self.file.clone(), u32::try_from(line).unwrap()));
                }
            }
        }
        found
    }

    /// The statements in string literals, with single spaces, each cut where
    /// [`format!`] inserts something.
    pub(super) fn statements(&self) -> Vec<String> {
        let lines = self.code.lines();
        let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
        let code: Vec<&str> = lines.collect();
        let code = code.join("\n").replace("'\"'", "").replace("\\\"", "");
        let mut parts = Vec::new();
        for literal in code.split('"').skip(1).step_by(2) {
            let keyword = literal.split_whitespace().next().unwrap_or_default();
            if !["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&keyword) {
                continue;
            }
            for part in literal.split('{') {
                let part = part.split_once('}').map_or(part, |(_, after)| after);
                let words: Vec<&str> = part.split_whitespace().collect();
                parts.push(words.join(" "));
            }
        }
        parts
    }
}

#[test]
fn calls_are_found_on_any_receiver() {
    let code = "database.one(sql)\nlist\n    .page(db, x)\nrows.iter().all(|it| it)\n\
                other.run(\n    sql)\n#[cfg(test)]\nmod tests {\n db.run(sql) }";
    let source = Source::new("a.rs", code);
    let mut lines: Vec<u32> = source.places().into_iter().map(|(_, line)| line).collect();
    lines.sort_unstable();
    assert_eq!(lines, [1, 3, 5]);
    assert!(source.has(6) && !source.has(8));
}

#[test]
fn statements_are_found_in_literals() {
    let code = "// \"SELECT 1\"\nlet a = \"SELECT x\n   FROM {T} WHERE y\";\nlet b = \"no\";\n\
                db.run(\"DELETE FROM t\", ())";
    let source = Source::new("a.rs", code);
    let expected = ["SELECT x FROM", "WHERE y", "DELETE FROM t"];
    assert_eq!(source.statements(), expected);
}
