//! Names with passwords: verified by Argon2 once, then remembered for a
//! minute, since clients send them with every request.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use refity_shared::clock::millis;
use refity_shared::store::{Store, User, UserId};
use sha2::Sha256;

use super::AuthError;
use super::password::{PasswordError, Passwords};
use super::queue::{Question, Queue};
use crate::client::ClientAddress;

/// How long a verified credential counts.
const REMEMBERED: Duration = Duration::from_secs(60);

/// How many are remembered.
const ENTRIES_MAX: usize = 1024;

/// Bytes of the process's key: a block of SHA-256.
const KEY: usize = 64;

/// A name with a password, as the memory of the process holds it.
type Fingerprint = [u8; 32];

/// A credential that was right.
struct Entry {
    user: UserId,
    /// What it matched. With another hash in the row the password is another.
    hash: String,
    /// Milliseconds since boot.
    until: i64,
}

/// Verifies names with passwords.
pub(super) struct Credentials {
    passwords: Passwords,
    queue: Queue,
    key: [u8; KEY],
    verified: Mutex<HashMap<Fingerprint, Entry>>,
}

impl Credentials {
    pub(super) fn new() -> Result<Self, PasswordError> {
        let mut key = [0; KEY];
        getrandom::fill(&mut key)?;
        Ok(Self {
            passwords: Passwords::new()?,
            queue: Queue::default(),
            key,
            verified: Mutex::default(),
        })
    }

    pub(super) fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// The account with this name and password, as its row is now; `None`
    /// where there is none. One client does not hold up another.
    pub(super) async fn check(
        &self,
        store: &Store,
        client: ClientAddress,
        name: &str,
        password: &str,
    ) -> Result<Option<User>, AuthError> {
        // Nobody has a name that is none; it costs as much as any other.
        let user = match name.parse() {
            Ok(name) => store.user(&name).await?,
            Err(_) => None,
        };
        let fingerprint = self.fingerprint(name, password);
        if let Some(user) = user
            .as_ref()
            .filter(|user| self.knows(store, &fingerprint, user))
        {
            return Ok(Some(user.clone()).filter(|user| !user.disabled));
        }
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let question = self.question(&fingerprint, hash.as_deref());
        let verify = async || {
            let turn = self.passwords.turn().await?;
            // While it waited, another client may have verified the same.
            let user = user.as_ref();
            if user.is_some_and(|user| self.knows(store, &fingerprint, user)) {
                return Ok(true);
            }
            let (matches, _turn) = turn.verify(password, hash).await?;
            if let Some(user) = user.filter(|_| matches) {
                self.remember(store, fingerprint, user);
            }
            Ok::<_, AuthError>(matches)
        };
        let matches = self.queue.ask(client.key(), question, verify).await?;
        Ok(user.filter(|user| matches && !user.disabled))
    }

    /// Whether a credential matches what a row holds.
    fn question(&self, fingerprint: &Fingerprint, hash: Option<&str>) -> Question {
        let mut mac = Hmac::<Sha256>::new(&self.key.into());
        mac.update(fingerprint);
        mac.update(hash.unwrap_or_default().as_bytes());
        mac.finalize().into_bytes().into()
    }

    fn fingerprint(&self, name: &str, password: &str) -> Fingerprint {
        let mut mac = Hmac::<Sha256>::new(&self.key.into());
        mac.update(name.as_bytes());
        mac.update(b"\0");
        mac.update(password.as_bytes());
        mac.finalize().into_bytes().into()
    }

    fn knows(&self, store: &Store, fingerprint: &Fingerprint, user: &User) -> bool {
        let now = store.clock().boot_ms();
        self.lock().get(fingerprint).is_some_and(|entry| {
            entry.until > now && entry.user == user.id && entry.hash == user.password_hash
        })
    }

    fn remember(&self, store: &Store, fingerprint: Fingerprint, user: &User) {
        let now = store.clock().boot_ms();
        let mut verified = self.lock();
        if verified.len() >= ENTRIES_MAX {
            verified.retain(|_, entry| entry.until > now);
        }
        if verified.len() >= ENTRIES_MAX {
            let oldest = verified.iter().min_by_key(|(_, entry)| entry.until);
            if let Some(oldest) = oldest.map(|(fingerprint, _)| *fingerprint) {
                verified.remove(&oldest);
            }
        }
        let entry = Entry {
            user: user.id,
            hash: user.password_hash.clone(),
            until: now + millis(REMEMBERED),
        };
        verified.insert(fingerprint, entry);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Fingerprint, Entry>> {
        // Each change is one call: a panic leaves nothing half done.
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refity_shared::clock::Clock;

    struct Fixture {
        folder: tempfile::TempDir,
        store: Store,
        credentials: Credentials,
    }

    /// One account, `admin`, whose password is `correct horse`.
    async fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::with_offset_file(&folder.path().join("offset")).unwrap();
        let store = Store::open(&folder.path().join("db"), clock).await.unwrap();
        let credentials = Credentials::new().unwrap();
        let hash = hash(&credentials, "correct horse").await;
        store.create_first_admin(hash, false).await.unwrap();
        Fixture {
            folder,
            store,
            credentials,
        }
    }

    async fn hash(credentials: &Credentials, password: &str) -> String {
        let turn = credentials.passwords.turn().await.unwrap();
        turn.hash(password).await.unwrap()
    }

    impl Fixture {
        async fn check(&self, name: &str, password: &str) -> bool {
            let client = ClientAddress::new([192, 0, 2, 1].into());
            let check = self.credentials.check(&self.store, client, name, password);
            let user = check.await;
            user.unwrap().is_some()
        }

        /// Runs of Argon2 since the fixture was made.
        fn runs(&self) -> u64 {
            self.credentials.passwords.runs() - 1
        }
    }

    #[tokio::test]
    async fn argon2_runs_once_per_credential_and_minute() {
        let fixture = fixture().await;
        for _ in 0..20 {
            assert!(fixture.check("admin", "correct horse").await);
        }
        assert_eq!(fixture.runs(), 1);
        std::fs::write(fixture.folder.path().join("offset"), "61000").unwrap();
        assert!(fixture.check("admin", "correct horse").await);
        assert_eq!(fixture.runs(), 2);
    }

    #[tokio::test]
    async fn requests_that_come_at_once_share_one_run() {
        let fixture = fixture().await;
        let all = futures_util::future::join_all(
            (0..20).map(|_| fixture.check("admin", "correct horse")),
        );
        assert!(all.await.into_iter().all(|right| right));
        assert_eq!(fixture.runs(), 1);
    }

    #[tokio::test]
    async fn wrong_ones_are_never_remembered() {
        let fixture = fixture().await;
        assert!(fixture.check("admin", "correct horse").await);
        for (name, password) in [
            ("admin", "wrong horse"),
            ("nobody", "correct horse"),
            ("admin", ""),
            ("", "admin\0correct horse"),
        ] {
            assert!(!fixture.check(name, password).await, "{name}");
        }
        assert_eq!(fixture.runs(), 5);
        assert_eq!(fixture.credentials.lock().len(), 1);
    }

    #[tokio::test]
    async fn a_changed_password_counts_at_once() {
        let fixture = fixture().await;
        assert!(fixture.check("admin", "correct horse").await);
        let admin = fixture
            .store
            .user(&"admin".parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        let changed = hash(&fixture.credentials, "battery staple").await;
        fixture
            .store
            .set_password(admin.id, changed, false)
            .await
            .unwrap();
        assert!(!fixture.check("admin", "correct horse").await);
        assert!(fixture.check("admin", "battery staple").await);
    }

    #[tokio::test]
    async fn the_memory_is_bounded() {
        let fixture = fixture().await;
        let admin = fixture
            .store
            .user(&"admin".parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        for number in 0..ENTRIES_MAX + 10 {
            let fingerprint = fixture
                .credentials
                .fingerprint("admin", &number.to_string());
            fixture
                .credentials
                .remember(&fixture.store, fingerprint, &admin);
        }
        assert_eq!(fixture.credentials.lock().len(), ENTRIES_MAX);
    }
}
