//! A cache bounded in bytes: what was used last stays.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Values with their sizes, evicted in order of last use.
pub(crate) struct Cache<K, V> {
    limit: usize,
    state: Mutex<State<K, V>>,
}

struct State<K, V> {
    entries: HashMap<K, (u64, usize, V)>,
    by_use: BTreeMap<u64, K>,
    held: usize,
    clock: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// A cache that holds at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        let state = State {
            entries: HashMap::new(),
            by_use: BTreeMap::new(),
            held: 0,
            clock: 0,
        };
        Cache {
            limit,
            state: Mutex::new(state),
        }
    }

    /// The value under `key`, now the last used.
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let now = state.clock;
        let (used, _, value) = state.entries.get_mut(key)?;
        let (before, value) = (std::mem::replace(used, now), value.clone());
        state.by_use.remove(&before);
        state.by_use.insert(now, key.clone());
        Some(value)
    }

    /// True if there is a value under `key`; it counts as no use of it.
    pub(crate) fn has(&self, key: &K) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.entries.contains_key(key)
    }

    /// Keeps `value` of `size` bytes, evicting what was not used for longest. A value
    /// larger than the whole cache is not kept. Returns the keys that went.
    pub(crate) fn put(&self, key: K, size: usize, value: V) -> Vec<K> {
        if size > self.limit {
            return vec![key];
        }
        let mut gone = Vec::new();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let now = state.clock;
        if let Some((before, old, _)) = state.entries.insert(key.clone(), (now, size, value)) {
            state.by_use.remove(&before);
            state.held -= old;
        }
        state.by_use.insert(now, key);
        state.held += size;
        while state.held > self.limit {
            let Some((_, oldest)) = state.by_use.pop_first() else {
                break;
            };
            if let Some((_, size, _)) = state.entries.remove(&oldest) {
                state.held -= size;
            }
            gone.push(oldest);
        }
        gone
    }

    /// Takes the value under `key` out.
    pub(crate) fn take(&self, key: &K) -> Option<V> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (used, size, value) = state.entries.remove(key)?;
        state.by_use.remove(&used);
        state.held -= size;
        Some(value)
    }

    /// Bytes held now.
    pub(crate) fn held(&self) -> usize {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .held
    }

    /// Forgets every value whose key `keep` does not want.
    pub(crate) fn retain(&self, keep: impl Fn(&K) -> bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State {
            entries,
            by_use,
            held,
            ..
        } = &mut *state;
        entries.retain(|key, (used, size, _)| {
            let kept = keep(key);
            if !kept {
                by_use.remove(used);
                *held -= *size;
            }
            kept
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_used_goes_first() {
        let cache = Cache::new(10);
        cache.put("a", 4, 1);
        cache.put("b", 4, 2);
        assert_eq!(cache.get(&"a"), Some(1));
        cache.put("c", 4, 3);
        assert_eq!(
            (cache.get(&"a"), cache.get(&"b"), cache.get(&"c")),
            (Some(1), None, Some(3))
        );
        cache.put("a", 10, 4);
        assert_eq!((cache.get(&"a"), cache.get(&"c")), (Some(4), None));
        cache.put("huge", 11, 5);
        assert_eq!((cache.get(&"huge"), cache.take(&"a")), (None, Some(4)));
        assert_eq!(cache.get(&"a"), None);
    }
}
