//! Generations: numbers that order the desired states of a target.
//!
//! A generation is a hybrid clock value: milliseconds UTC, shifted left by
//! [`FRACTION_BITS`], plus a fraction of that millisecond. The row `generation`
//! stores the largest one in the database. A caller that draws one outside of a
//! transaction reads that row first, so that the drawn generation is larger
//! than that of every write acknowledged before. After the loss of a database,
//! the clock yields a larger one.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::StoreError;
use crate::engine::db::Db;

/// Number of bits below the milliseconds. The remaining bits last until the
/// year 6400.
const FRACTION_BITS: u32 = 16;

/// Maximum clock value in milliseconds UTC. Clocks that are further ahead are
/// clamped, so that generations can still grow under any clock.
const LATEST_MS: i64 = (i64::MAX >> FRACTION_BITS) / 2;

/// Draws generations for one process, without writing.
#[derive(Debug, Default)]
pub(crate) struct Generations {
    last: AtomicI64,
}

impl Generations {
    /// Returns a generation larger than `known` and all those drawn by this
    /// process. Another process may draw the same generation in the same
    /// millisecond; the transaction that uses it detects this.
    pub(crate) fn draw(&self, wall_ms: i64, known: i64) -> i64 {
        let chance = i64::from(getrandom::u32().unwrap_or(0) >> (32 - FRACTION_BITS));
        let drawn = (from_ms(wall_ms) + chance).max(known.saturating_add(1 + (chance >> 8)));
        let next = |last: i64| drawn.max(last.saturating_add(1));
        self.last
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(next(last)))
            .map_or(drawn, next)
    }
}

fn from_ms(wall_ms: i64) -> i64 {
    wall_ms.clamp(0, LATEST_MS) << FRACTION_BITS
}

/// Returns the largest generation in the database.
pub(crate) fn known(db: &Db) -> Result<i64, StoreError> {
    db.one("SELECT value FROM generation WHERE id = 1", (), |row| {
        row.get(0)
    })
}

/// Draws a generation inside a write transaction.
pub(crate) fn next_generation(db: &Db, wall_ms: i64) -> Result<i64, StoreError> {
    let next = "UPDATE generation SET value = CASE WHEN value < ?1 THEN ?1 ELSE value + 1 END
                WHERE id = 1 RETURNING value";
    db.one(next, [from_ms(wall_ms)], |row| row.get(0))
}

/// Ensures that later generations are larger than this one, which was drawn
/// outside of this transaction, or by a clock that was ahead.
pub(crate) fn catch_up(db: &Db, generation: i64) -> Result<(), StoreError> {
    db.run(
        "UPDATE generation SET value = ?1 WHERE id = 1 AND value < ?1",
        [generation],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_grow_if_the_clock_stops_or_is_set_back() {
        let generations = Generations::default();
        let mut last = 0;
        for wall_ms in [1_000, 1_000, 999, 0, 1_001] {
            for _ in 0..1_000 {
                let drawn = generations.draw(wall_ms, 0);
                assert!(drawn > last);
                last = drawn;
            }
        }
        assert!(last < from_ms(1_010), "they keep to the clock");
    }

    #[tokio::test]
    async fn generations_grow_under_any_clock() {
        let folder = tempfile::tempdir().unwrap();
        let clock = refity_config::clock::Clock::system().unwrap();
        let path = folder.path().join("refity.db");
        let store = crate::Store::open(&path, clock).await.unwrap();
        let mut last = 0;
        for wall_ms in [1_000, i64::MAX, LATEST_MS, i64::MAX, 1_000, i64::MIN] {
            let inside = store.write(move |db| next_generation(db, wall_ms)).await;
            let inside = inside.unwrap();
            let drawn = Generations::default().draw(wall_ms, inside);
            assert!(last < inside && inside < drawn, "{wall_ms}");
            store.write(move |db| catch_up(db, drawn)).await.unwrap();
            last = drawn;
        }
    }

    #[test]
    fn a_generation_is_larger_than_any_that_is_known() {
        let known = from_ms(5_000);
        assert!(Generations::default().draw(1_000, known) > known);
        assert!(Generations::default().draw(1_000, i64::MAX) == i64::MAX);
    }
}
