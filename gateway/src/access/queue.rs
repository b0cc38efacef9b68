//! Per-client queues for Argon2, which runs only once at a time in the whole process.
//!
//! A wrong password costs as much as a correct one. Therefore each client has its own queue, and
//! only the head of each queue waits for the process's Argon2 permit. However many passwords a
//! client tries, other clients wait for at most one of them. Identical attempts of one client share
//! one result.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{self, OnceCell};

use super::password::{PERMIT_WAIT, PasswordError};
use crate::client::ClientKey;

/// The maximum number of different waiting attempts per client. One address may
/// be shared by many machines, but only by a few different accounts.
const ATTEMPTS_MAX: usize = 16;

/// The maximum number of waiting clients.
const CLIENTS_MAX: usize = 1024;

/// Identifies an attempt: a password and the hash that it is checked against.
/// Whether they match never changes.
pub(super) type AttemptId = [u8; 32];

/// The queues of all waiting clients.
#[derive(Default)]
pub(super) struct Queues {
    clients: Mutex<HashMap<ClientKey, ClientQueue>>,
}

/// The attempts of one client.
#[derive(Default)]
struct ClientQueue {
    running: Arc<sync::Mutex<()>>,
    attempts: HashMap<AttemptId, Attempt>,
}

/// An unfinished attempt.
#[derive(Default)]
struct Attempt {
    outcome: Arc<OnceCell<bool>>,
    waiters: usize,
}

impl Queues {
    /// Waits until the attempt is at the head of its client's queue, then runs `verify` and returns
    /// its result. An identical attempt that is already queued is joined instead.
    ///
    /// # Errors
    /// [`PasswordError::TooMany`] immediately if the client's queue is full;
    /// [`PasswordError::Busy`] if the attempt does not reach the head in time.
    pub(super) async fn attempt<E: From<PasswordError>>(
        &self,
        client: ClientKey,
        attempt: AttemptId,
        verify: impl AsyncFnOnce() -> Result<bool, E>,
    ) -> Result<bool, E> {
        let waiting = self.join(client, attempt)?;
        let found = waiting.outcome.get_or_try_init(async || {
            let _guard = waiting.next().await?;
            verify().await
        });
        found.await.copied()
    }

    fn join(&self, client: ClientKey, attempt: AttemptId) -> Result<Waiting<'_>, PasswordError> {
        let mut clients = self.lock();
        if !clients.contains_key(&client) && clients.len() >= CLIENTS_MAX {
            return Err(PasswordError::Busy);
        }
        let queue = clients.entry(client).or_default();
        if !queue.attempts.contains_key(&attempt) && queue.attempts.len() >= ATTEMPTS_MAX {
            return Err(PasswordError::TooMany);
        }
        let pending = queue.attempts.entry(attempt).or_default();
        pending.waiters += 1;
        Ok(Waiting {
            queue: self,
            client,
            attempt,
            outcome: Arc::clone(&pending.outcome),
            running: Arc::clone(&queue.running),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClientKey, ClientQueue>> {
        // Only counters and keys, so a panic leaves them consistent.
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits for an attempt, until it is dropped.
struct Waiting<'a> {
    queue: &'a Queues,
    client: ClientKey,
    attempt: AttemptId,
    outcome: Arc<OnceCell<bool>>,
    running: Arc<sync::Mutex<()>>,
}

impl Waiting<'_> {
    /// Waits for the client's other attempts.
    async fn next(&self) -> Result<sync::MutexGuard<'_, ()>, PasswordError> {
        tokio::time::timeout(PERMIT_WAIT, self.running.lock())
            .await
            .map_err(|_| PasswordError::Busy)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut clients = self.queue.lock();
        let Some(queue) = clients.get_mut(&self.client) else {
            return;
        };
        if let Some(pending) = queue.attempts.get_mut(&self.attempt) {
            pending.waiters -= 1;
            if pending.waiters == 0 {
                queue.attempts.remove(&self.attempt);
            }
        }
        if queue.attempts.is_empty() {
            clients.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    fn client(last: u8) -> ClientKey {
        ClientKey::of([192, 0, 2, last].into())
    }

    async fn ask(
        queue: &Queues,
        from: u8,
        attempt: u8,
        verify: impl AsyncFnOnce() -> bool,
    ) -> Result<bool, PasswordError> {
        let verify = async || Ok::<_, PasswordError>(verify().await);
        queue.attempt(client(from), [attempt; 32], verify).await
    }

    #[tokio::test]
    async fn each_client_runs_one_attempt_at_a_time() {
        let queue = Queues::default();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let verify = async || {
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            now.fetch_sub(1, Ordering::Relaxed);
            true
        };
        let all = (0..3).flat_map(|from| (0..10).map(move |attempt| (from, attempt)));
        let all = all.map(|(from, attempt)| ask(&queue, from, attempt, verify));
        assert!(join_all(all).await.into_iter().all(|found| found.unwrap()));
        assert_eq!(most.into_inner(), 3);
        assert!(queue.lock().is_empty(), "nothing stays");
    }

    #[tokio::test]
    async fn identical_attempts_share_one_run_and_too_many_are_refused() {
        let queue = Queues::default();
        let (gate, runs) = (Semaphore::new(0), AtomicUsize::new(0));
        let verify = async || {
            runs.fetch_add(1, Ordering::Relaxed);
            let _ = gate.acquire().await;
            false
        };
        let same = join_all((0..100).map(|_| ask(&queue, 1, 0, verify)));
        let others = join_all((1..40).map(|attempt| ask(&queue, 1, attempt, verify)));
        let elsewhere = ask(&queue, 2, 0, verify);
        let open = async {
            // Polled last, when all others are waiting.
            gate.add_permits(1000);
        };
        let (same, others, elsewhere, ()) = tokio::join!(same, others, elsewhere, open);
        assert!(same.into_iter().all(|found| !found.unwrap()));
        assert!(!elsewhere.unwrap());
        let refused = others.iter().filter(|found| found.is_err()).count();
        assert_eq!(refused, 39 - (ATTEMPTS_MAX - 1));
        assert_eq!(runs.into_inner(), ATTEMPTS_MAX + 1, "one for each attempt");
        assert!(queue.lock().is_empty());
    }

    #[tokio::test]
    async fn an_abandoned_attempt_frees_the_queue() {
        let queue = Queues::default();
        {
            let never = ask(&queue, 1, 0, std::future::pending);
            let mut never = std::pin::pin!(never);
            assert!(futures_util::poll!(&mut never).is_pending());
        }
        assert!(ask(&queue, 1, 0, async || true).await.unwrap());
        assert!(queue.lock().is_empty());
    }
}
