//! The login throttle: how many failed sign-ins are allowed before the next
//! attempt has to wait. Counters are in the database, so that all gateways
//! share them.
//!
//! Each counter is a timestamp (generic cell rate algorithm). A failure moves
//! it forward by a fixed step; while it is further ahead than the free steps,
//! the next attempt has to wait. So a counter expires by itself, a wait is
//! never longer than one step, and nothing stays locked.
//!
//! An address from which the account signed in before has its own counter for
//! that account, so others cannot lock it out.

use std::time::Duration;

use refity_config::clock::millis;
use refity_types::account::UserName;
use sha2::{Digest as _, Sha256};

use crate::engine::db::Db;
use crate::engine::value::params;
use crate::{Store, StoreError, UserId};

/// A kind of counter: its text in the database, the number of free failures,
/// and the time after which a failure is forgotten.
struct Kind {
    word: &'static str,
    free: i64,
    step: Duration,
}

const MINUTE: Duration = Duration::from_secs(60);

/// Failures of one account, from any address. Allows more than one address may
/// fail, so that a single attacker does not lock out the owner of an account.
const ACCOUNT: Kind = Kind {
    word: "account",
    free: 50,
    step: MINUTE,
};

/// Failures from one address, at any account.
const ADDRESS: Kind = Kind {
    word: "address",
    free: 20,
    step: MINUTE,
};

/// Failures of an account from an address from which it signed in before.
const ACCOUNT_AND_ADDRESS: Kind = Kind {
    word: "account_and_address",
    free: 10,
    step: MINUTE,
};

/// Invalid random secrets from one address. They cannot be guessed; this limits
/// the load caused by programs whose secret was revoked.
const SECRET: Kind = Kind {
    word: "secret",
    free: 60,
    step: Duration::from_secs(10),
};

/// Maximum number of counters. Those that expire first are deleted first.
const COUNTERS_MAX: i64 = 50_000;

/// Maximum number of known addresses per account.
const KNOWN_MAX: i64 = 64;

/// How long a known address is kept.
const KNOWN_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The account and the address of an attempt to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountAndAddress {
    account: String,
    address: String,
}

impl AccountAndAddress {
    /// Creates an attempt at the account of this name, which need not exist,
    /// from this address (IPv6: network).
    #[must_use]
    pub fn new(name: &str, address: &impl ToString) -> Self {
        Self {
            account: account_key(name),
            address: address.to_string(),
        }
    }

    fn key(&self) -> String {
        format!("{} {}", self.account, self.address)
    }
}

/// Maps all spellings of a name to one key.
fn account_key(name: &str) -> String {
    let key = name.parse().map(|name: UserName| name.key());
    let hash = Sha256::digest(key.as_deref().unwrap_or(name));
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns how long the next attempt has to wait.
fn wait(db: &Db, kind: &Kind, key: &str, now: i64) -> Result<Option<Duration>, StoreError> {
    let until: Option<i64> = db.optional(
        "SELECT expires_at FROM login_failures WHERE kind = ?1 AND key = ?2",
        [kind.word, key],
        |row| row.get(0),
    )?;
    let step = millis(kind.step);
    // After the clock was set back, stored times are too far ahead.
    let until = until.unwrap_or(0).min(now + kind.free * step);
    let wait = until - (kind.free - 1) * step - now;
    Ok(u64::try_from(wait)
        .ok()
        .filter(|wait| *wait > 0)
        .map(Duration::from_millis))
}

fn count(db: &Db, kind: &Kind, key: &str, now: i64) -> Result<(), StoreError> {
    let step = millis(kind.step);
    db.run(
        "INSERT INTO login_failures (kind, key, expires_at) VALUES (?1, ?2, ?3 + ?4)
         ON CONFLICT (kind, key) DO UPDATE SET expires_at = CASE
             WHEN expires_at < ?3 THEN ?3 + ?4
             WHEN expires_at + ?4 < ?5 THEN expires_at + ?4 ELSE ?5 END",
        params![kind.word, key, now, step, now + kind.free * step],
    )?;
    Ok(())
}

/// Deletes expired counters and those above the maximum.
fn purge(db: &Db, now: i64) -> Result<(), StoreError> {
    db.run(
        "DELETE FROM login_failures WHERE (kind, key) IN (
             SELECT kind, key FROM login_failures WHERE expires_at <= ?1 LIMIT 100)",
        [now],
    )?;
    db.run(
        "DELETE FROM login_failures WHERE (kind, key) IN (
             SELECT kind, key FROM login_failures ORDER BY expires_at
             LIMIT max(0, (SELECT count(*) FROM login_failures) - ?1))",
        [COUNTERS_MAX],
    )?;
    Ok(())
}

fn is_known(db: &Db, user: Option<UserId>, address: &str) -> Result<bool, StoreError> {
    let Some(user) = user else { return Ok(false) };
    db.one(
        "SELECT EXISTS (SELECT 1 FROM known_addresses WHERE user_id = ?1 AND address = ?2)",
        params![user.0, address],
        |row| row.get(0),
    )
}

impl Store {
    /// Returns how long an attempt has to wait, or `None` if it is allowed now.
    /// `user` is the account of that name, if there is one.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn login_wait(
        &self,
        attempt: &AccountAndAddress,
        user: Option<UserId>,
    ) -> Result<Option<Duration>, StoreError> {
        let (attempt, now) = (attempt.clone(), self.clock.wall_ms());
        self.read(move |db| {
            if is_known(db, user, &attempt.address)? {
                return wait(db, &ACCOUNT_AND_ADDRESS, &attempt.key(), now);
            }
            let account = wait(db, &ACCOUNT, &attempt.account, now)?;
            Ok(account.max(wait(db, &ADDRESS, &attempt.address, now)?))
        })
        .await
    }

    /// Records a failed sign-in.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn record_failure(
        &self,
        attempt: &AccountAndAddress,
        user: Option<UserId>,
    ) -> Result<(), StoreError> {
        let (attempt, now) = (attempt.clone(), self.clock.wall_ms());
        self.write_relaxed(move |db| {
            purge(db, now)?;
            if is_known(db, user, &attempt.address)? {
                count(db, &ACCOUNT_AND_ADDRESS, &attempt.key(), now)?;
            }
            count(db, &ACCOUNT, &attempt.account, now)?;
            count(db, &ADDRESS, &attempt.address, now)
        })
        .await
    }

    /// Records a successful password sign-in of an account: time and address.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn record_success(
        &self,
        attempt: &AccountAndAddress,
        user: UserId,
    ) -> Result<(), StoreError> {
        let (attempt, now) = (attempt.clone(), self.clock.wall_ms());
        self.write_relaxed(move |db| {
            db.run(
                "UPDATE users SET last_login_at = ?2 WHERE id = ?1",
                [user.0, now],
            )?;
            // The account may have been deleted meanwhile.
            db.run(
                "INSERT INTO known_addresses (user_id, address, last_at)
                 SELECT id, ?2, ?3 FROM users WHERE id = ?1
                 ON CONFLICT (user_id, address) DO UPDATE SET last_at = excluded.last_at",
                params![user.0, attempt.address, now],
            )?;
            db.run(
                "DELETE FROM known_addresses WHERE user_id = ?1 AND (last_at < ?2
                     OR address NOT IN (SELECT address FROM known_addresses WHERE user_id = ?1
                                        ORDER BY last_at DESC LIMIT ?3))",
                params![user.0, now - millis(KNOWN_FOR), KNOWN_MAX],
            )?;
            db.run(
                "DELETE FROM login_failures WHERE kind = ?1 AND key = ?2",
                [ACCOUNT_AND_ADDRESS.word, &attempt.key()],
            )?;
            Ok(())
        })
        .await
    }

    /// Returns how long the next random secret from this address has to wait.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn secret_wait(&self, address: &str) -> Result<Option<Duration>, StoreError> {
        let (address, now) = (address.to_owned(), self.clock.wall_ms());
        self.read(move |db| wait(db, &SECRET, &address, now)).await
    }

    /// Records an invalid random secret.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn record_secret_failure(&self, address: &str) -> Result<(), StoreError> {
        let (address, now) = (address.to_owned(), self.clock.wall_ms());
        self.write_relaxed(move |db| {
            purge(db, now)?;
            count(db, &SECRET, &address, now)
        })
        .await
    }

    /// Clears the failures of an account, from any address.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn clear_account_failures(&self, name: &UserName) -> Result<(), StoreError> {
        let account = account_key(name.as_str());
        self.write(move |db| {
            db.run(
                "DELETE FROM login_failures WHERE (kind = ?1 AND key = ?2)
                     OR (kind = ?3 AND key >= ?2 || ' ' AND key < ?2 || '!')",
                [ACCOUNT.word, &account, ACCOUNT_AND_ADDRESS.word],
            )?;
            Ok(())
        })
        .await
    }

    /// Clears the failures from an address (IPv6: a network), at any account.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn clear_address_failures(&self, address: &str) -> Result<(), StoreError> {
        let address = address.to_owned();
        self.write(move |db| {
            db.run(
                "DELETE FROM login_failures WHERE kind IN (?1, ?2) AND key = ?3",
                [ADDRESS.word, SECRET.word, &address],
            )?;
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NewUser, Role};
    use refity_config::clock::Clock;

    struct Place {
        folder: tempfile::TempDir,
        store: Store,
        bob: UserId,
    }

    impl Place {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = Clock::with_offset_file(&folder.path().join("offset")).unwrap();
            let store = Store::open(&folder.path().join("db"), clock).await.unwrap();
            let bob = NewUser {
                name: "bob".parse().unwrap(),
                password_hash: String::new(),
                role: Role::User,
                must_change_password: false,
            };
            let bob = store.create_user(bob).await.unwrap().unwrap().id;
            Self { folder, store, bob }
        }

        fn clock(&self, ms: i64) {
            std::fs::write(self.folder.path().join("offset"), ms.to_string()).unwrap();
        }

        /// Returns the number of failures allowed at once.
        async fn taken(&self, name: &str, address: &str) -> i64 {
            let attempt = AccountAndAddress::new(name, &address);
            let user = (name == "bob").then_some(self.bob);
            for taken in 0..1000 {
                if self
                    .store
                    .login_wait(&attempt, user)
                    .await
                    .unwrap()
                    .is_some()
                {
                    return taken;
                }
                self.store.record_failure(&attempt, user).await.unwrap();
            }
            1000
        }

        async fn counters(&self) -> i64 {
            let count = "SELECT count(*) FROM login_failures";
            let count = self
                .store
                .read(move |db| db.one(count, (), |row| row.get(0)));
            count.await.unwrap()
        }
    }

    #[tokio::test]
    async fn an_address_has_free_attempts_and_then_must_wait() {
        let place = Place::new().await;
        assert_eq!(place.taken("bob", "192.0.2.1").await, ADDRESS.free);
        assert_eq!(place.taken("nobody", "192.0.2.1").await, 0, "any account");
        assert_eq!(place.taken("BOB", "192.0.2.2").await, ADDRESS.free);
        let attempt = AccountAndAddress::new("bob", &"192.0.2.1");
        let wait = place
            .store
            .login_wait(&attempt, None)
            .await
            .unwrap()
            .unwrap();
        assert!(wait <= MINUTE, "{wait:?}");
        // The wait is exact.
        place.clock(millis(wait) - 1000);
        assert_eq!(place.taken("bob", "192.0.2.1").await, 0);
        place.clock(millis(wait));
        assert_eq!(place.taken("bob", "192.0.2.1").await, 1);
        // All counters expire eventually.
        place.clock(100 * millis(MINUTE));
        assert_eq!(place.taken("bob", "192.0.2.1").await, ADDRESS.free);
        assert_eq!(place.counters().await, 2);
    }

    #[tokio::test]
    async fn an_account_has_one_limit_for_all_unknown_addresses() {
        let place = Place::new().await;
        let home = AccountAndAddress::new("bob", &"192.0.2.99");
        place.store.record_success(&home, place.bob).await.unwrap();
        let mut all = 0;
        for n in 0..10 {
            all += place.taken("bob", &format!("198.51.100.{n}")).await;
        }
        assert_eq!(all, ACCOUNT.free);
        assert_eq!(place.taken("bob", "203.0.113.1").await, 0);
        assert_eq!(place.taken("alice", "203.0.113.1").await, ADDRESS.free);
        // The address that Bob signed in from has a separate limit, which a
        // success resets.
        assert_eq!(
            place.taken("bob", "192.0.2.99").await,
            ACCOUNT_AND_ADDRESS.free
        );
        place.store.record_success(&home, place.bob).await.unwrap();
        assert_eq!(
            place.taken("bob", "192.0.2.99").await,
            ACCOUNT_AND_ADDRESS.free
        );
        // An administrator can end the wait.
        let bob = "Bob".parse().unwrap();
        place.store.clear_account_failures(&bob).await.unwrap();
        assert_eq!(
            place.taken("bob", "192.0.2.99").await,
            ACCOUNT_AND_ADDRESS.free
        );
        assert_eq!(place.taken("bob", "203.0.113.2").await, ADDRESS.free);
        place
            .store
            .clear_address_failures("203.0.113.2")
            .await
            .unwrap();
        assert_eq!(place.taken("carol", "203.0.113.2").await, ADDRESS.free);
    }

    #[tokio::test]
    async fn a_clock_set_back_does_not_lock_out_accounts() {
        let place = Place::new().await;
        place.clock(1_000_000_000);
        assert_eq!(place.taken("bob", "192.0.2.1").await, ADDRESS.free);
        place.clock(0);
        let attempt = AccountAndAddress::new("bob", &"192.0.2.1");
        let wait = place
            .store
            .login_wait(&attempt, None)
            .await
            .unwrap()
            .unwrap();
        assert!(wait <= MINUTE, "{wait:?}");
    }

    #[tokio::test]
    async fn stored_counters_are_bounded() {
        let place = Place::new().await;
        let (now, max) = (place.store.clock().wall_ms(), COUNTERS_MAX);
        let many = "INSERT INTO login_failures
            WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
            SELECT 'address', n, ?2 + 60000 + n FROM n";
        let many = place.store.write(move |db| db.run(many, [max, now]));
        many.await.unwrap();
        for _ in 0..3 {
            place.store.record_secret_failure("x").await.unwrap();
        }
        assert!(place.counters().await <= COUNTERS_MAX + 1);
        for n in 0..KNOWN_MAX + 5 {
            let attempt = AccountAndAddress::new("bob", &n);
            place
                .store
                .record_success(&attempt, place.bob)
                .await
                .unwrap();
        }
        let known = "SELECT count(*) FROM known_addresses";
        let known = place
            .store
            .read(move |db| db.one(known, (), |row| row.get::<i64>(0)));
        assert_eq!(known.await.unwrap(), KNOWN_MAX);
    }
}
