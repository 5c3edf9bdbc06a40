//! Where to, and how much at once (pure): a place that does not answer is left alone for a while, one that
//! answers gets more.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Connections to one place at once, in the beginning.
const FIRST: usize = 2;
/// How long a place that did not answer is left alone, at most.
const LONGEST: Duration = Duration::from_secs(900);

/// A place that mail goes to.
#[derive(Debug)]
struct Place {
    busy: usize,
    limit: usize,
    /// Failed connections in a row.
    failures: u32,
    quiet_until: Option<Instant>,
}

/// All places that mail goes to now.
#[derive(Debug)]
pub(super) struct Places {
    known: HashMap<i64, Place>,
    /// Connections to one place at once, at most.
    most: usize,
    /// How long a place is left alone that did not answer, at first.
    first_quiet: Duration,
}

impl Places {
    pub(super) fn new(most: usize, first_quiet: Duration) -> Self {
        Places {
            known: HashMap::new(),
            most: most.max(1),
            first_quiet: first_quiet.min(LONGEST),
        }
    }

    /// Takes a connection to a place, if there may be one more now.
    pub(super) fn enter(&mut self, place: i64, now: Instant) -> bool {
        let most = self.most;
        let known = self.known.entry(place).or_insert(Place {
            busy: 0,
            limit: FIRST.min(most),
            failures: 0,
            quiet_until: None,
        });
        if known.quiet_until.is_some_and(|until| now < until) {
            return false;
        }
        // After a silence, one asks whether it is over.
        let limit = if known.failures > 0 { 1 } else { known.limit };
        let free = known.busy < limit;
        known.busy += usize::from(free);
        free
    }

    /// Gives it back. `answered`: the server talked to us; `None` where it was not asked.
    pub(super) fn leave(&mut self, place: i64, answered: Option<bool>, now: Instant) {
        let (most, first) = (self.most, self.first_quiet);
        let Some(known) = self.known.get_mut(&place) else {
            return;
        };
        known.busy = known.busy.saturating_sub(1);
        match answered {
            Some(true) => {
                (known.failures, known.quiet_until) = (0, None);
                known.limit = (known.limit + 1).min(most);
            }
            Some(false) => {
                let quiet = first
                    .saturating_mul(1 << known.failures.min(6))
                    .min(LONGEST);
                known.failures = known.failures.saturating_add(1);
                known.limit = FIRST.min(most);
                known.quiet_until = Some(now + quiet);
            }
            None => {}
        }
        if known.busy == 0 && known.failures == 0 && known.limit <= FIRST {
            self.known.remove(&place);
        }
    }

    /// Whether somebody is at a place.
    pub(super) fn is_idle(&self) -> bool {
        self.known.values().all(|place| place.busy == 0)
    }

    /// Places that are left alone for now.
    pub(super) fn silent(&self) -> usize {
        self.known
            .values()
            .filter(|place| place.failures > 0)
            .count()
    }

    /// All are asked again at once.
    pub(super) fn wake(&mut self) {
        for place in self.known.values_mut() {
            place.quiet_until = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_place_is_left_alone_longer_and_longer_and_asked_by_one() {
        let mut places = Places::new(4, Duration::from_secs(30));
        let begin = Instant::now();
        assert!(places.enter(1, begin) && places.enter(1, begin));
        assert!(!places.enter(1, begin), "two at first");
        assert!(places.enter(2, begin), "another place is another matter");
        places.leave(1, Some(false), begin);
        places.leave(1, Some(false), begin);
        assert!(!places.enter(1, begin + Duration::from_secs(59)));
        let later = begin + Duration::from_secs(61);
        assert!(places.enter(1, later));
        assert!(!places.enter(1, later), "one asks");
        places.leave(1, Some(true), later);
        let mut at_once = 0;
        while places.enter(1, later) {
            at_once += 1;
        }
        assert_eq!(at_once, 3, "it grows by each that was answered");
        assert!(!places.is_idle());
    }

    #[test]
    fn no_silence_is_longer_than_a_quarter_of_an_hour() {
        let mut places = Places::new(4, Duration::from_secs(30));
        let mut now = Instant::now();
        for _ in 0..50 {
            now += LONGEST;
            assert!(places.enter(1, now));
            places.leave(1, Some(false), now);
        }
        assert_eq!(places.silent(), 1);
        places.wake();
        assert!(places.enter(1, now));
    }
}
