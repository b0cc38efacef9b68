//! Who waits for Argon2, which runs once at a time for the whole process.
//!
//! Wrong passwords cost as much as right ones. So each client has a queue of
//! its own, of which one at a time waits for the common turn: however many
//! passwords a client tries, others wait for one of them at most. The same
//! question asked again meanwhile is answered with the first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Turn, MutexGuard as TurnGuard, OnceCell};

use super::password::{PasswordError, TURN_WAIT};
use crate::client::ClientKey;

/// How many different questions of one client wait at once. Behind one address
/// there may be many machines, but few different accounts.
const EACH_MAX: usize = 16;

/// How many clients wait at once.
const CLIENTS_MAX: usize = 1024;

/// A password and the hash that it may match: whether it does never changes.
pub(super) type Question = [u8; 32];

/// All who wait.
#[derive(Default)]
pub(super) struct Queue {
    clients: Mutex<HashMap<ClientKey, Lane>>,
}

/// Who waits of one client.
#[derive(Default)]
struct Lane {
    turn: Arc<Turn<()>>,
    questions: HashMap<Question, Asked>,
}

/// A question that somebody waits for.
#[derive(Default)]
struct Asked {
    answer: Arc<OnceCell<bool>>,
    by: usize,
}

impl Queue {
    /// Waits for the answer to a question, which `find` finds when it is this
    /// client's turn, unless another has asked the same.
    ///
    /// # Errors
    /// [`PasswordError::TooMany`] at once where this client has asked too much;
    /// [`PasswordError::Busy`] when its turn does not come.
    pub(super) async fn ask<E: From<PasswordError>>(
        &self,
        client: ClientKey,
        question: Question,
        find: impl AsyncFnOnce() -> Result<bool, E>,
    ) -> Result<bool, E> {
        let waiting = self.join(client, question)?;
        let found = waiting.answer.get_or_try_init(async || {
            let _turn = waiting.turn().await?;
            find().await
        });
        found.await.copied()
    }

    fn join(&self, client: ClientKey, question: Question) -> Result<Waiting<'_>, PasswordError> {
        let mut clients = self.lock();
        if !clients.contains_key(&client) && clients.len() >= CLIENTS_MAX {
            return Err(PasswordError::Busy);
        }
        let lane = clients.entry(client).or_default();
        if !lane.questions.contains_key(&question) && lane.questions.len() >= EACH_MAX {
            return Err(PasswordError::TooMany);
        }
        let asked = lane.questions.entry(question).or_default();
        asked.by += 1;
        Ok(Waiting {
            queue: self,
            client,
            question,
            answer: Arc::clone(&asked.answer),
            turn: Arc::clone(&lane.turn),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClientKey, Lane>> {
        // Counts and keys: a panic leaves nothing that deceives.
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits, until this is dropped.
struct Waiting<'a> {
    queue: &'a Queue,
    client: ClientKey,
    question: Question,
    answer: Arc<OnceCell<bool>>,
    turn: Arc<Turn<()>>,
}

impl Waiting<'_> {
    /// Waits for the others of this client.
    async fn turn(&self) -> Result<TurnGuard<'_, ()>, PasswordError> {
        tokio::time::timeout(TURN_WAIT, self.turn.lock())
            .await
            .map_err(|_| PasswordError::Busy)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut clients = self.queue.lock();
        let Some(lane) = clients.get_mut(&self.client) else {
            return;
        };
        if let Some(asked) = lane.questions.get_mut(&self.question) {
            asked.by -= 1;
            if asked.by == 0 {
                lane.questions.remove(&self.question);
            }
        }
        if lane.questions.is_empty() {
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
        queue: &Queue,
        from: u8,
        question: u8,
        find: impl AsyncFnOnce() -> bool,
    ) -> Result<bool, PasswordError> {
        let find = async || Ok::<_, PasswordError>(find().await);
        queue.ask(client(from), [question; 32], find).await
    }

    #[tokio::test]
    async fn one_of_each_client_has_its_turn_at_once() {
        let queue = Queue::default();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let find = async || {
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            now.fetch_sub(1, Ordering::Relaxed);
            true
        };
        let all = (0..3).flat_map(|from| (0..10).map(move |question| (from, question)));
        let all = all.map(|(from, question)| ask(&queue, from, question, find));
        assert!(join_all(all).await.into_iter().all(|found| found.unwrap()));
        assert_eq!(most.into_inner(), 3);
        assert!(queue.lock().is_empty(), "nothing stays");
    }

    #[tokio::test]
    async fn the_same_question_is_answered_once_for_all_and_too_many_are_refused() {
        let queue = Queue::default();
        let (gate, runs) = (Semaphore::new(0), AtomicUsize::new(0));
        let find = async || {
            runs.fetch_add(1, Ordering::Relaxed);
            let _ = gate.acquire().await;
            false
        };
        let same = join_all((0..100).map(|_| ask(&queue, 1, 0, find)));
        let others = join_all((1..40).map(|question| ask(&queue, 1, question, find)));
        let elsewhere = ask(&queue, 2, 0, find);
        let open = async {
            // Polled last: all others wait by now.
            gate.add_permits(1000);
        };
        let (same, others, elsewhere, ()) = tokio::join!(same, others, elsewhere, open);
        assert!(same.into_iter().all(|found| !found.unwrap()));
        assert!(!elsewhere.unwrap());
        let refused = others.iter().filter(|found| found.is_err()).count();
        assert_eq!(refused, 39 - (EACH_MAX - 1));
        assert_eq!(runs.into_inner(), EACH_MAX + 1, "one for each question");
        assert!(queue.lock().is_empty());
    }

    #[tokio::test]
    async fn who_leaves_leaves_the_turn_to_the_next() {
        let queue = Queue::default();
        {
            let never = ask(&queue, 1, 0, std::future::pending);
            let mut never = std::pin::pin!(never);
            assert!(futures_util::poll!(&mut never).is_pending());
        }
        assert!(ask(&queue, 1, 0, async || true).await.unwrap());
        assert!(queue.lock().is_empty());
    }
}
