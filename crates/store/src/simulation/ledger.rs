//! What was promised while a world went on, and what was seen to be broken.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;
use everpost_domain::digest::Digest;

/// What an archive owes its people, whatever happens to nodes and servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Promise {
    /// Durable before acknowledged (design §2.5): what was acknowledged is there bit for bit.
    Durable,
    /// Recovery never duplicates (INV-2), few copies (INV-19): one copy of the same bytes, one
    /// delivery of each acknowledged command.
    Once,
    /// One order (design §2.8): each number once, from 0, without a gap.
    Order,
    /// One log (design §2.10): each checkpoint is the beginning of every later one, a leaf for
    /// each event, and leaves are proven.
    Log,
    /// Whole: fsck finds nothing but orphans.
    Whole,
    /// What was counted adds up.
    Balance,
    /// What was admitted is found when the index has come so far.
    Found,
    /// Nobody reads what was removed, or is told that the archive is damaged, while it is not.
    Readers,
    /// When its cause is gone, whatever failed works again.
    Works,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Broken {
    pub(super) promise: Promise,
    pub(super) what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.what)
    }
}

/// A mail that somebody offered.
pub(super) struct Offered {
    pub(super) raw: Bytes,
    /// A word of its subject that is in no other but its variants.
    pub(super) word: String,
    /// How often its admission was acknowledged.
    pub(super) acknowledged: u64,
    /// How often it ended in an error that may mean that it was done.
    pub(super) unknown: u64,
    /// The job that brought it, if one did.
    pub(super) job: Option<i64>,
}

/// What became of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Import {
    Stands,
    Withdrawn,
    /// Whether it was withdrawn is not known.
    Unknown,
}

/// Everything that was promised.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) offered: BTreeMap<Digest, Offered>,
    /// Sizes and roots of signed checkpoints.
    pub(super) checkpoints: BTreeSet<(u64, Digest)>,
    /// Names of tags and copies that got them.
    pub(super) tags: BTreeSet<(String, Digest)>,
    pub(super) imports: BTreeMap<i64, Import>,
    /// How often somebody began, and ended, to throw the index away and build it again.
    pub(super) rebuilds: (u64, u64),
    pub(super) broken: BTreeSet<Broken>,
}

impl Ledger {
    pub(super) fn break_promise(&mut self, promise: Promise, what: impl Into<String>) {
        let what = what.into();
        self.broken.insert(Broken { promise, what });
    }

    /// Ids of what was acknowledged.
    pub(super) fn acknowledged(&self) -> Vec<Digest> {
        let all = self.offered.iter();
        let told = all.filter(|(_, offered)| offered.acknowledged > 0);
        told.map(|(id, _)| *id).collect()
    }

    /// How many copies with a word must be found, and how many can be.
    pub(super) fn found(&self, word: &str) -> (u64, u64) {
        let (mut least, mut most) = (0, 0);
        for offered in self.offered.values().filter(|one| one.word == word) {
            let import = offered.job.and_then(|job| self.imports.get(&job));
            let stands = import.is_none_or(|import| *import == Import::Stands);
            least += u64::from(offered.acknowledged > 0 && stands);
            let hidden = import.is_some_and(|import| *import == Import::Withdrawn);
            most += u64::from(!hidden);
        }
        (least, most)
    }
}
