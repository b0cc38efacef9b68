//! Names with passwords: verified by Argon2 once, then cached for a minute,
//! since clients send them with every request. Failed attempts are rate-limited
//! before Argon2 runs.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use refity_config::clock::millis;
use refity_store::{AccountAndAddress, Store, User, UserId};
use sha2::Sha256;

use super::AuthError;
use super::cache::Cache;
use super::password::{PasswordError, Passwords};
use super::queue::{AttemptId, Queues};
use crate::client::{ClientAddress, ClientKey};

/// How long a verified credential is cached.
const VERIFIED_FOR: Duration = Duration::from_secs(60);

/// How long a wrong credential is cached. A program that keeps sending an old
/// password gains no information.
const WRONG_FOR: Duration = Duration::from_secs(10 * 60);

/// The maximum number of cached credentials of either kind.
const ENTRIES_MAX: usize = 1024;

/// The maximum number of remembered clients per credential.
const CLIENTS_MAX: usize = 64;

/// The size of the process's key in bytes: a block of SHA-256.
const KEY: usize = 64;

/// A keyed hash of a name with a password, as kept in memory.
type Fingerprint = [u8; 32];

/// A verified credential.
struct Entry {
    user: UserId,
    /// The password hash that matched. If the row has another hash, the
    /// password was changed.
    hash: String,
    /// The clients that used the credential. Other clients may be guessing, so
    /// the cache must not bypass their rate limit.
    clients: HashSet<ClientKey>,
}

/// The result of checking a name with a password.
#[derive(Debug)]
pub(super) enum Checked {
    /// The credential is valid for this account, as its row is now.
    Right(User),
    /// The credential is wrong, or the account is disabled.
    Wrong(Option<User>),
    /// As [`Checked::Wrong`], for a new failed attempt, with the account if the name exists.
    Guessed(Option<User>),
}

/// Verifies names with passwords.
pub(super) struct Credentials {
    passwords: Passwords,
    queues: Queues,
    key: [u8; KEY],
    /// The verified credentials. All times are in milliseconds since boot.
    verified: Cache<Fingerprint, Entry>,
    wrong: Cache<AttemptId, ()>,
}

impl Credentials {
    pub(super) fn new() -> Result<Self, PasswordError> {
        let mut key = [0; KEY];
        getrandom::fill(&mut key)?;
        Ok(Self {
            passwords: Passwords::new()?,
            queues: Queues::default(),
            key,
            verified: Cache::new(ENTRIES_MAX),
            wrong: Cache::new(ENTRIES_MAX),
        })
    }

    pub(super) fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// Checks a name with a password. Clients do not delay one another.
    ///
    /// # Errors
    /// [`AuthError::Guessing`] before anything is verified, or if the check is
    /// not possible at the moment.
    pub(super) async fn check(
        &self,
        store: &Store,
        client: ClientAddress,
        name: &str,
        password: &str,
    ) -> Result<Checked, AuthError> {
        // An invalid name matches no account. A dummy hash is verified anyway,
        // so that timing does not reveal this.
        let user = match name.parse() {
            Ok(name) => store.user(&name).await?,
            Err(_) => None,
        };
        let fingerprint = self.fingerprint(name, password);
        let known = user
            .as_ref()
            .filter(|user| self.knows(store, &fingerprint, user));
        if let Some(user) = known
            && self.knows_client(store, &fingerprint, client.key())
        {
            return Ok(unless_disabled(user.clone()));
        }
        let guess = AccountAndAddress::new(name, &client.key());
        let id = user.as_ref().map(|user| user.id);
        let allowed = async || match store.login_wait(&guess, id).await? {
            Some(wait) => Err(AuthError::Guessing(wait)),
            None => Ok(()),
        };
        if let Some(user) = known {
            allowed().await?;
            self.remember_client(store, &fingerprint, client.key());
            store.record_success(&guess, user.id).await?;
            return Ok(unless_disabled(user.clone()));
        }
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let attempt = self.attempt_id(&fingerprint, hash.as_deref());
        if self.knows_wrong(store, &attempt) {
            return Ok(Checked::Wrong(user));
        }
        let guessed = AtomicBool::new(false);
        // A client that must wait anyway is not queued.
        allowed().await?;
        let verify = async || {
            let permit = self.passwords.acquire().await?;
            // Checked again under the permit, so that concurrent attempts cannot exceed the limit.
            allowed().await?;
            // Another client may have verified the same credential meanwhile.
            let user = user.as_ref();
            if user.is_some_and(|user| self.knows(store, &fingerprint, user)) {
                self.remember_client(store, &fingerprint, client.key());
                return Ok(true);
            }
            let (matches, _permit) = permit.verify(password, hash).await?;
            match user.filter(|_| matches) {
                Some(user) => {
                    self.remember(store, fingerprint, user, client.key());
                    store.record_success(&guess, user.id).await?;
                }
                None => {
                    self.remember_wrong(store, attempt);
                    guessed.store(true, Ordering::Relaxed);
                    store.record_failure(&guess, id).await?;
                }
            }
            Ok::<_, AuthError>(matches)
        };
        let matches = self.queues.attempt(client.key(), attempt, verify).await?;
        Ok(match user {
            Some(user) if matches => unless_disabled(user),
            user if guessed.load(Ordering::Relaxed) => Checked::Guessed(user),
            user => Checked::Wrong(user),
        })
    }

    /// Identifies the check of a credential against a row's hash.
    fn attempt_id(&self, fingerprint: &Fingerprint, hash: Option<&str>) -> AttemptId {
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

    fn knows_wrong(&self, store: &Store, attempt: &AttemptId) -> bool {
        let now = store.clock().boot_ms();
        self.wrong.with(attempt, now, |()| ()).is_some()
    }

    fn remember_wrong(&self, store: &Store, attempt: AttemptId) {
        let now = store.clock().boot_ms();
        self.wrong.insert(attempt, (), now, now + millis(WRONG_FOR));
    }

    fn knows(&self, store: &Store, fingerprint: &Fingerprint, user: &User) -> bool {
        let now = store.clock().boot_ms();
        let known = self.verified.with(fingerprint, now, |entry| {
            entry.user == user.id && entry.hash == user.password_hash
        });
        known == Some(true)
    }

    fn knows_client(&self, store: &Store, fingerprint: &Fingerprint, client: ClientKey) -> bool {
        let now = store.clock().boot_ms();
        let known = self
            .verified
            .with(fingerprint, now, |entry| entry.clients.contains(&client));
        known == Some(true)
    }

    fn remember_client(&self, store: &Store, fingerprint: &Fingerprint, client: ClientKey) {
        let now = store.clock().boot_ms();
        self.verified.with(fingerprint, now, |entry| {
            if entry.clients.len() < CLIENTS_MAX {
                entry.clients.insert(client);
            }
        });
    }

    fn remember(&self, store: &Store, fingerprint: Fingerprint, user: &User, client: ClientKey) {
        let now = store.clock().boot_ms();
        let entry = Entry {
            user: user.id,
            hash: user.password_hash.clone(),
            clients: [client].into(),
        };
        let expires_at = now + millis(VERIFIED_FOR);
        self.verified.insert(fingerprint, entry, now, expires_at);
    }
}

/// The correct password of a disabled account is refused.
fn unless_disabled(user: User) -> Checked {
    if user.disabled {
        Checked::Wrong(Some(user))
    } else {
        Checked::Right(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refity_config::clock::Clock;

    struct Fixture {
        folder: tempfile::TempDir,
        store: Store,
        credentials: Credentials,
    }

    /// Creates one account, `admin`, whose password is `correct horse`.
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
        let permit = credentials.passwords.acquire().await.unwrap();
        permit.hash(password).await.unwrap()
    }

    impl Fixture {
        async fn check(&self, name: &str, password: &str) -> bool {
            let checked = self.check_from([192, 0, 2, 1], name, password).await;
            matches!(checked.unwrap(), Checked::Right(_))
        }

        async fn check_from(
            &self,
            address: [u8; 4],
            name: &str,
            password: &str,
        ) -> Result<Checked, AuthError> {
            let client = ClientAddress::new(address.into());
            let check = self.credentials.check(&self.store, client, name, password);
            check.await
        }

        /// Returns the number of Argon2 runs since the fixture was created.
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
    async fn concurrent_requests_share_one_run() {
        let fixture = fixture().await;
        let all = futures_util::future::join_all(
            (0..20).map(|_| fixture.check("admin", "correct horse")),
        );
        assert!(all.await.into_iter().all(|right| right));
        assert_eq!(fixture.runs(), 1);
    }

    #[tokio::test]
    async fn wrong_credentials_are_never_cached_as_verified() {
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
        assert_eq!(fixture.credentials.verified.len(), 1);
    }

    #[tokio::test]
    async fn failed_sign_ins_wait_before_argon2_runs() {
        let fixture = fixture().await;
        let mut failures = 0;
        let wait = loop {
            let guess = format!("attempt {failures}");
            match fixture.check_from([192, 0, 2, 9], "admin", &guess).await {
                Ok(Checked::Guessed(Some(_))) => failures += 1,
                Err(AuthError::Guessing(wait)) => break wait,
                other => panic!("{other:?}"),
            }
        };
        assert!(wait > Duration::ZERO);
        assert_eq!(fixture.runs(), failures);
        // Neither the correct password nor another account is let through.
        for (name, password) in [("admin", "correct horse"), ("nobody", "x")] {
            let checked = fixture.check_from([192, 0, 2, 9], name, password).await;
            assert!(matches!(checked, Err(AuthError::Guessing(_))), "{name}");
        }
        assert_eq!(fixture.runs(), failures);
        // From another address, the password is correct.
        assert!(fixture.check("admin", "correct horse").await);
        assert!(matches!(
            fixture
                .check_from([192, 0, 2, 7], "admin", "correct horse")
                .await,
            Ok(Checked::Right(_))
        ));
        assert_eq!(fixture.runs(), failures + 1, "for all clients");
        // A cached credential does not reveal anything to the blocked client.
        let checked = fixture
            .check_from([192, 0, 2, 9], "admin", "correct horse")
            .await;
        assert!(matches!(checked, Err(AuthError::Guessing(_))));
    }

    #[tokio::test]
    async fn a_repeated_wrong_password_counts_as_one_failure() {
        let fixture = fixture().await;
        for _ in 0..100 {
            assert!(!fixture.check("admin", "my old horse").await);
        }
        assert_eq!(fixture.runs(), 1);
        assert!(fixture.check("admin", "correct horse").await);
        // The password may become correct later.
        let admin = fixture.store.user(&"admin".parse().unwrap()).await;
        let changed = hash(&fixture.credentials, "my old horse").await;
        let changed = (fixture.store).set_password(admin.unwrap().unwrap().id, changed, false);
        changed.await.unwrap();
        assert!(fixture.check("admin", "my old horse").await);
    }

    #[tokio::test]
    async fn a_changed_password_takes_effect_immediately() {
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
    async fn the_cache_is_bounded() {
        let fixture = fixture().await;
        let admin = fixture
            .store
            .user(&"admin".parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        let client = ClientKey::of([192, 0, 2, 1].into());
        for number in 0..ENTRIES_MAX + 10 {
            let fingerprint = fixture
                .credentials
                .fingerprint("admin", &number.to_string());
            fixture
                .credentials
                .remember(&fixture.store, fingerprint, &admin, client);
        }
        assert_eq!(fixture.credentials.verified.len(), ENTRIES_MAX);
    }
}
