//! Which client does what: the columns, the rows, and how they are printed.

use std::fmt;
use std::sync::Arc;

use refity_tests::lab::GROUP;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Says who it is, and is refused with a wrong password. The first: what
    /// follows needs it.
    Login,
    /// Pushes an image under a tag.
    Push,
    /// Pulls an image that it did not push.
    Pull,
    PushByDigest,
    PullByDigest,
    /// Pushes an index of two platforms whole, and pulls it.
    MultiArch,
    /// Pushes and pulls OCI's manifests.
    Oci,
    /// Pushes and pulls Docker's manifests.
    Schema2,
    Gzip,
    Zstd,
    /// zstd in pieces, which the client makes by itself.
    ZstdChunked,
    /// Pushes an artifact with a subject, which the registry then lists.
    Referrers,
    /// Carries a Helm chart.
    Chart,
    /// Carries an image with a layer that the registry is not given.
    Foreign,
    /// Copies a repository with all its tags.
    Sync,
    Tags,
    /// Deletes a tag or a manifest.
    Delete,
    /// Keeps its build cache in the registry, and builds from it.
    BuildCache,
}

impl Operation {
    const ALL: [(Self, &str); 18] = [
        (Self::Login, "login"),
        (Self::Push, "push"),
        (Self::Pull, "pull"),
        (Self::PushByDigest, "push @digest"),
        (Self::PullByDigest, "pull @digest"),
        (Self::MultiArch, "multi-arch"),
        (Self::Oci, "OCI"),
        (Self::Schema2, "schema 2"),
        (Self::Gzip, "gzip"),
        (Self::Zstd, "zstd"),
        (Self::ZstdChunked, "zstd:chunked"),
        (Self::Referrers, "referrers"),
        (Self::Chart, "Helm chart"),
        (Self::Foreign, "foreign layers"),
        (Self::Sync, "all tags"),
        (Self::Tags, "list tags"),
        (Self::Delete, "delete"),
        (Self::BuildCache, "build cache"),
    ];

    /// The repository that a client uses for this and nothing else.
    pub(super) fn repository(self, client: &str) -> String {
        format!("{GROUP}/{client}/{}", format!("{self:?}").to_lowercase())
    }
}

/// What came of an operation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// Done, and checked on both sides.
    Works,
    /// The client only has a command to pull such a thing, and that works.
    Pulls,
    /// The client has no command for it.
    NoCommand,
    /// What the client needs for it is not in Debian.
    NotAtHand,
    /// The client itself is not here.
    NotInstalled,
    /// It should work and does not; with the client's words.
    Failed(String),
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Works => "yes",
            Self::Pulls => "pull",
            Self::NoCommand => "–",
            Self::NotAtHand => "not at hand",
            Self::NotInstalled => "not installed",
            Self::Failed(_) => "FAILED",
        })
    }
}

/// A client that can be asked to do things.
pub(super) trait Client: Send + Sync + 'static {
    /// Its name and version.
    fn name(&self) -> String;

    /// Does it and checks that it is done; panics where it is not.
    fn perform(&self, operation: Operation) -> impl Future<Output = Cell> + Send;
}

/// One client's cells.
pub(super) struct Row {
    name: String,
    cells: Vec<Cell>,
}

impl Row {
    /// What this client does. A cell that fails leaves the others as they are.
    pub(super) async fn of(client: impl Client) -> Self {
        let client = Arc::new(client);
        let mut cells = Vec::new();
        for (operation, _) in Operation::ALL {
            let client = Arc::clone(&client);
            let cell = tokio::spawn(async move { client.perform(operation).await }).await;
            cells.push(cell.unwrap_or_else(|error| Cell::Failed(words_of(error))));
        }
        Self {
            name: client.name(),
            cells,
        }
    }

    /// That of a client that is not here.
    pub(super) fn not_installed(name: &str) -> Self {
        let cells = Operation::ALL.map(|_| Cell::NotInstalled);
        Self {
            name: name.to_owned(),
            cells: cells.into(),
        }
    }
}

/// What a task that failed panicked with.
pub(super) fn words_of(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "cancelled".to_owned();
    };
    match panic.downcast::<String>() {
        Ok(words) => *words,
        Err(panic) => panic.downcast_ref::<&str>().unwrap_or(&"?").to_string(),
    }
}

/// Clients' rows of cells in Markdown.
pub(super) fn write_markdown<'a>(
    f: &mut fmt::Formatter<'_>,
    headings: &[&str],
    rows: impl Iterator<Item = (&'a str, Vec<String>)>,
) -> fmt::Result {
    writeln!(f, "| client | {} |", headings.join(" | "))?;
    writeln!(f, "| --- |{}", " --- |".repeat(headings.len()))?;
    for (name, cells) in rows {
        writeln!(f, "| {name} | {} |", cells.join(" | "))?;
    }
    Ok(())
}

/// All rows; printed in Markdown.
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
}

impl Table {
    /// The cells that failed, with the clients' words.
    pub(super) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for row in &self.rows {
            for ((_, heading), cell) in Operation::ALL.iter().zip(&row.cells) {
                if let Cell::Failed(words) = cell {
                    failures.push(format!("{}, {heading}: {words}", row.name));
                }
            }
        }
        failures
    }

    /// In which lines a document does not show this table: the columns, and
    /// each row that it has of the same client in the same version.
    pub(super) fn differences(&self, document: &str) -> Vec<String> {
        let printed = self.to_string();
        let mut lines = printed.lines();
        let headings = lines.next().filter(|line| !document.contains(line));
        // What stands between headings and rows is the same in all tables.
        let rows = lines.skip(1).filter(|line| {
            let client = |line: &str| line.split('|').nth(1).map(str::to_owned);
            let mut shown = document
                .lines()
                .filter(|shown| client(shown) == client(line));
            shown.any(|shown| shown != *line)
        });
        headings
            .into_iter()
            .chain(rows)
            .map(str::to_owned)
            .collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headings = Operation::ALL.map(|(_, heading)| heading);
        let rows = self.rows.iter();
        let rows = rows.map(|row| (&*row.name, row.cells.iter().map(Cell::to_string).collect()));
        write_markdown(f, &headings, rows)
    }
}

#[test]
fn a_document_that_says_otherwise_of_the_same_version_is_told() {
    let row = |name: &str, first: Cell| {
        let rest = Operation::ALL.iter().skip(1).map(|_| Cell::Works);
        Row {
            name: name.to_owned(),
            cells: std::iter::once(first).chain(rest).collect(),
        }
    };
    let shown = Table {
        rows: vec![row("a 1", Cell::Works), row("b 1", Cell::Works)],
    };
    let document = format!("# Clients\n\n{shown}\nThe end.");
    assert_eq!(shown.differences(&document), [""; 0]);

    let found = Table {
        rows: vec![
            row("a 1", Cell::NoCommand),
            row("b 2", Cell::NoCommand),
            row("c", Cell::NotInstalled),
        ],
    };
    let told = found.differences(&document);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("| a 1 | – |"), "{told:?}");
    assert_eq!(shown.differences("").len(), 1, "the headings are missing");
}
