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

    /// The bit of the first keyword.
    pub const FIRST_KEYWORD: usize = 5;

    /// The flags that every server knows, as they are written.
    pub const SYSTEM: [(&str, Flags); 5] = [
        ("\\Seen", Flags::SEEN),
        ("\\Answered", Flags::ANSWERED),
        ("\\Flagged", Flags::FLAGGED),
        ("\\Deleted", Flags::DELETED),
        ("\\Draft", Flags::DRAFT),
    ];

    /// By names, where `keywords` are those of the mailbox, by bit. `\Recent` is nobody's to set and is passed over.
    ///
    /// # Errors
    /// For a name that has no bit.
    pub fn named(names: &[String], keywords: &[String]) -> Result<Flags, Unnamed> {
        let mut flags = Flags::NONE;
        for name in names {
            let system = Flags::SYSTEM
                .iter()
                .find(|(one, _)| one.eq_ignore_ascii_case(name));
            let keyword = || {
                keywords
                    .iter()
                    .position(|one| one.eq_ignore_ascii_case(name))
            };
            flags = match system {
                Some((_, flag)) => flags.with(*flag),
                None if name.eq_ignore_ascii_case("\\Recent") => flags,
                None if name.starts_with('\\') => return Err(Unnamed::Flag(name.clone())),
                None => match keyword() {
                    Some(place) => flags.with(Flags(1 << (Flags::FIRST_KEYWORD + place))),
                    None => return Err(Unnamed::Keyword(name.clone())),
                },
            };
        }
        Ok(flags)
    }

    /// Their names, by the keywords of the mailbox.
    pub fn names(self, keywords: &[String]) -> Vec<&str> {
        let system = Flags::SYSTEM.iter();
        let system = system
            .filter(|(_, flag)| self.has(*flag))
            .map(|(name, _)| *name);
        let keyword = |place: usize| self.has(Flags(1 << (Flags::FIRST_KEYWORD + place)));
        let keywords = keywords.iter().enumerate();
        let keywords = keywords
            .filter(|(place, _)| keyword(*place))
            .map(|(_, name)| name.as_str());
        system.chain(keywords).collect()
    }

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

/// Why a name stands for no bit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unnamed {
    /// There is no such flag, and nobody can make one.
    #[error("there is no flag {0}")]
    Flag(String),
    /// A keyword that the mailbox does not have yet.
    #[error("the mailbox has no keyword {0}")]
    Keyword(String),
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
