//! Things of the archive as the API writes them.

use std::ops::Range;

use everpost_domain::message::{Address, Head, format_rfc3339};
use everpost_store::Place;
use serde::Serialize;
use utoipa::ToSchema;

/// µs since 1970 as RFC 3339.
pub(crate) fn time(us: i64) -> String {
    format_rfc3339(us.div_euclid(1_000_000))
}

/// As [`time`]; `None` where 0 stands for never.
pub(crate) fn time_or_never(us: i64) -> Option<String> {
    (us != 0).then(|| time(us))
}

/// The Date field as RFC 3339, UTC.
pub(crate) fn sent(head: &Head) -> Option<String> {
    head.sent.map(|sent| format_rfc3339(sent.unix))
}

/// A name and an address.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Person {
    /// The name; may be empty.
    name: String,
    /// The address; may be empty.
    email: String,
}

pub(crate) fn people(list: &[Address]) -> Vec<Person> {
    let person = |one: &Address| Person {
        name: one.name.clone(),
        email: one.email.clone(),
    };
    list.iter().map(person).collect()
}

/// A mailbox and folder that hold a copy.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PlaceView {
    /// The mailbox's address.
    mailbox: String,
    /// The folder's full name.
    folder: String,
    /// `seen`, `answered`, `flagged`, `deleted`, `draft`, `forwarded`.
    flags: Vec<&'static str>,
    /// IMAP keywords.
    keywords: Vec<String>,
    /// When it was delivered there.
    delivered: String,
}

/// See `Placement` of the store: the bit of each flag.
const FLAGS: [(u32, &str); 6] = [
    (1, "seen"),
    (2, "answered"),
    (4, "flagged"),
    (8, "deleted"),
    (16, "draft"),
    (32, "forwarded"),
];

pub(crate) fn places(list: &[Place]) -> Vec<PlaceView> {
    let place = |one: &Place| PlaceView {
        mailbox: one.mailbox.clone(),
        folder: one.folder.clone(),
        flags: FLAGS
            .iter()
            .filter(|(bit, _)| one.flags & bit != 0)
            .map(|(_, name)| *name)
            .collect(),
        keywords: one.keywords.clone(),
        delivered: time(one.delivered),
    };
    list.iter().map(place).collect()
}

/// Ranges of bytes of `text` as offsets in UTF-16, in which browsers count. The ranges are
/// ascending and apart.
pub(crate) fn utf16(text: &str, ranges: &[Range<usize>]) -> Vec<[usize; 2]> {
    let mut at = 0;
    let mut units = 0;
    let mut to = |byte: usize| {
        units += text
            .get(at..byte)
            .map_or(0, |part| part.encode_utf16().count());
        at = byte.max(at);
        units
    };
    ranges
        .iter()
        .map(|range| [to(range.start), to(range.end)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_those_of_browsers() {
        let text = "aé😀b";
        assert_eq!(utf16(text, &[0..1, 3..7]), [[0, 1], [2, 4]]);
        assert_eq!(utf16(text, std::slice::from_ref(&(7..8))), [[4, 5]]);
        assert!(utf16(text, &[]).is_empty());
    }
}
