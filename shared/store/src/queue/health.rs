//! The health of the storage: one row for all processes.
//!
//! While the storage is not up, no job is claimed and no attempt is counted.
//! One process at a time probes whether the storage works again.

use std::time::Duration;

use refity_config::clock::millis;

use crate::engine::db::Db;
use crate::engine::value::params;
use crate::{Store, StoreError};

/// How long one probe may take before another process may probe.
const PROBE_LEASE: Duration = Duration::from_secs(90);

/// A problem, described for users.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Trouble {
    /// Code for programs.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// The state of the storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// It has not been checked yet.
    Unknown,
    /// It works.
    Up,
    /// It is unavailable, and will be probed again.
    Down(Trouble),
    /// It does not work until a person changes something.
    NeedsPerson(Trouble),
}

/// The storage's health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The state.
    pub state: HealthState,
    /// Time of the last change of state (milliseconds, UTC).
    pub since: i64,
    /// Number of consecutive failed probes.
    pub failures: u32,
}

fn health(db: &Db) -> Result<Health, StoreError> {
    db.one(
        "SELECT state, coalesce(code, ''), coalesce(message, ''), hint, since, failures
             FROM storage_health",
        (),
        |row| {
            let state: String = row.get(0)?;
            let trouble = Trouble {
                code: row.get(1)?,
                message: row.get(2)?,
                hint: row.get(3)?,
            };
            Ok(Health {
                state: match state.as_str() {
                    "up" => HealthState::Up,
                    "down" => HealthState::Down(trouble),
                    "needs_person" => HealthState::NeedsPerson(trouble),
                    _ => HealthState::Unknown,
                },
                since: row.get(4)?,
                failures: row.get(5)?,
            })
        },
    )
}

/// Returns whether the storage is known to work.
pub(crate) fn is_up(db: &Db) -> Result<bool, StoreError> {
    Ok(health(db)?.state == HealthState::Up)
}

/// Returns the problem that a person must fix before the storage works.
pub(crate) fn trouble_of_storage(db: &Db) -> Result<Option<Trouble>, StoreError> {
    match health(db)?.state {
        HealthState::NeedsPerson(trouble) => Ok(Some(trouble)),
        _ => Ok(None),
    }
}

impl Store {
    /// Returns the health of the storage.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn health(&self) -> Result<Health, StoreError> {
        self.read(health).await
    }

    /// Claims a probe of the storage. Returns `true` if one is due and no other
    /// process is probing.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn claim_probe(&self, owner: &str) -> Result<bool, StoreError> {
        let (owner, clock) = (owner.to_owned(), self.clock.clone());
        self.write_relaxed(move |db| {
            let now = clock.boot_ms();
            let claimed = db.optional(
                "UPDATE storage_health SET prober = ?1, probe_until = ?2,
                            next_probe_at = CASE WHEN boot_id = ?3 THEN next_probe_at ELSE 0 END,
                            full_until = CASE WHEN boot_id = ?3 THEN full_until ELSE 0 END, boot_id = ?3
                     WHERE state <> 'up' AND (boot_id <> ?3 OR (next_probe_at <= ?4
                           AND (prober IS NULL OR prober = ?1 OR probe_until <= ?4)))
                     RETURNING 1",
                params![owner, now + millis(PROBE_LEASE), clock.boot_id(), now],
                |_| Ok(()),
            )?;
            Ok(claimed.is_some())
        })
        .await
    }

    /// Records that the storage works.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn report_up(&self) -> Result<(), StoreError> {
        let clock = self.clock.clone();
        self.write(move |db| {
            db.run(
                "UPDATE storage_health SET since = CASE WHEN state = 'up' THEN since ELSE ?1 END, state = 'up',
                        code = NULL, message = NULL, hint = NULL, checked_at = ?1, failures = 0,
                        prober = NULL, probe_until = 0, next_probe_at = 0,
                        full_until = CASE WHEN boot_id = ?2 THEN full_until ELSE 0 END, boot_id = ?2",
                params![clock.wall_ms(), clock.boot_id()],
            )?;
            Ok(())
        })
        .await
    }

    /// Records a failed probe or a failure to open a session. The next probe is
    /// due `after` from now. If the failure comes from a job while a probe is
    /// already scheduled, the state does not change.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn report_trouble(
        &self,
        state: HealthState,
        after: Duration,
    ) -> Result<(), StoreError> {
        let (name, trouble) = match state {
            HealthState::Unknown | HealthState::Up => return Ok(()),
            HealthState::Down(trouble) => ("down", trouble),
            HealthState::NeedsPerson(trouble) => ("needs_person", trouble),
        };
        let clock = self.clock.clone();
        self.write(move |db| {
            db.run(
                "UPDATE storage_health SET since = CASE WHEN state = ?1 THEN since ELSE ?2 END, state = ?1,
                        code = ?3, message = ?4, hint = ?5, checked_at = ?2,
                        failures = failures + 1, prober = NULL, probe_until = 0,
                        next_probe_at = max(CASE WHEN boot_id = ?7 THEN next_probe_at ELSE 0 END, ?6),
                        full_until = CASE WHEN boot_id = ?7 THEN full_until ELSE 0 END, boot_id = ?7",
                params![
                    name,
                    clock.wall_ms(),
                    trouble.code,
                    trouble.message,
                    trouble.hint,
                    clock.boot_ms() + millis(after),
                    clock.boot_id(),
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// Records that SFTP is full: nothing is stored for this long. Removals
    /// continue.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn report_full(&self, wait: Duration) -> Result<(), StoreError> {
        let clock = self.clock.clone();
        self.write(move |db| {
            db.run(
                "UPDATE storage_health SET full_until = ?1,
                        next_probe_at = CASE WHEN boot_id = ?2 THEN next_probe_at ELSE 0 END, boot_id = ?2",
                params![clock.boot_ms() + millis(wait), clock.boot_id()],
            )?;
            Ok(())
        })
        .await
    }

    /// Makes the next probe due now, since a process has started, possibly with
    /// a corrected configuration.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn probe_now(&self) -> Result<(), StoreError> {
        self.write(|db| {
            db.run(
                "UPDATE storage_health SET next_probe_at = 0, full_until = 0,
                        state = CASE WHEN state = 'up' THEN 'unknown' ELSE state END",
                (),
            )?;
            Ok(())
        })
        .await
    }
}
