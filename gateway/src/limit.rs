//! What is under way at once: counted in all and for each client, so that one
//! client cannot take everything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client::ClientKey;

/// So many places in all, and so many for each client.
#[derive(Debug)]
pub(crate) struct Limit {
    in_all: usize,
    each: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    in_all: usize,
    /// Only those who have a place.
    by_client: HashMap<ClientKey, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// All are taken.
    InAll,
    /// This client has all that it may have.
    Client,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    limit: Arc<Limit>,
    client: Option<ClientKey>,
}

impl Limit {
    pub(crate) fn new(in_all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self {
            in_all,
            each,
            taken: Mutex::default(),
        })
    }

    /// Takes a place for this client; for nobody in particular where it stands
    /// for many.
    ///
    /// # Errors
    /// [`Full`], which costs nothing and waits for nobody.
    pub(crate) fn take(self: &Arc<Self>, client: Option<ClientKey>) -> Result<Place, Full> {
        let mut taken = self.lock();
        if let Some(client) = client
            && taken
                .by_client
                .get(&client)
                .is_some_and(|n| *n >= self.each)
        {
            return Err(Full::Client);
        }
        if taken.in_all >= self.in_all {
            return Err(Full::InAll);
        }
        taken.in_all += 1;
        if let Some(client) = client {
            *taken.by_client.entry(client).or_default() += 1;
        }
        Ok(Place {
            limit: Arc::clone(self),
            client,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Numbers only: a panic leaves nothing half done.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.limit.lock();
        taken.in_all -= 1;
        let Some(client) = self.client else { return };
        if let Some(count) = taken.by_client.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                taken.by_client.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(last: u8) -> ClientKey {
        ClientKey::of([192, 0, 2, last].into())
    }

    #[test]
    fn one_client_cannot_take_everything() {
        let limit = Limit::new(4, 3);
        let first: Vec<_> = (0..3).map(|_| limit.take(Some(key(1))).unwrap()).collect();
        assert_eq!(limit.take(Some(key(1))).unwrap_err(), Full::Client);
        let second = limit.take(Some(key(2))).unwrap();
        assert_eq!(limit.take(Some(key(2))).unwrap_err(), Full::InAll);
        assert_eq!(limit.take(None).unwrap_err(), Full::InAll);
        drop(second);
        let proxy = limit.take(None).unwrap();
        drop((first, proxy));
        let taken = limit.lock();
        assert_eq!(
            (taken.in_all, taken.by_client.len()),
            (0, 0),
            "nothing stays"
        );
    }
}
