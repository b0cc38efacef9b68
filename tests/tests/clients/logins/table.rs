//! Which client signs in how, and what it says where it may not.

use std::fmt;

use tokio::task::JoinHandle;

use crate::clients::table::words_of;

const HEADINGS: [&str; 6] = [
    "pulls what is public",
    "pulls what is not, unknown",
    "wrong password",
    "password",
    "personal token",
    "robot",
];

/// One client's cells: what came of each, or why it failed.
pub(super) struct Row {
    name: String,
    cells: Vec<Result<String, String>>,
}

impl Row {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            cells: Vec::new(),
        }
    }

    /// The next cell. One that fails leaves the others as they are.
    pub(super) async fn add(&mut self, cell: JoinHandle<String>) {
        self.cells.push(cell.await.map_err(words_of));
    }
}

pub(super) struct Table {
    pub(super) rows: Vec<Row>,
}

impl Table {
    /// The cells that failed, with the reason.
    pub(super) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for row in &self.rows {
            for (heading, cell) in HEADINGS.iter().zip(&row.cells) {
                if let Err(words) = cell {
                    failures.push(format!("{}, {heading}: {words}", row.name));
                }
            }
        }
        failures
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| client | {} |", HEADINGS.join(" | "))?;
        writeln!(f, "| --- |{}", " --- |".repeat(HEADINGS.len()))?;
        for row in &self.rows {
            let cells = row.cells.iter();
            let cells: Vec<_> = cells
                .map(|cell| cell.as_deref().unwrap_or("FAILED"))
                .collect();
            writeln!(f, "| {} | {} |", row.name, cells.join(" | "))?;
        }
        Ok(())
    }
}
