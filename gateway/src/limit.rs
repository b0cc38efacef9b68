//! Limits how many operations run at once, in total and per client, so that one
//! client cannot use all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client::ClientKey;

/// A number of permits, in total and per client.
#[derive(Debug)]
pub(crate) struct Limit {
    total: usize,
    each: usize,
    in_use: Mutex<InUse>,
}

#[derive(Debug, Default)]
struct InUse {
    total: usize,
    /// Permits in use, per client.
    by_client: HashMap<ClientKey, usize>,
}

/// Why a permit is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitExceeded {
    /// All permits are taken.
    Total,
    /// The client holds the maximum number of permits.
    Client,
}

/// A permit, returned on drop.
#[derive(Debug)]
pub(crate) struct Permit {
    limit: Arc<Limit>,
    client: Option<ClientKey>,
}

impl Limit {
    pub(crate) fn new(total: usize, each: usize) -> Arc<Self> {
        Arc::new(Self {
            total,
            each,
            in_use: Mutex::default(),
        })
    }

    /// Takes a permit for this client. `None` stands for an address with many
    /// clients, to which only the total limit applies.
    ///
    /// # Errors
    /// [`LimitExceeded`], without waiting.
    pub(crate) fn acquire(
        self: &Arc<Self>,
        client: Option<ClientKey>,
    ) -> Result<Permit, LimitExceeded> {
        let mut in_use = self.lock();
        if let Some(client) = client
            && in_use
                .by_client
                .get(&client)
                .is_some_and(|n| *n >= self.each)
        {
            return Err(LimitExceeded::Client);
        }
        if in_use.total >= self.total {
            return Err(LimitExceeded::Total);
        }
        in_use.total += 1;
        if let Some(client) = client {
            *in_use.by_client.entry(client).or_default() += 1;
        }
        Ok(Permit {
            limit: Arc::clone(self),
            client,
        })
    }

    fn lock(&self) -> MutexGuard<'_, InUse> {
        // Only numbers, so a panic leaves them consistent.
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut in_use = self.limit.lock();
        in_use.total -= 1;
        let Some(client) = self.client else { return };
        if let Some(count) = in_use.by_client.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                in_use.by_client.remove(&client);
            }
        }
    }
}

/// Whether writing this many bytes leaves the required space on a disk free.
pub(crate) fn leaves_floor(free: u64, floor: u64, bytes: u64) -> bool {
    free.checked_sub(bytes).is_some_and(|left| left > floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(last: u8) -> ClientKey {
        ClientKey::of([192, 0, 2, last].into())
    }

    #[test]
    fn one_client_cannot_take_all_permits() {
        let limit = Limit::new(4, 3);
        let first: Vec<_> = (0..3)
            .map(|_| limit.acquire(Some(key(1))).unwrap())
            .collect();
        assert_eq!(
            limit.acquire(Some(key(1))).unwrap_err(),
            LimitExceeded::Client
        );
        let second = limit.acquire(Some(key(2))).unwrap();
        assert_eq!(
            limit.acquire(Some(key(2))).unwrap_err(),
            LimitExceeded::Total
        );
        assert_eq!(limit.acquire(None).unwrap_err(), LimitExceeded::Total);
        drop(second);
        let proxy = limit.acquire(None).unwrap();
        drop((first, proxy));
        let in_use = limit.lock();
        assert_eq!(
            (in_use.total, in_use.by_client.len()),
            (0, 0),
            "nothing stays"
        );
    }

    #[test]
    fn the_minimum_free_space_is_kept() {
        assert!(leaves_floor(100, 50, 49));
        assert!(!leaves_floor(100, 50, 50));
        assert!(!leaves_floor(100, 50, 101));
        assert!(!leaves_floor(50, 50, 0));
        assert!(leaves_floor(100, 0, 99));
    }
}
