//! Several reports for one message: Exchange writes one for each group of recipients that it handled apart.

use super::{Kind, Recipient, Report};
use std::collections::{BTreeMap, BTreeSet};

/// The recipients of all reports whose inner bytes are equal (the caller compares digests), each once, in
/// the order of their first mention.
///
/// Addresses are compared without regard to the case of ASCII letters. Somebody addressed in two ways, or
/// reached both by a list and in person, is there twice. What one report calls merely a recipient
/// (of an address whose addressing its server could not know) gives way to what another knows.
pub fn merge<'a>(reports: impl IntoIterator<Item = &'a Report>) -> Vec<Recipient> {
    let mut out: Vec<Recipient> = Vec::new();
    let mut seen = BTreeSet::new();
    // Of each address, the place of an entry of which nothing more is known; none where more is.
    let mut bare: BTreeMap<String, Option<usize>> = BTreeMap::new();
    for recipient in reports.into_iter().flat_map(|report| &report.recipients) {
        let key = folded(recipient);
        let address = key.address.clone();
        let known = bare.contains_key(&address);
        if (is_bare(recipient) && known) || !seen.insert(key) {
            continue;
        }
        let place = (!known && is_bare(recipient)).then_some(out.len());
        let replaced = bare.insert(address, place).flatten();
        match replaced.and_then(|place| out.get_mut(place)) {
            Some(slot) => *slot = recipient.clone(),
            None => out.push(recipient.clone()),
        }
    }
    out
}

/// True if nothing is known of how the message got there.
fn is_bare(one: &Recipient) -> bool {
    one.kind == Kind::Recipient && one.expanded.is_none() && one.forwarded.is_none()
}

/// With addresses in lower case.
fn folded(one: &Recipient) -> Recipient {
    let fold = |text: &String| text.to_ascii_lowercase();
    Recipient {
        kind: one.kind,
        address: fold(&one.address),
        expanded: one.expanded.as_ref().map(fold),
        forwarded: one.forwarded.as_ref().map(fold),
    }
}
