//! Slowing down who guesses passwords: after a few failures in a row, each further attempt on
//! the same account, or from the same address, has to wait, twice as long each time.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Failures in a row that cost nothing: people mistype.
const FREE: u32 = 5;
/// The first wait.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait. It bounds what somebody can do to an account by failing on purpose.
const LONGEST: Duration = Duration::from_secs(900);
/// Names remembered; the oldest go first. It bounds memory, not safety: who can send so many
/// names has a slow network of them to try.
const REMEMBERED: usize = 100_000;

/// Failures in a row by name.
pub(crate) struct Throttle<K> {
    free: u32,
    failures: HashMap<K, Failures>,
}

struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    /// From when on it may be tried again.
    fn until(&self, free: u32) -> Instant {
        let Some(over) = self.count.checked_sub(free) else {
            return self.last;
        };
        let wait = FIRST.saturating_mul(2u32.saturating_pow(over.min(20)));
        self.last + wait.min(LONGEST)
    }
}

impl<K: Hash + Eq + Clone> Throttle<K> {
    /// `times` as many failures are free as for one account.
    pub(crate) fn new(times: u32) -> Self {
        Throttle {
            free: FREE * times,
            failures: HashMap::new(),
        }
    }

    /// How long `name` has to wait still; `None` if it may be tried now.
    pub(crate) fn wait(&self, name: &K, now: Instant) -> Option<Duration> {
        let until = self.failures.get(name)?.until(self.free);
        until
            .checked_duration_since(now)
            .filter(|wait| !wait.is_zero())
    }

    /// Counts an attempt as failed. It is counted before it is made, so that attempts at the
    /// same time count as well; success takes it back.
    pub(crate) fn failed(&mut self, name: K, now: Instant) {
        if self.failures.len() >= REMEMBERED && !self.failures.contains_key(&name) {
            self.forget(now);
        }
        let entry = self.failures.entry(name).or_insert(Failures {
            count: 0,
            last: now,
        });
        if now.duration_since(entry.last) > LONGEST * 2 {
            entry.count = 0;
        }
        entry.count = entry.count.saturating_add(1);
        entry.last = now;
    }

    /// Forgets the failures of a name.
    pub(crate) fn succeeded(&mut self, name: &K) {
        self.failures.remove(name);
    }

    fn forget(&mut self, now: Instant) {
        self.failures
            .retain(|_, failures| now.duration_since(failures.last) <= LONGEST);
        if self.failures.len() >= REMEMBERED {
            let oldest = self.failures.iter().min_by_key(|(_, one)| one.last);
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                self.failures.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_success_ends_them() {
        let mut throttle = Throttle::new(1);
        let mut now = Instant::now();
        for _ in 0..FREE - 1 {
            throttle.failed("ann", now);
            assert_eq!(throttle.wait(&"ann", now), None);
        }
        throttle.failed("ann", now);
        assert_eq!(throttle.wait(&"ann", now), Some(FIRST));
        assert_eq!(throttle.wait(&"bob", now), None);
        let mut before = FIRST;
        for _ in 0..20 {
            now += before;
            assert_eq!(throttle.wait(&"ann", now), None);
            throttle.failed("ann", now);
            let wait = throttle.wait(&"ann", now).unwrap_or_default();
            assert_eq!(wait, (before * 2).min(LONGEST));
            before = wait;
        }
        throttle.succeeded(&"ann");
        assert_eq!(throttle.wait(&"ann", now), None);
        throttle.failed("ann", now + LONGEST * 3);
        assert_eq!(throttle.wait(&"ann", now + LONGEST * 3), None);
    }
}
