//! Generations: numbers that order what is desired of a target.

use rusqlite::Connection;

use crate::StoreError;

pub(crate) fn next_generation(db: &Connection, wall_ms: i64) -> Result<i64, StoreError> {
    let next = "UPDATE generation SET value = CASE WHEN value < ?1 THEN ?1 ELSE value + 1 END
                WHERE id = 1 RETURNING value";
    Ok(db
        .prepare_cached(next)?
        .query_row([wall_ms], |row| row.get(0))?)
}

/// Makes later generations larger than this one: a replayed intent may be of a
/// clock that was ahead of ours.
pub(crate) fn catch_up(db: &Connection, generation: i64) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE generation SET value = ?1 WHERE id = 1 AND value < ?1")?
        .execute([generation])?;
    Ok(())
}
