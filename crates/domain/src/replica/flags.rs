//! Flags and keywords of a message, and how three opinions about them become one.

use serde::{Deserialize, Serialize};

/// Flags and keywords, a bit each. The first five bits are the flags that every server knows; what the others are called
/// is written down by whoever keeps the mailbox.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Flags(pub u64);

impl Flags {
    /// No flag.
    pub const NONE: Flags = Flags(0);
    /// `\Seen`
    pub const SEEN: Flags = Flags(1);
    /// `\Answered`
    pub const ANSWERED: Flags = Flags(2);
    /// `\Flagged`
    pub const FLAGGED: Flags = Flags(4);
    /// `\Deleted`
    pub const DELETED: Flags = Flags(8);
    /// `\Draft`
    pub const DRAFT: Flags = Flags(16);
    /// Every flag and keyword that there can be.
    pub const ALL: Flags = Flags(u64::MAX);

    /// True if all of `other` are set.
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// True if none is set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of both.
    #[must_use]
    pub fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// These but for `other`.
    #[must_use]
    pub fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }

    /// Those that are set in both.
    #[must_use]
    pub fn common(self, other: Flags) -> Flags {
        Flags(self.0 & other.0)
    }

    /// These, but the bits of `mask` as `other` has them.
    #[must_use]
    pub fn taking(self, mask: Flags, other: Flags) -> Flags {
        Flags((self.0 & !mask.0) | (other.0 & mask.0))
    }

    /// Bit by bit: whoever changed it since `base` is right. Where both changed it they agree, for there are but two values.
    #[must_use]
    pub fn merged(base: Flags, here: Flags, there: Flags) -> Flags {
        let changed_here = Flags(here.0 ^ base.0);
        there.taking(changed_here, here)
    }
}

/// What a client orders about flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagOrder {
    /// These are set.
    Add(Flags),
    /// These are cleared.
    Remove(Flags),
    /// These are set, and no others.
    Replace(Flags),
}

impl FlagOrder {
    /// What comes of it.
    pub fn applied(self, flags: Flags) -> Flags {
        match self {
            FlagOrder::Add(more) => flags.with(more),
            FlagOrder::Remove(fewer) => flags.without(fewer),
            FlagOrder::Replace(all) => all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Flags;

    #[test]
    fn each_bit_is_decided_by_whoever_changed_it() {
        // All eight cases, one bit each: base, here, there.
        let (base, here, there) = (Flags(0b1111_0000), Flags(0b1100_1100), Flags(0b1010_1010));
        assert_eq!(Flags::merged(base, here, there), Flags(0b1000_1110));
    }
}
