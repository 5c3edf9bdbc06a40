//! Flags as the catalog keeps them and as Maildir names write them.

use everpost_codec::maildir::{Flag, Flags};

/// IMAP's `\Seen`.
pub(crate) const SEEN: u32 = 1;
/// IMAP's `\Answered`.
pub(crate) const ANSWERED: u32 = 2;
/// IMAP's `\Flagged`.
pub(crate) const FLAGGED: u32 = 4;
/// IMAP's `\Deleted`.
pub(crate) const DELETED: u32 = 8;
/// IMAP's `\Draft`.
pub(crate) const DRAFT: u32 = 16;
/// Forwarded or resent: Maildir's `P`, IMAP's `$Forwarded`.
pub(crate) const PASSED: u32 = 32;

const PAIRS: [(Flag, u32); 6] = [
    (Flag::Seen, SEEN),
    (Flag::Replied, ANSWERED),
    (Flag::Flagged, FLAGGED),
    (Flag::Trashed, DELETED),
    (Flag::Draft, DRAFT),
    (Flag::Passed, PASSED),
];

/// Maildir's flags as the catalog's bits.
pub(crate) fn bits(flags: &Flags) -> u32 {
    PAIRS
        .iter()
        .filter(|(flag, _)| flags.has(*flag))
        .map(|(_, bit)| bit)
        .sum()
}

/// The catalog's bits as Maildir's flags.
pub(crate) fn of_bits(bits: u32) -> Flags {
    let mut flags = Flags::default();
    PAIRS
        .iter()
        .filter(|(_, bit)| bits & bit != 0)
        .for_each(|(flag, _)| flags.set(*flag));
    flags
}

/// The letters of the catalog's bits, as manifests write them.
pub(crate) fn letters(bits: u32) -> String {
    of_bits(bits).letters().map(char::from).collect()
}
