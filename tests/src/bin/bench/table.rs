//! The figures, as a Markdown table.

use std::fmt;

/// One line: a figure of ours beside another's.
struct Row {
    what: String,
    ours: String,
    other: String,
    ratio: String,
    target: String,
}

/// What was measured so far.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Adds medians with a unit, their ratio, and what it should be.
    pub(crate) fn compare(
        &mut self,
        what: &str,
        unit: &str,
        ours: f64,
        (other_name, other): (&str, f64),
        target: &str,
    ) {
        self.add(Row {
            what: what.to_owned(),
            ours: format!("{ours:.2} {unit}"),
            other: format!("{other_name}: {other:.2} {unit}"),
            ratio: format!("{:.2}", ours / other),
            target: target.to_owned(),
        });
    }

    /// Adds a figure that stands alone.
    pub(crate) fn figure(&mut self, what: &str, figure: String, target: &str) {
        self.add(Row {
            what: what.to_owned(),
            ours: figure,
            other: String::new(),
            ratio: String::new(),
            target: target.to_owned(),
        });
    }

    fn add(&mut self, row: Row) {
        // Seen at once, as the whole takes minutes.
        eprintln!("{row}");
        self.rows.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | figure | other | ratio | target |")?;
        writeln!(f, "| --- | --- | --- | --- | --- |")?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            ours,
            other,
            ratio,
            target,
        } = self;
        write!(f, "| {what} | {ours} | {other} | {ratio} | {target} |")
    }
}

/// The median; of an even number, the upper one.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
