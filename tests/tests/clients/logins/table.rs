//! Which client signs in how, and what it says where it may not.

use std::fmt;

use tokio::task::JoinHandle;

use crate::clients::table::{words_of, write_markdown};

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
        let cell = |cell: &Result<String, String>| cell.clone().unwrap_or("FAILED".to_owned());
        let rows = self.rows.iter();
        let rows = rows.map(|row| (&*row.name, row.cells.iter().map(cell).collect()));
        write_markdown(f, &HEADINGS, rows)
    }
}
