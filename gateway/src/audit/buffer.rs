//! Buffers audit entries in memory, so that pushes do not wait for their
//! entries and pulls do not write to the database. The buffer is flushed within
//! seconds and when the process ends.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use refity_node::supervise::Parts;
use refity_store::{
    AuditAction, AuditBatch, AuditEntry, Credential, Failures, Pulls, SignIn, Store, StoreError,
};
use refity_types::name::RepositoryName;
use tokio::sync::Notify;

use super::AuditActor;
use crate::client::ClientAddress;

/// How long pulls are added up before they are written.
const FLUSH_INTERVAL: Duration = Duration::from_secs(2);

/// How long entries are collected before they are written.
const GATHER: Duration = Duration::from_millis(100);

/// The time limit of one write, since another process may lock the database.
const STEP_MAX: Duration = Duration::from_secs(2 * 60);

/// The maximum number of buffered entries. The request that exceeds it flushes
/// the buffer.
const ENTRIES_MAX: usize = 1024;

/// The number of different pulls that triggers a write, and the maximum number
/// to keep if they cannot be written.
const PULLS_SOON: usize = 4096;
const PULLS_MAX: usize = 65_536;

/// The maximum number of different names per address and minute, and of
/// addresses. Failures beyond these limits are counted together.
const NAMES_MAX: usize = 20;
const ADDRESSES_MAX: usize = 500;

/// The maximum length of a stored name, in characters.
const NAME_MAX: usize = 64;

/// The name for all failures that are counted together.
const OTHERS: &str = "(others)";

/// The maximum number of credentials, each with its address, to distinguish in
/// one hour.
const SIGN_INS_MAX: usize = 65_536;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const HOUR_MS: i64 = 60 * 60 * 1000;
const MINUTE_MS: i64 = 60 * 1000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PullKey {
    repository: RepositoryName,
    reference: String,
    day: i64,
    actor: String,
}

#[derive(Clone, Debug)]
struct PullCount {
    count: u32,
    last_at: i64,
    credential: &'static str,
    client: ClientAddress,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct FailureKey {
    account: String,
    address: String,
    minute: i64,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: Vec<(i64, AuditEntry)>,
    pulls: HashMap<PullKey, PullCount>,
    /// The number of failures, and the time of the last one.
    failures: HashMap<FailureKey, (u32, i64)>,
    /// The minute in which the names of each address are collected.
    minute: i64,
    names: HashMap<String, HashSet<String>>,
    sign_ins: Vec<SignIn>,
    /// The hour in which sign-ins are collected.
    hour: i64,
    signed_in: HashSet<(Credential, ClientAddress)>,
}

/// The buffer of the audit log. There is one per process.
pub(crate) struct AuditBuffer {
    store: Store,
    waiting: Mutex<Waiting>,
    soon: Notify,
    /// Locked during a write, so that a flush waits for all earlier entries.
    writing: tokio::sync::Mutex<()>,
}

impl AuditBuffer {
    /// Starts a buffer that writes to this database until the process ends.
    pub(crate) fn start(store: Store, parts: &Parts) -> Arc<Self> {
        let buffer = Arc::new(Self {
            store,
            waiting: Mutex::default(),
            soon: Notify::new(),
            writing: tokio::sync::Mutex::default(),
        });
        let weak = Arc::downgrade(&buffer);
        let part = parts.begin("audit log", STEP_MAX);
        tokio::spawn(async move {
            while let Some(buffer) = weak.upgrade() {
                if tokio::time::timeout(FLUSH_INTERVAL, buffer.soon.notified())
                    .await
                    .is_ok()
                {
                    tokio::time::sleep(GATHER).await;
                }
                if let Err(error) = part.step(buffer.flush()).await {
                    tracing::warn!(%error, "the audit log cannot be written; it is tried again");
                }
            }
            part.end();
        });
        buffer
    }

    /// Adds an entry to the buffer.
    pub(crate) async fn enqueue(&self, entry: AuditEntry) {
        let at = self.store.clock().wall_ms();
        let full = {
            let mut waiting = self.lock();
            waiting.entries.push((at, entry));
            waiting.entries.len() >= ENTRIES_MAX
        };
        if full && let Err(error) = self.flush().await {
            tracing::warn!(%error, "the audit log cannot be written; it is tried again");
            // Limits the memory used. The process log contains the dropped
            // entries.
            let dropped = std::mem::take(&mut self.lock().entries);
            for (at, entry) in dropped {
                tracing::error!(at, ?entry, "an entry of the audit log is lost");
            }
        }
        self.soon.notify_one();
    }

    /// Writes an entry immediately. A failed write is not an error for the caller, because the
    /// action is already done; the entry is then in the process log.
    pub(crate) async fn record(
        &self,
        actor: impl Into<AuditActor>,
        client: ClientAddress,
        action: AuditAction,
        target: impl Into<String>,
        detail: Option<String>,
    ) {
        let entry = actor.into().entry(client, action, target, detail);
        self.record_entry(entry).await;
    }

    /// As [`AuditBuffer::record`], for an entry about a repository.
    pub(crate) async fn record_entry(&self, entry: AuditEntry) {
        if let Err(error) = self.store.record(entry.clone()).await {
            tracing::error!(%error, ?entry, "the audit log cannot be written");
        }
    }

    /// Counts a pull of a manifest.
    pub(crate) fn count_pull(
        &self,
        repository: &RepositoryName,
        reference: String,
        actor: impl Into<AuditActor>,
        client: ClientAddress,
    ) {
        let actor = actor.into();
        let now = self.store.clock().wall_ms();
        let pull = PullCount {
            count: 1,
            last_at: now,
            credential: actor.credential_kind(),
            client,
        };
        let key = PullKey {
            repository: repository.clone(),
            reference,
            day: now.div_euclid(DAY_MS),
            actor: actor.name,
        };
        let mut waiting = self.lock();
        waiting.add_pull(key, pull);
        let many = waiting.pulls.len() >= PULLS_SOON;
        drop(waiting);
        if many {
            self.soon.notify_one();
        }
    }

    /// Counts a sign-in with valid credentials. Programs send them with every
    /// request, so an entry is written once an hour.
    pub(crate) fn count_sign_in(&self, actor: impl Into<AuditActor>, client: ClientAddress) {
        let actor = actor.into();
        let now = self.store.clock().wall_ms();
        let mut waiting = self.lock();
        if !waiting.is_new(&actor.credential, client, now) {
            return;
        }
        let sign_in = SignIn {
            credential: actor.credential_kind(),
            which: match &actor.credential {
                Credential::Token { id } => Some(format!("token {id}")),
                Credential::Session { id } => Some(format!("session {id}")),
                Credential::Anonymous | Credential::Password { .. } => None,
            },
            actor: actor.name,
            address: client.to_string(),
            hour: now.div_euclid(HOUR_MS),
            at: now,
        };
        waiting.sign_ins.push(sign_in);
    }

    /// Counts a failed sign-in.
    pub(crate) fn count_failure(&self, client: ClientAddress, name: &str) {
        let now = self.store.clock().wall_ms();
        let shown = name.chars().filter(|c| !c.is_control());
        let (account, address) = (shown.take(NAME_MAX).collect(), client.to_string());
        self.lock().add_failure(account, address, now);
    }

    /// Writes the whole buffer.
    ///
    /// # Errors
    /// If the database cannot be written. The entries stay in the buffer.
    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        let _turn = self.writing.lock().await;
        let (entries, sign_ins, pulls, failures) = {
            let mut waiting = self.lock();
            (
                std::mem::take(&mut waiting.entries),
                std::mem::take(&mut waiting.sign_ins),
                std::mem::take(&mut waiting.pulls),
                std::mem::take(&mut waiting.failures),
            )
        };
        let batch = AuditBatch {
            entries,
            sign_ins,
            pulls: pulls.iter().map(written_pulls).collect(),
            failures: failures.iter().map(written_failures).collect(),
        };
        if batch.is_empty() {
            return Ok(());
        }
        let written = self.store.record_all(batch.clone()).await;
        if written.is_err() {
            let mut waiting = self.lock();
            let later = std::mem::replace(&mut waiting.entries, batch.entries);
            waiting.entries.extend(later);
            waiting.sign_ins.extend(batch.sign_ins);
            for (key, pull) in pulls {
                waiting.add_pull(key, pull);
            }
            for (key, (count, at)) in failures {
                let known = waiting.failures.entry(key).or_insert((0, at));
                known.0 = known.0.saturating_add(count);
            }
        }
        written
    }

    /// Writes the whole buffer when the process ends.
    pub(crate) async fn close(&self) {
        for _ in 0..3 {
            match self.flush().await {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "the audit log cannot be written"),
            }
        }
        for (at, entry) in &self.lock().entries {
            tracing::error!(at, ?entry, "an entry of the audit log is lost");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Consistent after every step, even if one panics.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add_pull(&mut self, key: PullKey, pull: PullCount) {
        if self.pulls.len() >= PULLS_MAX && !self.pulls.contains_key(&key) {
            // The database has been unavailable for a long time.
            return;
        }
        match self.pulls.entry(key) {
            Entry::Vacant(new) => {
                new.insert(pull);
            }
            Entry::Occupied(known) => {
                let known = known.into_mut();
                let count = known.count.saturating_add(pull.count);
                if pull.last_at >= known.last_at {
                    *known = pull;
                }
                known.count = count;
            }
        }
    }

    /// Whether this credential is used from this address for the first time in
    /// this hour.
    fn is_new(&mut self, credential: &Credential, client: ClientAddress, now: i64) -> bool {
        let hour = now.div_euclid(HOUR_MS);
        if hour != self.hour {
            self.hour = hour;
            self.signed_in.clear();
        }
        self.signed_in.len() < SIGN_INS_MAX && self.signed_in.insert((credential.clone(), client))
    }

    fn add_failure(&mut self, mut account: String, mut address: String, now: i64) {
        let minute = now.div_euclid(MINUTE_MS);
        if minute != self.minute {
            self.minute = minute;
            self.names.clear();
        }
        if self.names.len() >= ADDRESSES_MAX && !self.names.contains_key(&address) {
            OTHERS.clone_into(&mut address);
        }
        let names = self.names.entry(address.clone()).or_default();
        if names.len() >= NAMES_MAX && !names.contains(&account) {
            OTHERS.clone_into(&mut account);
        } else {
            names.insert(account.clone());
        }
        let key = FailureKey {
            account,
            address,
            minute,
        };
        let known = self.failures.entry(key).or_insert((0, now));
        *known = (known.0.saturating_add(1), now);
    }
}

fn written_pulls((key, pull): (&PullKey, &PullCount)) -> Pulls {
    Pulls {
        repository: key.repository.clone(),
        reference: key.reference.clone(),
        day: key.day,
        actor: key.actor.clone(),
        credential: pull.credential,
        address: pull.client.to_string(),
        count: pull.count,
        last_at: pull.last_at,
    }
}

fn written_failures((key, (count, at)): (&FailureKey, &(u32, i64))) -> Failures {
    Failures {
        account: key.account.clone(),
        address: key.address.clone(),
        minute: key.minute,
        count: *count,
        last_at: *at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refity_config::clock::Clock;
    use refity_store::{AuditFilter, AuditLine, Order, PageRequest};

    async fn buffer(folder: &std::path::Path) -> Arc<AuditBuffer> {
        let path = folder.join("db");
        let clock = Clock::system().unwrap();
        let store = Store::open(&path, clock.clone()).await;
        AuditBuffer::start(store.unwrap(), &Parts::unsupervised(clock))
    }

    fn client(last: u8) -> ClientAddress {
        ClientAddress::new([192, 0, 2, last].into())
    }

    async fn log(buffer: &AuditBuffer) -> Vec<AuditLine> {
        buffer.flush().await.unwrap();
        let page = PageRequest {
            order: Order::Asc,
            cursor: None,
            limit: 1000,
        };
        let log = buffer.store.audit(AuditFilter::default(), page);
        log.await.unwrap().items
    }

    #[tokio::test]
    async fn pulls_are_counted_across_several_writes() {
        let folder = tempfile::tempdir().unwrap();
        let buffer = buffer(folder.path()).await;
        let app = "team/app".parse().unwrap();
        let nobody = || AuditActor {
            name: "anonymous".to_owned(),
            credential: Credential::Anonymous,
        };
        for _ in 0..3 {
            buffer.count_pull(&app, "v1".to_owned(), nobody(), client(1));
        }
        assert_eq!(log(&buffer).await[0].count, 3);
        buffer.count_pull(&app, "v1".to_owned(), nobody(), client(2));
        buffer.count_pull(&app, "v2".to_owned(), nobody(), client(1));
        let log = log(&buffer).await;
        let shown: Vec<_> = log.iter().map(|it| (&*it.target, it.count)).collect();
        // Around midnight there may be one more entry; the counts stay the
        // same.
        assert_eq!(
            shown.iter().map(|(_, count)| count).sum::<i64>(),
            5,
            "{log:?}"
        );
        assert!(shown.contains(&("team/app:v2", 1)), "{log:?}");
        assert!(log.iter().all(|it| it.action == "pull" && !it.refused));
    }

    #[tokio::test]
    async fn a_flood_of_failures_makes_few_entries() {
        let folder = tempfile::tempdir().unwrap();
        let buffer = buffer(folder.path()).await;
        for n in 0..10_000 {
            buffer.count_failure(client(1), &format!("guess-{n}"));
            if n % 1000 == 0 {
                buffer.flush().await.unwrap();
            }
        }
        let log = log(&buffer).await;
        // At most three minutes, even on a slow machine.
        assert!(log.len() <= 3 * (NAMES_MAX + 1), "{}", log.len());
        assert_eq!(log.iter().map(|it| it.count).sum::<i64>(), 10_000);
        assert!(log.iter().all(|it| it.refused && it.action == "login"));
    }

    #[test]
    fn a_flood_from_many_addresses_is_counted_together() {
        let mut waiting = Waiting::default();
        for n in 0..100_000 {
            waiting.add_failure("admin".to_owned(), format!("address {n}"), 0);
        }
        assert_eq!(waiting.failures.len(), ADDRESSES_MAX + 1);
        assert!(waiting.names.len() <= ADDRESSES_MAX + 1);
    }

    #[test]
    fn buffered_pulls_are_bounded() {
        let mut waiting = Waiting::default();
        for n in 0..PULLS_MAX + 10 {
            let key = PullKey {
                repository: "team/app".parse().unwrap(),
                reference: n.to_string(),
                day: 0,
                actor: String::new(),
            };
            let pull = PullCount {
                count: 1,
                last_at: 0,
                credential: "none",
                client: client(1),
            };
            waiting.add_pull(key, pull);
        }
        assert_eq!(waiting.pulls.len(), PULLS_MAX);
    }
}
