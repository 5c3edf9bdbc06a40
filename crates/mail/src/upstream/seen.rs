//! What was seen in a folder, and how the replica is told.

use std::collections::{BTreeMap, BTreeSet};

use everpost_codec::imap::Numbers;
use everpost_domain::replica::{Base, Copied, Flags, FolderSighting, Messages};

use super::folders::{Counts, Folder};

/// Messages of a folder, by UID.
///
/// A hundred thousand of them have few different sets of flags, so that a message is three numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    sets: Vec<Vec<String>>,
    numbers: BTreeMap<Vec<String>, u32>,
    messages: BTreeMap<u32, (u32, Option<u64>)>,
}

impl Listing {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// How many different sets of flags.
    pub(super) fn sets(&self) -> usize {
        self.sets.len()
    }

    /// All: UID, flags, MODSEQ.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[String], Option<u64>)> {
        self.messages.iter().map(|(uid, (set, modseq))| {
            let set = usize::try_from(*set)
                .ok()
                .and_then(|set| self.sets.get(set));
            (*uid, set.map_or(&[] as &[String], Vec::as_slice), *modseq)
        })
    }

    /// The UIDs.
    pub fn uids(&self) -> impl Iterator<Item = u32> {
        self.messages.keys().copied()
    }

    pub(super) fn put(&mut self, uid: u32, flags: Vec<String>, modseq: Option<u64>) {
        let set = usual(flags);
        let next = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        let number = match self.numbers.get(&set) {
            Some(number) => *number,
            None => {
                self.sets.push(set.clone());
                self.numbers.insert(set, next);
                next
            }
        };
        self.messages.insert(uid, (number, modseq));
    }

    pub(super) fn remove(&mut self, gone: &Numbers) {
        for (from, to) in &gone.0 {
            let uids: Vec<u32> = self
                .messages
                .range(*from..=*to)
                .map(|(uid, _)| *uid)
                .collect();
            for uid in uids {
                self.messages.remove(&uid);
            }
        }
    }

    /// As the replica has them.
    fn copied(&self, bits: &mut dyn FnMut(&str) -> Flags) -> BTreeMap<u32, Copied> {
        let sets: Vec<Flags> = self.sets.iter().map(|set| flags_of(set, bits)).collect();
        let flags = |set: u32| usize::try_from(set).ok().and_then(|set| sets.get(set));
        let messages = self.messages.iter();
        messages
            .map(|(uid, (set, modseq))| {
                let copied = Copied {
                    flags: flags(*set).copied().unwrap_or_default(),
                    modseq: *modseq,
                };
                (*uid, copied)
            })
            .collect()
    }
}

/// Flags in one order and one case, without `\Recent`, which is no flag of a message.
pub(super) fn usual(flags: Vec<String>) -> Vec<String> {
    const SYSTEM: [&str; 5] = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"];
    let system = |flag: &str| SYSTEM.iter().find(|known| known.eq_ignore_ascii_case(flag));
    let mut all: Vec<String> = flags
        .into_iter()
        .filter(|flag| !flag.eq_ignore_ascii_case("\\Recent"))
        .map(|flag| system(&flag).map_or(flag, |known| (*known).to_owned()))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Flags as bits: those that every server knows are the replica's, of keywords `bits` tells, with none for one that there is no room for.
pub fn flags_of(names: &[String], bits: &mut dyn FnMut(&str) -> Flags) -> Flags {
    names
        .iter()
        .fold(Flags::NONE, |flags, name| flags.with(flag(name, bits)))
}

fn flag(name: &str, bits: &mut dyn FnMut(&str) -> Flags) -> Flags {
    match name {
        "\\Seen" => Flags::SEEN,
        "\\Answered" => Flags::ANSWERED,
        "\\Flagged" => Flags::FLAGGED,
        "\\Deleted" => Flags::DELETED,
        "\\Draft" => Flags::DRAFT,
        keyword => bits(keyword),
    }
}

/// Flags that a folder keeps (PERMANENTFLAGS).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeps {
    /// These.
    pub flags: Vec<String>,
    /// Any keyword, also such as it never had (`\*`).
    pub any_keyword: bool,
}

impl Keeps {
    pub(super) fn new(flags: Vec<String>) -> Self {
        Keeps {
            any_keyword: flags.iter().any(|flag| flag == "\\*"),
            flags: usual(flags.into_iter().filter(|flag| flag != "\\*").collect()),
        }
    }

    /// Whether it keeps this one.
    pub fn takes(&self, flag: &str) -> bool {
        let is_named = self
            .flags
            .iter()
            .any(|known| known.eq_ignore_ascii_case(flag));
        is_named || self.any_keyword && !flag.starts_with('\\')
    }

    /// As the replica wants them.
    pub fn bits(&self, bits: &mut dyn FnMut(&str) -> Flags) -> Flags {
        const SYSTEM: Flags = Flags(31);
        let named = flags_of(&self.flags, bits);
        match self.any_keyword {
            true => Flags::ALL.without(SYSTEM).with(named),
            false => named,
        }
    }
}

/// What is known of a folder since the last look, for the next to tell only what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// UIDVALIDITY
    pub uidvalidity: u32,
    /// UIDNEXT
    pub uidnext: u32,
    /// HIGHESTMODSEQ, where the server has one.
    pub modseq: Option<u64>,
    /// How many messages it had.
    pub messages: u32,
}

impl Known {
    /// Whether nothing changed since, so that the folder need not be opened. Never of a server that does not count changes.
    pub fn is_as(&self, counts: &Counts) -> bool {
        let same = (self.uidvalidity, self.uidnext, self.messages)
            == (counts.uidvalidity, counts.uidnext, counts.messages);
        same && self.modseq.is_some() && self.modseq == counts.modseq
    }
}

/// What was seen of a folder's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// All is as it was.
    AsBefore,
    /// All messages.
    All(Listing),
    /// Those that changed or came since, and those that are gone.
    Changes {
        /// Changed or new.
        changed: Listing,
        /// Gone.
        gone: Gone,
    },
}

/// Which are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// These, as far as they were ever there.
    These(Numbers),
    /// All but these.
    AllBut(Numbers),
}

impl Gone {
    /// Whether this one is.
    pub fn has(&self, uid: u32) -> bool {
        let (numbers, is_gone) = match self {
            Gone::These(numbers) => (numbers, true),
            Gone::AllBut(numbers) => (numbers, false),
        };
        // The ranges are in order.
        let at = numbers.0.partition_point(|(_, to)| *to < uid);
        let is_named = numbers.0.get(at).is_some_and(|(from, _)| *from <= uid);
        is_named == is_gone
    }
}

/// What was seen of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// UIDVALIDITY
    pub uidvalidity: u32,
    /// UIDNEXT
    pub uidnext: u32,
    /// HIGHESTMODSEQ, where the server has one.
    pub modseq: Option<u64>,
    /// How many messages there were at the end of the look.
    pub exists: u32,
    /// Flags that it keeps. `None`: it was opened only to be read, when servers don't tell.
    pub keeps: Option<Keeps>,
    /// Its messages.
    pub told: Told,
}

/// What was told of changes does not make as many messages as there are: the folder has to be looked at as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server told {told} messages of {exists}")]
pub struct Torn {
    /// So many there would be.
    pub told: usize,
    /// So many there are.
    pub exists: u32,
}

impl Seen {
    /// What is to be remembered for the next look.
    pub fn known(&self) -> Known {
        Known {
            uidvalidity: self.uidvalidity,
            uidnext: self.uidnext,
            modseq: self.modseq,
            messages: self.exists,
        }
    }

    /// For the replica. `before`: the messages of this folder as the replica knows them; `bits`: which bit a keyword has;
    /// `keeps`: what the folder was told to keep when it was opened for writing last.
    ///
    /// # Errors
    /// Where the server's changes don't add up.
    pub fn sighting(
        &self,
        folder: &Folder,
        before: impl IntoIterator<Item = Base>,
        keeps: Option<&Keeps>,
        bits: &mut dyn FnMut(&str) -> Flags,
    ) -> Result<FolderSighting, Torn> {
        let messages = match &self.told {
            Told::AsBefore => Messages::AsBefore,
            Told::All(listing) => Messages::All(listing.copied(bits)),
            Told::Changes { changed, gone } => {
                let before: Vec<Base> = before.into_iter().collect();
                let uids = before.iter().map(|base| base.uid);
                let vanished: BTreeSet<u32> = uids.filter(|uid| gone.has(*uid)).collect();
                let all = Messages::told(before, changed.copied(bits), &vanished);
                if let Messages::All(all) = &all
                    && u32::try_from(all.len()) != Ok(self.exists)
                {
                    return Err(Torn {
                        told: all.len(),
                        exists: self.exists,
                    });
                }
                all
            }
        };
        let keeps = self.keeps.as_ref().or(keeps);
        Ok(FolderSighting {
            uidvalidity: self.uidvalidity,
            uidnext: self.uidnext,
            modseq: self.modseq,
            subscribed: folder.is_subscribed,
            role: folder.role(),
            keeps: keeps.map_or(Flags(31), |keeps| keeps.bits(bits)),
            messages,
        })
    }
}
