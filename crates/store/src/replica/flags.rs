//! Flags of messages, and orders that change them.

use crate::error::{Result, StoreError};

/// Flags and keywords of a message, a bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u64);

impl Flags {
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
    /// The bit of the first keyword.
    pub const FIRST_KEYWORD: usize = 5;

    const SYSTEM: [(&str, Flags); 5] = [
        ("\\Seen", Flags::SEEN),
        ("\\Answered", Flags::ANSWERED),
        ("\\Flagged", Flags::FLAGGED),
        ("\\Deleted", Flags::DELETED),
        ("\\Draft", Flags::DRAFT),
    ];

    /// True if all of `other` are set.
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
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

    /// By names; `None` where a keyword has no bit yet. `\Recent` is nobody's to set and is passed over.
    pub(super) fn named(names: &[String], keywords: &[String]) -> Result<Option<Flags>> {
        let mut flags = Flags::default();
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
                None if name.starts_with('\\') => {
                    return Err(StoreError::Invalid(format!("there is no flag {name}")));
                }
                None => match keyword() {
                    Some(place) => flags.with(Flags(1 << (Flags::FIRST_KEYWORD + place))),
                    None => return Ok(None),
                },
            };
        }
        Ok(Some(flags))
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

    pub(super) fn stored(self) -> i64 {
        self.0.cast_signed()
    }
}

/// A change of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagOrder {
    /// These and no others.
    Set(Flags),
    /// These too.
    Add(Flags),
    /// Not these.
    Remove(Flags),
}

impl FlagOrder {
    pub(super) fn apply(self, flags: Flags) -> Flags {
        match self {
            FlagOrder::Set(new) => new,
            FlagOrder::Add(more) => flags.with(more),
            FlagOrder::Remove(less) => flags.without(less),
        }
    }
}
