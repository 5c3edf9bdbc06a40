//! Bringing a mail server what it lacks after an outage: planned from what it really holds, so that a plan made again
//! adds nothing.
//!
//! ```text
//! held (by devices, the standby mailbox, the archive) ┐
//! what the mailbox holds now ─────────────────────────┼─▶ plan ─▶ steps: append, remove our own double, leave
//! the ledger: what was appended by whom ──────────────┘
//! ```
//! One worker at a time writes a mailbox, under a [`Lease`]. It writes its intention into the [`Ledger`] before each append,
//! and what the server answered after it, so that whoever comes next knows which copies are ours. Whether two messages are
//! the same is decided by `identity`; here they have a key.

use std::collections::{BTreeMap, BTreeSet};

/// A message that somebody holds and that belongs in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held<K> {
    /// What it is.
    pub key: K,
    /// Where it belongs.
    pub folder: String,
}

/// A message that the mailbox holds now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Present<K> {
    /// What it is.
    pub key: K,
    /// Where it lies.
    pub folder: String,
    /// Its UID there.
    pub uid: u32,
}

/// What the ledger knows of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it was appended.
    pub folder: String,
    /// Under which UID, as the server said; `None` where its answer was lost, or it said none.
    pub uid: Option<u32>,
    /// The generation of the lease under which.
    pub generation: u64,
}

/// Who may write a mailbox: a higher generation ends every lower one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Whose it is.
    pub holder: String,
    /// It only rises.
    pub generation: u64,
    /// Until when, in seconds since 1970.
    pub until: i64,
}

/// What was appended to a mailbox, by whomever, and who may append now. The service keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger<K> {
    lease: Option<Lease>,
    generation: u64,
    lines: BTreeMap<K, Vec<Line>>,
}

impl<K> Default for Ledger<K> {
    fn default() -> Self {
        Ledger {
            lease: None,
            generation: 0,
            lines: BTreeMap::new(),
        }
    }
}

/// Why nothing is written down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Somebody else writes the mailbox.
    #[error("{holder} brings this mailbox back, until {until}")]
    Taken {
        /// Who.
        holder: String,
        /// Until when, in seconds since 1970.
        until: i64,
    },
    /// The lease of this generation is over: plan again.
    #[error("the lease of generation {0} is over")]
    Over(u64),
}

impl<K: Ord + Clone> Ledger<K> {
    /// Gives the mailbox to `holder` for `seconds`, if nobody else has it; whoever has it keeps it longer, under the same
    /// generation.
    ///
    /// # Errors
    /// Where somebody else has it.
    pub fn lease(&mut self, holder: &str, now: i64, seconds: i64) -> Result<u64, Denied> {
        let until = now.saturating_add(seconds);
        match &mut self.lease {
            Some(lease) if lease.until > now && lease.holder != holder => Err(Denied::Taken {
                holder: lease.holder.clone(),
                until: lease.until,
            }),
            Some(lease) if lease.until > now => {
                lease.until = until;
                Ok(lease.generation)
            }
            _ => {
                self.generation += 1;
                self.lease = Some(Lease {
                    holder: holder.into(),
                    generation: self.generation,
                    until,
                });
                Ok(self.generation)
            }
        }
    }

    fn check(&self, generation: u64, now: i64) -> Result<(), Denied> {
        let lease = self.lease.as_ref();
        let valid = lease.is_some_and(|lease| lease.generation == generation && lease.until > now);
        valid.then_some(()).ok_or(Denied::Over(generation))
    }

    /// Writes down that a message is about to be appended. Durable before its first byte leaves.
    ///
    /// # Errors
    /// Where the lease is over.
    pub fn intend(
        &mut self,
        generation: u64,
        now: i64,
        key: &K,
        folder: &str,
    ) -> Result<(), Denied> {
        self.check(generation, now)?;
        self.lines.entry(key.clone()).or_default().push(Line {
            folder: folder.into(),
            uid: None,
            generation,
        });
        Ok(())
    }

    /// Writes down under which UID the server has it. What was intended is completed whoever has the lease by now: it is true.
    pub fn appended(&mut self, generation: u64, key: &K, folder: &str, uid: u32) {
        let lines = self.lines.get_mut(key).into_iter().flatten();
        let mut own = lines.rev().filter(|line| {
            line.generation == generation && line.folder == folder && line.uid.is_none()
        });
        if let Some(line) = own.next() {
            line.uid = Some(uid);
        }
    }

    /// As it was kept: who has the mailbox, the highest generation that was given, the lines of each message in their order.
    pub fn restore(lease: Option<Lease>, generation: u64, lines: BTreeMap<K, Vec<Line>>) -> Self {
        Ledger {
            lease,
            generation,
            lines,
        }
    }

    /// Who had the mailbox last, and may have it still.
    pub fn held(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    /// The highest generation that was given.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// All that it knows, by message.
    pub fn all(&self) -> impl Iterator<Item = (&K, &[Line])> {
        self.lines
            .iter()
            .map(|(key, lines)| (key, lines.as_slice()))
    }

    /// What it knows of a message.
    pub fn lines(&self, key: &K) -> &[Line] {
        self.lines.get(key).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<K> {
    /// It is nowhere in the mailbox: append it.
    Append(Held<K>),
    /// We appended it there ourselves though it was there, or twice: this copy goes.
    Remove(Present<K>),
}

/// A plan, and what it leaves alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<K> {
    /// What is to be done, in this order.
    pub steps: Vec<Step<K>>,
    /// Messages that are there already, wherever the user moved them.
    pub there: usize,
    /// Copies that lie twice in a folder and that nobody can prove to be ours: they are left and named.
    pub unproven: Vec<Present<K>>,
}

/// What a mailbox lacks. A message that lies in any folder is not lacking: its owner may have moved it. Of copies of one
/// message in one folder those are removed that the ledger proves to be ours, but the oldest of all stays.
pub fn plan<K: Ord + Clone>(
    held: &[Held<K>],
    present: &[Present<K>],
    ledger: &Ledger<K>,
) -> Plan<K> {
    let there: BTreeSet<&K> = present.iter().map(|one| &one.key).collect();
    let mut plan = Plan {
        steps: Vec::new(),
        there: 0,
        unproven: Vec::new(),
    };
    let mut copies: BTreeMap<(&K, &str), Vec<&Present<K>>> = BTreeMap::new();
    for one in present {
        let of = copies.entry((&one.key, &one.folder)).or_default();
        of.push(one);
    }
    for ((key, folder), mut of) in copies {
        of.sort_by_key(|one| one.uid);
        for double in of.into_iter().skip(1) {
            let lines = ledger.lines(key).iter();
            let ours = lines
                .filter(|line| line.folder == folder)
                .any(|line| line.uid == Some(double.uid));
            match ours {
                true => plan.steps.push(Step::Remove(double.clone())),
                false => plan.unproven.push(double.clone()),
            }
        }
    }
    let mut planned: BTreeSet<&K> = BTreeSet::new();
    for one in held {
        if there.contains(&one.key) {
            plan.there += 1;
        } else if planned.insert(&one.key) {
            plan.steps.push(Step::Append(one.clone()));
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use proptest::prelude::*;

    use super::*;

    /// A mailbox of the server.
    #[derive(Default)]
    struct Mailbox {
        present: Vec<Present<u8>>,
        last: u32,
    }

    impl Mailbox {
        fn append(&mut self, one: &Held<u8>) -> u32 {
            self.last += 1;
            self.present.push(Present {
                key: one.key,
                folder: one.folder.clone(),
                uid: self.last,
            });
            self.last
        }
    }

    fn held(key: u8) -> Held<u8> {
        let folder = if key.is_multiple_of(2) {
            "INBOX"
        } else {
            "Sent"
        };
        Held {
            key,
            folder: folder.into(),
        }
    }

    /// What happens to a worker at one append.
    #[derive(Debug, Clone, Copy)]
    enum Luck {
        Well,
        /// It dies after this much of it.
        DiesBefore,
        DiesAfterAppend,
        /// The answer is lost; it goes on.
        Unanswered,
        /// It sleeps until its lease is over, and wakes in the middle of another's work.
        Sleeps,
    }

    fn luck() -> impl Strategy<Value = Luck> {
        prop_oneof![
            4 => Just(Luck::Well),
            1 => Just(Luck::DiesBefore),
            1 => Just(Luck::DiesAfterAppend),
            1 => Just(Luck::Unanswered),
            1 => Just(Luck::Sleeps),
        ]
    }

    proptest! {
        /// Workers come and go; at the end each message is there, and a plan made again does nothing.
        #[test]
        fn each_message_is_brought_back_once(
            messages in prop::collection::btree_set(0_u8..20, 0..12),
            before in prop::collection::btree_set(0_u8..20, 0..6),
            luck in prop::collection::vec(luck(), 0..60),
        ) {
            let all: Vec<Held<u8>> = messages.iter().copied().map(held).collect();
            let mut mailbox = Mailbox::default();
            for key in &before {
                mailbox.append(&held(*key));
            }
            let (mut ledger, mut now, mut luck) = (Ledger::default(), 0, luck.into_iter());
            for worker in 0..200 {
                now += 100;
                let Ok(generation) = ledger.lease(&format!("device {worker}"), now, 60) else {
                    continue;
                };
                let planned = plan(&all, &mailbox.present, &ledger);
                if planned.steps.is_empty() {
                    break;
                }
                for step in planned.steps {
                    match step {
                        Step::Remove(double) => {
                            mailbox.present.retain(|one| *one != double);
                        }
                        Step::Append(one) => {
                            match luck.next().unwrap_or(Luck::Well) {
                                Luck::DiesBefore => break,
                                Luck::Sleeps => {
                                    now += 1_000;
                                    // Nobody appends what it was not allowed to.
                                    let denied = ledger.intend(generation, now, &one.key, &one.folder);
                                    prop_assert_eq!(denied, Err(Denied::Over(generation)));
                                    break;
                                }
                                fate => {
                                    ledger.intend(generation, now, &one.key, &one.folder).unwrap();
                                    let uid = mailbox.append(&one);
                                    match fate {
                                        Luck::DiesAfterAppend => break,
                                        Luck::Unanswered => {}
                                        _ => ledger.appended(generation, &one.key, &one.folder, uid),
                                    }
                                }
                            }
                        }
                    }
                }
            }
            for key in &messages {
                let copies = mailbox.present.iter().filter(|one| one.key == *key).count();
                prop_assert_eq!(copies, 1, "{}", key);
            }
            let again = plan(&all, &mailbox.present, &ledger);
            prop_assert!(again.steps.is_empty() && again.unproven.is_empty());
            prop_assert_eq!(again.there, messages.len());
        }
    }

    #[test]
    fn only_doubles_that_are_ours_are_removed() {
        let mut mailbox = Mailbox::default();
        let mut ledger = Ledger::default();
        let generation = ledger.lease("a", 0, 60).unwrap();
        let one = held(2);
        // The mail program brought it while we did.
        ledger.intend(generation, 1, &one.key, &one.folder).unwrap();
        let theirs = mailbox.append(&one);
        let ours = mailbox.append(&one);
        let doubtful = plan(std::slice::from_ref(&one), &mailbox.present, &ledger);
        assert!(doubtful.steps.is_empty());
        assert_eq!(doubtful.unproven.len(), 1);
        ledger.appended(generation, &one.key, &one.folder, ours);
        let proven = plan(std::slice::from_ref(&one), &mailbox.present, &ledger);
        let [Step::Remove(removed)] = proven.steps.as_slice() else {
            panic!("{proven:?}");
        };
        assert_eq!(removed.uid, ours);
        assert!(theirs < ours);
        // What its owner moved is not brought back.
        mailbox.present = vec![Present {
            folder: "Trip".into(),
            ..mailbox.present.remove(0)
        }];
        let moved = plan(&[one], &mailbox.present, &ledger);
        assert_eq!((moved.steps.len(), moved.there), (0, 1));
    }

    #[test]
    fn one_writes_a_mailbox_at_a_time() {
        let mut ledger: Ledger<u8> = Ledger::default();
        assert_eq!(ledger.lease("a", 0, 60), Ok(1));
        assert_eq!(ledger.lease("a", 30, 60), Ok(1));
        let taken = ledger.lease("b", 80, 60).unwrap_err();
        assert_eq!(taken.to_string(), "a brings this mailbox back, until 90");
        assert_eq!(ledger.lease("b", 90, 60), Ok(2));
        assert_eq!(ledger.intend(1, 91, &7, "INBOX"), Err(Denied::Over(1)));
        assert_eq!(ledger.intend(2, 91, &7, "INBOX"), Ok(()));
        assert_eq!(ledger.intend(2, 150, &7, "INBOX"), Err(Denied::Over(2)));
    }
}
