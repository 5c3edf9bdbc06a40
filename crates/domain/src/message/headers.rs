//! Header fields that `header:` finds: all but those that search knows by a name of their
//! own, and those that servers write for servers.

use super::Structure;
use super::bytes::{cap, cap_text};
use super::encoded::header_text;
use super::fields::fields;

/// Most lines of one message; a header of more was made to be large.
const LINES: usize = 64;

/// Most bytes of a value, decoded, and of what is decoded for it. People look for words
/// that a program put there, and those are short.
const VALUE: usize = 512;
const RAW: usize = 4 * VALUE;

/// One field of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderLine {
    /// Its name, lower case.
    pub name: String,
    /// Its value, decoded and on one line.
    pub value: String,
}

/// Fields that are left out, lower case.
const LEFT_OUT: [&str; 22] = [
    // Found by fields of their own.
    "from",
    "sender",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "message-id",
    "references",
    "in-reply-to",
    "list-id",
    "mime-version",
    // Of one delivery, and signatures over it: long, and nothing that people look for.
    "authentication-results",
    "dkim-signature",
    "domainkey-signature",
    "received",
    "received-spf",
    "return-path",
    "x-gm-message-state",
    "x-google-dkim-signature",
    "x-google-smtp-source",
    "x-received",
];

/// From so many characters of base64 in a row on, a value is encoded data: each of its pieces
/// would be a new word that nobody looks for. (Of real mail, such lines were three quarters of
/// all the words of headers.)
const ENCODED: usize = 48;

fn is_encoded(value: &str) -> bool {
    let parts = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '/' | '=');
    value.split(parts).any(|run| run.len() >= ENCODED)
}

/// The fields of a message's own header that are searched by name, in order: the first 64
/// that are not left out and hold no encoded data, 512 bytes of each.
pub fn searchable_headers(raw: &[u8], structure: &Structure) -> Vec<HeaderLine> {
    let header = structure
        .parts
        .first()
        .and_then(|part| raw.get(part.header.clone()))
        .unwrap_or_default();
    let lines = fields(header).filter_map(|field| {
        let name = String::from_utf8_lossy(field.name).to_ascii_lowercase();
        if !is_searchable(&name) {
            return None;
        }
        let mut value = header_text(cap(field.value, RAW));
        cap_text(&mut value, VALUE);
        (!is_encoded(&value)).then_some(HeaderLine { name, value })
    });
    lines.take(LINES).collect()
}

/// False for a field (its name in lower case) that `header:` never finds.
pub fn is_searchable(name: &str) -> bool {
    !LEFT_OUT.contains(&name) && !name.starts_with("content-") && !name.starts_with("arc-")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]
    use super::*;
    use crate::message::scan;
    use proptest::prelude::*;

    fn read(raw: &[u8]) -> Vec<(String, String)> {
        let list = searchable_headers(raw, &scan(raw));
        list.into_iter().map(|l| (l.name, l.value)).collect()
    }

    #[test]
    fn lines() {
        let raw = b"From: a@b\nX-Spam-Flag: YES\nReceived: from x\n\tby y\nX-Mailer:\n =?utf-8?q?B=C3=A4t?=\n\
            ARC-Seal: x\nContent-Type: text/plain\nx-spam-flag: no\n\nX-Body: no";
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            read(raw),
            [
                pair("x-spam-flag", "YES"),
                pair("x-mailer", "Bät"),
                pair("x-spam-flag", "no")
            ]
        );
        assert!(!is_searchable("content-type") && is_searchable("reply-to"));
        let (data, words) = ("Aa0+/=".repeat(8), "Aa0 ".repeat(20));
        assert_eq!(
            read(format!("X-Data: 1;{data}\nX-Words: {words}\n\n").as_bytes()).len(),
            1
        );
    }

    #[test]
    fn limits() {
        let raw = format!("X-A: {}\n", "é".repeat(1_000)).repeat(100) + "\n";
        let list = read(raw.as_bytes());
        assert_eq!(list.len(), LINES);
        assert!(list.iter().all(|(_, value)| value.len() <= VALUE));
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>) {
            read(&bytes);
        }
    }
}
