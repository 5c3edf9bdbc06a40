//! SORT (RFC 5256 §2.2, RFC 5957): messages in the order of keys.

use super::subject::{base_subject, fold};
use crate::imap::command::{SortBy, SortKey};
use everpost_domain::message::{Address, Head};
use std::cmp::Ordering;

/// What SORT compares of a message. Texts are folded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sortable {
    /// Its UID or message number, by which equal messages are ordered.
    pub number: u32,
    /// INTERNALDATE.
    pub arrival: i64,
    /// The Date field, or INTERNALDATE where there is none, in seconds since 1970.
    pub sent: i64,
    /// RFC822.SIZE.
    pub size: u64,
    /// The base subject.
    pub subject: String,
    /// The local part of the first From.
    pub from: String,
    /// The same of To.
    pub to: String,
    /// The same of Cc.
    pub cc: String,
    /// The display name of the first From, else its address.
    pub display_from: String,
    /// The same of To.
    pub display_to: String,
}

impl Sortable {
    /// Of a head that was read before; no message is opened.
    pub fn of(head: &Head, number: u32, arrival: i64, size: u64) -> Sortable {
        Sortable {
            number,
            arrival,
            sent: head.sent.map_or(arrival, |sent| sent.unix),
            size,
            subject: fold(&base_subject(&head.subject).text),
            from: mailbox(&head.from),
            to: mailbox(&head.to),
            cc: mailbox(&head.cc),
            display_from: display(&head.from),
            display_to: display(&head.to),
        }
    }
}

/// addr-mailbox of the first address: its local part, or the name of the group that it opens.
fn mailbox(list: &[Address]) -> String {
    let text = list.first().map(|address| {
        match (address.email.is_empty(), address.email.rsplit_once('@')) {
            (true, _) => &address.name,
            (false, Some((local, _))) => local,
            (false, None) => &address.email,
        }
    });
    fold(text.unwrap_or_default())
}

/// RFC 5957 §3.
fn display(list: &[Address]) -> String {
    let text = list.first().map(|address| {
        if address.name.is_empty() {
            &address.email
        } else {
            &address.name
        }
    });
    fold(text.map(String::as_str).unwrap_or_default())
}

/// Sorts by `keys`, the first of them before the others; what they leave equal by number, which
/// REVERSE does not turn round (RFC 5256 §3).
pub fn sort(messages: &mut [Sortable], keys: &[SortKey]) {
    messages.sort_by(|one, other| {
        keys.iter()
            .map(|key| {
                let order = compare(one, other, key.by);
                if key.reverse { order.reverse() } else { order }
            })
            .find(|order| order.is_ne())
            .unwrap_or_else(|| one.number.cmp(&other.number))
    });
}

fn compare(one: &Sortable, other: &Sortable, by: SortBy) -> Ordering {
    match by {
        SortBy::Arrival => one.arrival.cmp(&other.arrival),
        SortBy::Cc => one.cc.cmp(&other.cc),
        SortBy::Date => one.sent.cmp(&other.sent),
        SortBy::From => one.from.cmp(&other.from),
        SortBy::Size => one.size.cmp(&other.size),
        SortBy::Subject => one.subject.cmp(&other.subject),
        SortBy::To => one.to.cmp(&other.to),
        SortBy::DisplayFrom => one.display_from.cmp(&other.display_from),
        SortBy::DisplayTo => one.display_to.cmp(&other.display_to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use everpost_domain::message::scan;
    use proptest::prelude::*;

    fn of(raw: &str, number: u32) -> Sortable {
        let raw = raw.as_bytes();
        Sortable::of(
            &Head::read(raw, &scan(raw)),
            number,
            1_000,
            raw.len() as u64,
        )
    }

    #[test]
    fn what_is_compared() {
        let raw = "Date: Thu, 1 Jan 1970 00:00:05 +0000\r\nSubject: Re: \
                   =?utf-8?q?=C3=84pfel?=\r\nFrom: \"Ann Lee\" <Ann@x.org>, bob@x.org\r\nTo: \
                   friends: carl@x.org;\r\nCc: Dora@x.org\r\n\r\n";
        let expected = Sortable {
            number: 7,
            arrival: 1_000,
            sent: 5,
            size: raw.len() as u64,
            subject: "ÄPFEL".into(),
            from: "ANN".into(),
            to: "FRIENDS".into(),
            cc: "DORA".into(),
            display_from: "ANN LEE".into(),
            display_to: "FRIENDS".into(),
        };
        assert_eq!(of(raw, 7), expected);
        let bare = of("Cc: root\r\nTo: ann@x.org\r\n\r\n", 1);
        assert_eq!((bare.sent, bare.cc.as_str()), (1_000, "ROOT"));
        assert_eq!(bare.display_to, "ANN@X.ORG");
    }

    fn all_keys() -> Vec<SortBy> {
        use SortBy::{Arrival, Cc, Date, DisplayFrom, DisplayTo, From, Size, Subject, To};
        vec![
            Arrival,
            Cc,
            Date,
            From,
            Size,
            Subject,
            To,
            DisplayFrom,
            DisplayTo,
        ]
    }

    fn any_message() -> impl Strategy<Value = Sortable> {
        let text = || prop::sample::select(vec!["", "a", "b", "ä"]).prop_map(String::from);
        (0..3i64, 0..3i64, 0..3u64, [text(), text(), text(), text()]).prop_map(
            |(arrival, sent, size, [subject, from, to, cc])| Sortable {
                number: 0,
                arrival,
                sent,
                size,
                display_from: from.clone(),
                display_to: to.clone(),
                subject,
                from,
                to,
                cc,
            },
        )
    }

    proptest! {
        /// Sorting by one key after the other, the last first, comes to the same.
        #[test]
        fn as_a_naive_sort(
            mut messages in prop::collection::vec(any_message(), 0..30),
            keys in prop::collection::vec((prop::sample::select(all_keys()), any::<bool>()), 0..4),
        ) {
            for (message, number) in messages.iter_mut().zip(1..) {
                message.number = number;
            }
            let mut naive = messages.clone();
            for (by, reverse) in keys.iter().rev() {
                naive.sort_by(|one, other| {
                    if *reverse { compare(other, one, *by) } else { compare(one, other, *by) }
                });
            }
            let keys: Vec<SortKey> =
                keys.into_iter().map(|(by, reverse)| SortKey { reverse, by }).collect();
            messages.reverse();
            sort(&mut messages, &keys);
            prop_assert_eq!(messages, naive);
        }
    }
}
