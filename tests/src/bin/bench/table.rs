//! The figures, as a Markdown table, and whether each keeps its limit.

use std::fmt;

/// What a ratio, or a figure that stands alone, may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
    /// It is only shown.
    None,
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
            Self::None => true,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "≤ {most}"),
            Self::AtLeast(least) => write!(f, "≥ {least}"),
            Self::None => Ok(()),
        }
    }
}

/// One line: a figure of ours beside another's.
struct Row {
    what: String,
    ours: String,
    other: String,
    ratio: String,
    limit: Limit,
    holds: bool,
}

/// What was measured so far.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Adds medians with a unit, their ratio, and what it may be.
    pub(crate) fn compare(
        &mut self,
        what: &str,
        unit: &str,
        ours: f64,
        (other_name, other): (&str, f64),
        limit: Limit,
    ) {
        let ratio = ours / other;
        self.add(Row {
            what: what.to_owned(),
            ours: format!("{ours:.2} {unit}"),
            other: format!("{other_name}: {other:.2} {unit}"),
            // Precise enough to tell what just misses its limit from what just keeps it.
            ratio: format!("{ratio:.3}"),
            limit,
            holds: limit.holds(ratio),
        });
    }

    /// Adds a figure that stands alone.
    pub(crate) fn figure(&mut self, what: &str, unit: &str, figure: f64, limit: Limit) {
        self.add(Row {
            what: what.to_owned(),
            ours: format!("{figure} {unit}"),
            other: String::new(),
            ratio: String::new(),
            limit,
            holds: limit.holds(figure),
        });
    }

    /// Whether all limits hold.
    pub(crate) fn holds(&self) -> bool {
        self.rows.iter().all(|row| row.holds)
    }

    fn add(&mut self, row: Row) {
        // Seen at once, as the whole takes minutes.
        eprintln!("{row}");
        self.rows.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | figure | other | ratio | limit |")?;
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
            limit,
            holds,
        } = self;
        let missed = if *holds { "" } else { " **missed**" };
        write!(
            f,
            "| {what} | {ours} | {other} | {ratio} | {limit}{missed} |"
        )
    }
}

/// The median; of an even number, the upper one.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
