//! Mail that somebody sent and that has not arrived for certain: what is sent when, which way, and what is known of it.
//!
//! ```text
//! queued ─ handed out ─▶ on its way ─ accepted ─▶ sent
//!   ▲                      │  │  └ refused for good ─▶ refused: its sender is told
//!   │                      │  └─── the answer is lost ─▶ uncertain
//!   └──── refused for now ─┘                              │  │
//!   └──── evidence: it is not there, or none came in time ┘  └ evidence: it is there ─▶ sent
//! ```
//! **Promise.** Nothing is lost: an entry ends as sent or refused, and otherwise is due again. Nothing is doubled where
//! evidence could be had: an uncertain entry is handed out again only if evidence says that it is not there, or if none
//! came for as long as is waited for, and then it is listed as possibly doubled. Message-ID and Date never change, so
//! whoever has both copies can tell.

use serde::{Deserialize, Serialize};

use super::agent::Via;

/// What is known of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// It waits, not before a time.
    Queued {
        /// In seconds since 1970.
        due: i64,
    },
    /// It was handed out and not answered yet. After a crash that is all that is known.
    OnItsWay {
        /// Which way.
        via: Via,
    },
    /// Nobody here knows whether it was taken.
    Uncertain {
        /// Which way it went.
        via: Via,
        /// Since when, in seconds since 1970.
        since: i64,
    },
    /// It was taken.
    Sent {
        /// Which way.
        via: Via,
    },
    /// It will never be taken.
    Refused,
}

/// A mail in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number: later mail has a higher one.
    pub id: u64,
    /// What is known of it.
    pub fate: Fate,
    /// How often it was refused for now.
    pub refusals: u32,
    /// It was handed out again though it may have been taken before.
    pub possibly_doubled: bool,
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It was taken.
    Accepted,
    /// Not now.
    Later,
    /// Never.
    Refused,
    /// The connection broke before its last byte left: it was not taken.
    NotHandedOut,
    /// There was no answer to the last byte.
    Lost,
}

/// What was learned of an uncertain entry: by a capture of its Message-ID and bytes, a queue or log of the server, a match in
/// a mailbox, or all that was captured since without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// It was taken.
    There,
    /// It was not.
    NotThere,
}

/// The outbox of a user, in the order of sending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbox {
    entries: Vec<Entry>,
    last: u64,
}

/// Seconds until what was refused for now is tried again: half a minute, then twice as long each time, up to an hour.
fn wait_after(refusals: u32) -> i64 {
    30_i64
        .saturating_mul(1 << refusals.saturating_sub(1).min(7))
        .min(3_600)
}

impl Outbox {
    /// As it was kept. `last`: the highest number that was ever given.
    pub fn restore(mut entries: Vec<Entry>, last: u64) -> Self {
        entries.sort_by_key(|entry| entry.id);
        let highest = entries.last().map_or(0, |entry| entry.id);
        Outbox {
            entries,
            last: last.max(highest),
        }
    }

    /// The highest number that was given.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// An entry.
    pub fn entry(&self, id: u64) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// Adds what somebody sent at `now`. Its number is given back once it is durable, and only then is the sender told.
    pub fn add(&mut self, now: i64) -> u64 {
        self.last += 1;
        self.entries.push(Entry {
            id: self.last,
            fate: Fate::Queued { due: now },
            refusals: 0,
            possibly_doubled: false,
        });
        self.last
    }

    /// All entries, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The next one to be handed out. Mail leaves in the order in which it was sent; what waits for its time, or for evidence,
    /// holds up nothing else, but one at a time is on its way.
    pub fn next(&self, now: i64) -> Option<u64> {
        let moving = |entry: &Entry| matches!(entry.fate, Fate::OnItsWay { .. });
        if self.entries.iter().any(moving) {
            return None;
        }
        let due = |entry: &&Entry| matches!(entry.fate, Fate::Queued { due } if due <= now);
        self.entries.iter().find(due).map(|entry| entry.id)
    }

    /// Writes down that an entry is about to be handed out. Durable before its first byte leaves.
    pub fn hand_out(&mut self, id: u64, via: Via) {
        self.change(id, |entry| {
            if matches!(entry.fate, Fate::Queued { .. }) {
                entry.fate = Fate::OnItsWay { via };
            }
        });
    }

    /// Takes the answer to what was handed out.
    pub fn answered(&mut self, id: u64, answer: Answer, now: i64) {
        self.change(id, |entry| {
            let Fate::OnItsWay { via } = entry.fate else {
                return;
            };
            entry.fate = match answer {
                Answer::Accepted => Fate::Sent { via },
                Answer::Refused => Fate::Refused,
                Answer::Lost => Fate::Uncertain { via, since: now },
                Answer::Later => {
                    entry.refusals += 1;
                    Fate::Queued {
                        due: now.saturating_add(wait_after(entry.refusals)),
                    }
                }
                Answer::NotHandedOut => Fate::Queued { due: now },
            };
        });
    }

    /// The program began again: whatever was on its way may have been taken.
    pub fn wake(&mut self, now: i64) {
        for entry in &mut self.entries {
            if let Fate::OnItsWay { via } = entry.fate {
                entry.fate = Fate::Uncertain { via, since: now };
            }
        }
    }

    /// There is another way now: what was refused for now is due at once.
    pub fn hurry(&mut self, now: i64) {
        for entry in &mut self.entries {
            if let Fate::Queued { due } = &mut entry.fate {
                *due = (*due).min(now);
            }
        }
    }

    /// Takes what was learned of an uncertain entry.
    pub fn learned(&mut self, id: u64, evidence: Evidence, now: i64) {
        self.change(id, |entry| {
            if let Fate::Uncertain { via, .. } = entry.fate {
                entry.fate = match evidence {
                    Evidence::There => Fate::Sent { via },
                    Evidence::NotThere => Fate::Queued { due: now },
                };
            }
        });
    }

    /// What has been uncertain for `patience` seconds is due again, and marked. Returns which.
    pub fn give_up_waiting(&mut self, now: i64, patience: i64) -> Vec<u64> {
        let mut given_up = Vec::new();
        for entry in &mut self.entries {
            if let Fate::Uncertain { since, .. } = entry.fate
                && now.saturating_sub(since) >= patience
            {
                entry.fate = Fate::Queued { due: now };
                entry.possibly_doubled = true;
                given_up.push(entry.id);
            }
        }
        given_up
    }

    /// Entries of which nobody knows whether they were taken.
    pub fn uncertain(&self) -> impl Iterator<Item = &Entry> {
        let of = self.entries.iter();
        of.filter(|entry| matches!(entry.fate, Fate::Uncertain { .. }))
    }

    /// Whether everything came to an end.
    pub fn is_settled(&self) -> bool {
        let ended = |entry: &Entry| matches!(entry.fate, Fate::Sent { .. } | Fate::Refused);
        self.entries.iter().all(ended)
    }

    /// Forgets an entry whose arrival a capture or receipt proves, or whose refusal its sender knows. Others stay.
    pub fn forget(&mut self, id: u64) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| {
            entry.id != id || !matches!(entry.fate, Fate::Sent { .. } | Fate::Refused)
        });
        self.entries.len() < before
    }

    fn change(&mut self, id: u64, how: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) {
            how(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const PATIENCE: i64 = 900;

    /// What the world does with a try.
    #[derive(Debug, Clone, Copy)]
    enum Luck {
        Taken,
        TakenUnheard,
        LostBefore,
        LostUnheard,
        Later,
        Crash { taken: bool },
    }

    fn luck() -> impl Strategy<Value = Luck> {
        prop_oneof![
            3 => Just(Luck::Taken),
            1 => Just(Luck::TakenUnheard),
            1 => Just(Luck::LostBefore),
            1 => Just(Luck::LostUnheard),
            1 => Just(Luck::Later),
            1 => any::<bool>().prop_map(|taken| Luck::Crash { taken }),
        ]
    }

    /// Plays an outbox against a server until all is settled: how often each mail arrived, in the order of arrival, and
    /// what is possibly doubled.
    fn play(mails: usize, luck: &[Luck], evidence: &[bool]) -> (Vec<u64>, Vec<u64>) {
        let mut outbox = Outbox::default();
        let (mut now, mut arrived) = (0, Vec::new());
        for _ in 0..mails {
            outbox.add(now);
        }
        let mut luck = luck.iter().copied();
        let mut evidence = evidence.iter().copied();
        let mut marked = Vec::new();
        for _ in 0..10_000 {
            if outbox.is_settled() {
                break;
            }
            while let Some(id) = outbox.next(now) {
                outbox.hand_out(id, Via::Primary);
                // The same order twice hands out once.
                outbox.hand_out(id, Via::Service);
                let luck = luck.next().unwrap_or(Luck::Taken);
                if matches!(
                    luck,
                    Luck::Taken | Luck::TakenUnheard | Luck::Crash { taken: true }
                ) {
                    arrived.push(id);
                }
                match luck {
                    Luck::Taken => outbox.answered(id, Answer::Accepted, now),
                    Luck::TakenUnheard | Luck::LostUnheard => {
                        outbox.answered(id, Answer::Lost, now)
                    }
                    Luck::LostBefore => outbox.answered(id, Answer::NotHandedOut, now),
                    Luck::Later => outbox.answered(id, Answer::Later, now),
                    Luck::Crash { .. } => outbox.wake(now),
                }
            }
            let doubtful: Vec<u64> = outbox.uncertain().map(|entry| entry.id).collect();
            for id in doubtful {
                if evidence.next().unwrap_or(true) {
                    let there = match arrived.contains(&id) {
                        true => Evidence::There,
                        false => Evidence::NotThere,
                    };
                    outbox.learned(id, there, now);
                }
            }
            marked.extend(outbox.give_up_waiting(now, PATIENCE));
            now += 60;
        }
        assert!(outbox.is_settled(), "{outbox:?}");
        let doubled = outbox
            .entries()
            .iter()
            .filter(|entry| entry.possibly_doubled);
        let mut named: Vec<u64> = doubled.map(|entry| entry.id).collect();
        marked.sort_unstable();
        marked.dedup();
        named.sort_unstable();
        assert_eq!(named, marked);
        (arrived, marked)
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_what_may_be_doubled_is_named(
            mails in 1_usize..8,
            luck in prop::collection::vec(luck(), 0..40),
            evidence in prop::collection::vec(any::<bool>(), 0..60),
        ) {
            let (arrived, marked) = play(mails, &luck, &evidence);
            let mut times: BTreeMap<u64, usize> = BTreeMap::new();
            for id in arrived {
                *times.entry(id).or_default() += 1;
            }
            for id in 1..=u64::try_from(mails).unwrap() {
                let times = times.get(&id).copied().unwrap_or(0);
                prop_assert!(times >= 1, "{} is lost", id);
                prop_assert!(times == 1 || marked.contains(&id), "{} came {} times, unnamed", id, times);
            }
        }

        #[test]
        fn where_evidence_is_at_hand_all_comes_once(
            mails in 1_usize..8,
            luck in prop::collection::vec(luck(), 0..40),
        ) {
            let (mut arrived, marked) = play(mails, &luck, &[]);
            arrived.sort_unstable();
            let all: Vec<u64> = (1..=u64::try_from(mails).unwrap()).collect();
            prop_assert_eq!(arrived, all);
            prop_assert!(marked.is_empty());
        }
    }

    #[test]
    fn mail_leaves_in_the_order_in_which_it_was_sent() {
        let (arrived, _) = play(5, &[], &[]);
        assert_eq!(arrived, [1, 2, 3, 4, 5]);
        // What is refused for now holds up nobody, and comes back later and later.
        let mut outbox = Outbox::default();
        let (first, second) = (outbox.add(0), outbox.add(0));
        for (refusals, wait) in [(1, 30), (2, 60), (3, 120), (9, 3_600), (60, 3_600)] {
            assert_eq!(wait_after(refusals), wait);
        }
        outbox.hand_out(first, Via::Primary);
        assert_eq!(outbox.next(0), None);
        outbox.answered(first, Answer::Later, 0);
        assert_eq!(outbox.next(0), Some(second));
        outbox.hand_out(second, Via::Primary);
        outbox.answered(second, Answer::Refused, 0);
        assert_eq!((outbox.next(29), outbox.next(30)), (None, Some(first)));
        // Another way is there: it need not wait.
        outbox.hurry(10);
        assert_eq!(outbox.next(10), Some(first));
        assert!(!outbox.forget(first) && outbox.forget(second));
        outbox.hand_out(first, Via::Service);
        outbox.answered(first, Answer::Accepted, 11);
        assert!(outbox.is_settled() && outbox.forget(first));
    }
}
