//! A bounded map whose entries expire.
//!
//! Not `moka`: its entries expire by its own clock, but the tests advance ours.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A map with a limited number of entries. The caller passes the time, always
/// from the same clock.
pub(super) struct Cache<K, V> {
    capacity: usize,
    entries: Mutex<HashMap<K, Entry<V>>>,
}

struct Entry<V> {
    value: V,
    expires_at: i64,
}

impl<K: Copy + Eq + Hash, V> Cache<K, V> {
    /// Creates an empty cache.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            entries: Mutex::default(),
        }
    }

    /// Applies `read` to the key's value. Returns `None` if there is no value
    /// or it has expired.
    pub(super) fn with<T>(&self, key: &K, now: i64, read: impl FnOnce(&mut V) -> T) -> Option<T> {
        let mut entries = self.lock();
        let entry = entries.get_mut(key).filter(|it| it.expires_at > now)?;
        Some(read(&mut entry.value))
    }

    /// Adds a value. If the cache is full, expired entries are evicted, or otherwise the entry that
    /// would expire first.
    pub(super) fn insert(&self, key: K, value: V, now: i64, expires_at: i64) {
        let mut entries = self.lock();
        if entries.len() >= self.capacity && !entries.contains_key(&key) {
            entries.retain(|_, entry| entry.expires_at > now);
        }
        if entries.len() >= self.capacity && !entries.contains_key(&key) {
            let first = entries.iter().min_by_key(|(_, entry)| entry.expires_at);
            if let Some(first) = first.map(|(key, _)| *key) {
                entries.remove(&first);
            }
        }
        entries.insert(key, Entry { value, expires_at });
    }

    /// Returns the number of entries.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Entry<V>>> {
        // Each change is a single call, so a panic leaves the map consistent.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_expire_and_the_first_to_expire_makes_room() {
        let cache = Cache::new(2);
        cache.insert(1, 'a', 0, 10);
        cache.insert(2, 'b', 0, 20);
        assert_eq!(cache.with(&1, 9, |it| *it), Some('a'));
        assert_eq!(cache.with(&1, 10, |it| *it), None);
        cache.insert(3, 'c', 5, 30);
        assert_eq!(cache.len(), 2);
        assert_eq!(cache.with(&1, 5, |it| *it), None);
        assert_eq!(cache.with(&2, 5, |it| *it), Some('b'));
        cache.insert(3, 'd', 5, 30);
        assert_eq!(cache.with(&2, 5, |it| *it), Some('b'), "replaced in place");
        cache.insert(4, 'e', 25, 40);
        assert_eq!(
            cache.with(&3, 25, |it| *it),
            Some('d'),
            "expired ones go first"
        );
    }
}
